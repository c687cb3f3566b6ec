"""OpenRouter's exports: the activity page's CSV, by generation or summed up, and its API's JSON.

By generation: generation_id, created_at ("2026-06-28 03:46:57.713", UTC), cost_total, cost_web_search,
cost_cache, cost_file_processing, byok_usage_inference, tokens_prompt, tokens_completion, tokens_reasoning,
tokens_cached, model_permaslug, provider_name, variant, cancelled, ... Summed up: Date, Slug, Usage, BYOK
Usage, Requests, Prompt Tokens, Completion Tokens, Reasoning Tokens. Headers of real exports as other
projects' tests have them, read 2026-11-21. That the page exports CSV:
https://openrouter.ai/docs/guides/guides/activity-export; the fields of `GET /api/v1/activity`:
https://openrouter.ai/docs/agent-sdk/typescript/models/activityitem, both read 2026-11-21. Reasoning tokens
are part of the completion. What a key of one's own cost elsewhere (BYOK) is not OpenRouter's bill.
"""

from datetime import date
from decimal import Decimal
from typing import Any, cast

from xroute.errors import ConfigError
from xroute.store.reconcile.bill import Billed, Row, columns_of, exact, read_json, read_rows

PROVIDERS = ("openrouter",)
ZONE = "UTC"

_MODEL = ("model_permaslug", "slug", "model")


def parse(text: str, name: str) -> list[Billed]:
    """The lines of an export. ConfigError with file, line and column for what cannot be read."""
    if text.lstrip("\ufeff \n\r\t").startswith("{"):
        return _json(text, name)
    if "cost_total" in columns_of(text):
        return [_generation(row) for row in read_rows(text, name, ("created_at",), ("cost_total",), _MODEL)]
    return [_sum(row) for row in read_rows(text, name, ("date",), ("usage",), _MODEL)]


def _generation(row: Row) -> Billed:
    at = row.instant("created_at")
    return Billed(
        line=row.line,
        day=at.date(),
        at=at,
        ref=row.text("generation_id"),
        model=row.text(*_MODEL),
        requests=1,
        tokens_in=row.whole("tokens_prompt"),
        tokens_out=row.whole("tokens_completion"),
        cached=row.whole("tokens_cached"),
        usd=row.decimal("cost_total") or Decimal(0),
    )


def _sum(row: Row) -> Billed:
    return Billed(
        line=row.line,
        day=row.instant("date").date(),
        model=row.text(*_MODEL),
        requests=row.whole("requests"),
        tokens_in=row.whole("prompt tokens", "prompt_tokens"),
        tokens_out=row.whole("completion tokens", "completion_tokens"),
        usd=row.decimal("usage") or Decimal(0),
    )


def _json(text: str, name: str) -> list[Billed]:
    items: Any = cast("dict[str, Any]", read_json(text, name)).get("data")
    if not isinstance(items, list):
        raise ConfigError("has no list `data`: is it an answer of the activity API?", where=name)
    return [_item(item, number, name) for number, item in enumerate(cast("list[Any]", items))]


def _item(item: Any, number: int, name: str) -> Billed:
    where = f"{name} data[{number}]"
    if not isinstance(item, dict):
        raise ConfigError("is no object", where=where)
    fields = cast("dict[str, Any]", item)
    try:
        day = date.fromisoformat(str(fields.get("date"))[:10])
    except ValueError:
        raise ConfigError("is no date such as 2026-11-21", where=f"{where}.date") from None
    numbers = {key: exact(fields.get(key), f"{where}.{key}") for key in _NUMBERS}
    return Billed(
        line=number + 1,
        day=day,
        model=str(fields.get("model_permaslug") or fields.get("model") or ""),
        requests=int(numbers["requests"]),
        tokens_in=int(numbers["prompt_tokens"]),
        tokens_out=int(numbers["completion_tokens"]),
        usd=numbers["usage"],
    )


_NUMBERS = ("requests", "prompt_tokens", "completion_tokens", "usage")
