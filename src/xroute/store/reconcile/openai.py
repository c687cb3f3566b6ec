"""OpenAI's exports: the CSV of the usage page, the CSV of the costs, and the JSON of both APIs.

Usage CSV (`completions_usage_<from>_<to>.csv`): start_time, end_time (unix seconds; UTC), start_time_iso,
end_time_iso, project_id, num_model_requests, user_id, api_key_id, model, batch, service_tier,
input_tokens, output_tokens, input_cached_tokens, ... with counts written as 10.0, a line per bucket, and a
bare one for each bucket without use. input_tokens contains the cached ones. Costs CSV: start_time,
end_time, start_time_iso, end_time_iso, amount_value, amount_currency, line_item ("gpt-5-nano,
input_tokens"), project_id, ... Real exports of both, of October 2025: https://github.com/xavierjflanagan/Guardian
(openai-usage-and-cost-report-2025-10-12.md), read 2026-11-21. JSON: `data[].results[]` in buckets, as
`GET /v1/organization/usage/completions` and `GET /v1/organization/costs` answer
(https://cookbook.openai.com/examples/completions_usage_api, read 2026-11-21).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from xroute.errors import ConfigError
from xroute.store.reconcile.bill import Billed, Row, columns_of, day_or_instant, exact, read_json, read_rows

PROVIDERS = ("openai",)
ZONE = "UTC"

LATEST = 10**11  # unix seconds

_START = ("start_time", "start_time_iso")
_END = ("end_time", "end_time_iso")


def parse(text: str, name: str) -> list[Billed]:
    """The lines of an export. ConfigError with file, line and column for what cannot be read."""
    if text.lstrip("\ufeff \n\r\t").startswith("{"):
        return list(_results(read_json(text, name), name))
    if "amount_value" in columns_of(text):
        return [line for row in read_rows(text, name, _START, ("amount_value",)) if (line := _cost(row))]
    return [line for row in read_rows(text, name, _START, ("input_tokens",)) if (line := _usage(row))]


def _usage(row: Row) -> Billed | None:
    tokens_in, tokens_out = row.whole("input_tokens"), row.whole("output_tokens")
    if tokens_in is None and tokens_out is None:
        return None  # a bucket without use
    day, at = day_or_instant(row.instant(*_START), row.instant(*_END) if row.text(*_END) else None)
    return Billed(
        line=row.line,
        day=day,
        at=at,
        model=row.text("model"),
        requests=row.whole("num_model_requests"),
        tokens_in=tokens_in or 0,
        tokens_out=tokens_out or 0,
        cached=row.whole("input_cached_tokens"),
    )


def _cost(row: Row) -> Billed | None:
    usd = row.decimal("amount_value")
    if usd is None:
        return None
    currency = row.text("amount_currency")
    if currency.lower() not in ("", "usd"):
        raise row.wrong(f"{currency[:20]!r}: amounts have to be in USD", "amount_currency")
    day, at = day_or_instant(row.instant(*_START), row.instant(*_END) if row.text(*_END) else None)
    return Billed(line=row.line, day=day, at=at, model=_item(row.text("line_item")), usd=usd)


def _item(text: str) -> str:
    """The model of a line item: `gpt-4o-2024-08-06, input`; what is no model's keeps its name."""
    return text.partition(", ")[0].strip()


def _results(page: Any, name: str) -> Iterator[Billed]:
    buckets = _list(page, "data", name, "")
    for number, bucket in enumerate(buckets):
        place = f"data[{number}]"
        start = _time(bucket, "start_time", name, place)
        day, at = day_or_instant(start, _time(bucket, "end_time", name, place))
        for index, result in enumerate(_list(bucket, "results", name, place)):
            where = f"{name} {place}.results[{index}]"
            if not isinstance(result, dict):
                raise ConfigError("is no object", where=where)
            yield _result(cast("dict[str, Any]", result), day, at, number + 1, where)


def _result(result: dict[str, Any], day: Any, at: datetime | None, line: int, where: str) -> Billed:
    amount = result.get("amount")
    if isinstance(amount, dict):
        money = cast("dict[str, Any]", amount)
        usd = exact(money.get("value"), f"{where}.amount.value")
        if str(money.get("currency", "usd")).lower() != "usd":
            raise ConfigError("amounts have to be in USD", where=f"{where}.amount.currency")
        model = _item(str(result.get("line_item") or ""))
        return Billed(line=line, day=day, at=at, model=model, usd=usd)
    return Billed(
        line=line,
        day=day,
        at=at,
        model=str(result.get("model") or ""),
        requests=_count(result, "num_model_requests", where),
        tokens_in=_count(result, "input_tokens", where) or 0,
        tokens_out=_count(result, "output_tokens", where) or 0,
        cached=_count(result, "input_cached_tokens", where),
    )


def _list(value: Any, key: str, name: str, place: str) -> list[Any]:
    found = cast("dict[str, Any]", value).get(key) if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise ConfigError(
            f"has no list `{key}`: is it an answer of the usage API?", where=f"{name} {place}".strip()
        )
    return cast("list[Any]", found)


def _time(bucket: Any, key: str, name: str, place: str) -> datetime:
    value = cast("dict[str, Any]", bucket).get(key)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value < LATEST:
        raise ConfigError("is no time in unix seconds", where=f"{name} {place}.{key}")
    return datetime.fromtimestamp(int(value), UTC)


def _count(result: dict[str, Any], key: str, where: str) -> int | None:
    if result.get(key) is None:
        return None
    number = exact(result[key], f"{where}.{key}")
    if number != number.to_integral_value():
        raise ConfigError(f"{number} is no whole number", where=f"{where}.{key}")
    return int(number)
