"""Anthropic's usage in OpenAI's form, with its own fields beside.

https://platform.claude.com/docs/en/build-with-claude/prompt-caching, read 2026-11-21: cached and
cache-written tokens are counted beside `input_tokens`.
"""

from typing import Any

from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json

TIERS = {"standard": "default", "priority": "priority"}  # theirs -> OpenAI's

_COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def tidy(own: Json) -> Json | None:
    """OpenAI's usage object for Anthropic's; None where it holds no count."""
    if all(tokens.count(own.get(name)) is None for name in _COUNTS):
        return None
    reports = [own, *_compactions(own)]
    prompt, output, written, read = (_total(reports, name) for name in _COUNTS)
    prompt += written + read
    usage: Json = {
        **own,
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
    }
    if (thought := _thought(own)) is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": min(thought, output)}
    return usage


def merge(known: Json, new: Any) -> Json:
    """A later report over an earlier one: counts are cumulative, what is null was said before."""
    if not codec.is_object(new):
        return known
    return known | {name: value for name, value in new.items() if value is not None}


def _thought(own: Json) -> int | None:
    details = own.get("output_tokens_details")
    return tokens.count(details.get("thinking_tokens")) if codec.is_object(details) else None


def _compactions(own: Json) -> list[Json]:
    """The reports of compactions, which Anthropic bills and leaves out of its sums.

    https://platform.claude.com/docs/en/build-with-claude/compaction, read 2026-11-21.
    """
    rounds: Any = own.get("iterations")
    if not codec.is_list(rounds):
        return []
    return [one for one in rounds if codec.is_object(one) and one.get("type") == "compaction"]


def _total(reports: list[Json], name: str) -> int:
    total = 0
    for report in reports:
        total += tokens.count(report.get(name)) or 0
    return total
