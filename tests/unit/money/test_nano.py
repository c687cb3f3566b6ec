"""Nano-dollars: one dollar is a thousand million of them, and nothing is lost on the way."""

from decimal import Decimal

import pytest

from xroute.money.nano import as_number, as_text, from_dollars, to_dollars


@pytest.mark.parametrize(
    ("dollars", "nano"),
    [
        ("0", 0),
        ("1", 1_000_000_000),
        ("0.1", 100_000_000),
        ("0.000000001", 1),
        ("0.0000000005", 1),  # half up
        ("0.00000000049", 0),
        ("0.0000000015", 2),
        ("0.0000000025", 3),  # and not to the even one
        ("123456789.123456789", 123_456_789_123_456_789),
    ],
)
def test_dollars_become_whole_nano_dollars_half_up(dollars, nano):
    assert from_dollars(Decimal(dollars)) == nano


def test_nano_dollars_become_exact_dollars():
    assert to_dollars(4500) == Decimal("0.0000045")
    assert to_dollars(123_456_789_123_456_789) == Decimal("123456789.123456789")


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (4500, "0.0000045"),
        (1_000_000_000, "1"),
        (10_000_000_000, "10"),
        (100 * 10**9, "100"),
        (1_500_000_000, "1.5"),
    ],
)
def test_dollars_are_shown_in_plain_digits(nano, text):
    assert as_text(nano) == text


def test_a_json_number_is_shown_and_not_counted_with():
    assert as_number(4500) == 0.0000045
    assert type(as_number(0)) is float
