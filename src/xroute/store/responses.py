"""Responses that clients come back to, each for the key that made it.

A save waits for nothing: it is written in the background, and what is on its way is found in memory. While
the database is away it stays there, up to a bound.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from typing import Final

import orjson
from sqlalchemy import select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from xroute.errors import PayloadTooLarge, Unavailable
from xroute.store import tables
from xroute.store.db import AWAY, Database, note_change, now_ms, why
from xroute.store.shelf import Bounds, Memory, Shelf, Stored, Tables, holder_of, id_of, is_nameable, items_of

log = logging.getLogger("xroute.store")

BOUNDS: Final = Bounds(100_000, 1024 * 1024 * 1024)
IN_MEMORY: Final = Bounds(100_000, 64 * 1024 * 1024)  # where there is no database
MAX_WAITING: Final = 1000  # responses that wait to be written
BATCH: Final = 50  # of them in one transaction
MAX_CHAIN: Final = 1000  # responses of one conversation
MAX_CHAIN_BYTES: Final = 64 * 1024 * 1024  # of a conversation, which is held in memory for its next turn
TRIM_S: Final = 60.0
AGAIN_S: Final = 1.0  # between tries to write, while the database is away
CLOSE_S: Final = 5.0  # for what still waits at the end
ALIVE_MS: Final = 60_000  # a process whose heartbeat is older has died
ON_ITS_WAY_S: Final = (0.03, 0.1, 0.3)  # pauses in which another process may still write it

_OURS = re.compile(r"resp_[0-9a-f]{24}")


class Missing(LookupError):
    """A response that a conversation needs is not there; `id` says which."""

    def __init__(self, id_: str) -> None:
        super().__init__(id_)
        self.id = id_


class ResponseStore:
    """`db` is where they are kept, None = in memory alone; `process` is the id of this process's journal."""

    def __init__(
        self,
        db: Database | None = None,
        process: str = "",
        *,
        now: Callable[[], float] = time.time,
        bounds: Bounds | None = None,
    ) -> None:
        self._db = db
        self._process = process
        self._now = now
        self._bounds = bounds or (BOUNDS if db else IN_MEMORY)
        self._shelf: Shelf = Tables(db, now) if db else Memory(now)
        self._waiting: dict[tuple[str, str], Stored] = {}  # not written yet
        self._task: asyncio.Task[None] | None = None
        self._trimmed = 0.0
        self._written = Bounds(0, 0)  # since then
        self.lost = 0  # responses that could not be written

    def __repr__(self) -> str:
        return f"<ResponseStore in {self._db or 'memory'}, {len(self._waiting)} waiting>"

    def save(self, stored: Stored) -> None:
        """Keeps a response, or a newer state of it. Never waits."""
        key = (stored.owner, stored.id)
        if len(self._waiting) >= MAX_WAITING and key not in self._waiting:
            self.lost += 1  # the database is away for long
            return
        self._waiting[key] = replace(stored, process=self._process)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())

    async def get(self, owner: str, id_: str) -> Stored | None:
        """The response, where it belongs to this owner."""
        if waiting := self._waiting.get((owner, id_)):
            return waiting
        found = await self._load(owner, [id_])
        for pause in () if found else self._pauses(id_):
            await asyncio.sleep(pause)
            if found := await self._load(owner, [id_]):
                break
        return found.get(id_)

    async def delete(self, owner: str, id_: str) -> bool:
        """Whether there was such a response."""
        was_waiting = self._waiting.pop((owner, id_), None) is not None
        if not is_nameable(id_):
            return False
        try:
            return await self._shelf.delete(owner, id_) or was_waiting
        except AWAY as error:
            raise _away(error) from error

    async def chain(self, owner: str, id_: str) -> list[Stored]:
        """The response and those before it, oldest first; Missing where one is not there any more."""
        found: list[Stored] = []
        size = 0
        while id_:
            if len(found) >= MAX_CHAIN or await self.get(owner, id_) is None:
                raise Missing(id_)
            for stored, length in await self._follow(
                owner, id_, MAX_CHAIN - len(found), MAX_CHAIN_BYTES - size
            ):
                found.append(stored)
                size += length
            id_ = found[-1].previous
        return found[::-1]

    async def items(self, owner: str, ids: Iterable[str]) -> dict[str, dict[str, object]]:
        """Items of any response by their ids; those that are not known are left out."""
        wanted = {id_ for id_ in ids if is_nameable(id_)}
        holders = {holder for id_ in wanted if (holder := holder_of(id_))}
        stored = [each for each in self._waiting.values() if each.owner == owner]
        if others := sorted(id_ for id_ in wanted if not holder_of(id_)):
            try:
                holders |= set(await self._shelf.holders(owner, others))
            except AWAY as error:
                raise _away(error) from error
        known = {each.id for each in stored}
        stored += (await self._load(owner, sorted(holders - known))).values()
        return {id_: item for each in stored for item in items_of(each) if (id_ := id_of(item)) in wanted}

    # A response in the background is made by one process, and asked for at any.

    async def is_made_elsewhere(self, stored: Stored) -> bool:
        """Whether another process, which is alive, still makes it."""
        if self._db is None or stored.process in ("", self._process):
            return False
        journals = tables.journals.c
        query = select(journals.id).where(
            journals.id == stored.process, journals.ended.is_(None), journals.seen > now_ms() - ALIVE_MS
        )
        try:
            async with self._db.read() as connection:
                return (await connection.execute(query)).first() is not None
        except AWAY as error:
            raise _away(error) from error

    async def ask_end(self, stored: Stored) -> None:
        """Has the process that makes it end it; every process hears of it by table `changes`."""
        if self._db is None:
            return
        try:
            async with self._db.write() as connection:
                await note_change(connection, "responses", f"{stored.owner} {stored.id}")
        except AWAY as error:
            raise _away(error) from error

    # Writing.

    async def flush(self) -> None:
        """Returns when what was saved before is written."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def close(self) -> None:
        """Writes what waits, if the database takes it within a moment."""
        task = self._task
        if task is None:
            return
        await asyncio.wait([task], timeout=CLOSE_S)
        if not task.done():
            self.lost += len(self._waiting)
            log.error("%d responses could not be written before the end", len(self._waiting))
            task.cancel()
            await asyncio.wait([task])

    async def _write(self) -> None:
        is_away = False
        while batch := list(islice(self._waiting.values(), BATCH)):
            try:
                await self._put(batch)
                await self._trim()
                is_away = False
            except AWAY as error:
                if not is_away:
                    log.warning("responses cannot be written now (%s): they wait", why(error))
                is_away = True
                await asyncio.sleep(AGAIN_S)

    async def _put(self, batch: list[Stored]) -> None:
        try:
            size = await self._shelf.put(batch)
        except DBAPIError as error:
            if not _is_refusal(error):
                raise
            if len(batch) > 1:
                for each in batch:
                    await self._put([each])
                return
            self.lost += 1
            log.warning("a response could not be written, and cannot be continued: %s", why(error))
            size = 0
        self._written = Bounds(self._written.count + len(batch), self._written.bytes + size)
        for stored in batch:
            key = (stored.owner, stored.id)
            if self._waiting.get(key) is stored:
                del self._waiting[key]

    async def _trim(self) -> None:
        """Now and then, and whenever a fiftieth of what is kept has come."""
        now, written, bounds = self._now(), self._written, self._bounds
        is_much = written.count * 50 > bounds.count or written.bytes * 50 > bounds.bytes
        if is_much or now - self._trimmed > TRIM_S:
            self._trimmed, self._written = now, Bounds(0, 0)
            await self._shelf.trim(bounds)

    # Reading.

    def _pauses(self, id_: str) -> tuple[float, ...]:
        """Only another process can still be about to write one, and only one of ours."""
        is_shared = self._db is not None and not self._db.is_sqlite
        return ON_ITS_WAY_S if is_shared and _OURS.fullmatch(id_) else ()

    async def _load(self, owner: str, ids: list[str]) -> dict[str, Stored]:
        usable = [id_ for id_ in ids if is_nameable(id_)]
        if not usable:
            return {}
        try:
            return await self._shelf.load(owner, usable)
        except AWAY as error:
            raise _away(error) from error

    async def _follow(self, owner: str, id_: str, most: int, room: int) -> list[tuple[Stored, int]]:
        """Responses with their sizes from this one back, as far as they are in one place."""
        if waiting := self._waiting.get((owner, id_)):
            length = len(orjson.dumps([waiting.response, waiting.input]))
            _check_room(length, room)
            return [(waiting, length)] if most > 0 else []
        try:
            sizes = await self._sizes(owner, id_, most)
            _check_room(sum(sizes.values()), room)
            there = await self._shelf.load(owner, list(sizes)) if sizes else {}
        except AWAY as error:
            raise _away(error) from error
        newest = {id_: self._waiting.get((owner, id_)) or there.get(id_) for id_ in sizes}
        return [(stored, sizes[id_]) for id_, stored in newest.items() if stored]

    async def _sizes(self, owner: str, id_: str, most: int) -> dict[str, int]:
        if not is_nameable(id_) or most < 1:
            return {}
        found = await self._shelf.chain(owner, id_, most)
        for pause in () if found else self._pauses(id_):
            await asyncio.sleep(pause)
            if found := await self._shelf.chain(owner, id_, most):
                break
        return dict(found)


def _is_refusal(error: DBAPIError) -> bool:
    """Whether it is the values that the database does not take: to try again would change nothing."""
    state = str(getattr(error.orig, "sqlstate", None) or "")  # of PostgreSQL: data exception, constraint
    return isinstance(error, DataError | IntegrityError) or state.startswith(("22", "23"))


def _check_room(length: int, room: int) -> None:
    if length > room:
        raise PayloadTooLarge(
            "The conversation that `previous_response_id` continues is larger than "
            f"{MAX_CHAIN_BYTES // (1024 * 1024)} MiB.",
            code="conversation_too_large",
            param="previous_response_id",
        )


def _away(error: BaseException) -> Unavailable:
    log.warning("stored responses cannot be read now: %s", why(error))
    return Unavailable(
        "Stored responses cannot be read now; try again soon.", code="database_unavailable", retry_after_s=2
    )
