"""Brings the lines of a journal into the database, in order, each exactly once.

A batch that the database refuses is halved until the line that it does not take stands alone. That one is
mended, and if it is refused even so, it is put into `refused.jsonl` beside the journals, counted and logged,
and the rest goes on.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import orjson

from xroute.store import apply
from xroute.store.apply import Stale
from xroute.store.db import now_ms
from xroute.store.lines import Held, Line, Priced, Settled, as_object
from xroute.store.segments import SLICE, Numbered
from xroute.store.statements import Channel, Query, Refused, Work
from xroute.wire.record import Record

log = logging.getLogger("xroute.store")

REFUSED = "refused.jsonl"
MOST_REFUSED = 64 * 1024 * 1024  # bytes of that file

_REGISTER = (
    "INSERT INTO journals (id, host, pid, started, seen) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
)
_APPLIED = "SELECT applied FROM journals WHERE id = ?"
_SEEN = "UPDATE journals SET seen = ? WHERE id = ?"

Told = Callable[[Sequence[Record]], None]


class Source(Protocol):
    """A journal to read: this process's own, or one that is adopted."""

    @property
    def id(self) -> str: ...
    @property
    def folder(self) -> Path: ...
    def take(self, after: int, most: int) -> list[Numbered]: ...
    def forget(self, applied: int) -> None: ...


def _nobody(_: Sequence[Record]) -> None:
    pass


class Replay:
    """`host` and `pid` are of the process that wrote the journal. `told` gets the calls that were counted."""

    def __init__(self, channel: Channel, source: Source, host: str, pid: int, told: Told = _nobody) -> None:
        self.applied = 0  # number of the last line that is in the database
        self.refused = 0  # lines that it does not take
        self._channel = channel
        self._source = source
        self._host, self._pid = host, pid
        self._told = told
        self._is_sure = False
        self._unsure: tuple[int, list[Numbered]] = (0, [])  # a batch whose end is unclear

    async def step(self, most: int) -> int:
        """Applies the next lines, at most so many; how many there were. Raises Away."""
        if not self._is_sure:
            await self._locate()
        numbered = await self._gather(most)
        if numbered:
            await self._apply(numbered)
        return len(numbered)

    async def beat(self) -> None:
        """Says in the database that the process lives. Raises Away."""
        if not self._is_sure:
            await self._locate()
        await self._channel.run(_one(Query(_SEEN, (now_ms(), self._source.id))))

    async def _locate(self) -> None:
        """Asks the database how far it is, as the answer to the last batch may not have come through."""
        applied = await self._channel.run(_register(self._source.id, self._host, self._pid))
        last, numbered = self._unsure
        if last and applied >= last:
            self._told([line.record for _, line in numbered if isinstance(line, Settled)])
        self._unsure = (0, [])
        if applied < self.applied:
            log.error(
                "the database was set back: lines %d to %d of %s were in it",
                applied + 1,
                self.applied,
                self._source.id,
            )
        self.applied = applied
        self._source.forget(applied)
        self._is_sure = True

    async def _gather(self, most: int) -> list[Numbered]:
        """The next lines. Those that come from files are read by and by: calls go on in between."""
        found = some = self._source.take(self.applied, most)
        while some and len(found) < most:
            if len(some) == SLICE:
                await asyncio.sleep(0)
            some = self._source.take(found[-1][0], most - len(found))
            found += some
        return found

    async def _apply(self, numbered: list[Numbered]) -> None:
        last = numbered[-1][0]
        try:
            self._is_sure, self._unsure = False, (last, numbered)
            lines = [line for _, line in numbered]
            work = apply.apply(self._source.id, self.applied, last, lines, now_ms())
            self._done(last, await self._channel.run(work))
        except Stale:
            return
        except Refused as error:
            self._is_sure, self._unsure = True, (0, [])
            if len(numbered) == 1:
                await self._apply_alone(*numbered[0], error)
                return
            half = len(numbered) // 2
            for part in (numbered[:half], numbered[half:]):
                if self._is_sure:
                    await self._apply(part)

    async def _apply_alone(self, number: int, line: Line, error: Refused) -> None:
        """A second time finds what another process has counted between the question and the answer."""
        for _ in range(2):
            work = apply.apply_alone(self._source.id, self.applied, number, line, now_ms())
            try:
                self._is_sure = False
                self._done(number, await self._channel.run(work))
                return
            except Stale:
                return
            except Refused as again:
                error = again
        await self._put_aside(number, line, error)

    async def _put_aside(self, number: int, line: Line, error: Refused) -> None:
        """Keeps a line that the database does not take where people find it."""
        log.error("line %d of journal %s is put aside: %s", number, self._source.id, error.message)
        path = self._source.folder.parent / REFUSED
        await asyncio.to_thread(_append, path, _refusal(self._source.id, number, line, error.message))
        try:
            await self._channel.run(apply.claim(self._source.id, self.applied, number, now_ms()))
        except Stale:
            return
        self.refused += 1
        self._done(number, [])

    def _done(self, last: int, records: list[Record]) -> None:
        self._is_sure, self._unsure = True, (0, [])
        self.applied = last
        self._source.forget(last)
        self._told(records)


def _register(journal: str, host: str, pid: int) -> Work[int]:
    now = now_ms()
    yield Query(_REGISTER, (journal, host, pid, now, now))
    rows = yield Query(_APPLIED, (journal,))
    return int(rows[0][0])


def _one(query: Query) -> Work[None]:
    yield query


def _refusal(journal: str, number: int, line: Line, reason: str) -> bytes:
    if isinstance(line, Held | Settled):
        kind, data = type(line).__name__.lower(), as_object(line.record)
    elif isinstance(line, Priced):
        kind, data = "priced", orjson.dumps(line.data).decode()
    else:
        kind, data = "damaged", line.line.decode("utf-8", "replace")
    fields = {"journal": journal, "line": number, "kind": kind, "reason": reason, "data": data}
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        if file.tell() + len(data) <= MOST_REFUSED:
            path.chmod(0o600)
            file.write(data)
