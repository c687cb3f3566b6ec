"""How the answers of images and audio are written: whole, as events, or as the bytes of a sound."""

import binascii
from collections.abc import Sequence
from dataclasses import replace

from xroute.dialects import transcript
from xroute.dialects.answer import Answer
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.surface import DONE, error_object, refuse
from xroute.errors import CallError
from xroute.wire.call import Operation
from xroute.wire.chunk import Chunk

JSON = "application/json"
WAV = "audio/wav"
# https://platform.openai.com/docs/guides/text-to-speech#supported-output-formats, read 2026-11-21.
SOUNDS = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": WAV,
    "pcm": "audio/pcm",
}
PIECE = 48 * 1024  # bytes of sound in one event; a multiple of 3, so that the base64 texts can be joined


class MediaSurface:
    """The canonical answer as it is; a stream's events as they come."""

    dialect = "openai"

    def write(self, body: Json) -> bytes:
        return codec.write(body)

    def shaped(self, answer: Answer) -> Answer:
        """A whole answer in the form that the client asked for."""
        return answer

    def events(self, body: Json, raw: bytes) -> list[Json]:
        """A whole answer as the stream that the client asked for; `raw` are the bytes of a sound."""
        raise NotImplementedError

    def encoder(self, request_id: str, created: int) -> "RelayEncoder":
        return RelayEncoder(request_id)

    def refuse(self, error: CallError, request_id: str) -> bytes:
        return refuse(error, request_id)


class TranscriptSurface(MediaSurface):
    """A transcript in the client's `response_format`, whatever form the provider gave it in."""

    def __init__(self, form: str, granularities: frozenset[str]) -> None:
        self._form = form
        self._granularities = granularities

    def write(self, body: Json) -> bytes:
        return transcript.write(body, self._form, self._granularities)

    def events(self, body: Json, raw: bytes) -> list[Json]:
        return transcript.events(body, self._form)


class SpeechSurface(MediaSurface):
    """Sound.

    https://platform.openai.com/docs/api-reference/audio/speech-audio-delta-event, read 2026-11-21.
    """

    def __init__(self, form: str) -> None:
        self._form = form

    def shaped(self, answer: Answer) -> Answer:
        """Samples without a header where these are wanted; a sound without a type has the type wanted."""
        if self._form == "pcm" and answer.media == WAV and answer.raw[36:40] == b"data":
            return replace(answer, raw=answer.raw[44:], media=SOUNDS["pcm"])
        if answer.media == JSON:
            return replace(answer, media=SOUNDS.get(self._form, ""))
        return answer

    def events(self, body: Json, raw: bytes) -> list[Json]:
        pieces = [raw[start : start + PIECE] for start in range(0, len(raw), PIECE)]
        deltas = [
            {"type": "speech.audio.delta", "audio": binascii.b2a_base64(p, newline=False).decode()}
            for p in pieces
        ]
        usage = {"usage": body["usage"]} if "usage" in body else {}
        return [*deltas, {"type": "speech.audio.done", **usage}]


class ImageSurface(MediaSurface):
    """Images: https://platform.openai.com/docs/api-reference/images-streaming, read 2026-11-21."""

    def __init__(self, operation: Operation) -> None:
        self._kind = "image_edit.completed" if operation == "image_edits" else "image_generation.completed"

    def events(self, body: Json, raw: bytes) -> list[Json]:
        known = ("background", "output_format", "quality", "size")
        beside = {name: body[name] for name in known if body.get(name) is not None}
        found = [
            {"type": self._kind, "created_at": body["created"], **beside, **each} for each in body["data"]
        ]
        if found and "usage" in body:
            found[-1]["usage"] = body["usage"]
        return found


class RelayEncoder:
    """What the provider sends goes on as it is; an error of ours is an event of its own."""

    __slots__ = ("_request_id",)

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id

    def feed(self, chunks: Sequence[Chunk]) -> bytes:
        return chunks[0].raw if len(chunks) == 1 else b"".join([chunk.raw for chunk in chunks])

    def finish(self, last: bytes) -> bytes:
        return b""  # the provider's own end has passed

    def fail(self, error: CallError, chunk: Json) -> bytes:
        told = {"type": "error", "error": error_object(error, self._request_id)}
        return event(told) + DONE


def event(body: Json) -> bytes:
    """One server-sent event."""
    return b"data: %b\n\n" % codec.write(body)
