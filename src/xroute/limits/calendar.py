"""Windows of the calendar in a time zone: when a day, a week or a month begins and ends."""

from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from xroute.errors import InvalidRequest

Name = Literal["day", "week", "month", "total"]
DAY = timedelta(days=1)


class Window(NamedTuple):
    """From `start` to before `end`, unix seconds. `label` names it: the date of its first day, or "total"."""

    start: float
    end: float
    label: str


TOTAL = Window(float("-inf"), float("inf"), "total")


def window(name: Name, now: float, tz: str) -> Window:
    """The window in which `now` is. Every moment is in exactly one, whatever the clocks there do.

    A week begins on Monday (ISO 8601). InvalidRequest where there is no such time zone.
    """
    if name == "total":
        return TOTAL
    place = zone(tz)
    first = _first(name, datetime.fromtimestamp(now, place).date())
    if now < _begin(first, place):  # the clocks went from before midnight to after it
        first = _first(name, first - DAY)
    after = _next(name, first)
    while now >= _begin(after, place):
        first, after = after, _next(name, after)
    return Window(_begin(first, place), _begin(after, place), f"{first:%Y%m%d}")


def zone(tz: str) -> ZoneInfo:
    """A time zone by its name; raises InvalidRequest."""
    try:
        return ZoneInfo(tz)
    except (KeyError, ValueError, OSError):
        text = f"{tz[:64]!r} is no time zone: write it as Europe/Berlin or UTC."
        raise InvalidRequest(text, param="tz") from None


def _first(name: Name, day: date) -> date:
    if name == "day":
        return day
    return day - DAY * day.weekday() if name == "week" else day.replace(day=1)


def _next(name: Name, first: date) -> date:
    if name == "month":
        return (first + DAY * 31).replace(day=1)
    return first + DAY * (7 if name == "week" else 1)


def _begin(day: date, place: ZoneInfo) -> float:
    """When a day begins. Where its midnight is skipped that is when the clocks are put forward."""
    return datetime(day.year, day.month, day.day, tzinfo=place).timestamp()
