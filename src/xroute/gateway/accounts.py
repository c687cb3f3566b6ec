"""What a call takes and what it took: held before its first byte leaves, settled once however it ends."""

import time
from collections.abc import Callable
from functools import reduce
from typing import Any, Protocol

from xroute.config.accounts import AccountingSettings
from xroute.errors import CallError, JournalFull, Unavailable
from xroute.gateway.fleet import Fleet
from xroute.gateway.refused import refusal
from xroute.gateway.run import Run
from xroute.gateway.worst import Worst, bind, limit, marked_up, too_dear, unpriced
from xroute.limits.gate import Amounts, Engine, Gate, Hold, Refused
from xroute.money.price import Price
from xroute.routing.deployment import Deployment
from xroute.routing.plan import Ratios
from xroute.wire.record import Record
from xroute.wire.usage import Usage
from xroute.wire.who import Who

LEAST_TOKENS = 256  # of output that an answer is worth beginning for, where money runs out
SHORT_TOKENS = 1024  # of output that are waited for
SHARE = 4  # a call that names no maximum takes no more than this part of what is left
MOST_SHORTER = 3  # times that less is asked for
LIMITED = frozenset({"chat", "completions"})  # operations whose request can name a maximum of output
NOTHING = Amounts(0)
MONEY = frozenset({"money", "credit"})


class Book(Protocol):
    """Writes down what must not be lost, without waiting: `store.journal.Journal`."""

    def held(self, record: Record) -> object:
        """A call begins."""
        ...

    def settled(self, record: Record) -> object:
        """A call has ended."""
        ...

    def priced(self, id_: str, data: dict[str, Any]) -> object:
        """A price that settled calls name by its id."""
        ...


