"""Anthropic's exports: the CSV of the Console's usage page and the one of its cost page.

Usage: usage_date_utc, model_version, api_key, workspace, usage_type, context_window,
usage_input_tokens_no_cache, usage_input_tokens_cache_write_5m, usage_input_tokens_cache_write_1h,
usage_input_tokens_cache_read, usage_output_tokens, web_search_count, inference_geo, speed. The four kinds of
input are apart, so they are added up. Cost: usage_date_utc, model ("Claude Haiku 4.5"), workspace, api_key,
usage_type, context_window, token_type, cost_usd (in cents: two places), list_price_usd, cost_type,
inference_geo, speed. Headers of real exports in https://github.com/erezgit/my-jarvis-desktop
(03-anthropic-schema-comparison.md) and in the importers of other projects, read 2026-11-21; that the Console
exports them: https://support.claude.com/en/articles/9534590, read 2026-11-21.
"""

from decimal import Decimal

from xroute.store.reconcile.bill import Billed, Row, columns_of, read_rows

PROVIDERS = ("anthropic",)
ZONE = "UTC"

CENT = Decimal("0.01")
_DAY = ("usage_date_utc", "date")
_FRESH = "usage_input_tokens_no_cache"
_READ = "usage_input_tokens_cache_read"
_WRITTEN = ("usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write_1h")


def parse(text: str, name: str) -> list[Billed]:
    """The lines of an export. ConfigError with file, line and column for what cannot be read."""
    if "cost_usd" in columns_of(text):
        return [_cost(row) for row in read_rows(text, name, _DAY, ("cost_usd",))]
    return [_usage(row) for row in read_rows(text, name, _DAY, (_FRESH,), ("usage_output_tokens",))]


def _usage(row: Row) -> Billed:
    read = row.whole(_READ) or 0
    written = sum(row.whole(column) or 0 for column in _WRITTEN)
    start = row.instant(*_DAY)
    return Billed(
        line=row.line,
        day=start.date(),
        at=start if _has_hour(row) else None,
        model=row.text("model_version", "model"),
        tokens_in=(row.whole(_FRESH) or 0) + read + written,
        tokens_out=row.whole("usage_output_tokens") or 0,
        cached=read,
    )


def _cost(row: Row) -> Billed:
    usd = row.decimal("cost_usd") or Decimal(0)
    is_cents = usd == usd.quantize(CENT)
    return Billed(
        line=row.line,
        day=row.instant(*_DAY).date(),
        model=row.text("model", "model_version") or row.text("cost_type"),
        usd=usd,
        step=CENT if is_cents else Decimal(0),
    )


def _has_hour(row: Row) -> bool:
    """Narrow ranges are exported by the hour or the minute, with the time in the same column."""
    return ":" in row.text(*_DAY)
