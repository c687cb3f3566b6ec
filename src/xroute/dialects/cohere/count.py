"""What Cohere counts: tokens that were processed, and fewer that are billed.

Cohere adds tokens of its own to a prompt, counts them under `tokens` and charges `billed_units` alone: seven
words may be 500 tokens. https://docs.cohere.com/docs/how-does-cohere-pricing-work, read 2026-11-21.
"""

from typing import Any

from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json
from xroute.wire.usage import Usage


def usage_body(own: Any) -> Json | None:
    """OpenAI's usage object with Cohere's own fields beside; None where Cohere counted nothing.

    The prompt holds `image_tokens` as well, which Cohere counts beside `input_tokens`.
    """
    if not codec.is_object(own):
        return None
    counted = _object(own, "tokens") or _object(own, "billed_units")
    given, written = tokens.count(counted.get("input_tokens")), tokens.count(counted.get("output_tokens"))
    if given is None and written is None:
        return None
    images = tokens.count(counted.get("image_tokens")) or 0
    given, written = (given or 0) + images, written or 0
    body: Json = {"prompt_tokens": given, "completion_tokens": written, "total_tokens": given + written}
    cached = tokens.count(own.get("cached_tokens"))
    if cached is not None or images:
        body["prompt_tokens_details"] = {"cached_tokens": min(cached or 0, given), "image_tokens": images}
    if (reasoning := tokens.count(counted.get("reasoning_tokens"))) is not None:
        body["completion_tokens_details"] = {"reasoning_tokens": min(reasoning, written)}
    return {**own, **body}


def usage_of(body: Json | None) -> Usage | None:
    """The usage that is paid for: `billed_units` where Cohere gives them."""
    if not body:
        return None
    counted = tokens.read({name: value for name, value in body.items() if name != "tokens"})
    billed = _object(body, "billed_units")
    given, written = tokens.count(billed.get("input_tokens")), tokens.count(billed.get("output_tokens"))
    if counted is None or given is None or written is None:
        return counted
    return Usage(
        input=given,
        output=written,
        cached=min(counted.cached, given),
        reasoning=min(counted.reasoning, written),
    )


def _object(own: Json, name: str) -> Json:
    value: Any = own.get(name)
    return value if codec.is_object(value) else {}
