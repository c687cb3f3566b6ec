"""Audio to English text by a model that hears.

https://ai.google.dev/gemini-api/docs/audio, read 2026-11-21.
"""

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.gemini.transcriptions import PATH, asked, decode
from xroute.dialects.openai.codec import Json

__all__ = ["PATH", "decode", "encode"]

_ASK = "Translate what is said in this recording into English. Answer with the translation alone."


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The recording, and what is to be done with it."""
    return asked(body, _ASK)
