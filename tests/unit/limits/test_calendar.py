"""limits.calendar: windows in time zones."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from xroute.errors import InvalidRequest
from xroute.limits.calendar import Window, window, zone


def at(text: str, tz: str = "UTC", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz), fold=fold).timestamp()


def local(seconds: float, tz: str) -> str:
    return datetime.fromtimestamp(seconds, ZoneInfo(tz)).isoformat()


@pytest.mark.parametrize(
    ("name", "start", "end", "label"),
    [
        ("day", "2026-11-25", "2026-11-26", "20261125"),
        ("week", "2026-11-23", "2026-11-30", "20261123"),
        ("month", "2026-11-01", "2026-12-01", "20261101"),
    ],
)
def test_a_window_is_named_by_its_first_day(name: str, start: str, end: str, label: str):
    assert window(name, at("2026-11-25T13:14:15"), "UTC") == Window(at(start), at(end), label)


def test_total_never_begins_anew():
    assert window("total", 0.0, "UTC") == Window(float("-inf"), float("inf"), "total")


def test_the_first_moment_belongs_to_the_window_and_the_end_to_the_next():
    start = at("2026-12-01")
    assert window("month", start, "UTC").label == "20261201"
    assert window("month", start - 0.001, "UTC").label == "20261101"


def test_a_week_begins_on_monday_across_the_year():
    found = window("week", at("2027-01-01T00:00:00"), "UTC")
    assert (found.label, found.end) == ("20261228", at("2027-01-04"))


def test_february_of_a_leap_year_ends_on_the_29th():
    found = window("month", at("2028-02-29T23:59:59"), "UTC")
    assert (found.start, found.end) == (at("2028-02-01"), at("2028-03-01"))


def test_december_ends_with_the_year():
    assert window("month", at("2026-12-31T23:59:59"), "UTC").end == at("2027-01-01")


def test_the_day_is_the_one_of_the_zone():
    moment = at("2026-11-25T02:00:00")
    assert window("day", moment, "America/New_York").label == "20261124"
    assert window("day", moment, "Asia/Tokyo").label == "20261125"
    assert window("day", at("2026-11-25T16:00:00"), "Asia/Tokyo").label == "20261126"


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-01", 24)])
def test_days_are_as_long_as_the_clocks_make_them(day: str, hours: int):
    found = window("day", at(f"{day}T12:00:00", "Europe/Berlin"), "Europe/Berlin")
    assert found.end - found.start == hours * 3600


def test_both_of_two_equal_hours_are_in_the_same_day():
    first, second = (at("2026-10-25T02:30:00", "Europe/Berlin", fold) for fold in (0, 1))
    assert second - first == 3600
    assert window("day", first, "Europe/Berlin") == window("day", second, "Europe/Berlin")


def test_a_day_without_a_midnight_begins_when_the_clocks_are_put_forward():
    found = window("day", at("2018-11-04T12:00:00", "America/Sao_Paulo"), "America/Sao_Paulo")
    assert local(found.start, "America/Sao_Paulo") == "2018-11-04T01:00:00-02:00"
    assert found.end - found.start == 23 * 3600


def test_a_day_with_two_midnights_begins_at_the_first():
    found = window("day", at("2026-11-01T12:00:00", "America/Havana"), "America/Havana")
    assert found.end - found.start == 25 * 3600


def test_a_day_that_a_country_left_out_takes_no_time():
    before = window("day", at("2011-12-29T12:00:00", "Pacific/Apia"), "Pacific/Apia")
    after = window("day", at("2011-12-31T12:00:00", "Pacific/Apia"), "Pacific/Apia")
    assert (before.label, after.label) == ("20111229", "20111231")
    assert before.end == after.start


def test_minutes_after_a_midnight_that_was_skipped_belong_to_the_day_before():
    tz = "America/Toronto"  # 1919: from 23:30 to 00:30
    skipped = at("1919-03-30T23:30:00", tz)
    assert local(skipped, tz) == "1919-03-31T00:30:00-04:00"
    before, after = window("day", skipped, tz), window("day", skipped + 1800, tz)
    assert (before.label, after.label, before.end) == ("19190330", "19190331", after.start)


def test_a_midnight_that_comes_twice_on_two_days_cuts_time_once():
    zone_ = "America/St_Johns"  # until 2011 the clocks went from 00:01 back to 23:01
    midnight = at("2010-11-07T00:00:00", zone_)
    for seconds in (0, 59, 60, 3600, 3659, 3660, 3720):
        assert window("day", midnight + seconds, zone_).label == "20101107"
    assert window("day", midnight - 1, zone_).label == "20101106"


@pytest.mark.parametrize("name", ["Middle/Earth", "", "../etc/passwd", "Europe"])
def test_a_zone_that_is_none_is_said_to_be_none(name: str):
    with pytest.raises(InvalidRequest, match="is no time zone: write it as Europe/Berlin or UTC") as caught:
        zone(name)
    assert caught.value.param == "tz"
