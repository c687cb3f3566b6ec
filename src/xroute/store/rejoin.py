"""How the counters in Redis become right again: made from the database, brought up to date from journals.

The truth is the database: `purses` has what all lines of every journal up to `journals.applied` cost.
Counters made from it, in one statement, have for each journal the line up to which it is counted. Each
process then adds what its own journal says after that line and what it has under way, so that nothing is
missing or counts twice.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from redis.exceptions import ConnectionError as Lost
from sqlalchemy import literal, or_, select, union_all

from xroute.store import tables
from xroute.store.admission import DAY_MS, bulks, end_ms
from xroute.store.db import AWAY as DATABASE_AWAY
from xroute.store.db import Database, now_ms, why
from xroute.store.lines import Settled, from_object
from xroute.store.link import Link
from xroute.store.owed import spending_of
from xroute.store.scripts import Scripts, command
from xroute.store.segments import Numbered

LOCK_MS = 15_000  # for a step of the making: whoever dies in it is in nobody's way for longer
AWAIT_MS = 15_000  # how long processes that have not joined are waited for
ALIVE_MS = 60_000  # a journal that was seen so much before the last one seen is nobody's
CHUNK = 1000
PATIENCE_S = 10.0  # for scripts that may have much to do, while no call waits
RETRY_S = 0.1
STEPS = 50  # of a sweep, at once
START = "0"  # of a sweep
NOWHERE = ("", "")  # no epoch, no generation


class Dead(Protocol):
    """What a dead process has left of its journal: store.reaper.Orphan."""

    @property
    def id(self) -> str: ...

    def take(self, after: int, most: int) -> list[Numbered]:
        """The lines after a number, at most so many; numbers may be left out."""
        ...


class Lines(Dead, Protocol):
    """A process's own journal: store.journal.Journal."""

    @property
    def last(self) -> int:
        """The number of the newest line."""
        ...


class Found(NamedTuple):
    """What Redis knows of this process."""

    epoch: str
    gen: str
    op: int  # the last batch that arrived
    line: int  # up to which its journal is counted

    @property
    def place(self) -> tuple[str, str]:
        return self.epoch, self.gen


@dataclass(slots=True)
class Sums:
    """What purses were charged by the lines up to `last`."""

    last: int
    amounts: dict[str, int] = field(default_factory=dict[str, int])
    ends: dict[str, int] = field(default_factory=dict[str, int])
    is_whole: bool = True  # False: the first lines that were asked for are not there any more

    def entries(self) -> list[tuple[str, int, int]]:
        return [(key, amount, self.ends[key]) for key, amount in self.amounts.items()]


async def charged(journal: Dead, after: int, to: int | None = None) -> Sums:
    """What the lines after one have charged, up to another or to the end."""
    sums = Sums(after)
    while to is None or sums.last < to:
        found = [each for each in journal.take(sums.last, CHUNK) if to is None or each[0] <= to]
        if sums.last == after:
            sums.is_whole = found[0][0] == after + 1 if found else to is None
        if not found:
            break
        for number, line in found:
            sums.last = number
            for key, amount, until in line.record.charges if isinstance(line, Settled) else ():
                sums.amounts[key] = sums.amounts.get(key, 0) + amount
                sums.ends[key] = end_ms(until)
        await asyncio.sleep(0)
    return sums


async def lost(db: Database, journal: str) -> dict[str, list[bytes]]:
    """The calls of a journal that the database has settled as lost, each with its entries."""
    holds, calls = tables.holds.c, dict[str, list[bytes]]()
    query = select(holds.id, holds.data).where(holds.journal == journal, holds.ended.is_not(None))
    async with db.read() as connection:
        for id_, data in (await connection.execute(query)).all():
            charges = from_object(data).charges
            spent = spending_of((key, amount, end_ms(until)) for key, amount, until in charges)
            calls[str(id_)] = [bulks((b"call", str(id_).encode(), b"", b"", b"")), *spent]
    return calls


