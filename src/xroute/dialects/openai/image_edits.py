"""Images made from others and a text: a form, or JSON whose images are addresses.

https://platform.openai.com/docs/api-reference/images/createEdit, read 2026-11-21.
"""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.openai import audio, codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.images import decode, fitted
from xroute.wire.form import File

__all__ = ["PATH", "decode", "encode"]

PATH = "/images/edits"


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """What came as a form goes as one, and what came as JSON as JSON."""
    encoded = fitted(body, upstream, quirks)
    if not holds_files(body):
        return encoded
    return audio.form_of(encoded.body, encoded.dropped)


def holds_files(body: Json) -> bool:
    """Whether a request was a form."""
    return any(isinstance(each, File) for value in body.values() for each in _each(value))


def _each(value: Any) -> list[Any]:
    return value if codec.is_list(value) else [value]
