"""Spans: days and months begin where the caller is, whatever the clocks do."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, literal, select

from xroute.errors import InvalidRequest
from xroute.store.spans import DAY_MS, HOUR_MS, spans

BERLIN = ZoneInfo("Europe/Berlin")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_days_of_utc_are_read_from_days():
    found = spans(ms("2026-11-20T10:00"), ms("2026-11-22T00:00"), "day", ZoneInfo("UTC"))
    assert found.starts == (ms("2026-11-20"), ms("2026-11-21"))
    assert (found.end, found.is_daily) == (ms("2026-11-22"), True)


def test_a_day_begins_where_the_caller_is():
    found = spans(ms("2026-11-20T23:30"), ms("2026-11-21T23:00"), "day", BERLIN)
    assert found.starts == (ms("2026-11-20T23:00"),)
    assert (found.end, found.is_daily) == (ms("2026-11-21T23:00"), False)


def test_a_day_has_23_or_25_hours_when_the_clock_changes():
    spring = spans(ms("2026-03-28T12:00"), ms("2026-03-30T12:00"), "day", BERLIN).edges(HOUR_MS)
    autumn = spans(ms("2026-10-24T12:00"), ms("2026-10-26T12:00"), "day", BERLIN).edges(HOUR_MS)
    assert [b - a for a, b in pairwise(spring)] == [24, 23, 24]
    assert [b - a for a, b in pairwise(autumn)] == [24, 25, 24]


def test_a_day_that_the_calendar_left_out_is_none():
    found = spans(ms("2011-12-29T12:00"), ms("2011-12-31T09:00"), "day", ZoneInfo("Pacific/Apia"))
    assert found.starts == (ms("2011-12-29T10:00"), ms("2011-12-30T10:00"))  # the 29th, and the 31st there


def test_months_are_as_long_as_they_are():
    found = spans(ms("2024-01-15"), ms("2024-04-01"), "month", ZoneInfo("UTC"))
    assert found.starts == (ms("2024-01-01"), ms("2024-02-01"), ms("2024-03-01"))


def test_a_total_is_cut_to_whole_hours_alone():
    found = spans(ms("2024-01-15T10:20"), ms("2024-01-16T11:01"), "total", BERLIN)
    assert (found.starts, found.end) == ((ms("2024-01-15T10:00"),), ms("2024-01-16T12:00"))


@pytest.mark.parametrize(
    ("since", "until", "step", "words"),
    [
        (5, 5, "day", "has to be after"),
        (-1, 5, "day", "between 1970"),
        (0, 10**15, "day", "between 1970"),
        (0, 6 * 366 * DAY_MS, "month", "five years"),
        (0, 32 * DAY_MS, "hour", "744 spans of a hour"),
        (0, 401 * DAY_MS, "day", "400 spans"),
    ],
)
def test_what_no_answer_can_hold_is_refused(since, until, step, words):
    with pytest.raises(InvalidRequest, match=words):
        spans(since, until, step, BERLIN)


ENGINE = create_engine("sqlite://")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]


@given(
    zone=st.sampled_from(ZONES),
    step=st.sampled_from(["hour", "day", "month"]),
    since=st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1)),
    length=st.timedeltas(timedelta(hours=1), timedelta(days=29)),
    at=st.floats(0, 0.999),
)
def test_the_database_puts_each_hour_into_the_span_that_it_begins_in(zone, step, since, length, at):
    first = int(since.replace(tzinfo=UTC).timestamp() * 1000)
    found = spans(first, first + int(length.total_seconds() * 1000), step, ZoneInfo(zone))
    low, high = found.edges(HOUR_MS)[0], found.edges(HOUR_MS)[-1]
    hour = low + int((high - low) * at)
    expected = max(number for number, start in enumerate(found.starts) if start <= hour * HOUR_MS)
    with ENGINE.connect() as connection:
        column = literal(hour)
        assert connection.execute(select(found.number(column, HOUR_MS))).scalar_one() == expected
