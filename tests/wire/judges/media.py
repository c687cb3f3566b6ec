"""Recorded images and audio: the same text, sound, pictures and usage; and the requests, forms and all."""

import itertools
import json
import random
from base64 import b64decode
from email import policy
from email.parser import BytesParser
from typing import Any

from openai.types import ImagesResponse
from openai.types.audio import Transcription, TranscriptionDiarized, TranscriptionVerbose
from pydantic import BaseModel, ValidationError
from tests.wire import faults
from tests.wire.recordings import Recording
from tests.wire.verdict import Failed, Skipped, expect

from xroute.catalog.entries import Quirks
from xroute.dialects import media, transcript
from xroute.dialects.answer import ErrorBody, Malformed
from xroute.dialects.openai import image_edits, images, speech, transcriptions, translations
from xroute.dialects.relayed import Events, Sound
from xroute.wire.form import File

Json = dict[str, Any]
KNOWN: Json = {"model": "maker/model", "request_id": "test0123456789", "created": 1, "quirks": Quirks()}
PARTS = {"transcriptions": transcriptions, "translations": translations}
NAMES = {"text": "json", "srt": "verbose_json", "vtt": "verbose_json"}


def hears(recording: Recording) -> None:
    """Transcriptions and translations."""
    if recording.status >= 400:
        faults.check(recording)
    elif recording.streaming:
        _events(recording)
    else:
        _text(recording)
    _form(recording)


def speaks(recording: Recording) -> None:
    """Speech."""
    if recording.status >= 400:
        faults.check(recording)
    else:
        _sound(recording)
    if given := _json_request(recording):
        call = media.parse_speech(json.dumps(given).encode())
        sent, dropped, *_ = speech.encode(call.body, upstream=call.models[0], quirks=Quirks())
        expect((sent, dropped) == (given, ()), f"another request: {sent}"[:300])


def draws(recording: Recording) -> None:
    """Images, made and edited."""
    path = (recording.data.get("url") or "").partition("?")[0]
    if path.endswith("/variations"):
        raise Skipped("variations are not offered")
    if recording.status >= 400:
        faults.check(recording)
    else:
        _pictures(recording)
    if (given := _json_request(recording)) and given.get("prompt") and given.get("model"):
        part = image_edits if path.endswith("/edits") else images
        raw = json.dumps(given).encode()
        call = (
            media.parse_image_edits(bytearray(raw), "application/json")
            if part is image_edits
            else media.parse_images(raw)
        )
        sent, dropped, *_ = part.encode(call.body, upstream=call.models[0], quirks=Quirks())
        if given["model"].startswith("gpt-image"):  # which refuse it
            given.pop("response_format", None)
        expect((sent, dropped) == (given, ()), f"another request: {sent}"[:300])
    elif path.endswith("/edits"):
        _form(recording)


def _text(recording: Recording) -> None:
    if "truncated" in recording.notes:
        raise Skipped("the recorded body is capped")
    said = json.loads(recording.text)
    try:
        answer = transcriptions.decode(recording.body, **KNOWN)
    except (ErrorBody, Malformed) as error:
        expect("text" not in said, f"taken for an error: {error}")
        return
    body = answer.body
    for name, value in said.items():
        same = body[name].items() >= value.items() if name == "usage" and value else body[name] == value
        expect(same, f"another {name}: {body[name]}"[:200])
    _usage(said.get("usage"), answer.usage)
    _typed(json.loads(transcript.write(body, "json", frozenset())), said, Transcription)
    if segments := said.get("segments"):
        verbose = json.loads(transcript.write(body, "verbose_json", frozenset({"word", "segment"})))
        expect(verbose["text"] == said["text"], "another text in verbose_json")
        expect(len(verbose["segments"]) == len(segments), "another number of segments")
        _typed(verbose, said, TranscriptionVerbose)
        diarized = json.loads(transcript.write(body, "diarized_json", frozenset()))
        expect([s["text"] for s in diarized["segments"]] == [s["text"] for s in segments], "other segments")
        if not said.get("usage") or said["usage"].get("type"):
            TranscriptionDiarized.model_validate(diarized)
        srt = transcript.write(body, "srt", frozenset()).decode()
        expect(srt.count(" --> ") == len(segments), "another number of subtitles")
    expect(
        transcript.write(body, "text", frozenset()).decode().strip() == said["text"].strip(), "another text"
    )


def _typed(body: Json, said: Json, kind: type[BaseModel]) -> None:
    """What we write fits OpenAI's types wherever what the provider wrote does."""
    try:
        kind.model_validate_json(json.dumps(said))
    except ValidationError:
        if said.get("usage") and "type" not in said["usage"]:
            return
    try:
        kind.model_validate_json(json.dumps(body))
    except ValidationError as error:
        if kind is not TranscriptionVerbose or "tokens" not in str(said.get("usage")):
            raise Failed(f"not a {kind.__name__}: {error.errors()[0]}") from None


def _usage(given: Json | None, usage: Any) -> None:
    """Read here again, from the provider's own words."""
    given = given or {}
    if given.get("type") == "duration" or not any("tokens" in name for name in given):
        expect(usage is None, f"a usage of tokens from {given}")
        return
    expect(usage is not None, f"no usage from {given}")
    total = given.get("total_tokens", given.get("input_tokens", 0) + given.get("output_tokens", 0))
    expect(usage.input + usage.output == total, f"another total: {usage}")
    details = given.get("input_token_details") or given.get("input_tokens_details") or {}
    details = details or given.get("prompt_tokens_details") or {}
    expect(usage.audio_in == (details.get("audio_tokens") or 0), f"other audio tokens: {usage}")
    expect(usage.image_in == (details.get("image_tokens") or 0), f"other image tokens: {usage}")


