"""Usage as Converse tells it, and as OpenAI has it."""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.tokens import count


def read(usage: Any) -> Json | None:
    """OpenAI's usage object with Converse's own fields beside; None where there is no count.

    inputTokens leaves out what was read from and written to the cache, totalTokens holds it:
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html and
    https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html, read 2026-11-21.
    """
    if not codec.is_object(usage):
        return None
    given, written = count(usage.get("inputTokens")), count(usage.get("outputTokens"))
    if given is None and written is None:
        return None
    cached, stored = (
        count(usage.get("cacheReadInputTokens")) or 0,
        count(usage.get("cacheWriteInputTokens")) or 0,
    )
    output, prompt = written or 0, (given or 0) + cached + stored
    total = count(usage.get("totalTokens"))
    if total is not None and total == (given or 0) + output and (given or 0) >= cached + stored:
        prompt = given or 0  # a model whose input holds them already
    return {
        **usage,
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": stored},
    }
