"""How many tokens a request has: https://ai.google.dev/api/tokens, read 2026-11-21; free of charge."""

from xroute.dialects.answer import ErrorBody, Malformed
from xroute.dialects.gemini import fault
from xroute.dialects.openai import codec
from xroute.dialects.openai.body import value_of
from xroute.dialects.openai.tokens import count

PATH = "/models/{model}:countTokens"


def decode(raw: bytes) -> int:
    """The tokens of the request; raises Malformed, or ErrorBody where the body holds an error."""
    body = value_of(raw)
    if info := fault.embedded(body):
        raise ErrorBody(info)
    found = count(body.get("totalTokens", 0)) if codec.is_object(body) else None
    if found is None:
        raise Malformed("the provider's answer holds no count")
    return found
