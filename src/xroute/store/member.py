"""A process among those that share counters in Redis: its connection, its place, and what it has to tell.

It is "up" when calls can be asked for and the counters are right; "down" while there is no connection, for
which a task looks without any call waiting for it; "rejoining" while it, or another process, brings the
counters up to date.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Sequence

from redis.exceptions import ConnectionError as Lost
from redis.exceptions import TimeoutError as Late

from xroute.config.accounts import RedisSettings
from xroute.limits.gate import Amounts
from xroute.store.admission import Written, bulks, digits
from xroute.store.db import Database
from xroute.store.dial import Address
from xroute.store.link import AWAY, Link
from xroute.store.outage import Outage
from xroute.store.owed import Batch, Owed, spending_of
from xroute.store.rejoin import START, Found, Lines, Rejoin, charged
from xroute.store.scripts import Scripts, packed

log = logging.getLogger("xroute.store")

BEAT_S = 1.0
SLOTS_MS = 15_000  # without a beat a process is dead, and its calls are no longer under way
MONEY_MS = 120_000  # what they hold stays held for longer: see lua/beat.lua
MOST_BATCHES = 64  # that are on their way; what comes meanwhile is summed up
OWN_CLOCK = bulks((b"",))
SETTLING = 10  # words of a batch before its entries
LATER_S = 0.005  # how long a settlement waits for a question in whose company it goes
PAUSE_S = 0.05  # before the second attempt to connect; it doubles
LONGEST_S = 1.0
STEADY_S = 1.0  # after so long a connection that ends is followed by another one at once
OTHERS_S = 0.05  # between two looks whether the others have joined
CLOSE_S = 2.0
ENDS = "this process ends"


class Member:
    """`under_way` says what calls of this process have taken now. `clock` is None for Redis's own."""

    def __init__(
        self,
        settings: RedisSettings,
        journal: Lines,
        db: Database,
        under_way: Callable[[], list[bytes]],
        clock: Callable[[], float] | None,
    ) -> None:
        self.owed = Owed()
        self.scripts = Scripts(settings.prefix)
        self.address = Address(settings.url)
        self.link: Link | None = None  # when calls can be asked for
        self.rejoins = 0
        self._timeout_s = settings.timeout_s
        self._journal = journal
        self._journal_id = journal.id.encode()
        self._db = db
        self._under_way = under_way
        self._clock = clock
        self._joined: Found | None = None
        self._link: Link | None = None  # by which this process has its place
        self._admit = self._settle = b""  # what questions begin with there
        self._epoch = ""  # of the counters that have all we ever sent, but for `_batches` and `owed`
        self._op = 0  # of the last batch that was sent
        self._confirmed = 0
        self._batches: deque[tuple[int, Batch]] = deque()  # on their way
        self._awaiting: list[asyncio.Future[None]] = []  # those who wait until they have arrived
        self._is_due = False  # a timer will tell what is owed
        self._is_made_here = False
        self._swept = START
        self._has_remade = False  # over this link, as the journal is not whole
        self._up = asyncio.Event()
        self._outage = Outage(self.address.shown)
        self._patient_until = 0.0  # loop time, as is
        self._risen = float("inf")
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Member {self._journal.id}, {self.state}>"

    @property
    def state(self) -> str:
        """`up`, `rejoining: ...` or `down since ...: ...`."""
        return self._outage.state

    @property
    def clock(self) -> bytes:
        """The time as scripts take it."""
        return b"" if self._clock is None else b"%d" % round(self._clock() * 1000)

    @property
    def head(self) -> bytes:
        """What the question of a call begins with."""
        return self._admit if self._clock is None else self._admit + bulks((self.clock,))

    async def start(self, patience_s: float) -> None:
        """Returns when it is up, or after so long."""
        self._loop = asyncio.get_running_loop()
        self._patient_until = self._loop.time() + patience_s
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(_ended)
        await self.comes_back()

    async def close(self) -> None:
        """Tells what is owed, if that is possible soon, and leaves."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.told()
                await self._leave()
        except (*AWAY, TimeoutError):
            log.warning("Redis does not know all that was settled: whoever adopts the journal tells it")
        if self._task is not None:
            self._outage.hush(ENDS)
            if self._link is not None:
                self._link.fail(Lost(ENDS))
            self._task.cancel()
            await asyncio.wait([self._task])

    async def comes_back(self) -> bool:
        """Whether it is up, within the time that calls wait after a connection broke, all together."""
        await asyncio.sleep(0)
        left_s = self._patient_until - asyncio.get_running_loop().time()
        if not self._up.is_set() and left_s > 0:
            try:
                async with asyncio.timeout(left_s):
                    await self._up.wait()
            except TimeoutError:
                return False
        return self._up.is_set()

    def settle(self, written: Written, held: Amounts, actual: Amounts, taken_s: float) -> None:
        """Owes a call's truth, and tells it with the next question, which comes soon where there are many."""
        self.owed.settle(written, held, actual, taken_s)
        if self._joined is None:
            self.owed.part()
        elif not self._is_due:
            self._is_due = True
            self._loop.call_later(LATER_S, self._tell_due)

    def flush_soon(self) -> None:
        """Sends what is owed, once all that this round of the loop settles is in it."""
        if self._link is not None:
            self._link.wake()

    async def told(self) -> None:
        """Returns when all that is owed now has arrived. RedisError where it cannot."""
        last = self._op + bool(self.owed)  # the next batch has all of it
        self.flush_soon()
        while self._confirmed < last:
            await self._change()

    async def ask(self, script: str, words: Sequence[bytes] = (), entries: Sequence[bytes] = ()) -> str:
        """A script's answer, as a member. RedisError where there is no place."""
        found, link = self._joined, self._link
        if found is None or link is None:
            raise Lost(self.state)
        rejoin = Rejoin(link, self.scripts, self._journal.id)
        answer = await rejoin.ask(script, found.place, words, entries, self.clock, None)
        if answer == "stale":
            link.fail(Lost("the counters were made anew, or others took this process for dead"))
            raise Lost(self.state)
        return answer

    def distrust(self, why: BaseException) -> None:
        """Something is not as it must be: begins again with a new connection."""
        if self._link is not None:
            self._link.fail(why)
            self._fell(self._link.lost.result())

    async def remake(self, why: str) -> None:
        """The counters cannot be right: new ones are made from the database."""
        log.warning("The counters in Redis at %s are made anew: %s", self.address.shown, why)
        await self.ask("drop")
        self.distrust(Lost(why))

    # What is owed

    def _flush(self) -> None:
        """For the link alone, which puts batches before all else, in order."""
        found, link = self._joined, self._link
        if not self.owed or found is None or link is None or len(self._batches) >= MOST_BATCHES:
            return
        self._op += 1
        batch = self.owed.take()
        self._batches.append((self._op, batch))
        # The journal's last line: who settles writes its line before anything else runs.
        head = self._settle if self._clock is None else self._settle + bulks((self.clock,))
        words = head + digits(self._op) + digits(self._journal.last)
        link.tell(packed(SETTLING, words, batch.entries), self._arrived)

    def _arrived(self, answer: bytes) -> None:
        """Of the oldest batch that is on its way."""
        if answer != b"ok":
            self.distrust(Lost(f"a batch of settlements was answered {answer.decode()!r}"))
            return
        self._confirmed, _ = self._batches.popleft()
        if self._awaiting:
            self._say_told()
        if len(self._batches) == MOST_BATCHES - 1:  # what is owed has waited for this
            self.flush_soon()

    def _tell_due(self) -> None:
        self._is_due = False
        if self.owed:
            self.flush_soon()

    async def _change(self) -> None:
        """Returns when a batch has arrived. RedisError when the link is lost."""
        if self._link is None or self._link.lost.done():
            raise Lost(self.state)
        change = asyncio.get_running_loop().create_future()
        self._awaiting.append(change)
        await asyncio.wait([change, self._link.lost], return_when=asyncio.FIRST_COMPLETED)

    def _say_told(self) -> None:
        for waiting in self._awaiting:
            if not waiting.done():
                waiting.set_result(None)
        self._awaiting.clear()

    # The life of a connection

    async def _run(self) -> None:
        pause_s, clock = PAUSE_S, asyncio.get_running_loop().time
        while True:
            self._risen = float("inf")
            try:
                await self._live()
            except AWAY as error:
                self.address.follow(error)
                self._fell(error)
            if clock() - self._risen >= STEADY_S:
                pause_s = PAUSE_S
            else:
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
                pause_s = min(pause_s * 2, LONGEST_S)

    async def _live(self) -> None:
        """From one connection to its end, which is raised."""
        link = Link(await self.address.connect(self.scripts), self._timeout_s, self._flush)
        link.lost.add_done_callback(lambda lost: self._fell(lost.result()))
        self._has_remade = False
        try:
            rejoin = Rejoin(link, self.scripts, self._journal.id)
            self._outage.rejoin("the counters are brought up to date")
            awaited = await self._join(link, rejoin)
            while awaited:
                self._outage.rejoin(f"{awaited} other processes bring theirs up to date")
                await asyncio.sleep(OTHERS_S)
                awaited = await self._beat()
            self._rise(link)
            while not link.lost.done():
                await asyncio.wait([link.lost], timeout=BEAT_S)
                await self._beat()
                await self._sweep(rejoin)
            raise link.lost.result()
        except AWAY as error:
            link.fail(error)
            raise
        finally:
            self.link = self._link = self._joined = None
            self._up.clear()
            await link.close()

    async def _beat(self) -> int:
        return int(await self.ask("beat", [b"%d" % SLOTS_MS, b"%d" % MONEY_MS]))

    async def _sweep(self, rejoin: Rejoin) -> None:
        """Forgets earlier counters by and by, after this process has made new ones."""
        if self._is_made_here and self._joined is not None:
            self._swept = await rejoin.sweep(self._joined, self._swept)
            self._is_made_here = self._swept != START

    async def _leave(self) -> None:
        if self._joined is not None:
            await self.ask("leave")

    async def _join(self, link: Link, rejoin: Rejoin) -> int:
        """Takes its place; how many others have not taken theirs."""
        while True:
            found = await rejoin.fence()
            if found is None:
                self._outage.rejoin("Redis has no counters: they are made from the database")
                self._is_made_here = await rejoin.make(self._db)
            elif found.epoch == self._epoch and found.op < self._confirmed:
                log.warning(
                    "Redis at %s is older than it was: its counters are made anew", self.address.shown
                )
                await rejoin.drop(found.epoch)
            elif (awaited := await self._take_place(link, rejoin, found)) is not None:
                return awaited

    async def _take_place(self, link: Link, rejoin: Rejoin, found: Found) -> int | None:
        """None where the counters are others meanwhile, or can not be brought up to date."""
        if found.epoch == self._epoch:
            return await self._tell_rest(link, rejoin, found)
        self._forget_batches(-1)
        self.owed.forget_spent()
        self.owed.forget_taken()
        cut, batch, under_way = self._journal.last, self.owed.take(), self._under_way()
        try:
            sums = await charged(self._journal, found.line, cut)
            if not sums.is_whole and not self._has_remade:
                self._has_remade = True
                await rejoin.drop(found.epoch)
                return None
            entries = under_way + batch.entries + spending_of(sums.entries())
            answer = await self._say(rejoin, found, cut, entries)
        finally:
            self.owed.restore(batch)  # what purses begin with may be said twice
        return self._placed(link, found, answer)

    async def _tell_rest(self, link: Link, rejoin: Rejoin, found: Found) -> int | None:
        """The counters are those that this process knows: but for what did not arrive they are right."""
        self._forget_batches(found.op)
        self.owed.forget_taken()
        batch = self.owed.take()
        self._op = found.op + 1
        self._batches.append((self._op, batch))
        words = batch.entries + self._under_way()
        return self._placed(link, found, await self._say(rejoin, found, self._journal.last, words))

    async def _say(self, rejoin: Rejoin, found: Found, line: int, entries: list[bytes]) -> str:
        marks = (b"%d" % (found.op + 1), b"%d" % line)
        return await rejoin.ask("join", found.place, marks, entries, self.clock)

    def _placed(self, link: Link, found: Found, answer: str) -> int | None:
        if answer == "stale":
            return None
        self._epoch, self._op, self._confirmed = found.epoch, found.op + 1, found.op + 1
        self._batches.clear()
        self._joined, self._link = found, link
        words = (found.epoch.encode(), self._journal_id, found.gen.encode())
        own = OWN_CLOCK if self._clock is None else b""
        self._admit, self._settle = (self.scripts.start(name, words) + own for name in ("admit", "settle"))
        self._say_told()
        self.flush_soon()
        return int(answer)

    def _forget_batches(self, arrived: int) -> None:
        """Those that arrived are done; the others are owed again."""
        for number, batch in self._batches:
            if number > arrived:
                self.owed.restore(batch)
        self._batches.clear()

    def _rise(self, link: Link) -> None:
        self.link = link
        self._outage.end()
        self.rejoins += 1
        self._risen = asyncio.get_running_loop().time()
        self._up.set()

    def _fell(self, error: BaseException) -> None:
        self.link = None
        self.owed.part()
        if self._up.is_set():
            self._up.clear()
            soon = 0.0 if isinstance(error, Late) else self._timeout_s  # who waited for an answer has waited
            self._patient_until = asyncio.get_running_loop().time() + soon
        self._outage.begin(error)


def _ended(task: "asyncio.Task[None]") -> None:
    """A fault of ours ended the task that runs for ever: it is logged whole."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the connection to Redis is not looked after any more", exc_info=error)
