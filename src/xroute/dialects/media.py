"""Clients' requests for images and audio become Calls; errors name the field."""

from collections.abc import Callable
from typing import Any

from xroute.dialects import transcript
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.parse import load, models_of, timeouts_of, wrong
from xroute.dialects.surfaces import SOUNDS, ImageSurface, SpeechSurface, TranscriptSurface
from xroute.errors import InvalidRequest
from xroute.wire import form
from xroute.wire.call import Call, Operation
from xroute.wire.form import Field, File
from xroute.wire.surface import Surface

SOUND = "application/octet-stream"  # until a provider says which
MOST_IMAGES = 100  # of one request; providers take fewer and say so

_FLAGS = frozenset({"stream"})
_LISTS = frozenset({"timestamp_granularities", "include", "known_speaker_names", "known_speaker_references"})
_OBJECTS = frozenset({"chunking_strategy", "provider", "timeouts", "models", "svg"})
_NUMBERS: dict[str, type] = {"temperature": float, "n": int, "partial_images": int, "output_compression": int}
_TEXTS = _FLAGS | _LISTS | _NUMBERS.keys() | {
    "model", "prompt", "language", "response_format", "size", "quality", "style", "background",
    "output_format", "chunking_strategy", "provider", "timeouts", "user",
}  # fmt: skip
_GRANULARITIES = frozenset({"word", "segment"})


def parse_audio(raw: bytearray, content_type: str, operation: Operation) -> Call:
    """POST /v1/audio/transcriptions and /v1/audio/translations: a form with the recording as `file`."""
    if not form.is_form(content_type):
        raise InvalidRequest(
            "Send the recording as a form (content-type multipart/form-data) with a part `file`.",
            code="invalid_form",
        )
    body = _body(form.read(raw, content_type))
    if not isinstance(body.get("file"), File):
        raise wrong("file", "is required" if body.get("file") is None else "must be a file")
    wanted = body.get("response_format", "json")
    if wanted not in transcript.FORMS:
        raise wrong("response_format", f"must be one of {', '.join(sorted(transcript.FORMS))}")
    granularities: list[Any] = body.get("timestamp_granularities", [])
    for given in granularities:
        if given not in _GRANULARITIES:
            raise wrong("timestamp_granularities", "must be word or segment")
    call = _call(body, operation, TranscriptSurface(wanted, frozenset(granularities)))
    call.media = transcript.PLAIN.get(wanted, "")
    call.is_heavy = True
    call.text_bytes = len(str(body.get("prompt", "")))
    return call


def parse_speech(raw: bytes) -> Call:
    """POST /v1/audio/speech. The answer is a stream of bytes, or of events with `stream_format` sse."""
    body = load(raw)
    if not isinstance(body.get("input"), str) or not body["input"]:
        raise wrong("input", "is required" if not body.get("input") else "must be a string")
    voice = body.get("voice")
    if not isinstance(voice, str) and not (codec.is_object(voice) and isinstance(voice.get("id"), str)):
        raise wrong("voice", "is required" if voice is None else "must be a string or an object with an id")
    speed = body.get("speed")
    if speed is not None and (speed.__class__ not in (int, float) or not 0 < speed <= 10):
        raise wrong("speed", "must be a number above 0")
    for name in ("response_format", "instructions"):
        if body.get(name) is not None and not isinstance(body[name], str):
            raise wrong(name, "must be a string")
    if body.get("stream_format") not in (None, "audio", "sse"):
        raise wrong("stream_format", "must be audio or sse")
    events = body.get("stream_format") == "sse"
    call = _call(body, "speech", SpeechSurface(body.get("response_format") or "mp3"))
    call.stream, call.is_bytes = True, not events
    call.media = SOUNDS.get(body.get("response_format") or "mp3", SOUND)
    call.text_bytes = len(body["input"].encode("utf-8", "replace"))
    return call


