"""Sums of calls by hour, day, tag and end user: what a batch adds to them, and the statements that add it.

What is sorted here keeps two writers from waiting for each other in a circle.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
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

_taken: Callable[[Record], tuple[Any, ...]] = attrgetter(
    *("at", "workspace", "project", "key", "member", "model", "provider", "outcome", "stream", "attempts"),
    *("usage", "cost_nano", "charged_nano", "duration_ms", "ttft_ms", "overhead_us"),
)
_used: Callable[[Usage], tuple[Any, ...]] = attrgetter("estimated", "input", "output", "cached", "reasoning")
_NOTHING = Usage()
# Parts of a key of `hourly`, which is (workspace, hour, project, key, member, model, provider).
_of_keys: Callable[[Key], Key] = itemgetter(0, 1, 2, 3, 4)
_of_models: Callable[[Key], Key] = itemgetter(0, 1, 5, 6)


class Sums:
    """Calls, added up for every roll-up."""

    def __init__(self) -> None:
        self._hourly, self._tagged, self._ended = _Rows(list), _Rows(list), _Rows(list)

    def add(self, records: Sequence[Record]) -> None:
        """Counts calls."""
        self._add(records, measured(records))

    def take(self, records: Sequence[Record]) -> None:
        """Takes calls off again, as they were corrected."""
        self._add(records, [(key, tuple(map(neg, figures))) for key, figures in measured(records)])

    def write(self) -> Work[None]:
        """Adds them to what is in the database."""
        for name, rows in self.rows():
            if rows:
                yield Insert(name, _columns(name), rows, _adding(name))

    def rows(self) -> Iterator[tuple[str, list[Row]]]:
        """Rows to add to each roll-up, with the table's name."""
        hourly = _summed(self._hourly)
        yield "hourly", _rows(hourly)
        keys, models = _coarser(hourly, _of_keys), _coarser(hourly, _of_models)  # fewer rows out of more
        yield "hourly_keys", _rows(keys)
        yield "hourly_models", _rows(models)
        yield "daily", _rows(_coarser(hourly, _of_day))
        yield "daily_keys", _rows(_coarser(keys, _of_day))
        yield "daily_models", _rows(_coarser(models, _of_day))
        yield "tagged", _rows(_summed(self._tagged))
        yield "ended", _rows(_summed(self._ended))

    def _add(self, records: Sequence[Record], counted: Sequence[tuple[Key, Figures]]) -> None:
        hourly = self._hourly
        for record, (key, figures) in zip(records, counted, strict=True):
            hourly[key].append(figures)
            if record.tags:
                for tag, value in sorted(record.tags.items())[:MOST_TAGS]:
                    place = (record.workspace, record.at // DAY_MS, clean(tag), clean(value))
                    self._tagged[place].append(figures)
            if record.user:
                self._ended[record.workspace, record.at // DAY_MS, clean(record.user)].append(figures)


def measured(records: Sequence[Record]) -> list[tuple[Key, Figures]]:
    """Each call's key of `hourly`, and itself as sums in the order of `tables.SUMS`.

    By columns, as that is a fifth of the work.
    """
    if not records:
        return []
    times, workspaces, projects, keys, members, models, providers, outcomes, streams, attempts, *rest = zip(
        *map(_taken, records), strict=True
    )
    usages, costs, charges, durations, ttfts, overheads = rest
    estimated, *tokens = zip(*[_used(usage or _NOTHING) for usage in usages], strict=True)
    hours = [at // HOUR_MS for at in times]
    figures = zip(
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
    places = zip(workspaces, hours, projects, keys, members, models, providers, strict=True)
    return list(zip(places, figures, strict=True))


def clean(text: str, longest: int = LONGEST) -> str:
    """A caller's text as both databases and their indexes take it."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", "")[:longest]


def _summed(rows: _Rows) -> _Sums:
    return {
        key: some[0] if len(some) == 1 else tuple(map(sum, zip(*some, strict=True)))
        for key, some in rows.items()
    }


def _coarser(rows: _Sums, part: Callable[[Key], Key]) -> _Sums:
    found = _Rows(list)
    for key, figures in rows.items():
        found[part(key)].append(figures)
    return _summed(found)


def _rows(sums: _Sums) -> list[Row]:
    return [key + sums[key] for key in sorted(sums)]


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
