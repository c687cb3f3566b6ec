"""Text to audio.

https://platform.openai.com/docs/api-reference/audio/createSpeech · https://console.groq.com/docs/text-to-speech
https://docs.mistral.ai/api/endpoint/audio/speech; all read 2026-11-21.
"""

import binascii
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Encoded, ErrorBody, Malformed
from xroute.dialects.openai import audio, codec, fault
from xroute.dialects.openai.codec import Json

PATH = "/audio/speech"

_AUDIO = ("audio_data", "audio", "data")  # Mistral's field, and those of others


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The client's body under the provider's names."""
    return audio.named(body, upstream, quirks)


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """A whole answer: the audio itself, or JSON that holds it; raises Malformed or ErrorBody."""
    if raw.lstrip()[:1] != b"{":
        return Answer({}, None, bool(raw), raw)
    try:
        body = codec.read(raw)
    except ValueError:
        return Answer({}, None, True, raw)
    if info := fault.embedded(body):
        raise ErrorBody(info)
    given: Any = next((body[name] for name in _AUDIO if isinstance(body.get(name), str)), None)
    if not given:
        raise Malformed("the provider's answer holds no audio")
    try:
        sound = binascii.a2b_base64(given)
    except ValueError:
        raise Malformed("the provider's answer holds audio that cannot be read") from None
    usage = audio.usage_of(body.get("usage"))
    return Answer({"usage": body["usage"]} if usage else {}, usage, bool(sound), sound)
