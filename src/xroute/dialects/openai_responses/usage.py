"""Usage as the Responses API counts it, in the chat API's words."""

from typing import Any

from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json

_DETAILS = {
    "input_tokens_details": "prompt_tokens_details",
    "output_tokens_details": "completion_tokens_details",
}
_COUNTS = frozenset({"input_tokens", "output_tokens", "total_tokens"})


def body_of(usage: Any) -> Json | None:
    """OpenAI's chat usage object; the provider's further fields are kept. None where nothing is counted.

    Input holds cached tokens and output holds reasoning, as in the chat API:
    https://developers.openai.com/api/reference/resources/responses, read 2026-11-21.
    """
    if not codec.is_object(usage):
        return None
    given, written = tokens.count(usage.get("input_tokens")), tokens.count(usage.get("output_tokens"))
    if given is None and written is None:
        return None
    total = tokens.count(usage.get("total_tokens"))
    body: Json = {
        "prompt_tokens": given or 0,
        "completion_tokens": written or 0,
        "total_tokens": (given or 0) + (written or 0) if total is None else total,
    }
    for theirs, ours in _DETAILS.items():
        if codec.is_object(details := usage.get(theirs)):
            body[ours] = details
    return body | {
        name: value for name, value in usage.items() if name not in _COUNTS and name not in _DETAILS
    }
