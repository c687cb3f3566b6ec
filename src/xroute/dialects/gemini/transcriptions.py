"""Audio to text by a model that hears: https://ai.google.dev/gemini-api/docs/audio, read 2026-11-21."""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects import transcript
from xroute.dialects.answer import Answer, Encoded, Malformed
from xroute.dialects.gemini.sound import inline, parts_of, usage_body, with_files
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.embeddings import read
from xroute.dialects.openai.encode import OWN

PATH = "/models/{model}:generateContent"

_READ = frozenset({"model", "file", "language", "prompt", "response_format", "temperature", "stream"})
_ASK = "Write down word for word what is said in this recording. Answer with the transcript alone."
_TIMED = "Give it in segments of a sentence each, with the times at which each begins and ends as MM:SS.mmm."
_SPEAKERS = "Tell the speakers apart and name them A, B, C in the order in which they first speak."
_SCHEMA: Json = {
    "type": "OBJECT",
    "properties": {
        "language": {"type": "STRING", "description": "ISO 639-1"},
        "segments": {
            "type": "ARRAY",
            "items": {
                "type": "OBJECT",
                "properties": {name: {"type": "STRING"} for name in ("start", "end", "text", "speaker")},
                "required": ["start", "end", "text"],
            },
        },
    },
    "required": ["language", "segments"],
}


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


def asked(body: Json, task: str) -> Encoded:
    """A request for the text of a recording; for its times too where the client's form needs them."""
    wanted = body.get("response_format")
    lines = [task]
    if wanted in transcript.TIMED:
        lines.append(_TIMED)
    if wanted == "diarized_json":
        lines.append(_SPEAKERS)
    if body.get("language"):
        lines.append(f"The language of the recording is {body['language']}.")
    if body.get("prompt"):
        lines.append(f"What may help with names and style: {body['prompt']}")
    options: Json = {} if body.get("temperature") is None else {"temperature": body["temperature"]}
    if wanted in transcript.TIMED:
        options |= {"responseMimeType": "application/json", "responseSchema": _SCHEMA}
    parts = [inline(body["file"], 0), {"text": "\n".join(lines)}]
    sent: Json = {"contents": [{"role": "user", "parts": parts}]}
    if options:
        sent["generationConfig"] = options
    dropped = (name for name, value in body.items() if name not in _READ | OWN and value is not None)
    return with_files(sent, [body["file"]], dropped)


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = read(raw)
    parts, usage = parts_of(body)
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str) and not part.get("thought")]
    text = "".join(texts).strip()
    if not texts:
        raise Malformed("the provider's answer has no text")
    made = _timed(text) or transcript.made(text, [])
    if (counted := usage_body(body)) is not None:
        made["usage"] = counted
    return Answer(made, usage, content=True)


def _timed(text: str) -> Json | None:
    """The transcript of an answer with times; None where it is a text."""
    if not text.startswith("{"):
        return None
    try:
        given = codec.read(text.encode())
    except ValueError:
        return None
    found: Any = given.get("segments") if codec.is_object(given) else None
    if not codec.is_list(found):
        return None
    segments = [_segment(each) for each in found if codec.is_object(each)]
    whole = " ".join(segment["text"] for segment in segments)
    return transcript.made(whole, [], segments, language=given.get("language"))


def _segment(given: Json) -> Json:
    segment: Json = {
        "start": _seconds(given.get("start")),
        "end": _seconds(given.get("end")),
        "text": str(given.get("text") or ""),
    }
    if given.get("speaker"):
        segment["speaker"] = str(given["speaker"])
    return segment


def _seconds(value: Any) -> float:
    """MM:SS.mmm, HH:MM:SS or plain seconds."""
    total = 0.0
    for part in str(value).split(":"):
        try:
            total = total * 60 + float(part)
        except ValueError:
            return 0.0
    return total if 0 <= total < 1e6 else 0.0
