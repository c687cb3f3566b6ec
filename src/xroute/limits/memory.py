"""The engine of one process: admits over all gates of a call at once, and settles once."""

import asyncio
from collections.abc import Callable, Mapping

from xroute.limits.counters import SOON_S, Purse
from xroute.limits.gate import OF, Amounts, Gate, Hold, Refused
from xroute.limits.line import Line, Waiting
from xroute.limits.plans import MOST_PLANS, MOST_RESTING, Plans
from xroute.limits.refusal import refusal

NOTHING = Amounts(0)


class Memory:
    """Counts in memory, without a clock: times are unix seconds and come with each question.

    Of a rate of tokens a call takes its worst case when it is admitted and the truth when it is settled. What
    goes beyond the worst case is counted all the same, even above the limit, and keeps later calls out.
    """

    def __init__(self, most_plans: int = MOST_PLANS, most_resting: int = MOST_RESTING) -> None:
        self._plans = Plans(most_plans, most_resting)
        self._known = self._plans.known
        self._line = Line(self._ask, self._purse)

    def admit(self, id_: str, gates: tuple[Gate, ...], amounts: Amounts, now: float) -> Hold | Refused:
        """Takes of all gates, or of none and says which is the strictest: the one that opens last."""
        if self._line.length and (behind := self._behind(gates, amounts, now)):
            return behind
        return self._enter(id_, gates, amounts, now)

    def settle(self, hold: Hold, amounts: Amounts, now: float) -> None:
        """Puts the truth in the place of the worst case and frees the slots; a second time does nothing."""
        if hold.is_settled:
            return
        hold.is_settled = True
        plan = self._known.get(id(hold.gates))
        if plan is None or not plan.under_way:
            return
        held = hold.amounts
        for rate, of in plan.rates:
            if held[of] != amounts[of]:
                rate.settle(held[of], amounts[of], hold.taken_s, now)
        for purse, of in plan.purses:
            actual = amounts[of]
            purse.used += actual - held[of]
            purse.spent += actual
        for slots in plan.slots:
            slots.used -= 1
        plan.under_way -= 1
        if self._line.length:
            for purse, _ in plan.purses:
                self._line.move(purse)

    def refund(self, hold: Hold, now: float) -> None:
        """As if the call had never been: nothing of it counts, its request neither."""
        self.settle(hold, NOTHING, now)

    async def admit_later(
        self,
        id_: str,
        gates: tuple[Gate, ...],
        amounts: Amounts,
        timeout_s: float,
        clock: Callable[[], float],
    ) -> Hold | Refused:
        """Admits as soon as calls under way have given back enough, first come, first in: see gate.Engine."""
        found = self.admit(id_, gates, amounts, clock())
        if isinstance(found, Hold) or not found.is_held:
            return found
        loop = asyncio.get_running_loop()
        waiting = Waiting(id_, gates, amounts, clock, loop.create_future())
        self._line.join(waiting, found)
        timer = loop.call_later(timeout_s, self._give_up, waiting)
        try:
            return await waiting.answer
        except asyncio.CancelledError:
            self._leave(waiting)
            raise
        finally:
            timer.cancel()

    def load(self, spent: Mapping[str, int]) -> None:
        """What was spent of purses, by their gates' keys, before this engine began to count."""
        for key, amount in spent.items():
            self._plans.load(key, amount)

    def spent(self, key: str) -> int:
        """What is spent of a purse."""
        purse = self._plans.find(key)
        return purse.spent if isinstance(purse, Purse) else self._plans.loaded.get(key, 0)

    def taken(self, key: str) -> int:
        """What is spent and held of a purse."""
        return self.spent(key) + self.held(key)

    def held(self, key: str) -> int:
        """What calls under way hold of a purse."""
        purse = self._plans.find(key)
        return purse.held if isinstance(purse, Purse) else 0

    @property
    def size(self) -> int:
        """How many counters there are."""
        return len(self._plans)

    @property
    def forgotten(self) -> int:
        """How many users' purses were forgotten in their window because there were too many."""
        return self._plans.forgotten

    @property
    def waiting(self) -> int:
        """How many calls wait for what others hold."""
        return self._line.length

    def _enter(self, id_: str, gates: tuple[Gate, ...], amounts: Amounts, now: float) -> Hold | Refused:
        """Admits without a look at who is in line."""
        plan = self._known.get(id(gates)) or self._plans.make(gates, now)
        for counter, limit, of in plan.counters:
            used = counter.used + amounts[of]
            if used > limit:
                if not counter.has_room(amounts[of], limit, now):
                    plan.put_back(counter, amounts)
                    return refusal(plan, amounts, now)
                used = counter.used + amounts[of]
            counter.used = used
        for rate, of in plan.rates:
            if rate.last <= now < rate.fresh:
                rate.last = now
            else:
                rate.advance(amounts[of], now)
        plan.under_way += 1
        plan.used_s = now
        return Hold(id_, gates, amounts, plan.charged, plan.levels(now), False, now)

    def _behind(self, gates: tuple[Gate, ...], amounts: Amounts, now: float) -> Refused | None:
        """A refusal where others wait already for what the call needs: it does not overtake them."""
        plan = self._known.get(id(gates)) or self._plans.make(gates, now)
        for gate, purse in plan.hard:
            if not isinstance(purse, Purse) or not purse.line:
                continue
            amount = amounts[OF[gate.measure]]
            if amount and purse.has_room(amount, gate.limit, now):
                return Refused(gate, purse.left(gate.limit, now), SOON_S, True, plan.standing(now))
        return None

    def _ask(self, waiting: Waiting) -> Hold | Refused:
        return self._enter(waiting.id, waiting.gates, waiting.amounts, waiting.clock())

    def _purse(self, gate: Gate) -> Purse:
        purse = self._plans.find(gate.key)
        assert isinstance(purse, Purse)
        return purse

    def _give_up(self, waiting: Waiting) -> None:
        if not waiting.answer.done():
            assert waiting.refused is not None
            waiting.answer.set_result(waiting.refused)
            self._line.leave(waiting)

    def _leave(self, waiting: Waiting) -> None:
        """Its task was cancelled, perhaps just after it had been let in."""
        self._line.leave(waiting)
        if not waiting.answer.cancelled():
            found = waiting.answer.result()
            if isinstance(found, Hold):
                self.refund(found, waiting.clock())
