"""The reaper: settles the calls of processes that died under them.

A dead process of this machine leaves a journal that nobody locks: what is in it is brought into the database,
then the calls that it began and did not end are settled as lost. Of other machines' processes the database
alone is known: one that shows no life there for a minute is taken for dead, and should it come back after all
with the truth, that takes the place of the guess (`store.apply`).
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from xroute.store import lines, lock
from xroute.store.alerts import measure_of
from xroute.store.apply import DAY_MS, Outcome
from xroute.store.db import Database, now_ms
from xroute.store.journal import Journal, delete
from xroute.store.replay import Replay, Told
from xroute.store.segments import SLICE, Numbered, Segments
from xroute.store.statements import Away, Channel, Many, Query, Work, listed, run
from xroute.wire.record import Record
from xroute.wire.usage import Usage

log = logging.getLogger("xroute.store")

Policy = Literal["free", "input", "held"]  # accounting.lost

INTERVAL_S = 10.0
STALE_S = 60.0  # without a sign of life
KEPT_DAYS = 30  # that the truth about a lost call may come late
MOST = 500  # calls of one transaction

_OPEN = "SELECT id, nano, data FROM holds WHERE journal = ? AND ended IS NULL ORDER BY id LIMIT ? FOR_UPDATE"
_COUNTED = "SELECT id FROM calls WHERE day BETWEEN ? AND ? AND id IN_LIST"
_LOSE = "UPDATE holds SET ended = ?, data = ? WHERE id = ?"
_DROP = "DELETE FROM holds WHERE id = ?"
_END = "UPDATE journals SET ended = ? WHERE id = ?"
_FORGET = "DELETE FROM holds WHERE journal = ? AND ended IS NOT NULL"
_FORGET_OLD = "DELETE FROM holds WHERE ended < ?"
_WATCH = (
    "SELECT id, seen FROM journals WHERE ended IS NULL AND EXISTS "
    "(SELECT 1 FROM holds WHERE holds.journal = journals.id AND holds.ended IS NULL)"
)


def _nobody(_: object) -> None:
    pass


class Tally(Protocol):
    """Who counts besides the database, and cannot see what dead processes have left: store.shared.Shared."""

    async def adopt(self, dead: "Orphan") -> bool:
        """Counts a journal and its lost calls, each once; False = it cannot now."""
        ...

    async def count_lost(self, journal: str) -> bool:
        """Counts the calls of a journal that were settled as lost, each once; False = it cannot now."""
        ...

    async def check(self, journal: str) -> bool:
        """Whether no call counts as lost whose truth the database has; False: that is being mended."""
        ...


def lost(held: Record, policy: Policy) -> Record:
    """What a call is settled for whose process died under it: nothing, its input, or all that was held.

    Where no money was held, as none could run out, that is its input. A price that is not known stays so.
    """
    whole = lines.credit_of(held)
    if policy == "held" and held.held_nano:
        charged = held.held_nano if held.charged_nano else held.charged_nano
        return replace(held, outcome="lost", charged_nano=charged if whole is None else whole)
    charged, usage = held.charged_nano, replace(held.usage or Usage(), output=0, estimated=True)
    worth = held.charged_nano or held.cost_nano or 0
    if policy == "free":
        charged, usage, worth = 0, Usage(), 0
    if whole is not None:
        charged = min(charged or 0, whole)
    taken = {"money": worth, "credit": charged or 0, "tokens": usage.input, "tokens_in": usage.input}
    taken |= {"tokens_out": 0}

    def of(purse: str, most: int) -> int:
        measure = measure_of(purse)
        amount = taken.get(measure, most)
        return amount if measure == "money" and not held.held_nano else min(most, amount)

    charges = [(key, of(key, most), until) for key, most, until in held.charges]
    usage = usage if usage.input else None
    return replace(held, outcome="lost", usage=usage, charged_nano=charged, charges=charges)


@dataclass(slots=True)
class Orphan:
    """A journal whose process is no more; `held` locks it."""

    folder: Path
    held: lock.Lock
    segments: Segments

    @property
    def id(self) -> str:
        return self.folder.name

    def take(self, after: int, most: int) -> list[Numbered]:
        """The lines after a number, at most SLICE."""
        return self.segments.read(after, min(most, SLICE))

    def forget(self, applied: int) -> None:
        """The files are deleted when all of them are done with."""


def orphans(folder: Path) -> list[Path]:
    """Folders of journals; whether somebody locks them is to be tried."""
    return sorted(path for path in folder.glob("jrn_*") if path.is_dir()) if folder.is_dir() else []


async def adopt(
    db: Database, folder: Path, policy: Policy, told: Told = _nobody, tally: Tally | None = None
) -> int:
    """Settles all that dead processes have left in a folder of journals. How many there were.

    `told` gets the calls that were counted, as batches are through. A journal that `tally` cannot count now
    is left for later. Raises Away, and OSError for files that cannot be read; what was done stays done.
    """
    count = 0
    for path in orphans(folder):
        taken = lock.take(path)
        if taken is None:
            _clear(path)
            continue
        try:
            await _adopt(db, Orphan(path, taken, Segments(path)), policy, told, tally)
        finally:
            taken.release()
        count += 1
    return count


async def _adopt(db: Database, orphan: Orphan, policy: Policy, told: Told, tally: Tally | None) -> None:
    if orphan.segments.paths():
        await _replay(db, orphan, told)
        count = await lose(db, orphan.id, policy, told)
        if tally is not None and not await tally.adopt(orphan):
            return
        await run(db, _end(orphan.id, now_ms()))
        log.log(
            logging.WARNING if count else logging.INFO,
            "what a process has left in journal %s is in the database; %d calls were lost with it",
            orphan.id,
            count,
        )
    delete(orphan.folder)


async def retire(db: Database, journal: Journal) -> bool:
    """Whether a journal could be removed, as every line of it is in the database and no call is open.

    Otherwise it is closed, and whoever starts next adopts it.
    """
    if not journal.is_idle:
        journal.close()
        return False
    try:
        await run(db, _end(journal.id, now_ms()))
    except Away:
        journal.close()
        return False
    journal.remove()
    return True


async def _replay(db: Database, orphan: Orphan, told: Told) -> None:
    channel = Channel(db)
    replay = Replay(channel, orphan, "", 0, told)
    try:
        while await replay.step(MOST):
            pass
        await replay.beat()  # registers a journal of which no line is whole
    finally:
        await channel.close()


async def lose(db: Database, journal: str, policy: Policy, told: Told = _nobody) -> int:
    """Settles the open calls of a journal as lost. How many. Raises Away."""
    count = 0
    while True:
        closed, records = await run(db, _lose(journal, policy, now_ms()))
        told(records)
        count += len(records)
        if closed < MOST:
            return count


class Reaper:
    """Is to look every INTERVAL_S, in the background. `clock` gives monotonic seconds."""

    def __init__(
        self,
        db: Database,
        folder: Path,
        journal: str,
        policy: Policy,
        told: Told = _nobody,
        clock: Callable[[], float] = time.monotonic,
        tally: Tally | None = None,
    ) -> None:
        self._db = db
        self._folder = folder
        self._journal = journal  # this process's own
        self._policy: Policy = policy
        self._told = told
        self._tally = tally
        self._untold: set[str] = set()  # journals of which the tally has not counted the lost calls
        self._clock = clock
        self._watched: dict[str, tuple[int, float]] = {}  # journal -> (its heartbeat, since when that stands)

    async def look(self) -> int:
        """Settles what dead processes have left. How many journals; 0 while the database is away."""
        try:
            adopted = await adopt(self._db, self._folder, self._policy, self._told, self._tally)
            return adopted + await self._reap()
        except Away:
            self._watched.clear()  # the others cannot show that they live either
        except OSError:
            log.exception("a journal in %s cannot be read", self._folder)
        return 0

    async def _reap(self) -> int:
        now = self._clock()
        seen = {id_: at for id_, at in await run(self._db, _rows(Query(_WATCH))) if id_ != self._journal}
        # A clock of another machine says nothing, so what counts is how long a heartbeat has stood here.
        self._watched = {
            id_: before if (before := self._watched.get(id_)) and before[0] == at else (at, now)
            for id_, at in seen.items()
        }
        stale = [id_ for id_, (_, since) in self._watched.items() if now - since >= STALE_S]
        for id_ in stale:
            count = await lose(self._db, id_, self._policy, self._told)
            log.warning("the process of journal %s shows no life: %d calls are settled as lost", id_, count)
        await self._tell(stale)
        await run(self._db, _rows(Query(_FORGET_OLD, (now_ms() - KEPT_DAYS * DAY_MS,))))
        return len(stale)

    async def _tell(self, stale: Iterable[str]) -> None:
        """Has the tally count them, and those that it could not before."""
        if self._tally is not None:
            self._untold.update(stale)
            for id_ in sorted(self._untold):
                if await self._tally.count_lost(id_):
                    self._untold.discard(id_)
            await self._tally.check(self._journal)  # the others may have taken this process for dead


def _lose(journal: str, policy: Policy, now: int) -> Work[tuple[int, list[Record]]]:
    rows = yield Query(_OPEN, (journal, MOST))
    if not rows:
        return 0, []
    found = [(int(row[1]), lines.clean(lost(lines.from_object(row[2]), policy))) for row in rows]
    days = [record.at // DAY_MS for _, record in found]
    counted = yield Query(_COUNTED, (min(days), max(days), listed(record.id for _, record in found)))
    known = {row[0] for row in counted}  # what is settled already only gives its hold back
    yield Many(_LOSE, [(now, lines.as_object(record), record.id) for _, record in found])
    yield Many(_DROP, [(id_,) for id_ in sorted(known)])
    done = Outcome()
    for nano, record in found:
        if record.id in known:
            done.postings.settle(replace(record, charged_nano=0), nano, is_metered=True)
            continue
        done.postings.settle(record, nano, lines.credit_of(record) is not None)
        done.settled.append(record)
    yield from done.write(now)
    return len(rows), done.settled


def _end(journal: str, now: int) -> Work[None]:
    """No truth can come any more."""
    yield Query(_END, (now, journal))
    yield Query(_FORGET, (journal,))


def _rows(query: Query) -> Work[list[tuple[str, int]]]:
    return [(row[0], int(row[1])) for row in (yield query)]


def _clear(path: Path) -> None:
    """Removes an empty folder, which a process left that died between two steps."""
    try:
        path.rmdir()
    except OSError:
        return
