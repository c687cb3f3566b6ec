"""Shapes that bodies of the management API share: money, times, names, pages and what is shown of a row."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from xroute.money import nano

LONGEST = 200  # characters of a name
PAGE = 100  # rows of a page, where nobody says how many
MOST = 500

_FIGURE = re.compile(r"[+-]?(\d+\.?|\d*\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def _exact(value: Any) -> Any:
    """A number as it was written; Python's own reading of texts takes `1_000` and digits of other scripts."""
    if isinstance(value, float):
        return str(value)
    if isinstance(value, str) and not _FIGURE.fullmatch(value.strip()):
        raise ValueError("is no amount: write it as 12.5")
    return value


Exact = BeforeValidator(_exact)
# Dollars in a body: a number, or a text where the client has no exact numbers; at most nine places.
Usd = Annotated[
    Decimal,
    Exact,
    Field(ge=0, le=1_000_000, max_digits=16, decimal_places=9, allow_inf_nan=False),
]


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("needs its time zone: 2027-01-31T00:00:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is before the year 1 or after the year 9999") from None


Moment = Annotated[datetime, AfterValidator(_aware)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST)]
Text = Annotated[str, Field(max_length=LONGEST)]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Rows of this page.")]
Cursor = Annotated[str, Query(max_length=300, description="`next` of the page before.")]


class Body(BaseModel):
    """What a client sends: a field that is not known is an error."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)

    def given(self, *but: str) -> dict[str, Any]:
        """The fields that were sent, `null` included."""
        return {name: getattr(self, name) for name in self.model_fields_set if name not in but}


def usd(value: int) -> float:
    """Nano-dollars as they are shown."""
    return nano.as_number(value)


def from_usd(value: Decimal) -> int:
    """Nano-dollars of a body's dollars."""
    return nano.from_dollars(value)


def moment(value: int | None) -> str | None:
    """Milliseconds as they are shown: 2026-11-21T17:00:00.123Z."""
    if value is None:
        return None
    text = datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z").replace(".000Z", "Z")


def from_moment(value: datetime | None) -> int | None:
    """Milliseconds of a body's time."""
    return None if value is None else int(value.timestamp() * 1000)


def page(rows: list[Any], more: str | None) -> Mapping[str, Any]:
    """A list as every route answers one."""
    return {"data": rows, "next": more}
