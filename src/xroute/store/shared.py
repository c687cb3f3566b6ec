"""The engine of several processes: counts in Redis or Valkey what `limits.memory` counts in one process.

An admission is one script and one round trip. Settlements are summed up by counter and sent in numbered
batches, in order; a batch whose fate is not known is asked for after the next connection, so that it counts
exactly once. Redis's own clock is that of all rates, as those of several hosts differ; which window of the
calendar a call is in is in its purses' names.

Sums are exact to 2^63 nano-dollars (9.2 billion dollars); what one call takes, and what is left of a limit,
to 2^53 (9 million dollars): beyond that what is left is shown rounded, and no sum is wrong by it.

All keys have one hash tag: Redis 5 and later, or Valkey, alone or as a cluster. It must not forget keys of
its own accord (`maxmemory-policy noeviction`).
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, Final

from redis.exceptions import ConnectionError as Lost

from xroute.config.accounts import RedisSettings
from xroute.errors import Unavailable
from xroute.limits.gate import Amounts, Gate, Hold, Refused
from xroute.store.admission import Writing, Written, end_ms, end_of, purse
from xroute.store.db import AWAY as DATABASE_AWAY
from xroute.store.db import Database
from xroute.store.link import AWAY
from xroute.store.member import Member
from xroute.store.owed import spending_of, taken
from xroute.store.rejoin import Dead, Lines, Sums, charged, lost
from xroute.store.waiting import Lines as Queues

NOTHING: Final = Amounts(0)
STALE: Final = b"stale"
TRIES: Final = 5  # of a call, over as many connections
RETRY_S: Final = 1.0  # what is told to who is turned away
START_S: Final = 1.0

Charge = tuple[
    str, int, float | None
]  # purse, amount, unix seconds at which it is over: wire.record.Record.charges


class Shared:
    """`journal` is this process's own: what is settled here is in it before anything else runs.

    Who calls `settle` writes the journal's line without an `await` in between. `clock` is for tests alone.
    """

    def __init__(
        self,
        settings: RedisSettings,
        journal: Lines,
        db: Database,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._is_open = settings.when_down == "open"
        self._db = db
        self._writing = Writing()
        self._queues = Queues()
        self._open: dict[int, tuple[Hold, Written]] = {}  # calls under way, by the hold's identity
        self._member = Member(settings, journal, db, self._under_way, clock)
        self.unchecked = 0  # calls that were let in without Redis
        self.turned_away = 0  # calls that were not

    def __repr__(self) -> str:
        return f"<Shared, {len(self._open)} calls under way, {self.state}>"

    @property
    def state(self) -> str:
        """`up`, `rejoining: ...`, `down since ...: ...`."""
        return self._member.state

    @property
    def waiting(self) -> int:
        """How many calls wait for what others hold."""
        return len(self._queues)

    async def start(self) -> None:
        """Connects; where Redis is away it goes on without, and tries for as long as it takes."""
        await self._member.start(START_S)

    async def close(self) -> None:
        """Tells Redis what it does not know yet, and leaves."""
        await self._member.close()

    def admit(
        self, id_: str, gates: tuple[Gate, ...], amounts: Amounts, now: float
    ) -> Coroutine[Any, Any, Hold | Refused]:
        """Takes of all gates, or of none and says which is the strictest.

        Without Redis: as `when_down` says, a hold, or Unavailable.
        """
        if self._queues.lines and (behind := self._behind(gates, amounts)):
            return _said(behind)
        return self._enter(id_, gates, amounts, now)

    async def admit_later(
        self,
        id_: str,
        gates: tuple[Gate, ...],
        amounts: Amounts,
        timeout_s: float,
        clock: Callable[[], float],
    ) -> Hold | Refused:
        """Admits as soon as calls under way have given back enough: see gate.Engine.

        Of this process first come, first in; another process's call may come in between.
        """
        found = await self.admit(id_, gates, amounts, clock())
        if isinstance(found, Hold):
            return found
        return await self._queues.wait(found, timeout_s, lambda: self._enter(id_, gates, amounts, clock()))

    def settle(self, hold: Hold, amounts: Amounts, now: float) -> None:
        """Puts the truth in the place of the worst case; a second time does nothing. Never waits."""
        if hold.is_settled:
            return
        hold.is_settled = True
        there = self._open.pop(id(hold), None)
        if there is None:
            return
        _, written = there
        self._member.settle(written, hold.amounts, amounts, hold.taken_s)
        if self._queues.lines:
            for gate, _ in written.purses:
                self._queues.free(gate.key)

    def refund(self, hold: Hold, now: float) -> None:
        """As if the call had never been: nothing of it counts, its request neither."""
        self.settle(hold, NOTHING, now)

    async def load(self, spent: Mapping[str, int]) -> None:
        """What was spent of purses before they were made; what is counted in them is not made less.

        Returns when Redis knows; where it is away, it is told before any call is asked for.
        """
        for key, amount in spent.items():
            self._member.owed.begin(purse(key, end_of(key)), amount)
        try:
            await self._member.told()
        except AWAY:
            return

    def spend(self, charges: Iterable[Charge]) -> None:
        """What the database has of purses by no call of this process: a refund's is below zero."""
        for key, amount, until in charges:
            self._member.owed.spend(purse(key, end_ms(until)), amount)
        self._member.flush_soon()

    async def adopt(self, dead: Dead) -> bool:
        """Counts what a dead process's journal says and Redis does not know, and ends all it had under way.

        Its calls that settle nowhere are settled as lost in the database before. A second time does nothing.
        False where Redis cannot be told now: the journal must be kept until it was.
        """
        if not await self.check(dead.id) or not await self._count_lost(dead.id, b"dead"):
            return False
        line, sums = b"-1", Sums(0)
        try:
            while True:
                marks = [dead.id.encode(), line, b"%d" % sums.last]
                answer = await self._member.ask("adopt", marks, spending_of(sums.entries()))
                if answer == "ok":
                    return True
                line = answer.removeprefix("line ").encode()
                sums = await charged(dead, int(line))
                if not sums.is_whole:
                    await self._member.remake("a dead process's journal is not whole")
                    return False
        except AWAY:
            return False

    async def count_lost(self, journal: str) -> bool:
        """Counts the calls that the database has settled as lost, each once; False as in `adopt`.

        Not those of a process that shows life here, if not in the database: it counts for itself.
        """
        return await self._count_lost(journal, b"silent")

    async def check(self, journal: str) -> bool:
        """Whether no call of a journal counts as lost whose truth the database has; False as in `adopt`.

        Where one does, the counters are made anew.
        """
        try:
            guessed = set((await self._member.ask("guessed", [journal.encode()])).split())
            if not guessed or guessed <= (await lost(self._db, journal)).keys():
                return True
            await self._member.remake("a process that was taken for dead has told what its calls cost")
        except (*AWAY, *DATABASE_AWAY):
            return False
        return False

    async def taken(self, key: str) -> int:
        """What is spent and held of a purse. Unavailable without Redis."""
        return sum(await self.purse(key))

    async def purse(self, key: str) -> tuple[int, int]:
        """What is spent of a purse, and what calls under way hold. Unavailable without Redis."""
        try:
            spent, held = (await self._member.ask("look", [key.encode()])).split(" ")
        except AWAY:
            raise self._away() from None
        return int(spent), int(held)

    async def _count_lost(self, journal: str, state: bytes) -> bool:
        try:
            entries = [entry for each in (await lost(self._db, journal)).values() for entry in each]
            return not entries or await self._member.ask("lost", [journal.encode(), state], entries) == "ok"
        except (*AWAY, *DATABASE_AWAY):
            return False

    async def _enter(self, id_: str, gates: tuple[Gate, ...], amounts: Amounts, now: float) -> Hold | Refused:
        """Admits without a look at who is in line."""
        if not gates:
            return Hold(id_, gates, amounts, (), (), False, now)
        member, written = self._member, self._writing.of(gates)
        for _ in range(TRIES):
            if (link := member.link) is None:
                if not await member.comes_back():
                    break
                continue
            undo = partial(self._undo, written, amounts)
            answer = link.ask(written.command(member.head, amounts), None, undo)
            try:
                reply = await answer
            except asyncio.CancelledError:
                if answer.done() and not answer.cancelled() and answer.exception() is None:
                    undo(answer.result())  # let in, and cancelled before it could know
                raise
            except AWAY as error:
                member.distrust(error)
                continue
            if reply == STALE:
                member.distrust(Lost("the counters were made anew"))
                continue
            found = written.read(reply, id_, amounts, now)
            if isinstance(found, Hold):
                self._open[id(found)] = (found, written)
            return found
        return self._without(Hold(id_, gates, amounts, written.charged, (), False, now), written)

    def _undo(self, written: Written, amounts: Amounts, reply: bytes) -> None:
        """Gives back what a call took that nobody waits for any more."""
        if reply == STALE:
            return
        found = written.read(reply, "", amounts, 0.0)
        if isinstance(found, Hold):
            self._member.settle(written, amounts, NOTHING, found.taken_s)

    def _without(self, hold: Hold, written: Written) -> Hold:
        """What becomes of a call while Redis is away."""
        if not self._is_open:
            self.turned_away += 1
            raise self._away()
        self.unchecked += 1
        self._open[id(hold)] = (hold, written)
        self._member.owed.hold(
            written.takes, hold.amounts
        )  # a rejoin may have told already what is under way
        return hold

    def _away(self) -> Unavailable:
        return Unavailable(
            "What limits and budgets are counted in does not answer; try again later.",
            code="limits_unavailable",
            retry_after_s=RETRY_S,
        )

    def _behind(self, gates: tuple[Gate, ...], amounts: Amounts) -> Refused | None:
        """A refusal where others of this process wait already for what the call needs."""
        for gate, of in self._writing.of(gates).purses:
            if amounts[of] and (line := self._queues.lines.get(gate.key)):
                return line.behind(gate)
        return None

    def _under_way(self) -> list[bytes]:
        return taken((written.takes, hold.amounts) for hold, written in self._open.values())


async def _said(found: Refused) -> Refused:
    return found
