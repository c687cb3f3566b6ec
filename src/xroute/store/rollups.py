"""Sums of calls by hour, day, tag and end user: what a batch adds to them, and the statements that add it.

What is sorted here keeps two writers from waiting for each other in a circle.
"""

from collections.abc import Iterable, Sequence
from functools import cache

from xroute.store import tables
from xroute.wire.record import Outcome, Record

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ERRORS: frozenset[Outcome] = frozenset({"failed", "refused", "upstream_cut", "timed_out", "lost"})
MOST_TAGS = 16  # of one call: OpenAI's limit of `metadata`
LONGEST = 256  # characters of a tag or of a user: an index of PostgreSQL takes 2.7 kB

KEYS = 3  # of the columns that `hourly` tells apart: project, key, member; the others are of models

Key = tuple[str | int, ...]  # the primary key of a row
Row = tuple[str | int, ...]  # the key and the sums after it, in the table's order
Figures = tuple[int, ...]
_Sums = dict[Key, list[int]]
_Rows = dict[Key, list[Figures]]


def sums(records: Sequence[Record], minus: Sequence[Record] = ()) -> dict[str, list[Row]]:
    """Rows to add to each roll-up, by the table's name; `minus` is taken off again, as it was corrected."""
    rows = _Rows(), _Rows(), _Rows()
    for record in records:
        _count(record, measured(record), *rows)
    for record in minus:
        _count(record, tuple(-figure for figure in measured(record)), *rows)
    hourly, tagged, ended = (_added(some) for some in rows)
    found = {"hourly": hourly, **_coarser(hourly), "tagged": tagged, "ended": ended}
    return {name: [(*key, *figures) for key, figures in sorted(some.items())] for name, some in found.items()}


def measured(record: Record) -> Figures:
    """One call as sums, in the order of `tables.SUMS`."""
    usage = record.usage
    return (
        1,
        record.outcome in ERRORS,
        record.stream,
        len(record.attempts),
        usage.estimated if usage else 0,
        record.cost_nano is None,
        *((usage.input, usage.output, usage.cached, usage.reasoning) if usage else (0, 0, 0, 0)),
        record.cost_nano or 0,
        record.charged_nano or 0,
        record.duration_ms,
        record.ttft_ms or 0,
        record.ttft_ms is not None,
        record.overhead_us,
    )


@cache
def statement(name: str, paramstyle: str) -> str:
    """Adds a row of `sums` to what is there; for executemany."""
    table = tables.metadata.tables[name]
    columns = [column.name for column in table.columns]
    places = ["?" if paramstyle == "qmark" else f"${number}" for number in range(1, len(columns) + 1)]
    key = ", ".join(f'"{column.name}"' for column in table.primary_key)
    added = ", ".join(f"{column} = {name}.{column} + excluded.{column}" for column in tables.SUMS)
    named = ", ".join(f'"{column}"' for column in columns)
    into = f"INSERT INTO {name} ({named}) VALUES ({', '.join(places)})"  # noqa: S608  # names of ours alone
    return f"{into} ON CONFLICT ({key}) DO UPDATE SET {added}"


def clean(text: str, longest: int = LONGEST) -> str:
    """A caller's text as both databases and their indexes take it."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", "")[:longest]


def _count(record: Record, figures: Figures, hourly: _Rows, tagged: _Rows, ended: _Rows) -> None:
    hour, day = record.at // HOUR_MS, record.at // DAY_MS
    place = (record.project, record.key, record.member, record.model, record.provider)
    _put(hourly, (record.workspace, hour, *place), figures)
    for tag, value in sorted(record.tags.items())[:MOST_TAGS] if record.tags else ():
        _put(tagged, (record.workspace, day, clean(tag), clean(value)), figures)
    if record.user:
        _put(ended, (record.workspace, day, clean(record.user)), figures)


def _put(rows: _Rows, key: Key, figures: Figures) -> None:
    there = rows.get(key)
    if there is None:
        rows[key] = [figures]
    else:
        there.append(figures)


def _added(rows: _Rows) -> _Sums:
    """By columns: a third of what it takes to add row to row."""
    return {key: [sum(column) for column in zip(*some, strict=True)] for key, some in rows.items()}


def _add(some: _Sums, key: Key, figures: Iterable[int]) -> None:
    there = some.get(key)
    some[key] = list(figures) if there is None else [a + b for a, b in zip(there, figures, strict=True)]


def _coarser(hourly: _Sums) -> dict[str, _Sums]:
    """What has fewer rows is added up from what has more."""
    names = ("hourly_keys", "hourly_models", "daily", "daily_keys", "daily_models")
    found = {name: _Sums() for name in names}
    for (workspace, time, *place), figures in hourly.items():
        hour, day = int(time), int(time) // 24
        _add(found["hourly_keys"], (workspace, hour, *place[:KEYS]), figures)
        _add(found["hourly_models"], (workspace, hour, *place[KEYS:]), figures)
        _add(found["daily"], (workspace, day, *place), figures)
        _add(found["daily_keys"], (workspace, day, *place[:KEYS]), figures)
        _add(found["daily_models"], (workspace, day, *place[KEYS:]), figures)
    return found
