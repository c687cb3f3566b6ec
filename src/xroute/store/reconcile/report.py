"""What the comparison of a bill came to."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

WORDS: Final = {
    "elsewhere": "calls that were not made through xroute",
    "cached": "tokens that only one of us counts as cached",
    "lost": "calls under way when a process died",
    "client_gone": "calls whose client left; the provider may have gone on",
    "cut": "calls that were cut off or timed out",
    "retried": "attempts that failed, which the provider may have billed",
    "unpriced": "calls whose price we do not know",
    "estimated": "calls whose tokens we counted ourselves",
    "edge": "calls that ran over midnight, counted on the other day",
    "rounding": "amounts that the provider rounded",
    "unbilled": "calls that we recorded and the provider did not bill",
    "price": "another price: a discount, a service tier, a batch, or our price list is out of date",
}


@dataclass(slots=True)
class Side:
    """What one of us counts."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    nano: int = 0


@dataclass(frozen=True, slots=True)
class Cause:
    """A part of a difference."""

    kind: str  # of WORDS
    count: int  # calls it is about, 0 = not known
    nano: int


@dataclass(frozen=True, slots=True)
class Line:
    """One day of one model in the report; money in nano-dollars."""

    day: date
    model: str
    theirs: Side
    ours: Side
    theirs_nano: int | None  # None = the bill has tokens alone, and we know no price for them
    ours_nano: int
    difference: int | None
    has_tokens: bool
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The comparison of a bill."""

    lines: tuple[Line, ...]
    theirs_nano: int
    ours_nano: int
    drift_nano: int  # over all models, days of one model set off against each other
    by_tokens: bool  # the bill has no amounts: tokens are valued at our prices
    since: date
    until: date

    @property
    def percent(self) -> Decimal:
        """The drift in percent of the bill."""
        if not self.drift_nano:
            return Decimal(0)
        return Decimal(100 * self.drift_nano) / self.theirs_nano if self.theirs_nano > 0 else Decimal(100)

    @property
    def causes(self) -> dict[str, Cause]:
        """Each cause over all days and models."""
        sums: dict[str, Cause] = {}
        for cause in (cause for line in self.lines for cause in line.causes):
            old = sums.get(cause.kind, Cause(cause.kind, 0, 0))
            sums[cause.kind] = Cause(cause.kind, old.count + cause.count, old.nano + cause.nano)
        return sums

    @property
    def unvalued(self) -> int:
        """Lines whose tokens nobody could value."""
        return sum(line.difference is None for line in self.lines)
