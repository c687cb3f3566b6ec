"""Rows of the table `calls` for tests."""

from typing import Any

from xroute.store import tables

DAY_MS = 24 * 3600 * 1000
_TEXTS = ("project", "key", "member", "user", "session", "surface", "operation", "asked", "model", "provider")
_NUMBERS = ("tokens_in", "tokens_out", "cached", "cache_write", "reasoning", "audio_in", "audio_out")
_MORE = ("image_in", "image_out", "held_nano", "duration_ms", "overhead_us", "tries")


def call(number: int, at: int, **fields: Any) -> dict[str, Any]:
    """A completed call of workspace ws_a."""
    row: dict[str, Any] = {"id": f"req-{number:024x}", "at": at, "day": at // DAY_MS, "workspace": "ws_a"}
    row |= dict.fromkeys(_TEXTS, "") | dict.fromkeys((*_NUMBERS, *_MORE), 0)
    row |= {"stream": False, "estimated": False, "byok": False, "outcome": "completed", "error_type": ""}
    row |= {"finish": "stop", "cost_nano": 100, "charged_nano": 100, "price": "", "ttft_ms": None}
    row |= {"tags": "", "attempts": "[]"}
    row |= fields
    assert set(row) == {column.name for column in tables.calls.columns}
    return row
