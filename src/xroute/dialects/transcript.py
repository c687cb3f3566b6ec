"""What was said in a recording, in each form that OpenAI gives it in.

The canonical form is `verbose_json` with everything that is known: text, language, duration, `words` {word,
start, end, speaker?} and `segments` {id, start, end, text, speaker?}, times in seconds. Forms:
https://platform.openai.com/docs/api-reference/audio/createTranscription, read 2026-11-21.
"""

from collections.abc import Iterable
from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

FORMS = frozenset({"json", "text", "srt", "verbose_json", "vtt", "diarized_json"})
TIMED = frozenset({"srt", "verbose_json", "vtt", "diarized_json"})  # need to know when what was said
PLAIN = {
    "text": "text/plain; charset=utf-8",
    "srt": "text/plain; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}

MOST_SECONDS = 7.0  # of a segment made of words; as long as a subtitle stands at the most
MOST_CHARACTERS = 84  # two lines of a subtitle
PAUSE_SECONDS = 1.0  # of silence, after which another segment begins

_ENDS = (".", "?", "!", "。", "？", "！")


def write(body: Json, form: str, granularities: frozenset[str]) -> bytes:
    """The answer to a client that wants this form."""
    match form:
        case "text":
            return _said(body).encode() + b"\n"
        case "srt":
            return _subtitles(body, srt=True)
        case "vtt":
            return b"WEBVTT\n\n" + _subtitles(body, srt=False)
        case "verbose_json":
            return codec.write(_verbose(body, granularities))
        case "diarized_json":
            return codec.write(_diarized(body))
        case _:
            return codec.write(_tidy(body))


def events(body: Json, form: str) -> list[Json]:
    """The answer as the events of a stream."""
    found: list[Json] = []
    if form == "diarized_json":
        found += _diarized(body)["segments"]
    text = _said(body)
    if not found and text:
        found.append({"type": "transcript.text.delta", "delta": text})
    done = {name: body[name] for name in ("usage", "logprobs") if body.get(name) is not None}
    return [*found, {"type": "transcript.text.done", "text": text, **done}]


def made(text: str, words: list[Json], segments: list[Json] | None = None, **more: Any) -> Json:
    """A transcript of a provider that gives words, or segments, or both; what is None is not known."""
    body: Json = {"text": text, **{name: value for name, value in more.items() if value is not None}}
    if words:
        body["words"] = words
    found = grouped(words) if segments is None else segments
    if found:
        body["segments"] = [{"id": place, **segment} for place, segment in enumerate(found)]
        body.setdefault("duration", found[-1]["end"])
    return body


def grouped(words: Iterable[Json]) -> list[Json]:
    """Words as segments: a sentence, or what one speaker says, and never longer than a subtitle.

    A word may have `gap`, what stands between it and the next one in the text; else that is a space.
    """
    found: list[Json] = []
    held: list[Json] = []
    for word in words:
        if held and _parts(held, word):
            found.append(_segment(held))
            held = []
        held.append(word)
    return [*found, _segment(held)] if held else found


def seconds(value: Any) -> float:
    """A time as a number, 0 for what is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _parts(held: list[Json], word: Json) -> bool:
    """Whether another segment begins with this word."""
    last, first = held[-1], held[0]
    length = sum(len(each["word"]) + 1 for each in held) + len(word["word"])
    return (
        word.get("speaker") != last.get("speaker")
        or last["word"].endswith(_ENDS)
        or word["start"] - last["end"] > PAUSE_SECONDS
        or word["end"] - first["start"] > MOST_SECONDS
        or length > MOST_CHARACTERS
    )


def _segment(words: list[Json]) -> Json:
    text = "".join(word["word"] + word.get("gap", " ") for word in words).strip()
    segment: Json = {"start": words[0]["start"], "end": words[-1]["end"], "text": text}
    if (speaker := words[0].get("speaker")) is not None:
        segment["speaker"] = speaker
    return segment


def _said(body: Json) -> str:
    text = body.get("text")
    return text.strip() if isinstance(text, str) else ""


def _segments(body: Json) -> list[Json]:
    """The segments with times; the whole as one where there are none."""
    given: Any = body.get("segments")
    found = [each for each in given if codec.is_object(each)] if codec.is_list(given) else []
    if not found and (text := _said(body)):
        found = [{"id": 0, "start": 0.0, "end": seconds(body.get("duration")), "text": text}]
    return found


def _subtitles(body: Json, *, srt: bool) -> bytes:
    blocks: list[str] = []
    for number, segment in enumerate(_segments(body), 1):
        text = str(segment.get("text") or "").strip().replace("-->", "->")
        if speaker := segment.get("speaker"):
            text = f"{speaker}: {text}"
        times = " --> ".join(
            _time(seconds(segment.get(name)), "," if srt else ".") for name in ("start", "end")
        )
        blocks.append((f"{number}\n" if srt else "") + f"{times}\n{text}\n\n")
    return "".join(blocks).encode()


def _time(value: float, point: str) -> str:
    total = max(0, round(value * 1000))
    minutes, rest = divmod(total, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{point}{rest % 1000:03d}"


def _verbose(body: Json, granularities: frozenset[str]) -> Json:
    """Words where they were asked for, segments where they were, or where nothing was said of it."""
    known = {name: value for name, value in _tidy(body).items() if value is not None}
    full: Json = {"task": "transcribe", "language": "", "duration": 0.0, "text": "", **known}
    if "word" not in granularities:
        full.pop("words", None)
    if granularities and "segment" not in granularities:
        full.pop("segments", None)
    elif "segments" in full:
        full["segments"] = [{**_NOT_KNOWN, **segment} for segment in full["segments"]]
    return full


def _tidy(body: Json) -> Json:
    """Without what words say for our own use."""
    if not any("gap" in word for word in body.get("words") or ()):
        return body
    return {**body, "words": [{k: v for k, v in word.items() if k != "gap"} for word in body["words"]]}


# Whisper's own figures, which OpenAI's type of a segment wants and no other model has.
_NOT_KNOWN: Json = {
    "seek": 0,
    "tokens": [],
    "temperature": 0.0,
    "avg_logprob": 0.0,
    "compression_ratio": 0.0,
    "no_speech_prob": 0.0,
}


def _diarized(body: Json) -> Json:
    """Who said what; one nameless speaker where the provider tells none apart."""
    found: list[Json] = []
    for place, segment in enumerate(_segments(body)):
        found.append(
            {
                "type": "transcript.text.segment",
                "id": str(segment.get("id", f"seg_{place}")),
                "start": seconds(segment.get("start")),
                "end": seconds(segment.get("end")),
                "text": segment.get("text") or "",
                "speaker": str(segment.get("speaker") or segment.get("speaker_id") or "A"),
            }
        )
    duration = seconds(body.get("duration")) or (found[-1]["end"] if found else 0.0)
    beside = {name: value for name, value in body.items() if name not in ("words", "language")}
    return {**beside, "task": "transcribe", "duration": duration, "segments": found}
