"""Google's exports: the CSV of Cloud Billing's reports page, by day and SKU, and the one of its cost table.

Reports: Date, Service description, Service ID, SKU description, SKU ID, Usage amount ("260,580"), Usage
unit (count), List cost ($), Negotiated savings ($), Savings programs ($), Other savings ($), Unrounded
subtotal ($), Subtotal ($). Cost table: eight lines on the invoice (Currency, Currency exchange rate, ...),
then ... Service description, SKU description, Cost type, Usage start date, Usage end date, Usage amount,
Usage unit, Unrounded cost ($), Cost ($), and a last line `Total`. SKUs name model and direction: "Generate
content output token count gemini 2.5 flash short input text", "Gemini 2.5 Flash GA Text Input -
Predictions". Headers and SKUs of real exports of August 2026 as other projects' tests have them, read
2026-11-21. Days go from midnight to midnight in Pacific time ("usageStartDateTime" of
https://googleapis.dev/dotnet/Google.Apis.Cloudchannel.v1/latest, DateRange, read 2026-11-21).
"""

import re
from decimal import Decimal

from xroute.errors import ConfigError
from xroute.store.reconcile.bill import Billed, Row, columns_of, read_rows

PROVIDERS = ("google", "vertex")
ZONE = "America/Los_Angeles"

_DATE = ("date", "usage start date")
_SKU = ("sku description", "sku")
_COSTS = ("unrounded subtotal", "unrounded cost", "subtotal", "cost")  # the finest first
_PLACES = {"unrounded subtotal": 6, "unrounded cost": 6, "subtotal": 2, "cost": 2}
_MODEL = re.compile(
    r"gemini(?: (?:er|robotics|omni|embedding))* ?(?:\d+(?:\.\d+)?)?"
    r"(?: (?:native|pro|flash|ultra|nano|lite|image|live|tts|embedding|audio generation)\b)*"
)


def parse(text: str, name: str) -> list[Billed]:
    """The lines about models. ConfigError with file, line and column for what cannot be read."""
    cost, places = _cost_column(text, name)
    rate = _exchange(text, name)
    rows = read_rows(text, name, _DATE, _SKU, (cost,))
    return [line for row in rows if (line := _line(row, cost, Decimal(1).scaleb(-places), rate))]


def _line(row: Row, cost: str, step: Decimal, rate: Decimal) -> Billed | None:
    sku = " ".join(row.text(*_SKU).lower().replace("_", " ").split())
    found = _MODEL.search(sku)
    if found is None or not row.text(*_DATE):
        return None  # another service, or the total
    if row.text("usage end date") not in ("", row.text("usage start date")):
        raise row.wrong(
            "the line is about several days: export the reports page, grouped by SKU and by day",
            "usage end date",
        )
    usd = row.decimal(cost) or Decimal(0)
    tokens_in, tokens_out, cached = _tokens(sku, row)
    return Billed(
        line=row.line,
        day=row.instant(*_DATE).date(),
        model=found[0].replace(" native", "").strip().replace(" ", "-"),
        usd=usd / rate,
        step=step / rate,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cached=cached,
    )


def _tokens(sku: str, row: Row) -> tuple[int | None, int | None, int | None]:
    """(in, out, cached) by what the SKU counts; storage of a cache, searches and the like count no tokens."""
    is_count = row.text("usage unit").lower() in ("", "count", "requests")
    if not is_count or "storage" in sku or "grounding" in sku:
        return None, None, None
    amount = row.whole("usage amount") or 0
    if "cach" in sku:
        return amount, 0, amount
    # "output token count ... short input text" is output: the length of its input sets the price
    if "output" in sku.partition("input")[0] or "input" not in sku:
        return 0, amount, 0
    return amount, 0, 0


def _cost_column(text: str, name: str) -> tuple[str, int]:
    """(the column with what is paid, its decimal places)."""
    columns = columns_of(text)
    for word in _COSTS:
        for column in columns:
            plain, _, unit = column.partition("(")
            if plain.strip() == word:
                if unit.rstrip(") ") not in ("", "$", "us$", "usd"):
                    raise ConfigError(
                        f"is in {unit.rstrip(') ')}: amounts have to be in USD", where=f"{name} {column}"
                    )
                return column, _PLACES[word]
    raise ConfigError(
        "has no column Subtotal ($), Unrounded subtotal ($) or Cost ($): is it an export of Cloud Billing?",
        where=name,
    )


def _exchange(text: str, name: str) -> Decimal:
    """How much of the invoice's currency a dollar is; the cost table says it above its columns."""
    currency, rate = "USD", Decimal(1)
    for number, line in enumerate(text.lstrip("\ufeff").splitlines()[:20], start=1):
        label, _, value = line.partition(",")
        if label.strip().lower() == "currency":
            currency = value.strip(' ",').upper()
        elif label.strip().lower() == "currency exchange rate":
            rate = Row(name, number, {"currency exchange rate": value.strip(' ",')}).decimal(
                "currency exchange rate"
            ) or Decimal(1)
    if currency not in ("USD", "") and rate == 1:
        raise ConfigError(f"is in {currency} and names no exchange rate", where=f"{name} currency")
    return rate