def parse_images(raw: bytes) -> Call:
    """POST /v1/images/generations."""
    body = load(raw)
    return _drawn(body, "images")


def parse_image_edits(raw: bytearray, content_type: str) -> Call:
    """POST /v1/images/edits: a form with one `image` or several, or JSON with `images`."""
    if not form.is_form(content_type):
        body = load(bytes(raw))
        if not (codec.is_list(body.get("images")) and body["images"]) and not body.get("image"):
            raise wrong("images", "is required")
        return _drawn(body, "image_edits")
    body = _body(form.read(raw, content_type))
    images: Any = body.get("image")
    for image in images if codec.is_list(images) else [images]:
        if not isinstance(image, File):
            raise wrong("image", "is required" if image is None else "must be a file")
    if not isinstance(body.get("mask"), File | None):
        raise wrong("mask", "must be a file")
    return _drawn(body, "image_edits")


def _drawn(body: Json, operation: Operation) -> Call:
    if not isinstance(body.get("prompt"), str) or not body["prompt"]:
        raise wrong("prompt", "is required" if not body.get("prompt") else "must be a string")
    for name, most in (("n", MOST_IMAGES), ("partial_images", 3), ("output_compression", 100)):
        value = body.get(name)
        if value is not None and (value.__class__ is not int or not 0 <= value <= most):
            raise wrong(name, f"must be a whole number up to {most}")
    if body.get("n") == 0:
        raise wrong("n", "must be 1 or more")
    if body.get("stream") is not None and not isinstance(body["stream"], bool):
        raise wrong("stream", "must be true or false")
    for name in ("size", "quality", "style", "background", "output_format", "response_format"):
        if body.get(name) is not None and not isinstance(body[name], str):
            raise wrong(name, "must be a string")
    call = _call(body, operation, ImageSurface(operation))
    call.choices = body.get("n") or 1
    call.is_heavy = operation == "image_edits"
    call.text_bytes = len(body["prompt"].encode("utf-8", "replace"))
    return call


def _call(body: Json, operation: Operation, surface: Surface) -> Call:
    return Call(
        body=body,
        models=models_of(body),
        surface=surface,
        operation=operation,
        stream=bool(body.get("stream")),
        provider=body.get("provider"),
        timeouts=timeouts_of(body.get("timeouts")),
    )


def _body(fields: list[Field]) -> Json:
    """A form's parts by their names, with the types that they would have in JSON."""
    body: Json = {}
    for name, value in fields:
        base = name.removesuffix("[]")
        many = name != base or base in _LISTS
        if base in _TEXTS and isinstance(value, File):
            raise wrong(base, "must be a text, not a file")
        if base in _TEXTS and base not in _LISTS and (many or base in body):
            raise wrong(base, "must be given once")
        if base in body and not codec.is_list(body[base]):
            body[base] = [body[base]]  # a name that is given twice is a list without brackets
        if many or base in body:
            body.setdefault(base, []).append(value)
        else:
            body[base] = value if isinstance(value, File) else _typed(name, value)
    return {name: value for name, value in body.items() if value != ""}


def _typed(name: str, text: str) -> Any:
    if name in _FLAGS:
        return _flag(name, text)
    if name in _NUMBERS:
        return _number(name, text, _NUMBERS[name])
    if name in _OBJECTS and text[:1] in ("{", "["):
        try:
            return codec.read(text.encode())
        except ValueError:
            raise wrong(name, "is no valid JSON") from None
    return text


def _flag(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false", "1", "0"):
        raise wrong(name, "must be true or false")
    return word in ("true", "1")


def _number(name: str, text: str, kind: Callable[[str], Any]) -> Any:
    try:
        value = kind(text)
    except ValueError:
        raise wrong(name, "must be a whole number" if kind is int else "must be a number") from None
    if not abs(value) < 1e9:  # nor is infinity, or what is no number
        raise wrong(name, "must be a number")
    return value
