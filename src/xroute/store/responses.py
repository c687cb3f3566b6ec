"""Responses that clients come back to: kept in one SQLite file, each for the key that made it.

A save is handed to one thread and waits for nothing; what is on its way to the file is found in memory. The
file holds prompts and answers, so its owner alone may read it.
"""

import asyncio
import logging
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson

from xroute.dialects.openai import codec
from xroute.errors import PayloadTooLarge, ServerError

log = logging.getLogger("xroute.store")

KEEP_S = 30 * 24 * 3600.0  # as OpenAI keeps them
MAX_COUNT = 100_000
MAX_BYTES = 1024 * 1024 * 1024
MAX_MEMORY = 64 * 1024 * 1024  # bytes, without a file
MAX_WAITING = 2000  # responses that wait to be written
MAX_CHAIN = 1000  # responses of one conversation
MAX_CHAIN_BYTES = 64 * 1024 * 1024  # of a conversation, which is held in memory for its next turn
VERSION = 1  # of the tables

_TABLES = """
CREATE TABLE response (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, previous TEXT NOT NULL,
    created REAL NOT NULL, size INTEGER NOT NULL, response BLOB NOT NULL, input BLOB NOT NULL
);
CREATE INDEX response_created ON response (created);
CREATE TABLE item (
    owner TEXT NOT NULL, id TEXT NOT NULL, response TEXT NOT NULL, PRIMARY KEY (owner, id)
) WITHOUT ROWID;
CREATE INDEX item_response ON item (response);
"""
_GET = "SELECT previous, created, response, input FROM response WHERE id = ? AND owner = ?"
_PUT = "INSERT OR REPLACE INTO response VALUES (?, ?, ?, ?, ?, ?, ?)"
_OLD = "DELETE FROM response WHERE created < ? RETURNING id, size"
_OLDEST = "SELECT id, size FROM response ORDER BY created, id LIMIT 100"

# An item that xroute made has its response's id in its own.
_MADE = re.compile(r"[a-z]+_([0-9a-f]{24})i?[0-9a-f]+")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored:
    """A response as it is kept. Nothing in it is changed any more."""

    id: str
    owner: str  # id of the principal: nobody else sees it
    response: dict[str, Any]  # as the client got it
    input: list[Any]  # the request's own items, each with an id
    previous: str = ""  # id of the response that this one continues
    created: float = 0.0  # Unix seconds


class Missing(LookupError):
    """A response that a conversation needs is not there; `id` says which."""

    def __init__(self, id_: str) -> None:
        super().__init__(id_)
        self.id = id_


