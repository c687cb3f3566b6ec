"""Single calls of a workspace: pages of them, the newest first, and one with all its attempts."""

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Select, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.store import lines, tables
from xroute.store.db import Database
from xroute.store.page import read_cursor, write_cursor
from xroute.store.spans import DAY_MS, HOUR_MS
from xroute.store.usage import ESCAPE, matches

SCAN_S: Final = 0.1  # after this a page ends, though it is not full: `next` goes on where it ended
FIRST_MS: Final = 24 * HOUR_MS  # what is looked through at first
CHUNK: Final = 2000  # calls that an export reads at once
FILTERS: Final = ("project", "key", "member", "model", "provider", "user", "session", "outcome", "error_type")
_CALL = tables.calls.c
_AT = (_CALL.at, _CALL.id)
_LISTED = [column for column in tables.calls.columns if column.name not in {"attempts", "day"}]


@dataclass(frozen=True, slots=True)
class Question:
    """Which calls. A filter's values may have `*` for any text."""

    workspace: str
    since: int
    until: int
    where: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    min_nano: int | None = None  # charged, at least
    is_failed: bool | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether many calls may have to be looked at that are not meant."""
        return bool(self.where or self.tags or self.min_nano is not None or self.is_failed is not None)


@dataclass(frozen=True, slots=True)
class Page:
    """Some calls; `next` is None where there are no more."""

    calls: list[dict[str, Any]]
    next: str | None


async def calls(
    db: Database, asked: Question, limit: int, cursor: str | None, clock: Callable[[], float] = time.monotonic
) -> Page:
    """A page of calls, the newest first.

    Where few calls may match, it looks back in growing steps, for SCAN_S or so: such a page has fewer than
    `limit`, or none, and a cursor all the same.
    """
    last, last_id = min((asked.until, ""), read_cursor(cursor)) if cursor else (asked.until, "")
    begin, width = last, FIRST_MS if asked.is_narrow else asked.until - asked.since
    found: list[dict[str, Any]] = []
    async with db.read() as connection:
        began = clock()
        while last > asked.since or last_id:
            low = max(asked.since, last - width)
            query = _within(asked, low, last, last_id).limit(limit + 1 - len(found))
            found += await _rows(connection, query)
            if len(found) > limit:
                return Page(found[:limit], write_cursor(found[limit - 1]["at"], found[limit - 1]["id"]))
            last, last_id = low, ""
            taken = clock() - began
            if low > asked.since and taken > SCAN_S:
                return Page(found, write_cursor(last, ""))
            # as far as it came in the time so far, it will come in the time that is left
            room = (begin - last) * (SCAN_S - taken) / taken if taken > 0 else width * 2
            width = max(HOUR_MS, min(width * 2, int(room)))
    return Page(found, None)


async def export(db: Database, asked: Question) -> AsyncGenerator[Sequence[Mapping[str, Any]]]:
    """All calls, the newest first, in chunks: never all of them in memory."""
    last, last_id = asked.until, ""
    while True:
        async with db.read() as connection:
            query = _within(asked, asked.since, last, last_id).limit(CHUNK)
            rows = await _rows(connection, query)
        if not rows:
            return
        yield rows
        last, last_id = rows[-1]["at"], rows[-1]["id"]


async def call(db: Database, workspace: str, id_: str) -> dict[str, Any] | None:
    """Everything about one call, with its attempts and its tags; None where this workspace has none such."""
    query = select(tables.calls).where(_CALL.id == id_, _CALL.workspace == workspace)
    async with db.read() as connection:
        row = (await connection.execute(query)).mappings().first()
        if row is None:
            return None
        price = await _price(connection, row["price"])
    return {
        **row,
        "tags": orjson.loads(row["tags"] or "{}"),
        "attempts": lines.read_attempts(row["attempts"]),
        "price": price,
    }


def of_all(since: int | None, until: int) -> ColumnElement[bool]:
    """Calls of every workspace in a span of time: the index by time begins with the workspace."""
    terms = [_CALL.workspace.in_(select(tables.workspaces.c.id))]
    terms += [_CALL.at < until, _CALL.day <= until // DAY_MS]  # the partitions
    if since is not None:
        terms += [_CALL.at >= since, _CALL.day >= since // DAY_MS]
    return and_(*terms)


async def _rows(connection: AsyncConnection, query: Select[Any]) -> list[dict[str, Any]]:
    found = await connection.execute(query)
    names = list(found.keys())
    return [dict(zip(names, row, strict=True)) for row in found]


async def _price(connection: AsyncConnection, id_: str) -> dict[str, Any] | None:
    if not id_:
        return None
    found = await connection.execute(select(tables.prices.c.data).where(tables.prices.c.id == id_))
    return {"id": id_, **(found.scalar_one_or_none() or {})}


def _within(asked: Question, low: int, last: int, last_id: str) -> Select[Any]:
    """Calls from `low` to before `last`, or to before `last_id` in that millisecond."""
    before = tuple_(*_AT) < tuple_(last, last_id) if last_id else _CALL.at < last
    terms = [_CALL.workspace == asked.workspace, _CALL.at >= low, before]
    terms += [_CALL.day >= low // DAY_MS, _CALL.day <= last // DAY_MS]  # the partitions
    terms += [matches(_CALL[name], values) for name, values in asked.where.items()]
    terms += [_has_tag(name, value) for name, value in asked.tags.items()]
    if asked.min_nano is not None:
        terms.append(_CALL.charged_nano >= asked.min_nano)
    if asked.is_failed is not None:
        failed = _CALL.error_type != ""
        terms.append(failed if asked.is_failed else ~failed)
    return select(*_LISTED).where(and_(*terms)).order_by(_CALL.at.desc(), _CALL.id.desc())


def _has_tag(name: str, value: str) -> ColumnElement[bool]:
    """Tags are kept as orjson writes an object, where `"name":"value"` is a tag and nothing else."""
    pair = orjson.dumps({name: value}).decode()[1:-1]
    text = "".join(f"{ESCAPE}{char}" if char in f"%_{ESCAPE}" else char for char in pair)
    return or_(_CALL.tags.like(f"{{{text}%", escape=ESCAPE), _CALL.tags.like(f"%,{text}%", escape=ESCAPE))
