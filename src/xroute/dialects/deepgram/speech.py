"""Text to speech: the voice is a part of the model's name, the form of the sound stands in the query.

https://developers.deepgram.com/reference/text-to-speech/speak-request, read 2026-11-21.
"""

from collections.abc import Mapping
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Encoded
from xroute.dialects.deepgram.query import suffix
from xroute.dialects.openai import codec, speech
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN
from xroute.errors import InvalidRequest

PATH = "/speak"

# https://developers.deepgram.com/docs/tts-media-output-settings; OpenAI's pcm is at 24 kHz without a header.
_FORMS: Mapping[str, Json] = {
    "mp3": {"encoding": "mp3"},
    "opus": {"encoding": "opus", "container": "ogg"},
    "aac": {"encoding": "aac"},
    "flac": {"encoding": "flac"},
    "wav": {"encoding": "linear16", "container": "wav", "sample_rate": 24000},
    "pcm": {"encoding": "linear16", "container": "none", "sample_rate": 24000},
}
_THEIRS = ("bit_rate", "sample_rate", "mip_opt_out", "tag", "speed")
_READ = frozenset({"model", "input", "voice", "response_format", "stream_format"})


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """InvalidRequest for a form of sound that they have not."""
    wanted = body.get("response_format") or "mp3"
    if wanted not in _FORMS:
        raise InvalidRequest(
            f"This provider has no `{wanted}`; it has {', '.join(_FORMS)}.",
            code="unsupported_value",
            param="response_format",
        )
    options: Json = {"model": _model(upstream, body["voice"]), **_FORMS[wanted]}
    options |= {name: body[name] for name in _THEIRS if body.get(name) is not None}
    known = _READ | OWN | frozenset(_THEIRS)
    dropped = tuple(name for name, value in body.items() if name not in known and value is not None)
    return Encoded({"text": body["input"]}, dropped, suffix=suffix(options.items()))


def _model(upstream: str, voice: Any) -> str:
    """`aura-2-thalia-en` of the model `aura-2` and the voice `thalia`, `thalia-en` or the whole of it."""
    name = voice["id"] if codec.is_object(voice) else voice
    if name.startswith(upstream):
        return name
    return f"{upstream}-{name}" if "-" in name else f"{upstream}-{name}-en"


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """A whole answer: the sound; raises Malformed or ErrorBody."""
    return speech.decode(raw, model=model, request_id=request_id, created=created, quirks=quirks)
