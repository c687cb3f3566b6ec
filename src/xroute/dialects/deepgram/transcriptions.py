"""Speech to text: the recording is the body, as it is, and every option stands in the query.

https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded, read 2026-11-21.
"""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects import transcript
from xroute.dialects.answer import Answer, Encoded, Malformed
from xroute.dialects.deepgram.query import suffix
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.embeddings import read
from xroute.dialects.openai.encode import OWN
from xroute.dialects.transcript import seconds
from xroute.wire.form import File

PATH = "/listen"

_THEIRS = (
    "diarize",
    "dictation",
    "filler_words",
    "keyterm",
    "measurements",
    "mip_opt_out",
    "multichannel",
    "numerals",
    "profanity_filter",
    "punctuate",
    "redact",
    "replace",
    "smart_format",
    "tag",
    "utterances",
    "utt_split",
    "version",
)
_READ = frozenset(
    {
        "model",
        "file",
        "language",
        "response_format",
        "timestamp_granularities",
        "stream",
        "keywords",
        *_THEIRS,
    }
)


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The recording goes out as it came."""
    options: Json = {"model": upstream, "smart_format": True, "utterances": True}
    if body.get("language"):
        options["language"] = body["language"]
    else:
        options["detect_language"] = True
    if body.get("keywords"):
        options["keyterm"] = body["keywords"]
    if body.get("response_format") == "diarized_json":
        options["diarize"] = True
    options |= {name: body[name] for name in _THEIRS if body.get(name) is not None}
    file: File = body["file"]
    dropped = tuple(name for name, value in body.items() if name not in _READ | OWN and value is not None)
    headers = (("content-type", file.media or "application/octet-stream"),)
    return Encoded({}, dropped, headers, (file.data,), suffix(options.items()))


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = read(raw)
    results = _object(body.get("results"))
    channels = [each for each in _list(results.get("channels")) if codec.is_object(each)]
    said = [_object(next(iter(_list(each.get("alternatives"))), None)) for each in channels]
    if not said or not all(isinstance(each.get("transcript"), str) for each in said):
        raise Malformed("the provider's answer has no transcript")
    words = sorted(
        (word for each in said for word in _words(each.get("words"))), key=lambda word: word["start"]
    )
    text = "\n".join(each["transcript"] for each in said)
    language: Any = channels[0].get("detected_language")
    made = transcript.made(
        text,
        words,
        _segments(results.get("utterances")),
        language=language if isinstance(language, str) else None,
        duration=_object(body.get("metadata")).get("duration"),
    )
    return Answer(made, None, content=True)


def _words(given: Any) -> list[Json]:
    found: list[Json] = []
    for each in _list(given):
        if not codec.is_object(each):
            continue
        text = each.get("punctuated_word") or each.get("word")
        word: Json = {"word": str(text), "start": seconds(each.get("start")), "end": seconds(each.get("end"))}
        if each.get("speaker") is not None:
            word["speaker"] = f"speaker_{each['speaker']}"
        found.append(word)
    return found


def _segments(given: Any) -> list[Json] | None:
    """Their utterances; None where there are none, and segments are made of the words."""
    found: list[Json] = []
    for each in _list(given):
        if not codec.is_object(each):
            continue
        segment: Json = {
            "start": seconds(each.get("start")),
            "end": seconds(each.get("end")),
            "text": str(each.get("transcript") or ""),
        }
        if each.get("speaker") is not None:
            segment["speaker"] = f"speaker_{each['speaker']}"
        found.append(segment)
    return found or None


def _object(value: Any) -> Json:
    return value if codec.is_object(value) else {}


def _list(value: Any) -> list[Any]:
    return value if codec.is_list(value) else []
