"""Where stored responses lie: two tables of the database, or, where there is none, a dictionary."""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from sqlalchemy import Table, and_, delete, func, literal, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.dialects.openai import codec
from xroute.store import tables
from xroute.store.db import Database

KEEP_S: Final = 30 * 24 * 3600  # as OpenAI keeps them
OLDEST: Final = 100  # that are looked at once where there are too many
NAMEABLE: Final = 256  # characters of an id

_MADE = re.compile(r"[a-z]+_([0-9a-f]{24})i?[0-9a-f]+")
_R, _I = tables.responses.c, tables.response_items.c


@dataclass(frozen=True, slots=True)
class Stored:
    """A response as it is kept. Nothing in it is changed any more."""

    id: str
    owner: str  # id of the key: nobody else sees it
    response: dict[str, Any]  # as the client got it
    input: list[Any]  # the request's own items, each with an id
    previous: str = ""  # id of the response that this one continues
    created: float = 0.0  # Unix seconds
    process: str = ""  # whoever makes it: the id of its journal


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept; an owner has no more than a quarter, so that none takes the others' place."""

    count: int
    bytes: int

    def each(self) -> "Bounds":
        return Bounds(max(1, self.count // 4), max(1, self.bytes // 4))


class Shelf(Protocol):
    """Responses by owner and id."""

    async def put(self, batch: Sequence[Stored]) -> int:
        """Keeps them, or their newer states; how many bytes."""
        ...

    async def chain(self, owner: str, id_: str, most: int) -> list[tuple[str, int]]:
        """Ids and sizes: this response, the one before it and so on, as far as they are there."""
        ...

    async def load(self, owner: str, ids: Sequence[str]) -> dict[str, Stored]:
        """Those that are there."""
        ...

    async def holders(self, owner: str, items: Sequence[str]) -> list[str]:
        """Ids of the responses that items with ids of their own making are from."""
        ...

    async def delete(self, owner: str, id_: str) -> bool:
        """Whether there was such a response."""
        ...

    async def trim(self, bounds: Bounds) -> None:
        """What is too old goes, then the oldest while there is too much."""
        ...


class Tables:
    """In the database, for all processes."""

    def __init__(self, db: Database, now: Callable[[], float]) -> None:
        self._db = db
        self._now = now

    async def put(self, batch: Sequence[Stored]) -> int:
        ordered = sorted(batch, key=lambda stored: (stored.owner, stored.id))
        rows = [_row(stored, self._now()) for stored in ordered]
        items = sorted({(each.owner, id_): each.id for each in ordered for id_ in named(each)}.items())
        async with self._db.write() as connection:
            await connection.execute(self._upsert(tables.responses), rows)
            for stored in ordered:
                mine = and_(_I.owner == stored.owner, _I.response == stored.id)
                await connection.execute(delete(tables.response_items).where(mine))
            if items:
                values = [{"owner": owner, "id": id_, "response": holder} for (owner, id_), holder in items]
                await connection.execute(self._upsert(tables.response_items), values)
        return sum(row["size"] for row in rows)

    async def chain(self, owner: str, id_: str, most: int) -> list[tuple[str, int]]:
        first = select(_R.id, _R.previous, _R.size, literal(1).label("depth"))
        found = first.where(self._mine(owner), _R.id == id_).cte("chain", recursive=True)
        more = select(_R.id, _R.previous, _R.size, found.c.depth + 1).where(
            self._mine(owner), _R.id == found.c.previous, found.c.depth < most
        )
        found = found.union_all(more)
        async with self._db.read() as connection:
            rows = await connection.execute(select(found.c.id, found.c.size).order_by(found.c.depth))
            return [(row[0], row[1]) for row in rows]

    async def load(self, owner: str, ids: Sequence[str]) -> dict[str, Stored]:
        query = select(tables.responses).where(self._mine(owner), _R.id.in_(ids))
        async with self._db.read() as connection:
            return {row["id"]: _stored(row) for row in (await connection.execute(query)).mappings()}

    async def holders(self, owner: str, items: Sequence[str]) -> list[str]:
        query = select(_I.response).where(_I.owner == owner, _I.id.in_(items)).distinct()
        async with self._db.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def delete(self, owner: str, id_: str) -> bool:
        async with self._db.write() as connection:
            query = delete(tables.responses).where(self._mine(owner), _R.id == id_)
            return (await connection.execute(query)).rowcount > 0

    async def trim(self, bounds: Bounds) -> None:
        async with self._db.write() as connection:
            old = int((self._now() - KEEP_S) * 1000)
            await connection.execute(delete(tables.responses).where(_R.created < old))
        each = bounds.each()
        sums = (func.count(), func.sum(_R.size))
        many = select(_R.owner, *sums).group_by(_R.owner)
        many = many.having((sums[0] > each.count) | (sums[1] > each.bytes))
        async with self._db.read() as connection:
            greedy = (await connection.execute(many)).all()
        for owner, count, size in greedy:
            await self._drop(select(_R.owner, _R.id, _R.size).where(_R.owner == owner), count, size, each)
        async with self._db.read() as connection:
            count, size = (await connection.execute(select(*sums))).one()
        await self._drop(select(_R.owner, _R.id, _R.size), count, size or 0, bounds)

    async def _drop(self, some: Any, count: int, size: int, bounds: Bounds) -> None:
        """The oldest of these, until they keep within the bounds."""
        while count > bounds.count or size > bounds.bytes:
            async with self._db.write() as connection:
                query = some.order_by(_R.created, _R.id).limit(OLDEST)
                gone: list[tuple[str, str]] = []
                for row in (await connection.execute(query)).mappings():
                    if count <= bounds.count and size <= bounds.bytes:
                        break
                    gone.append((row["owner"], row["id"]))
                    count, size = count - 1, size - row["size"]
                if not gone:
                    return
                await _delete(connection, gone)

    def _mine(self, owner: str) -> Any:
        return and_(_R.owner == owner, _R.created >= int((self._now() - KEEP_S) * 1000))

    def _upsert(self, table: Table) -> Any:
        insert = (sqlite if self._db.is_sqlite else postgresql).insert(table)
        key = list(table.primary_key.columns.keys())
        changed: dict[str, Any] = {
            column.name: insert.excluded[column.name] for column in table.columns if column.name not in key
        }
        return insert.on_conflict_do_update(index_elements=key, set_=changed)


class Memory:
    """In this process, for as long as it lives."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: OrderedDict[tuple[str, str], tuple[Stored, int]] = OrderedDict()

    async def put(self, batch: Sequence[Stored]) -> int:
        sizes = 0
        for stored in batch:
            row = _row(stored, self._now())
            sizes += row["size"]
            self._kept[stored.owner, stored.id] = (
                replace(stored, created=row["created"] / 1000),
                row["size"],
            )
        return sizes

    async def chain(self, owner: str, id_: str, most: int) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        while id_ and len(found) < most and (there := self._get(owner, id_)):
            found.append((id_, there[1]))
            id_ = there[0].previous
        return found

    async def load(self, owner: str, ids: Sequence[str]) -> dict[str, Stored]:
        return {id_: there[0] for id_ in ids if (there := self._get(owner, id_))}

    async def holders(self, owner: str, items: Sequence[str]) -> list[str]:
        wanted = set(items)
        return [
            id_
            for (whose, id_), (kept, _) in self._kept.items()
            if whose == owner and wanted & set(named(kept))
        ]

    async def delete(self, owner: str, id_: str) -> bool:
        return self._kept.pop((owner, id_), None) is not None

    async def trim(self, bounds: Bounds) -> None:
        size = sum(size for _, size in self._kept.values())
        while len(self._kept) > bounds.count or size > bounds.bytes:
            _, (_, length) = self._kept.popitem(last=False)
            size -= length

    def _get(self, owner: str, id_: str) -> tuple[Stored, int] | None:
        there = self._kept.get((owner, id_))
        return there if there and there[0].created >= self._now() - KEEP_S else None


def items_of(stored: Stored) -> list[dict[str, Any]]:
    """The items of a response, those of its input first."""
    output: Any = stored.response.get("output")
    return [item for item in (*stored.input, *(output or ())) if isinstance(item, dict)]


def id_of(item: Mapping[str, Any]) -> str:
    """An item's id; "" where it has none that can be looked up."""
    id_ = item.get("id")
    return id_ if isinstance(id_, str) and is_nameable(id_) else ""


def is_nameable(id_: str) -> bool:
    """Whether a database can have such an id."""
    return 0 < len(id_) <= NAMEABLE and id_.isprintable()


def named(stored: Stored) -> Iterable[str]:
    """Ids of its items that do not tell whose they are: a provider's, or a client's own."""
    return [id_ for item in items_of(stored) if (id_ := id_of(item)) and not holder_of(id_)]


def holder_of(id_: str) -> str:
    """The response that an item of our making is from: its id is in the item's; "" for another item."""
    made = _MADE.fullmatch(id_)
    return f"resp_{made[1]}" if made else ""


async def _delete(connection: AsyncConnection, keys: Sequence[tuple[str, str]]) -> None:
    await connection.execute(delete(tables.responses).where(tuple_(_R.owner, _R.id).in_(keys)))


def _row(stored: Stored, now: float) -> dict[str, Any]:
    response, given = codec.write(stored.response), codec.write(stored.input)
    return {
        "owner": stored.owner,
        "id": stored.id,
        "previous": stored.previous,
        "process": stored.process,
        "created": int((stored.created or now) * 1000),
        "size": len(response) + len(given),
        "response": response,
        "input": given,
    }


def _stored(row: Mapping[Any, Any]) -> Stored:
    response, given = codec.read(row["response"]), codec.read(row["input"])
    created = row["created"] / 1000
    return Stored(row["id"], row["owner"], response, given, row["previous"], created, row["process"])
