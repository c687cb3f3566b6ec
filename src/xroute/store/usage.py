"""Usage of a workspace: sums by time and by project, key, member, model, provider, tag or end user."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import BigInteger, ColumnElement, Table, and_, case, cast, func, null, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import InvalidRequest
from xroute.store import tables
from xroute.store.db import Database
from xroute.store.spans import DAY_MS, HOUR_MS, Spans

By = Literal["project", "key", "member", "model", "provider", "tag", "user"]
Order = Literal["cost", "charged", "calls", "errors", "tokens"]
KEYS: Final = ("project", "key", "member")
MODELS: Final = ("model", "provider")
ROLLED: Final = (*KEYS, *MODELS)
APART: Final = ("tag", "user")  # what is kept in roll-ups of its own, by the day
NAMED: Final[Mapping[str, Table]] = {"project": tables.projects, "key": tables.keys}
MOST_GROUPS: Final = 100
MOST_VALUES: Final = 50  # of one filter
SORTED: Final = "32MB"  # PostgreSQL guesses more groups than there are, and would sort them on disk
ESCAPE: Final = "\\"
_HOURS: Final = (tables.hourly_models, tables.hourly_keys, tables.hourly)
_DAYS: Final = (tables.daily_models, tables.daily_keys, tables.daily)
_ORDERS: Final[Mapping[Order, tuple[str, ...]]] = {
    "cost": ("cost_nano",),
    "charged": ("charged_nano",),
    "calls": ("calls",),
    "errors": ("errors",),
    "tokens": ("tokens_in", "tokens_out"),
}


@dataclass(slots=True)
class Sums:
    """What calls come to; durations are sums over the calls."""

    calls: int = 0
    errors: int = 0
    streams: int = 0
    tries: int = 0
    estimated: int = 0
    unpriced: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    reasoning: int = 0
    cost_nano: int = 0
    charged_nano: int = 0
    duration_ms: int = 0
    ttft_ms: int = 0
    ttfts: int = 0
    overhead_us: int = 0

    def add(self, other: "Sums", sign: int = 1) -> None:
        """Takes another's figures in, or out."""
        for name in tables.SUMS:
            setattr(self, name, getattr(self, name) + sign * getattr(other, name))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one workspace's usage. A filter's values may have `*` for any text."""

    workspace: str
    spans: Spans
    by: By | None = None
    tag: str = ""  # the tag that is grouped by its values
    top: int = 10  # groups that stand for themselves; the rest is one
    order: Order = "cost"
    where: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])


@dataclass(frozen=True, slots=True)
class Group:
    """One project, key, ...; `id` is None for all other calls."""

    id: str | None
    name: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class Point:
    """What one group came to in one span."""

    start: int  # milliseconds
    group: str | None
    sums: Sums


@dataclass(frozen=True, slots=True)
class Usage:
    """An answer: points in the order of time, groups from the greatest."""

    points: list[Point]
    groups: list[Group]
    totals: Sums


async def usage(db: Database, asked: Question) -> Usage:
    """Reads roll-ups alone; InvalidRequest for what they cannot tell."""
    groups, whole = _Rolled.of(asked), _Rolled.whole(asked)
    async with db.read() as connection:
        if not db.is_sqlite:
            await connection.exec_driver_sql(f"SET LOCAL work_mem = '{SORTED}'")
        first = await _first(connection, groups, asked) if asked.by else []
        points = await _points(connection, groups, asked, first) if first else []
        points += _rest(points, await _points(connection, whole, asked, None))
        names = await _names(connection, asked, first)
    points.sort(key=lambda point: (point.start, point.group is None, point.group or ""))
    totals, by_group = Sums(), {group: Sums() for group in first}
    for point in points:
        totals.add(point.sums)
        if asked.by:
            by_group.setdefault(point.group, Sums()).add(point.sums)
    told = [Group(group, names.get(group or "", group or ""), sums) for group, sums in by_group.items()]
    return Usage(points, told, totals)


def _rest(points: Sequence[Point], whole: Sequence[Point]) -> list[Point]:
    """All calls but those of the groups that stand alone; what is left out has none."""
    left = {point.start: point.sums for point in whole}
    for point in points:
        left.setdefault(point.start, Sums()).add(point.sums, -1)
    return [Point(start, None, sums) for start, sums in left.items() if sums != Sums()]


def _point(times: Spans, row: Any) -> Point:
    return Point(times.starts[int(row[0])], row[1], Sums(*row[2:]))


@dataclass(frozen=True, slots=True)
class _Rolled:
    """The roll-up that answers a question: the one with the fewest rows."""

    table: Table
    time: ColumnElement[int]
    unit_ms: int
    group: ColumnElement[str] | None
    where: ColumnElement[bool]

    @classmethod
    def of(cls, asked: Question) -> "_Rolled":
        table = _source(asked, {*asked.where, *([asked.by] if asked.by else [])})
        group = "value" if asked.by == "tag" else asked.by
        return cls._within(table, asked, table.c[group] if group else None)

    @classmethod
    def whole(cls, asked: Question) -> "_Rolled":
        """All calls that the question is about, whatever they are told apart by."""
        return cls._within(_source(asked, set(asked.where)), asked, None)

    @classmethod
    def _within(cls, table: Table, asked: Question, group: ColumnElement[str] | None) -> "_Rolled":
        time = table.c[table.primary_key.columns.keys()[1]]
        unit_ms = HOUR_MS if time.name == "hour" else DAY_MS
        edges = asked.spans.edges(unit_ms)
        terms = [table.c.workspace == asked.workspace, time >= edges[0], time < edges[-1]]
        terms += [matches(table.c[name], values) for name, values in asked.where.items()]
        if table is tables.tagged:
            terms.append(table.c.tag == asked.tag)
        return cls(table, time, unit_ms, group, and_(*terms))


def _source(asked: Question, told: Set[str]) -> Table:
    """The roll-up with the fewest rows that tells these apart."""
    if told.isdisjoint(APART):
        models, keys, both = _DAYS if asked.spans.is_daily else _HOURS
        return models if told <= set(MODELS) else keys if told <= set(KEYS) else both
    mine = asked.by if asked.by in APART else "user"
    if unknown := sorted(told - {mine}):
        raise InvalidRequest(
            f"Usage by {mine} is not kept by {unknown[0]} as well: ask for the calls instead.",
            param=unknown[0],
            code="not_kept",
        )
    if not asked.spans.is_daily:
        raise InvalidRequest(
            "Usage by tag and by user is kept by whole days of UTC: leave `tz` out, and `step=hour`.",
            param="step",
            code="not_kept",
        )
    return tables.tagged if mine == "tag" else tables.ended


async def _first(connection: AsyncConnection, rolled: _Rolled, asked: Question) -> list[str | None]:
    """The greatest groups."""
    group, names = rolled.group, _ORDERS[asked.order]
    assert group is not None
    size = func.sum(sum((rolled.table.c[name] for name in names[1:]), start=rolled.table.c[names[0]]))
    query = select(group).where(rolled.where).group_by(group).order_by(size.desc(), group).limit(asked.top)
    return list((await connection.execute(query)).scalars())


async def _points(
    connection: AsyncConnection, rolled: _Rolled, asked: Question, first: Sequence[str | None] | None
) -> list[Point]:
    """Sums by span, and by group where there are some."""
    number = asked.spans.number(rolled.time, rolled.unit_ms).label("number")
    sums = [cast(func.sum(rolled.table.c[name]), BigInteger) for name in tables.SUMS]
    if rolled.group is None or first is None:
        query = select(number, null(), *sums).where(rolled.where).group_by("number")
    else:
        mine = rolled.group.in_(first)
        if rolled.table in (tables.tagged, tables.ended):
            mine = and_(mine, rolled.time.in_(_days(asked)))  # each row is found by its whole key
        query = select(number, rolled.group.label("group"), *sums).where(rolled.where, mine)
        query = query.group_by("number", rolled.group)
    return [_point(asked.spans, row) for row in await connection.execute(query)]


def _days(asked: Question) -> range:
    edges = asked.spans.edges(DAY_MS)
    return range(edges[0], edges[-1])


async def _names(connection: AsyncConnection, asked: Question, ids: Sequence[str | None]) -> dict[str, str]:
    """What people call projects, keys and members."""
    if asked.by == "member":
        users, members = tables.users.c, tables.members.c
        name = case((users.name != "", users.name), else_=users.email)
        query = select(members.id, name).where(members.user == users.id)
        query = query.where(members.workspace == asked.workspace, members.id.in_(ids))
    elif asked.by in NAMED:
        table = NAMED[asked.by]
        query = select(table.c.id, table.c.name).where(
            table.c.workspace == asked.workspace, table.c.id.in_(ids)
        )
    else:
        return {}
    return {row[0]: row[1] for row in (await connection.execute(query)).all()}


def matches(column: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    """One of these; `*` in a value stands for any text, and nothing else does."""
    if len(values) == 1 and "*" not in values[0]:
        return column == values[0]
    plain = [value for value in values if "*" not in value]
    alike = [column.like(pattern(value), escape=ESCAPE) for value in values if "*" in value]
    return or_(*([column.in_(plain)] if plain else []), *alike)


def pattern(value: str) -> str:
    """For LIKE, with what it would read as magic escaped."""
    for magic in (ESCAPE, "%", "_"):
        value = value.replace(magic, ESCAPE + magic)
    return value.replace("*", "%")
