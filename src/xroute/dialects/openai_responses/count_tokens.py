"""How many tokens a request has, asked of the provider itself; it is free of charge.

https://developers.openai.com/api/reference/resources/responses/subresources/input_tokens, read 2026-11-21.
"""

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded, ErrorBody, Malformed
from xroute.dialects.openai.body import object_of
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.tokens import count
from xroute.dialects.openai_responses import fault
from xroute.dialects.openai_responses.encode import encode as encode_chat

PATH = "/responses/input_tokens"

_COUNTED = frozenset(
    {
        "conversation", "input", "instructions", "model", "parallel_tool_calls", "previous_response_id",
        "reasoning", "text", "tool_choice", "tools", "truncation",
    }
)  # fmt: skip


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The question for the canonical request `body`: what of a request for an answer is counted."""
    written = encode_chat(body, upstream=upstream, quirks=quirks, abilities=abilities, output=output)
    return Encoded({name: value for name, value in written.body.items() if name in _COUNTED}, written.dropped)


def decode(raw: bytes) -> int:
    """The tokens of the request; raises Malformed, or ErrorBody where the body holds an error."""
    body = object_of(raw)
    if (found := count(body.get("input_tokens"))) is not None:
        return found
    if info := fault.embedded(body):
        raise ErrorBody(info)
    raise Malformed("the provider's answer holds no count")
