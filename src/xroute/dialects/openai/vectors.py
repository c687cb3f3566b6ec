"""Vectors as lists of numbers and as base64: little-endian float32, as OpenAI's clients read it.

https://github.com/openai/openai-python/blob/main/src/openai/resources/embeddings.py, read 2026-11-21.
"""

import sys
from array import array
from base64 import b64decode, b64encode
from typing import Any, Literal

from xroute.dialects.openai.codec import is_list

INT8 = "base64_int8"  # Perplexity's form: https://docs.perplexity.ai/docs/embeddings/best-practices


def numbers(text: str, form: str = "base64") -> list[Any]:
    """The numbers of a base64 text; each float32 as the double of the same value. ValueError for others."""
    raw = b64decode(text, validate=True)
    if form == INT8:
        return list(memoryview(raw).cast("b"))
    found: array[float] = array("f")
    found.frombytes(raw)
    return _little(found).tolist()


def base64(values: list[Any], form: str = "base64") -> str:
    """The base64 text of some numbers; TypeError or OverflowError for what are none."""
    kind: Literal["b", "f"] = "b" if form == INT8 else "f"
    return b64encode(_little(array(kind, values)).tobytes()).decode("ascii")


def convert(vector: Any, form: str) -> Any:
    """A vector as a list ("float") or as base64; one that is neither, or is so already, stays as it is."""
    try:
        if form == "float":
            return numbers(vector) if isinstance(vector, str) else vector
        return base64(vector, form) if is_list(vector) else vector
    except (TypeError, ValueError, OverflowError):
        return vector


def _little(held: "array[Any]") -> "array[Any]":
    if sys.byteorder == "big":
        held.byteswap()
    return held