class Accounts:
    """Admits calls and settles them. `now` gives unix seconds."""

    def __init__(
        self,
        fleet: Fleet,
        engine: Engine,
        settings: AccountingSettings,
        ratios: Ratios,
        book: Book | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.engine = engine
        self._fleet = fleet
        self._settings = settings
        self._ratios = ratios
        self._book = book
        self._now = now
        self._worst = Worst(fleet, settings)
        self._priced: set[str] = set()

    async def admit(self, run: Run) -> None:
        """Takes what the call may need of every limit and budget, or raises why it may not begin.

        1. a deployment whose price is not known, or too high for one call, is no candidate where money counts
        2. a request that names no maximum of output gets one, where money counts
        3. all gates are asked at once; where money does not suffice, for less output if none was asked for,
           and again when calls under way have given back what they held
        """
        who = run.call.who
        if who is None:
            return
        if who.rules is not None:
            amounts = self._priced_worst(run, who)
            models, now = models_of(run.untried), self._now()
            gates, run.own = who.rules.apart(models, run.record.user, now)
            if gates:
                run.hold = hold = await self._take(run, who, gates, amounts, now, MOST_SHORTER)
                amounts = hold.amounts
            if run.own:
                await self._take_own(run, models[0], amounts, MOST_SHORTER)
            run.record.held_nano = amounts.credit or amounts.nano
        if self._book is not None:
            self._write_down(run, who, self._book)
        run.is_admitted = True

    def _write_down(self, run: Run, who: Who, book: Book) -> None:
        """The held call, with what is to be charged should this process die under it: what it has sent."""
        record, first = run.record, run.untried[0]
        price = self._fleet.price(first)
        tokens = self._ratios.tokens(first.family, run.call.text_bytes)
        cost = None if price is None else price.plain(tokens, 0)
        record.model, record.provider, record.byok = first.model, first.provider, first.workspace != ""
        record.usage = Usage(tokens, estimated=True)
        record.cost_nano = cost
        record.charged_nano = 0 if record.byok else cost and marked_up(cost, who)
        record.price = self.keep(price)
        for hold in run.holds:
            record.charges += charges(hold, hold.amounts)
        try:
            book.held(record)
        except JournalFull as error:
            if self._settings.spool_full == "answer":
                return  # it will be settled in memory, and counted if that is lost
            for hold in run.holds:
                self.engine.settle(hold, NOTHING, self._now())
            raise Unavailable(
                "Calls cannot be written down now, and none is let in without it.", code="spool_full"
            ) from error

    async def move(self, run: Run, deployment: Deployment) -> None:
        """Passes the limits and budgets of another model alone, where a call falls back to it; or raises."""
        who = run.call.who
        if who is None or not run.own or run.own_model == deployment.model:
            return
        await self._take_own(run, deployment.model, self._needs(run, who, deployment), 0)

    def settle(self, run: Run) -> None:
        """Puts what the call has cost in the place of what was held for it."""
        record, who = run.record, run.call.who
        if who is None:
            return
        record.charges = []
        for hold in run.holds:
            amounts = self._actual(run, who, hold)
            record.charges += charges(hold, amounts)
            self.engine.settle(hold, amounts, self._now())
        if self._book is not None and (run.is_admitted or record.outcome == "refused"):
            self._book.settled(record)

    def note(self, record: Record) -> None:
        """Writes down a call that took nothing."""
        if record.key and self._book is not None:
            self._book.settled(record)

    def charge(self, run: Run) -> None:
        """Sets what the client pays, from what the provider bills for the answer.

        Nothing with a credential of its own, and nothing for an answer that is none.
        """
        who, cost = run.call.who, run.cost_nano
        if run.is_insured or (run.deployment is not None and run.deployment.workspace):
            run.charged_nano = 0
        elif cost is None:
            held = run.hold.amounts.credit if run.hold is not None else 0
            run.charged_nano = held or None
        else:
            run.charged_nano = cost if who is None else marked_up(cost, who)

    def keep(self, price: Price | None) -> str:
        """The id of a price, whose figures are written down when it is first used."""
        if price is None:
            return ""
        if price.id not in self._priced and self._book is not None:
            self._priced.add(price.id)
            self._book.priced(price.id, price.data())
        return price.id

    def _priced_worst(self, run: Run, who: Who) -> Amounts:
        """The worst case over the candidates; those that money rules out are candidates no more."""
        call, rules = run.call, who.rules
        if not rules.is_counting(models_of(run.untried)):
            return self._uncounted(run)
        if call.operation in LIMITED:
            if call.max_tokens:
                bind(call)
            else:
                self._limit(run, self._worst.longest(run.untried))
        worst: Amounts | None = None
        out: list[Deployment] = []
        dear: list[tuple[int, int]] = []  # what those may cost that may not, and what they may
        for deployment in run.untried:
            most, amounts = rules.most(deployment.model), self._worst.of(call, deployment, who)
            if amounts is None:
                if most is not None or rules.is_paid(deployment.model):
                    out.append(deployment)
                    continue
                amounts = self._uncounted(run)
            if most is not None and amounts.nano > most:
                dear.append((amounts.nano, most))
                out.append(deployment)
            else:
                worst = amounts if worst is None else highest(worst, amounts)
        if worst is None:
            raise too_dear(*min(dear), who) if dear else unpriced(run.untried, who)
        if out:
            run.untried = [each for each in run.untried if each not in out]
        return worst

    def _needs(self, run: Run, who: Who, deployment: Deployment) -> Amounts:
        """The worst case there and at all that is left of the same model."""
        others = [each for each in run.untried if each.model == deployment.model]
        found = [self._worst.of(run.call, each, who) for each in (deployment, *others)]
        return reduce(highest, [each for each in found if each] or [self._uncounted(run)])

    def _uncounted(self, run: Run) -> Amounts:
        """The worst case where nobody counts money."""
        return Amounts(1, self._worst.tokens_in(run.call), run.call.max_tokens * run.call.choices)

    async def _take_own(self, run: Run, model: str, amounts: Amounts, shorter: int) -> None:
        """Takes what limits and budgets of this model alone ask, in the place of another model's."""
        who, gates = run.call.who, run.own.get(model)
        if run.own_hold is not None:
            self.engine.settle(run.own_hold, NOTHING, self._now())
            run.own_hold = None
        run.own_model = model
        if not gates or who is None:
            return
        try:
            run.own_hold = await self._take(run, who, gates, amounts, self._now(), shorter)
        except CallError:
            if run.hold is not None and not run.is_admitted:
                self.engine.settle(run.hold, NOTHING, self._now())
                run.hold = None
            raise

    async def _take(
        self, run: Run, who: Who, gates: tuple[Gate, ...], amounts: Amounts, now: float, shorter: int
    ) -> Hold:
        """The hold of a call, after the waiting it needs; raises the refusal."""
        id_, wait_s = run.reply.request_id, self._settings.hold_wait_s
        shorter = shorter if run.is_limited else 0
        while True:
            found = self.engine.admit(id_, gates, amounts, now)
            if isinstance(found, Hold):
                return found
            if not isinstance(found, Refused):
                found = await found
            if isinstance(found, Refused) and found.is_held and found.gate.measure in MONEY and wait_s:
                found = await self.engine.admit_later(id_, gates, amounts, wait_s, self._now)
                wait_s, now = 0, self._now()
            if isinstance(found, Hold):
                return found
            if found.gate.measure not in MONEY or not shorter:
                raise refusal(found, amounts)
            shorter -= 1
            amounts = self._shorter(run, who, found, amounts)

    def _shorter(self, run: Run, who: Who, found: Refused, amounts: Amounts) -> Amounts:
        """The worst case of a shorter answer; raises where there is not even money for that.

        1. a part of what is left, so that the next call finds something too
        2. SHORT_TOKENS, which is waited for where calls under way hold them
        3. all that is left
        """
        now = run.call.max_tokens
        left = min(self._worst.room(run.call, d, who, found.left) for d in run.untried)
        if left >= SHORT_TOKENS:
            tokens = max(left // SHARE, SHORT_TOKENS)
        else:
            tokens = SHORT_TOKENS if now > SHORT_TOKENS else left
        if tokens < min(LEAST_TOKENS, now) or tokens >= now:
            raise refusal(found, amounts)
        self._limit(run, tokens)
        return reduce(highest, [worst for d in run.untried if (worst := self._worst.of(run.call, d, who))])

    def _limit(self, run: Run, tokens: int) -> None:
        limit(run.call, tokens)
        run.is_limited = True

    def _actual(self, run: Run, who: Who, hold: Hold) -> Amounts:
        """What the call has taken; where its price could not be told, all that was held for it."""
        usage, cost = run.usage, run.cost_nano
        tokens_in, tokens_out = (0, 0) if usage is None else (usage.input, usage.output)
        if cost is None:
            return Amounts(1, tokens_in, tokens_out, hold.amounts.nano, hold.amounts.credit)
        charged = run.charged_nano or 0
        worth = charged or (0 if run.is_insured else marked_up(cost, who))  # with a credential of its own
        return Amounts(1, tokens_in, tokens_out, worth, charged)


def models_of(deployments: list[Deployment]) -> tuple[str, ...]:
    """Each model once, in order."""
    if len(deployments) == 1:
        return (deployments[0].model,)
    return tuple(dict.fromkeys([deployment.model for deployment in deployments]))


def highest(one: Amounts, other: Amounts) -> Amounts:
    """The most of each."""
    return Amounts(
        1,
        max(one.tokens_in, other.tokens_in),
        max(one.tokens_out, other.tokens_out),
        max(one.nano, other.nano),
        max(one.credit, other.credit),
    )


def charges(hold: Hold, amounts: Amounts) -> list[tuple[str, int, float | None]]:
    """What is taken of each purse."""
    return [(key, amounts[of], until) for key, of, until in hold.purses]
