"""Spans of time that usage is added up by: hours, days and months as they are where the caller is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, literal

from xroute.errors import InvalidRequest

Step = Literal["hour", "day", "month", "total"]
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
MOST: Final[dict[Step, int]] = {"hour": 31 * 24, "day": 400, "month": 60, "total": 1}
LONGEST_MS: Final = 5 * 366 * DAY_MS
LAST_MS: Final = 4_102_444_800_000  # the year 2100


@dataclass(frozen=True, slots=True)
class Spans:
    """One after the other without a gap, in milliseconds since 1970 UTC."""

    starts: tuple[int, ...]
    end: int

    @property
    def since(self) -> int:
        return self.starts[0]

    @property
    def is_daily(self) -> bool:
        """Whether all begin with a day of UTC."""
        return all(edge % DAY_MS == 0 for edge in (*self.starts, self.end))

    def edges(self, unit_ms: int) -> list[int]:
        """Starts and end in hours or days; one that is in two spans counts where it begins."""
        return [-(-edge // unit_ms) for edge in (*self.starts, self.end)]

    def number(self, column: ColumnElement[int], unit_ms: int) -> ColumnElement[int]:
        """The number of the span that a row is in, from its hour or day.

        Spans of one length that follow each other are one division: two changes of the clock in a year
        make no more than a handful of cases.
        """
        runs = list(_runs(self.edges(unit_ms)))
        if len(self.starts) == 1:
            return literal(0)
        numbers = [
            (column < stop, literal(first) + (column - start) // length)
            for first, start, stop, length in runs
        ]
        return numbers[0][1] if len(numbers) == 1 else case(*numbers)


def spans(since: int, until: int, step: Step, zone: ZoneInfo) -> Spans:
    """The spans that hold these milliseconds. InvalidRequest for more than an answer can have."""
    if not 0 <= since < until <= LAST_MS:
        raise InvalidRequest(
            "`until` has to be after `since`, and both between 1970 and 2100.", param="until"
        )
    if until - since > LONGEST_MS:
        raise InvalidRequest("`since` and `until` are more than five years apart.", param="since")
    if step == "total":
        return Spans((since // HOUR_MS * HOUR_MS,), -(-until // HOUR_MS) * HOUR_MS)
    edges: list[int] = []
    for edge in _edges(since, step, zone):
        if edges and edge <= edges[-1]:
            continue  # a day that the calendar left out, where the date line was moved
        edges.append(edge)
        if edge >= until:
            return Spans(tuple(edges[:-1]), edge)
        if len(edges) > MOST[step]:
            break
    raise InvalidRequest(
        f"There are more than {MOST[step]} spans of a {step} between `since` and `until`: "
        "ask for less, or for longer spans.",
        param="step",
    )


def _edges(since: int, step: Step, zone: ZoneInfo) -> Iterator[int]:
    """Where spans begin, from the one that holds `since`."""
    if step == "hour":
        edge = since // HOUR_MS * HOUR_MS
        while True:
            yield edge
            edge += HOUR_MS
    day = datetime.fromtimestamp(since / 1000, zone).date()
    if step == "month":
        day = day.replace(day=1)
    while True:
        # an hour that the clock leaves out begins when the clock goes on: fold 0 says so
        yield int(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).timestamp() * 1000)
        day = (
            (day.replace(day=28) + timedelta(days=4)).replace(day=1)
            if step == "month"
            else day + timedelta(1)
        )


def _runs(edges: list[int]) -> Iterator[tuple[int, int, int, int]]:
    """(number of the first, start, stop, length) of spans of one length in a row."""
    number = 0
    for length, some in groupby(pairwise(edges), lambda pair: pair[1] - pair[0]):
        pairs: list[Any] = list(some)
        yield number, pairs[0][0], pairs[-1][1], length
        number += len(pairs)