class Rejoin:
    """The steps, over one link."""

    def __init__(self, link: Link, scripts: Scripts, journal: str) -> None:
        self._link = link
        self._scripts = scripts
        self._journal = journal.encode()

    async def ask(
        self,
        script: str,
        place: tuple[str, str],
        words: Sequence[bytes] = (),
        entries: Sequence[bytes] = (),
        clock: bytes = b"",
        timeout_s: float | None = PATIENCE_S,
    ) -> str:
        """A script's answer. `place`: epoch and generation."""
        head = (place[0].encode(), self._journal, place[1].encode(), clock)
        command = self._scripts.call(script, (*head, *words), entries)
        return (await self._link.ask(command, timeout_s)).decode()

    async def fence(self) -> Found | None:
        """Where this process stands; None = there are no counters. What it sent before counts no more."""
        answer = await self.ask("fence", NOWHERE)
        if answer == "none":
            return None
        epoch, gen, op, line = answer.split(" ")
        return Found(epoch, gen, int(op), int(line))

    async def drop(self, epoch: str) -> None:
        """These counters are wrong: whoever comes next makes new ones."""
        await self.ask("drop", (epoch, ""))

    async def make(self, db: Database) -> bool:
        """Makes the counters from the database. False = another process does, or did."""
        epoch = secrets.token_hex(8)
        lock = f"{self._scripts.root}building"
        if not await self._link.ask(command("SET", lock, epoch, "NX", "PX", str(LOCK_MS))):
            await asyncio.sleep(RETRY_S)
            return False
        try:
            return await self._fill(db, epoch)
        except DATABASE_AWAY as error:
            await self.ask("fill", (epoch, ""), (b"1",))  # the lock is nobody's a millisecond later
            text = f"it is empty, and the database that it is filled from is away: {why(error)}"
            raise Lost(text) from error

    async def _fill(self, db: Database, epoch: str) -> bool:
        seen: dict[str, int] = {}
        async for rows in _snapshot(db):
            words = [b"%d" % LOCK_MS]
            for kind, key, amount, at, call in rows:
                if kind == "purse":
                    end = at + DAY_MS if at else 0
                    words += (b"spend", key.encode(), b"%d" % amount, b"%d" % end, b"")
                elif kind == "lost":
                    words += (b"lost", key.encode(), call.encode(), b"", b"")
                else:
                    words += (b"line", key.encode(), b"%d" % amount, b"", b"")
                if kind == "open":
                    seen[key] = at
            if await self.ask("fill", (epoch, ""), words) != "ok":
                return False
        newest = max(seen.values(), default=0)
        awaited = [key.encode() for key, at in seen.items() if at >= newest - ALIVE_MS]
        return await self.ask("open", (epoch, ""), (b"%d" % AWAIT_MS, *awaited)) == "ok"

    async def sweep(self, found: Found, cursor: str) -> str:
        """Forgets some of what is left of earlier counters; where to go on, START at the end."""
        pattern = f"{_literal(self._scripts.root)}*".encode()
        for _ in range(STEPS):
            words = (cursor.encode(), pattern)
            cursor = await self.ask("sweep", found.place, words, timeout_s=None)
            if cursor in (START, "stale"):
                return START
        return cursor


async def _snapshot(db: Database) -> AsyncGenerator[list[Any]]:
    """Purses, journals' lines and lost calls, as one statement sees them: (kind, key, number, time, call)."""
    purses, journals, holds = tables.purses.c, tables.journals.c, tables.holds.c
    is_open = or_(purses.until.is_(None), purses.until > now_ms() - DAY_MS)  # a clock may be set back
    query = union_all(
        select(literal("open"), journals.id, journals.applied, journals.seen, literal("")).where(
            journals.ended.is_(None)
        ),
        select(literal("line"), journals.id, journals.applied, journals.ended, literal("")).where(
            journals.ended > now_ms() - DAY_MS
        ),
        select(literal("lost"), holds.journal, literal(0), holds.ended, holds.id).where(
            holds.ended.is_not(None)
        ),
        select(literal("purse"), purses.key, purses.spent, purses.until, literal("")).where(is_open),
    )
    async with db.read() as connection:
        result = await connection.stream(query)
        async for rows in result.partitions(CHUNK):
            yield list(rows)


def _literal(text: str) -> str:
    """Text as a pattern of Redis that means nothing but itself."""
    return "".join(f"\\{letter}" if letter in "*?[]\\" else letter for letter in text)
