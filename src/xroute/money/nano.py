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
    """Dollars for a JSON answer, the float nearest to them: shown, never counted with."""
    return nano / PER_DOLLAR


def as_text(nano: int) -> str:
    """Dollars as plain digits: 4500 -> "0.0000045"."""
    sign = "-" if nano < 0 else ""
    dollars, rest = divmod(abs(nano), PER_DOLLAR)
    return f"{sign}{dollars}.{rest:09d}".rstrip("0").rstrip(".")
