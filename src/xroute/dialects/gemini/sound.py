"""Recordings and images in Gemini's requests, and sound in its answers."""

import binascii
import re
import struct
from collections.abc import Iterable, Sequence
from typing import Any

from xroute.dialects.answer import Encoded, ErrorBody, ErrorInfo, Malformed
from xroute.dialects.gemini import fault, usage, words
from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json
from xroute.wire.form import Buffer, File
from xroute.wire.usage import Usage

# Samples a second, where the answer does not say: https://ai.google.dev/gemini-api/docs/speech-generation
RATE = 24_000

_MARK = "xroute:data:"  # stands for a file's base64 text while the JSON around it is written
_RATE = re.compile(r"rate=(\d{4,6})")
_MEDIA = {  # by the ending of a filename, where the client gave no type
    "wav": "audio/wav",
    "mp3": "audio/mp3",
    "mpga": "audio/mp3",
    "mpeg": "audio/mpeg",
    "m4a": "audio/mp4",
    "mp4": "audio/mp4",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "webm": "audio/webm",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
}
_VAGUE = ("", "application/octet-stream")


def inline(file: File, number: int) -> Json:
    """The part of a file; `with_files` puts the data in its place."""
    media = file.media
    if media in _VAGUE:
        media = _MEDIA.get(file.filename.rpartition(".")[2].lower(), media or "application/octet-stream")
    return {"inlineData": {"mimeType": media, "data": f"{_MARK}{number}"}}


def with_files(body: Json, files: Sequence[File], dropped: Iterable[str]) -> Encoded:
    """A request in pieces: the JSON, and between them the files' base64 texts, each of which is held once."""
    rest = codec.write(body)
    pieces: list[Buffer] = []
    for number, file in enumerate(files):
        before, mark, rest = rest.partition(f"{_MARK}{number}".encode())
        assert mark
        pieces += [before, binascii.b2a_base64(file.data, newline=False)]
    return Encoded({}, tuple(dropped), pieces=(*pieces, rest))


def parts_of(body: Json) -> tuple[list[Json], Usage | None]:
    """(the parts of an answer's first candidate, what was used); raises Malformed or ErrorBody."""
    if info := fault.embedded(body):
        raise ErrorBody(info)
    candidates: Any = body.get("candidates")
    first = candidates[0] if codec.is_list(candidates) and candidates else None
    if not codec.is_object(first):
        raise _refused(body, None)
    content: Any = first.get("content")
    given: Any = content.get("parts") if codec.is_object(content) else None
    parts = [part for part in given if codec.is_object(part)] if codec.is_list(given) else []
    if not parts:
        raise _refused(body, first)
    return parts, tokens.read(counted) if (counted := usage_body(body)) else None


def usage_body(body: Json) -> Json | None:
    """OpenAI's usage object of audio and images."""
    counted = usage.body_of(body.get("usageMetadata"))
    if counted is None:
        return None
    return {
        **counted,
        "type": "tokens",
        "input_tokens": counted["prompt_tokens"],
        "output_tokens": counted["completion_tokens"],
    }


def data_of(part: Json) -> tuple[str, str] | None:
    """(content type, base64 text) of a part that holds data."""
    held: Any = part.get("inlineData")
    if not codec.is_object(held) or not isinstance(data := held.get("data"), str) or not data:
        return None
    return str(held.get("mimeType") or ""), data


def wave(samples: bytes, media: str) -> bytes:
    """16-bit mono samples with the header of a WAV file."""
    found = _RATE.search(media)
    rate = int(found.group(1)) if found else RATE
    form = struct.pack("<HHIIHH", 1, 1, rate, rate * 2, 2, 16)
    size = len(samples)
    return b"RIFF%bWAVEfmt %b%bdata%b" % (_long(36 + size), _long(16), form, _long(size)) + samples


def _long(number: int) -> bytes:
    return struct.pack("<I", number)


def _refused(body: Json, candidate: Json | None) -> Exception:
    """Why there is nothing in an answer."""
    feedback: Any = body.get("promptFeedback")
    reason = feedback.get("blockReason") if codec.is_object(feedback) else None
    if reason is None and candidate is not None and candidate.get("finishReason") not in (None, "STOP"):
        reason = candidate["finishReason"]
    if reason is None:
        return Malformed("the provider's answer is empty")
    if feedback or words.translate(str(reason), calls=False) == "content_filter":
        return ErrorBody(ErrorInfo(f"the provider refused: {reason}", code="content_filter", status=400))
    return ErrorBody(ErrorInfo(f"the provider gave no answer: {reason}", code=str(reason)))
