"""Audio to English text.

https://platform.openai.com/docs/api-reference/audio, read 2026-11-21.
"""

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.openai import audio
from xroute.dialects.openai.audio import decode
from xroute.dialects.openai.codec import Json

__all__ = ["PATH", "decode", "encode"]

PATH = "/audio/translations"


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The client's form under the provider's names."""
    return audio.encode(body, upstream=upstream, quirks=quirks)
