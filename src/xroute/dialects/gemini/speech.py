"""Text to speech by generateContent.

https://ai.google.dev/gemini-api/docs/speech-generation, read 2026-11-21.
"""

import binascii
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, Encoded, Malformed
from xroute.dialects.gemini.sound import data_of, parts_of, usage_body, wave
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.embeddings import read
from xroute.dialects.openai.encode import OWN

PATH = "/models/{model}:generateContent"

_READ = frozenset({"model", "input", "voice", "instructions", "stream_format", "response_format", "language"})
_FORMS = ("wav", "pcm")  # what it makes, and the only ones that it can give
_SAMPLES = ("audio/l16", "audio/pcm")


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """Instructions stand before the text, as Google's examples have them ("Say cheerfully: ...")."""
    voice: Any = body["voice"]
    text, told = body["input"], body.get("instructions")
    spoken: Json = {
        "voiceConfig": {
            "prebuiltVoiceConfig": {"voiceName": voice["id"] if codec.is_object(voice) else voice}
        }
    }
    if body.get("language"):
        spoken["languageCode"] = body["language"]
    dropped = [name for name, value in body.items() if name not in _READ | OWN and value is not None]
    if body.get("response_format") not in (None, *_FORMS):
        dropped.append("response_format")
    return Encoded(
        {
            "contents": [{"role": "user", "parts": [{"text": f"{told}: {text}" if told else text}]}],
            "generationConfig": {"responseModalities": ["AUDIO"], "speechConfig": spoken},
        },
        tuple(dropped),
    )


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error.

    Samples become a WAV file; the client's side takes its header off where `pcm` was asked for.
    """
    body = read(raw)
    parts, usage = parts_of(body)
    held = [data for part in parts if (data := data_of(part))]
    try:
        sound = b"".join([binascii.a2b_base64(data) for _, data in held])
    except ValueError:
        raise Malformed("the provider's answer holds sound that cannot be read") from None
    if not sound:
        raise Malformed("the provider's answer holds no sound")
    media = held[0][0]
    if media.lower().startswith(_SAMPLES):
        sound, media = wave(sound, media), "audio/wav"
    counted = usage_body(body)
    return Answer({"usage": counted} if counted else {}, usage, content=True, raw=sound, media=media)
