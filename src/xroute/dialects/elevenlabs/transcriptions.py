"""Speech to text: a form; the answer has every word and who said it.

https://elevenlabs.io/docs/api-reference/speech-to-text/convert, read 2026-11-21.
"""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects import transcript
from xroute.dialects.answer import Answer, Encoded, Malformed
from xroute.dialects.openai import audio, codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.embeddings import read
from xroute.dialects.openai.encode import OWN
from xroute.dialects.transcript import seconds

PATH = "/speech-to-text"

_THEIRS = frozenset(
    {
        "num_speakers",
        "diarize",
        "diarization_threshold",
        "tag_audio_events",
        "file_format",
        "seed",
        "use_multi_channel",
        "keyterms",
        "entity_detection",
        "temperature",
    }
)
_READ = frozenset(
    {"model", "file", "language", "response_format", "timestamp_granularities", "stream", "keywords"}
)


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The client's form under their names."""
    sent: Json = {"model_id": upstream, "file": body["file"]}
    sent |= {name: body[name] for name in _THEIRS if body.get(name) is not None}
    if body.get("language"):
        sent["language_code"] = body["language"]
    if body.get("keywords"):
        sent["keyterms"] = body["keywords"]
    if body.get("response_format") == "diarized_json":
        sent["diarize"] = "true"
    sent.setdefault("tag_audio_events", "false")  # "(laughter)" is no part of what was said
    dropped = tuple(n for n, v in body.items() if n not in _READ | _THEIRS | OWN and v is not None)
    return audio.form_of(sent, dropped, brackets=False)


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = read(raw)
    text: Any = body.get("text")
    if not isinstance(text, str):
        raise Malformed("the provider's answer has no text")
    return Answer(
        transcript.made(
            text,
            _words(body.get("words")),
            language=body.get("language_code"),
            duration=body.get("audio_duration_secs"),
        ),
        None,
        content=True,
    )


def _words(given: Any) -> list[Json]:
    """What was said; the spaces between words are kept with the word before."""
    found: list[Json] = []
    for each in given if codec.is_list(given) else ():
        if not codec.is_object(each) or not isinstance(text := each.get("text"), str):
            continue
        if each.get("type") == "spacing":
            if found:
                found[-1]["gap"] = text
            continue
        word: Json = {
            "word": text,
            "start": seconds(each.get("start")),
            "end": seconds(each.get("end")),
            "gap": "",
        }
        if each.get("speaker_id") is not None:
            word["speaker"] = each["speaker_id"]
        found.append(word)
    return found