def _events(recording: Recording) -> None:
    """Any cutting of the bytes gives the same events, and they are the provider's."""
    raw = recording.body
    dice = random.Random(raw)
    places = sorted(dice.sample(range(len(raw)), min(20, len(raw))))
    cuts = [[0, len(raw)], list(range(len(raw) + 1)), [0, *places, len(raw)]]
    results = []
    for cut in cuts:
        decoder = Events(**KNOWN)
        chunks = [chunk for a, b in itertools.pairwise(cut) if a < b for chunk in decoder.feed(raw[a:b])]
        chunks += decoder.finish()
        expect(decoder.error is None and decoder.done, f"not complete: {decoder!r}, {decoder.error}")
        results.append(b"".join(chunk.raw for chunk in chunks))
    expect(len(set(results)) == 1, "another cutting gives other events")
    lines = _lines(recording.text)
    expect(_lines(results[0].decode()) == lines, "other events")
    last = json.loads(next(line for line in reversed(lines) if "[DONE]" not in line)[5:])
    _usage(last.get("usage"), decoder.usage)


def _lines(text: str) -> list[str]:
    return [line for line in text.replace("\r\n", "\n").split("\n") if line.startswith("data:")]


def _sound(recording: Recording) -> None:
    is_binary = recording.data.get("response_encoding") == "base64"
    raw = b64decode(recording.text) if is_binary else recording.body
    if not is_binary:
        held = b64decode(json.loads(recording.text)["audio_data"])
        expect(speech.decode(raw, **KNOWN).raw == held, "another sound")
        return
    decoder = Sound(**KNOWN)
    place = random.Random(raw).randrange(len(raw) + 1)
    got = [chunk.raw for part in (raw[:place], raw[place:]) if part for chunk in decoder.feed(part)]
    decoder.finish()
    expect(b"".join(got) == raw and decoder.done, "another sound")
    expect(speech.decode(raw, **KNOWN).raw == raw, "another sound as a whole")


def _pictures(recording: Recording) -> None:
    said = json.loads(recording.text)
    answer = images.decode(recording.body, **KNOWN)
    given = said.get("data") or [{"b64_json": each["image"]} for each in said["images"]]
    expect(len(answer.body["data"]) == len(given), "another number of images")
    for old, new in zip(given, answer.body["data"], strict=True):
        expect(new.items() >= old.items(), "another image")
    for name in said.keys() - {"data", "images"}:
        expect(answer.body[name] == said[name], f"another {name}")
    if any("tokens" in name for name in said.get("usage") or {}):
        _usage(said["usage"], answer.usage)
    try:
        ImagesResponse.model_validate_json(recording.text)
    except ValidationError:
        return
    ImagesResponse.model_validate(answer.body)


def _json_request(recording: Recording) -> Json:
    """The request where it was recorded whole and is JSON."""
    if recording.data.get("request_encoding") != "text" or recording.data.get("request_notes"):
        return {}
    try:
        given = json.loads(recording.data["request_body"])
    except ValueError:
        return {}
    return {name: value for name, value in given.items() if value is not None}


def _form(recording: Recording) -> None:
    """A form goes out with the same fields and files, as another reader of forms sees it."""
    kind = (recording.data.get("request_headers") or {}).get("content-type") or ""
    if recording.data.get("request_encoding") != "base64" or "boundary=" not in kind:
        return
    raw = b64decode(recording.data["request_body"])
    if recording.data.get("request_notes"):  # the recording ends inside the file: so does ours
        boundary = kind.partition("boundary=")[2].strip('"')
        raw += f"\r\n--{boundary}--\r\n".encode()
    given = _fields(raw, kind)
    if "model" not in given:
        return
    path = recording.data["url"].rpartition("/")[2]
    if path == "edits":
        call = media.parse_image_edits(bytearray(raw), kind)
        encoded = image_edits.encode(call.body, upstream=call.models[0], quirks=Quirks())
    else:
        call = media.parse_audio(bytearray(raw), kind, path)
        encoded = PARTS[path].encode(call.body, upstream=call.models[0], quirks=Quirks())
    expect(not encoded.dropped, f"dropped {encoded.dropped}")
    sent = _fields(b"".join(encoded.pieces), encoded.headers[0][1])
    if (wanted := given.get("response_format")) in [(each.encode(), None) for each in NAMES]:
        given["response_format"] = (NAMES[wanted[0].decode()].encode(), None)
    expect(sent.keys() == given.keys(), f"other fields: {sorted(sent)}, not {sorted(given)}")
    for name, (value, filename) in given.items():
        mine, own = sent[name]
        same = mine == value or (filename is None and json.loads(mine) == json.loads(value))
        expect(same and own == filename, f"another {name}: {mine[:80]!r}, not {value[:80]!r}")
    expect(any(isinstance(each, File) for each in call.body.values()), "no file was found")


def _fields(raw: bytes, kind: str) -> dict[str, tuple[bytes, str | None]]:
    """A form's parts as the standard library's reader of mail has them."""
    whole = BytesParser(policy=policy.HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + raw)
    found: dict[str, tuple[bytes, str | None]] = {}
    for part in whole.iter_parts():
        name = part.get_param("name", header="content-disposition")
        found[str(name)] = (part.get_payload(decode=True), part.get_filename())
    return found


ENDPOINTS = {
    "audio.transcriptions": hears,
    "audio.translations": hears,
    "audio.speech": speaks,
    "images": draws,
}
