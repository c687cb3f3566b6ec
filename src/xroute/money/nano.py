"""Nano-dollars: the one unit of money inside xroute. One dollar is 1,000,000,000."""

from decimal import Decimal

PER_DOLLAR = 1_000_000_000


def from_dollars(dollars: Decimal) -> int:
    """Whole nano-dollars, half up."""
    return int((dollars * PER_DOLLAR).to_integral_value(rounding="ROUND_HALF_UP"))


def to_dollars(nano: int) -> Decimal:
    """Exact dollars."""
    return Decimal(nano) / PER_DOLLAR


def as_number(nano: int) -> float:
    """Dollars for a JSON answer: shown, never counted with."""
    return float(to_dollars(nano))


def as_text(nano: int) -> str:
    """Dollars as plain digits: 4500 -> "0.0000045"."""
    text = f"{to_dollars(nano):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