class ResponseStore:
    """`path` is the file; None keeps everything in memory. Opened when first used."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        now: Callable[[], float] = time.time,
        max_count: int = MAX_COUNT,
        max_bytes: int | None = None,
    ) -> None:
        self._path = path
        self._now = now
        self._max_count = max_count
        self._max_bytes = max_bytes or (MAX_BYTES if path else MAX_MEMORY)
        self._thread = ThreadPoolExecutor(1, "xroute-responses")
        self._base: sqlite3.Connection | None = None  # belongs to the thread, as do the two counts
        self._count = self._bytes = 0
        self._lock = threading.Lock()
        self._waiting: dict[str, Stored] = {}  # not written yet, by id
        self._scheduled = False
        self.lost = 0  # responses that could not be written

    def __repr__(self) -> str:
        return f"<ResponseStore in {self._path or 'memory'}, {len(self._waiting)} waiting>"

    def save(self, stored: Stored) -> None:
        """Keeps a response, or a newer state of it. Never waits."""
        with self._lock:
            if len(self._waiting) >= MAX_WAITING and stored.id not in self._waiting:
                self.lost += 1  # the disk hangs
                return
            self._waiting[stored.id] = stored
            if self._scheduled:
                return
            self._scheduled = True
        self._thread.submit(self._write)

    async def get(self, owner: str, id_: str) -> Stored | None:
        """The response, where it belongs to this owner."""
        waiting = self._waiting.get(id_)
        if waiting is not None:
            return waiting if waiting.owner == owner else None
        return await self._do(lambda: self._load(owner, id_))

    async def delete(self, owner: str, id_: str) -> bool:
        """Whether there was such a response."""
        return await self._do(lambda: self._delete(owner, id_))

    async def chain(self, owner: str, id_: str) -> list[Stored]:
        """The response and those before it, oldest first; Missing where one is not there any more."""
        return await self._do(lambda: self._chain(owner, id_)) if id_ else []

    async def items(self, owner: str, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Items of any response by their ids; those that are not known are left out."""
        wanted = set(ids)
        return await self._do(lambda: self._items(owner, wanted)) if wanted else {}

    async def close(self) -> None:
        """Writes what waits, and closes the file."""
        await self._do(self._close)
        self._thread.shutdown(wait=False)

    async def _do(self, work: Callable[[], T]) -> T:
        """Something that needs the file, after all that was handed over before."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            log.exception("stored responses cannot be read")
            raise ServerError("Stored responses cannot be read now.") from error

    # In the thread.

    def _open(self) -> sqlite3.Connection:
        if self._base is None:
            self._base = self._connect()
            self._recount()
        return self._base

    def _recount(self) -> None:
        if self._base is not None:
            row = self._base.execute("SELECT count(*), coalesce(sum(size), 0) FROM response").fetchone()
            self._count, self._bytes = row

    def _connect(self) -> sqlite3.Connection:
        if self._path is not None:
            try:
                return _prepared(_file(self._path))
            except (OSError, sqlite3.Error) as error:
                log.warning("cannot use %s (%s): responses are kept in memory alone", self._path, error)
                self._max_bytes = min(self._max_bytes, MAX_MEMORY)
        return _prepared(":memory:")

    def _write(self) -> None:
        with self._lock:
            self._scheduled = False
            batch = list(self._waiting.values())
        try:
            base = self._open()
            with base:
                for stored in batch:
                    self._put(base, stored)
                self._shrink(base)
        except sqlite3.Error:
            self.lost += len(batch)
            self._recount()
            log.exception("%d responses could not be written, and cannot be continued", len(batch))
        with self._lock:
            for stored in batch:
                if self._waiting.get(stored.id) is stored:
                    del self._waiting[stored.id]

    def _put(self, base: sqlite3.Connection, stored: Stored) -> None:
        response, given = codec.write(stored.response), codec.write(stored.input)
        size = len(response) + len(given)
        self._forget(base, [stored.id])
        created = stored.created or self._now()
        base.execute(_PUT, (stored.id, stored.owner, stored.previous, created, size, response, given))
        self._count += 1
        self._bytes += size
        named = [id_ for item in _all(stored) if (id_ := _id(item)) and not _MADE.fullmatch(id_)]
        rows = [(stored.owner, id_, stored.id) for id_ in named]
        base.executemany("INSERT OR REPLACE INTO item VALUES (?, ?, ?)", rows)

    def _shrink(self, base: sqlite3.Connection) -> None:
        """What is too old goes, then the oldest while there is too much."""
        self._gone(base, base.execute(_OLD, (self._now() - KEEP_S,)).fetchall())
        while self._count > self._max_count or self._bytes > self._max_bytes:
            excess = 0
            ids: list[str] = []
            for id_, size in base.execute(_OLDEST):
                if self._count - len(ids) <= self._max_count and self._bytes - excess <= self._max_bytes:
                    break
                ids.append(id_)
                excess += size
            if not ids:
                return
            self._forget(base, ids)

    def _forget(self, base: sqlite3.Connection, ids: list[str]) -> bool:
        found: list[tuple[str, int]] = []
        for id_ in ids:
            found += base.execute("DELETE FROM response WHERE id = ? RETURNING id, size", (id_,)).fetchall()
        self._gone(base, found)
        return bool(found)

    def _gone(self, base: sqlite3.Connection, found: list[tuple[str, int]]) -> None:
        for id_, size in found:
            self._count -= 1
            self._bytes -= size
            base.execute("DELETE FROM item WHERE response = ?", (id_,))

    def _load(self, owner: str, id_: str) -> Stored | None:
        waiting = self._waiting.get(id_)
        if waiting is not None:
            return waiting if waiting.owner == owner else None
        row = self._open().execute(_GET, (id_, owner)).fetchone()
        if row is None or row[1] < self._now() - KEEP_S:
            return None
        previous, created, response, given = row
        return Stored(id_, owner, codec.read(response), codec.read(given), previous, created)

    def _delete(self, owner: str, id_: str) -> bool:
        if self._load(owner, id_) is None:
            return False
        with self._lock:
            self._waiting.pop(id_, None)
        base = self._open()
        with base:
            self._forget(base, [id_])
        return True

    def _chain(self, owner: str, id_: str) -> list[Stored]:
        found: list[Stored] = []
        size = 0
        while id_:
            stored = self._load(owner, id_) if len(found) < MAX_CHAIN else None
            if stored is None:
                raise Missing(id_)
            size += len(orjson.dumps([stored.response, stored.input]))
            if size > MAX_CHAIN_BYTES:
                raise PayloadTooLarge(
                    "The conversation that `previous_response_id` continues is larger than "
                    f"{MAX_CHAIN_BYTES // (1024 * 1024)} MiB.",
                    code="conversation_too_large",
                    param="previous_response_id",
                )
            found.append(stored)
            id_ = stored.previous
        return found[::-1]

    def _items(self, owner: str, ids: set[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for holder in {holder for id_ in ids if (holder := self._holder(owner, id_))}:
            stored = self._load(owner, holder)
            for item in _all(stored) if stored else ():
                if (id_ := _id(item)) in ids:
                    found[id_] = item
        return found

    def _holder(self, owner: str, id_: str) -> str:
        """The response that an item is from."""
        if made := _MADE.fullmatch(id_):
            return f"resp_{made[1]}"
        row = (
            self._open()
            .execute("SELECT response FROM item WHERE owner = ? AND id = ?", (owner, id_))
            .fetchone()
        )
        return row[0] if row else ""

    def _close(self) -> None:
        if self._waiting:
            self._write()
        base, self._base = self._base, None
        if base is not None:
            base.close()


def _file(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return str(path)


def _prepared(target: str) -> sqlite3.Connection:
    """An open base with the tables of this version; sqlite3.DatabaseError for one of a later version."""
    base = sqlite3.connect(target, check_same_thread=False)
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = NORMAL")  # a crash of the machine may cost the last few responses
    base.execute("PRAGMA secure_delete = ON")  # deleted prompts are overwritten
    (version,) = base.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        base.close()
        raise sqlite3.DatabaseError(f"it was written by a later version of xroute ({version})")
    if version < VERSION:
        base.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
    return base


def _all(stored: Stored) -> list[dict[str, Any]]:
    """The items of a response, those of its input first."""
    output: Any = stored.response.get("output")
    return [item for item in (*stored.input, *(output or ())) if isinstance(item, dict)]


def _id(item: dict[str, Any]) -> str:
    id_ = item.get("id")
    return id_ if isinstance(id_, str) else ""
