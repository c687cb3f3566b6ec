"""Images, speech and transcriptions: small files that are what they say they are, made from the request."""

import io
import math
import struct
import wave
import zlib
from array import array
from base64 import b64encode
from hashlib import blake2b
from typing import Any

import orjson

from xroute.sim.bodies import CREATED
from xroute.sim.shape import entries
from xroute.sim.tasks.task import Json, Made, Task, required, tokens_of, whole
from xroute.wire import form

_SIDE = 64  # pixels of an image
_CELL = 8  # pixels of one square in it
_RATE = 8000  # samples of a second of speech
_LETTER_S = 0.05  # of speech
_LONGEST_S = 3.0
_GUESS = 16_000  # bytes of a second of audio whose form is not known
_MOST = 10  # images


class Images(Task):
    """POST /v1/images/generations."""

    model = "gpt-image-1"

    def answer(self, body: Json, model: str, seed: int) -> Made:
        return _drawn(body, str(required(body, "prompt")), seed)


class ImageEdits(Task):
    """POST /v1/images/edits, a form."""

    model = "gpt-image-1"

    def read(self) -> Json:
        return fields(self, self.model)

    def answer(self, body: Json, model: str, seed: int) -> Made:
        if "n" in body and str(body["n"]).isdecimal():
            body["n"] = int(body["n"])
        return _drawn(body, str(required(body, "prompt")), seed)


class Speech(Task):
    """POST /v1/audio/speech: a melody, as WAV or bare samples whatever form is asked for."""

    def answer(self, body: Json, model: str, seed: int) -> Made:
        samples = _melody(str(required(body, "input")), seed)
        if body.get("response_format") == "pcm":
            return Made(samples, "audio/pcm")
        return Made(_wav(samples), "audio/wav")


class Transcriptions(Task):
    """POST /v1/audio/transcriptions and /v1/audio/translations, forms."""

    def read(self) -> Json:
        return fields(self)

    def answer(self, body: Json, model: str, seed: int) -> Made:
        file: form.File = required(body, "file")
        seconds = _seconds(bytes(file.data))
        text = (
            "This is the xroute simulator, not a speech model. "
            f"The file {file.filename or 'without a name'} has {len(file.data)} bytes."
        )
        match body.get("response_format"):
            case "text":
                return Made(text.encode() + b"\n", "text/plain; charset=utf-8")
            case "srt":
                return Made(f"1\n00:00:00,000 --> {_stamp(seconds, ',')}\n{text}\n\n".encode(), "text/plain")
            case "vtt":
                told = f"WEBVTT\n\n00:00:00.000 --> {_stamp(seconds, '.')}\n{text}\n\n"
                return Made(told.encode(), "text/plain")
            case "verbose_json":
                return Made(orjson.dumps(_verbose(text, seconds)))
            case _:
                usage = {"type": "duration", "seconds": math.ceil(seconds)}
                return Made(orjson.dumps({"text": text, "usage": usage}))


def fields(task: Task, model: str = "") -> Json:
    """The fields of a form; of several with one name, the last."""
    kind = task.request.headers.get("content-type", "")
    found: dict[str, Any] = {
        each.name.removesuffix("[]"): each.value for each in form.read(bytearray(task.request.body), kind)
    }
    return {"model": model, **found} if model else found


def _drawn(body: Json, prompt: str, seed: int) -> Made:
    count = whole(body, "n", 1, _MOST)
    pictures = [b64encode(_png(f"{seed}:{number}:{prompt}")).decode() for number in range(count)]
    as_url = body.get("response_format") == "url"
    data = [{"url": f"data:image/png;base64,{p}"} if as_url else {"b64_json": p} for p in pictures]
    given, made = tokens_of(prompt), count * (_SIDE // _CELL) ** 2
    usage = {
        "input_tokens": given,
        "output_tokens": made,
        "total_tokens": given + made,
        "input_tokens_details": {"text_tokens": given, "image_tokens": 0},
    }
    body_: Json = {"created": CREATED, "data": data, "output_format": "png", "usage": usage}
    return Made(orjson.dumps(body_))


def _png(text: str) -> bytes:
    """Squares in two colours, the left half mirrored; https://www.w3.org/TR/png-3, read 2026-11-21."""
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
    colours = digest[:3], digest[3:6]
    half = _SIDE // _CELL // 2
    rows: list[bytes] = []
    for line in range(_SIDE // _CELL):
        cells = [digest[6 + line] >> place & 1 for place in range(half)]
        pixels = b"".join(colours[cell] * _CELL for cell in [*cells, *reversed(cells)])
        rows += [b"\0" + pixels] * _CELL
    head = struct.pack("!IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))


def _melody(text: str, seed: int) -> bytes:
    """A tone for each letter, 16 bits a sample."""
    samples = array("h")
    length = int(_RATE * _LETTER_S)
    for letter in text[: int(_LONGEST_S / _LETTER_S)]:
        pitch = 220 + (ord(letter) + seed) % 40 * 20
        samples.extend(int(8000 * math.sin(2 * math.pi * pitch * at / _RATE)) for at in range(length))
    return samples.tobytes()


def _wav(samples: bytes) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(samples)
    return out.getvalue()


def _seconds(data: bytes) -> float:
    try:
        with wave.open(io.BytesIO(data)) as file:
            return file.getnframes() / file.getframerate()
    except (wave.Error, EOFError, ZeroDivisionError):
        return len(data) / _GUESS


def _stamp(seconds: float, point: str) -> str:
    whole_s, part = divmod(round(seconds * 1000), 1000)
    return f"{whole_s // 3600:02}:{whole_s // 60 % 60:02}:{whole_s % 60:02}{point}{part:03}"


def _verbose(text: str, seconds: float) -> Json:
    segment = {"id": 0, "seek": 0, "start": 0.0, "end": seconds, "text": text, "tokens": entries(None)}
    more = {"temperature": 0.0, "avg_logprob": -0.1, "compression_ratio": 1.0, "no_speech_prob": 0.01}
    return {
        "task": "transcribe",
        "language": "english",
        "duration": seconds,
        "text": text,
        "segments": [segment | more],
        "usage": {"type": "duration", "seconds": math.ceil(seconds)},
    }
