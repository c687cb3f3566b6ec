"""What tables show of values, and times as people write them."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.cli import cells, when
from xroute.errors import ConfigError
from xroute.money import nano


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@given(st.integers(-(10**15), 10**15))
def test_no_digit_of_an_amount_is_lost_on_its_way_to_the_terminal(amount: int):
    shown = cells.dollars(nano.as_number(amount))
    assert shown.replace("$", "") == nano.as_text(amount)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (0, "$0"),
        (0.0, "$0"),
        (20, "$20"),
        (-1.5, "-$1.5"),
        (1e-09, "$0.000000001"),
        (1e6, "$1000000"),
    ],
)
def test_amounts_are_plain_digits(value, shown):
    assert cells.dollars(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("", "-"),
        ([], "-"),
        ({}, "-"),
        (True, "yes"),
        (["a", "b"], "a, b"),
        ({"a": "ü"}, '{"a": "ü"}'),
    ],
)
def test_any_value_has_one_cell(value, shown):
    assert cells.plain(value) == shown


def test_times_are_in_the_zone_of_the_machine(in_berlin):
    assert cells.moment("2026-07-01T12:00:00.123Z") == "2026-07-01 14:00:00+02:00"
    assert cells.moment(None) == "-"
    assert cells.moment("never") == "never"
    assert when.past("2026-07-01", "--since") == "2026-06-30T22:00:00Z"
    assert when.past("2026-12-01T12:00", "--since") == "2026-12-01T11:00:00Z"
    assert when.past("2026-12-01T12:00:00Z", "--since") == "2026-12-01T12:00:00Z"


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(7)),
        ("2w", timedelta(14)),
    ],
)
def test_a_span_is_from_now(text, span):
    now = datetime.now(UTC)
    for found, expected in ((when.past(text, "-"), now - span), (when.coming(text, "-"), now + span)):
        assert abs(datetime.fromisoformat(found) - expected) < timedelta(seconds=5)


def test_a_day_is_left_to_who_knows_the_zone():
    assert when.back("2026-11-01", "--since") == "2026-11-01"
    assert when.back("", "--since") is None
    assert when.back("1d", "--since").endswith("Z")


@given(st.text(max_size=12))
def test_what_is_no_time_is_told_and_never_an_accident(text: str):
    try:
        found = when.coming(text, "--expires")
    except ConfigError as error:
        assert "--expires" in str(error)
    else:
        assert found is None or datetime.fromisoformat(found).tzinfo is not None


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59"])
def test_the_ends_of_the_calendar_are_told(text):
    try:
        assert when.past(text, "--since").endswith("Z")
    except ConfigError as error:
        assert "--since" in str(error)


@pytest.mark.parametrize(
    ("tz", "zone"), [("Europe/Berlin", "Europe/Berlin"), (":UTC", "UTC"), ("EST5EDT4,x", "UTC")]
)
def test_the_zone_of_the_machine_has_a_name(tz, zone):
    assert when.local_zone(tz) == zone
    assert ZoneInfo(when.local_zone(None))


@given(st.text())
def test_no_code_that_a_terminal_obeys_comes_out_of_a_cell(text: str):
    for value in (text, [text], {text: text}):
        assert cells.plain(value).isprintable()


def test_what_cannot_be_printed_is_shown_as_what_it_is():
    assert cells.plain("a\x1b[2Jb\n") == "a\\x1b[2Jb\\n"
