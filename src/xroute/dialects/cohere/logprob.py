"""Cohere's log probabilities in OpenAI's form."""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json


def read(items: Any) -> Json | None:
    """OpenAI's `logprobs` object of a list of items; None where there are none.

    An item is a piece of text of one or more tokens, each with its logarithm: added up they are that of the
    piece. https://docs.cohere.com/reference/chat, read 2026-11-21.
    """
    given: list[Any] = items if codec.is_list(items) else [items] if items else []
    entries = [entry for item in given if codec.is_object(item) and (entry := _entry(item))]
    return {"content": entries, "refusal": None} if entries else None


def _entry(item: Json) -> Json | None:
    text, numbers = item.get("text"), item.get("logprobs")
    if not isinstance(text, str) or not codec.is_list(numbers):
        return None
    if not all(isinstance(number, (int, float)) for number in numbers):
        return None
    return {
        "token": text,
        "logprob": sum(numbers),
        "bytes": list(text.encode("utf-8", "surrogatepass")),
        "top_logprobs": [],
    }
