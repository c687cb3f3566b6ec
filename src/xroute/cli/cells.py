"""What a table or a list of fields shows of the API's values."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

Row = Mapping[str, Any]

NONE = "-"  # there is no such value
TIMES = frozenset(
    {
        *("at", "created", "changed", "expires", "used", "revoked", "closed", "archived", "accepted"),
        *("seen", "signed_in", "verified", "since", "until", "start", "ends"),
    }
)
RATES = ("rpm", "tpm", "tpm_in", "tpm_out", "rpd", "tpd", "concurrency")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its title, and what it shows of a row."""

    title: str
    cell: Callable[[Row], str]
    is_right: bool = False  # figures stand on the right


def text(title: str, name: str = "") -> Column:
    """A field as it is."""
    return Column(title, lambda row: plain(row.get(name or title)))


def time(title: str, name: str = "") -> Column:
    """A moment, in the zone of this machine."""
    return Column(title, lambda row: moment(row.get(name or title)))


def money(title: str, name: str) -> Column:
    """Dollars, with every digit that there is."""
    return Column(title, lambda row: dollars(row.get(name)), is_right=True)


def figure(title: str, name: str = "") -> Column:
    """A number, with commas."""
    return Column(title, lambda row: number(row.get(name or title)), is_right=True)


def plain(value: Any) -> str:
    """Any value in one cell."""
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return ", ".join(map(plain, items)) if items else NONE
    if isinstance(value, dict):
        return printable(json.dumps(value, ensure_ascii=False)) if value else NONE
    return printable(str(value))


def printable(value: str) -> str:
    """What clients wrote may hold codes that a terminal obeys: they are shown, as in `\\x1b[2J`."""
    if value.isprintable():
        return value
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in value)


def number(value: float | None) -> str:
    """A count, or a mean."""
    return NONE if value is None else f"{value:,}"


def dollars(value: float | None) -> str:
    """The shortest decimal that is this amount: the API sends the number nearest to it."""
    if value is None:
        return NONE
    shown = f"{Decimal(repr(value)):f}"
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return f"-${shown[1:]}" if shown.startswith("-") else f"${shown}"


def moment(value: str | None) -> str:
    """The API's time, in the zone of this machine."""
    if not value:
        return NONE
    try:
        return datetime.fromisoformat(value).astimezone().isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):  # what no calendar of this machine has
        return value


def limits(row: Row) -> str:
    """What is limited, in short: `60 rpm, 100,000 tpm of openai/*`."""
    return ", ".join(map(limit, row.get("limits") or ())) or NONE


def limit(row: Row) -> str:
    """One limit."""
    rates = [f"{row[name]:,} {name}" for name in RATES if row.get(name) is not None]
    if row.get("max_call_usd") is not None:
        rates.append(f"{dollars(row['max_call_usd'])} a call")
    return " and ".join(rates) + (f" of {row['model']}" if row.get("model") else "")


def budgets(row: Row) -> str:
    """What is left of budgets, in short: `$1.5 of $20 a month`."""
    return ", ".join(map(budget, row.get("budgets") or ())) or NONE


def budget(row: Row) -> str:
    """One budget."""
    window = "in all" if row["window"] == "total" else f"a {row['window']}"
    model = f" of {row['model']}" if row.get("model") else ""
    spent = "" if row["spent_usd"] is None else f"{dollars(row['spent_usd'])} of "
    return f"{spent}{dollars(row['usd'])} {window}{model}"


def fields(row: Row) -> list[tuple[str, str]]:
    """Everything that is known of one thing, line by line."""
    return [(name, _field(row, name)) for name in row]


def _field(row: Row, name: str) -> str:
    value = row[name]
    if name == "limits":
        return limits(row)
    if name == "budgets":
        return budgets(row)
    if name in TIMES and isinstance(value, str):
        return moment(value)
    if name.endswith("_usd") or name == "usd":
        return dollars(value)
    return plain(value)


def cells(columns: Sequence[Column], rows: Sequence[Row]) -> list[list[str]]:
    """The rows of a table."""
    return [[column.cell(row) for column in columns] for row in rows]
