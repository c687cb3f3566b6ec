"""Sums of calls by hour, day, tag and end user: what a batch adds to them, and the statements that add it.

What is sorted here keeps two writers from waiting for each other in a circle.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import repeat
from operator import attrgetter, itemgetter, neg
from typing import Any

from xroute.store import tables
from xroute.store.statements import Insert, Work
from xroute.wire.record import Outcome, Record
from xroute.wire.usage import Usage

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ERRORS: frozenset[Outcome] = frozenset({"failed", "refused", "upstream_cut", "timed_out", "lost"})
MOST_TAGS = 16  # of one call: OpenAI's limit of `metadata`
LONGEST = 256  # characters of a tag or of a user: an index of PostgreSQL takes 2.7 kB

Key = tuple[Any, ...]  # the primary key of a row
Row = tuple[str | int, ...]  # the key and the sums after it, in the table's order
Figures = tuple[int, ...]
_Sums = dict[Key, Figures]
_Rows = defaultdict[Key, list[Figures]]

_place: Callable[[Record], tuple[Any, ...]] = attrgetter(
    "at", "workspace", "project", "key", "member", "model", "provider"
)
_taken: Callable[[Record], tuple[Any, ...]] = attrgetter(
    *("outcome", "stream", "attempts", "usage"),
    *("cost_nano", "charged_nano", "duration_ms", "ttft_ms", "overhead_us"),
)
_used: Callable[[Usage], tuple[Any, ...]] = attrgetter("estimated", "input", "output", "cached", "reasoning")
_NOTHING = Usage()
# Parts of a key of `hourly`, which is (workspace, hour, project, key, member, model, provider).
_of_keys: Callable[[Key], Key] = itemgetter(0, 1, 2, 3, 4)
_of_models: Callable[[Key], Key] = itemgetter(0, 1, 5, 6)


def write(records: Sequence[Record], minus: Sequence[Record] = ()) -> Work[None]:
    """Adds calls to every roll-up; `minus` is taken off again, as it was corrected."""
    for name, rows in sums(records, minus).items():
        if rows:
            yield Insert(name, _columns(name), rows, _adding(name))


def sums(records: Sequence[Record], minus: Sequence[Record] = ()) -> dict[str, list[Row]]:
    """Rows to add to each roll-up, by the table's name."""
    figures = [*measured(records), *(tuple(map(neg, some)) for some in measured(minus))]
    counted = [*records, *minus]
    tagged, ended = _Rows(list), _Rows(list)
    for record, some in zip(counted, figures, strict=True):
        if record.tags:
            for tag, value in sorted(record.tags.items())[:MOST_TAGS]:
                tagged[record.workspace, record.at // DAY_MS, clean(tag), clean(value)].append(some)
        if record.user:
            ended[record.workspace, record.at // DAY_MS, clean(record.user)].append(some)
    hourly = _added(zip(_hourly_keys(counted), figures, strict=True))
    keys, models = _coarser(hourly, _of_keys), _coarser(hourly, _of_models)  # fewer rows out of more
    found = {
        "hourly": hourly,
        "hourly_keys": keys,
        "hourly_models": models,
        "daily": _coarser(hourly, _of_day),
        "daily_keys": _coarser(keys, _of_day),
        "daily_models": _coarser(models, _of_day),
        "tagged": _summed(tagged),
        "ended": _summed(ended),
    }
    return {name: [key + some[key] for key in sorted(some)] for name, some in found.items()}


def measured(records: Sequence[Record]) -> list[Figures]:
    """Each call as sums, in the order of `tables.SUMS`; by columns, as that is a fifth of the work."""
    if not records:
        return []
    outcomes, streams, attempts, usages, costs, charges, durations, ttfts, overheads = zip(
        *map(_taken, records), strict=True
    )
    estimated, *tokens = zip(*[_used(usage or _NOTHING) for usage in usages], strict=True)
    return list(
        zip(
            repeat(1, len(records)),
            map(int, map(ERRORS.__contains__, outcomes)),
            map(int, streams),
            map(len, attempts),
            map(int, estimated),
            [int(cost is None) for cost in costs],
            *tokens,
            [cost or 0 for cost in costs],
            [charge or 0 for charge in charges],
            durations,
            [ttft or 0 for ttft in ttfts],
            [int(ttft is not None) for ttft in ttfts],
            overheads,
            strict=True,
        )
    )


def clean(text: str, longest: int = LONGEST) -> str:
    """A caller's text as both databases and their indexes take it."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", "")[:longest]


def _hourly_keys(records: Sequence[Record]) -> Iterable[Key]:
    if not records:
        return ()
    times, workspaces, *rest = zip(*map(_place, records), strict=True)
    return zip(workspaces, [at // HOUR_MS for at in times], *rest, strict=True)


def _added(rows: Iterable[tuple[Key, Figures]]) -> _Sums:
    found = _Rows(list)
    for key, figures in rows:
        found[key].append(figures)
    return _summed(found)


def _summed(rows: _Rows) -> _Sums:
    return {
        key: some[0] if len(some) == 1 else tuple(map(sum, zip(*some, strict=True)))
        for key, some in rows.items()
    }


def _coarser(rows: _Sums, part: Callable[[Key], Key]) -> _Sums:
    return _added(zip(map(part, rows), rows.values(), strict=True))


def _of_day(key: Key) -> Key:
    return (key[0], key[1] // 24, *key[2:])


@cache
def _columns(name: str) -> tuple[str, ...]:
    return tuple(column.name for column in tables.metadata.tables[name].columns)


@cache
def _adding(name: str) -> str:
    key = ", ".join(f'"{column.name}"' for column in tables.metadata.tables[name].primary_key)
    added = ", ".join(f"{column} = {name}.{column} + excluded.{column}" for column in tables.SUMS)
    return f"ON CONFLICT ({key}) DO UPDATE SET {added}"
