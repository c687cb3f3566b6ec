"""Text to speech: the voice is in the address, the form of the sound in the query.

https://elevenlabs.io/docs/api-reference/text-to-speech/stream, read 2026-11-21.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Encoded
from xroute.dialects.openai import codec, speech
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN
from xroute.errors import InvalidRequest

PATH = "/text-to-speech"

# Theirs are codec_rate_bitrate; a name in that form passes as it is.
_FORMS: Mapping[str, str] = {
    "mp3": "mp3_44100_128",
    "opus": "opus_48000_128",
    "pcm": "pcm_24000",  # as OpenAI's: 24 kHz, 16 bits, no header
    "wav": "wav_24000",
}
_SPEEDS = (0.7, 1.2)  # https://elevenlabs.io/docs/eleven-creative/playground/text-to-speech#speed
# Fields of their own that pass as they are.
_THEIRS = frozenset(
    {
        "language_code",
        "pronunciation_dictionary_locators",
        "seed",
        "previous_text",
        "next_text",
        "previous_request_ids",
        "next_request_ids",
        "apply_text_normalization",
        "apply_language_text_normalization",
    }
)
_READ = frozenset({"model", "input", "voice", "response_format", "speed", "stream_format", "voice_settings"})


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """InvalidRequest for a form of sound that they have not."""
    sent: Json = {name: body[name] for name in _THEIRS if body.get(name) is not None}
    sent |= {"text": body["input"], "model_id": upstream}
    dropped = [n for n, v in body.items() if n not in _READ | _THEIRS | OWN and v is not None]
    settings: Any = body.get("voice_settings")
    settings = dict(settings) if codec.is_object(settings) else {}
    speed = body.get("speed")
    if speed is not None:
        settings["speed"] = min(max(speed, _SPEEDS[0]), _SPEEDS[1])
        if settings["speed"] != speed:
            dropped.append("speed")
    if settings:
        sent["voice_settings"] = settings
    voice: Any = body["voice"]
    name = voice["id"] if codec.is_object(voice) else voice
    if name in (".", ".."):  # a client would walk up the address
        raise InvalidRequest(f"`{name}` is no voice.", code="unsupported_value", param="voice")
    form = _form(body.get("response_format") or "mp3")
    return Encoded(sent, tuple(dropped), suffix=f"/{quote(name, safe='')}/stream?output_format={form}")


def _form(wanted: str) -> str:
    found = _FORMS.get(wanted, wanted if "_" in wanted else "")
    if not found:
        raise InvalidRequest(
            f"This provider has no `{wanted}`; it has {', '.join(_FORMS)}.",
            code="unsupported_value",
            param="response_format",
        )
    return quote(found, safe="")


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """A whole answer: the sound; raises Malformed or ErrorBody."""
    return speech.decode(raw, model=model, request_id=request_id, created=created, quirks=quirks)
