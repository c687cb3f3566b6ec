"""How many tokens a request has, asked of Bedrock itself; it is free of charge.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html, read 2026-11-21.
"""

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded, ErrorBody, Malformed
from xroute.dialects.bedrock import fault
from xroute.dialects.bedrock.encode import encode as encode_chat
from xroute.dialects.openai import codec
from xroute.dialects.openai.body import value_of
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.tokens import count

PATH = "/model/{model}/count-tokens"

_COUNTED = ("messages", "system", "toolConfig", "additionalModelRequestFields")


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The question for the canonical request `body`: what of Converse's request is counted."""
    written = encode_chat(body, upstream=upstream, quirks=quirks, abilities=abilities, output=output)
    asked = {name: written.body[name] for name in _COUNTED if name in written.body}
    return Encoded({"input": {"converse": asked}}, written.dropped)


def decode(raw: bytes) -> int:
    """The tokens of the request; raises Malformed, or ErrorBody where the body holds an error."""
    body = value_of(raw)
    found = count(body.get("inputTokens")) if codec.is_object(body) else None
    if found is not None:
        return found
    if codec.is_object(body) and (info := fault.embedded(body)):
        raise ErrorBody(info)
    raise Malformed("the provider's answer holds no count")
