"""Anthropic's usage in OpenAI's form, with its own fields beside.

https://platform.claude.com/docs/en/build-with-claude/prompt-caching, read 2026-11-21: cached and
cache-written tokens are counted beside `input_tokens`.
"""

from typing import Any

from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json

TIERS = {"standard": "default", "priority": "priority"}  # theirs -> OpenAI's

_COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_NONE = [None] * len(_COUNTS)


def tidy(own: Json) -> Json | None:
    """OpenAI's usage object for Anthropic's; None where it holds no count."""
    counts = [tokens.count(own.get(name)) for name in _COUNTS]
    if counts == _NONE:
        return None
    prompt, output, written, read = [each or 0 for each in counts]
    for one in _compactions(own):
        more = [tokens.count(one.get(name)) or 0 for name in _COUNTS]
        prompt, output, written, read = prompt + more[0], output + more[1], written + more[2], read + more[3]
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
