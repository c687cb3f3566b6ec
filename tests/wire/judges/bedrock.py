"""Recorded exchanges with Bedrock's Converse, ConverseStream and CountTokens."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.eventstream import ParserError
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.wire import converse, conversed
from tests.wire.conversed import Said
from tests.wire.judges import chat
from tests.wire.reading import Reading
from tests.wire.recordings import Recording
from tests.wire.verdict import Failed, Skipped, expect

from xroute.catalog.entries import Quirks
from xroute.dialects import bedrock
from xroute.dialects.answer import MALFORMED, ErrorBody, Malformed
from xroute.dialects.bedrock import count_tokens
from xroute.errors import CutError
from xroute.upstream.failure import classify
from xroute.wire.usage import Usage

Json = dict[str, Any]

# (statuses, pattern of message and exception, the classes that are right): the first row that fits decides.
FAULTS: tuple[tuple[range | tuple[int, ...], str, set[str]], ...] = (
    ((400, 413), "too long|too many input tokens|context window|maximum context", {"context_length"}),
    ((400,), "identifier is invalid|on-demand throughput", {"not_found"}),
    ((400,), "", {"rejected", "not_found", "content_policy", "rate_limit"}),
    ((401, 403), "", {"credentials", "not_found", "payment"}),
    ((404,), "", {"not_found"}),
    ((408, 504), "", {"timeout"}),
    ((429,), "", {"rate_limit", "overloaded"}),
    ((503,), "", {"overloaded"}),
    ((424, *range(500, 600)), "", {"server", "overloaded"}),
    (range(400, 500), "", {"rejected"}),
)


def _given(recording: Recording) -> Json:
    return {
        "model": _upstream(recording),
        "request_id": chat.REQUEST_ID,
        "created": chat.CREATED,
        "quirks": Quirks(),
    }


def check(recording: Recording) -> None:
    """The answer, and the request that led to it."""
    if recording.status >= 400:
        _fault(recording)
    elif any(note == "truncated" or note.startswith("capped") for note in recording.notes):
        raise Skipped("the recorded body is capped")
    elif recording.streaming:
        _judge_stream(recording)
    else:
        _judge_whole(recording)
    _request(recording)


def _fault(recording: Recording) -> None:
    info = bedrock.error_of(recording.status, recording.headers, recording.body)
    failure = classify(recording.status, recording.headers, info)
    expect(failure.status == recording.status, f"status {failure.status}, not {recording.status}")
    try:
        body = json.loads(recording.text)
        message = body.get("message") or body.get("Message") or ""
    except ValueError:
        message = ""
    expect(message.strip()[:1500] in failure.message and failure.message, f"another message: {message}")
    kind = recording.headers.get("x-amzn-errortype", "").partition(":")[0]
    expect(not kind or info.code == kind, f"another code: {info.code}, not {kind}")
    right = next(
        kinds
        for statuses, words, kinds in FAULTS
        if recording.status in statuses and re.search(words, message, re.I)
    )
    expect(failure.kind in right, f"{recording.status} is {failure.kind}, not {right}: {message[:200]}")


def _judge_whole(recording: Recording) -> None:
    body = json.loads(recording.text)
    if "output" not in body:
        try:
            bedrock.decode(recording.body, **_given(recording))
        except (Malformed, ErrorBody):
            return
        raise Failed("taken for an answer")
    said = conversed.whole(body)
    answer = bedrock.decode(recording.body, **_given(recording))
    chat._valid(ChatCompletion, json.dumps(answer.body).encode())
    (choice,) = answer.body["choices"]
    got = Reading()
    got.choices[0] = chat._told(choice["message"], choice["finish_reason"])
    _same(said, got, [choice["message"]])
    _same_usage(said, answer.body.get("usage"), answer.usage)
    for name in ("trace", "metrics", "performanceConfig", "serviceTier", "additionalModelResponseFields"):
        expect(answer.body.get(name) == body.get(name), f"{name} was lost")
    expect(answer.content == (said.holds or bool(said.sealed or said.served)), f"content is {answer.content}")


def _judge_stream(recording: Recording) -> None:
    raw = conversed.frames(recording)
    decoder = _decoder(recording)
    try:
        said = conversed.stream(recording)
    except ParserError:
        decoder.feed(raw)
        expect(decoder.error is not None and decoder.error.type == MALFORMED, "broken frames were read")
        return
    chunks = decoder.feed(raw)
    try:
        chunks += decoder.finish()
        cut = False
    except CutError:
        cut = True
    _cuttings(recording, raw, [chunk.raw for chunk in chunks], decoder)
    for chunk in chunks:
        chat._valid(ChatCompletionChunk, chunk.raw)
    if said.error:
        expect(decoder.error is not None and said.error in decoder.error.message, "the error was not seen")
    else:
        expect(decoder.error is None, f"taken for an error: {decoder.error}")
        expect(decoder.done == said.closed, "a cut stream looks complete, or a complete one cut")
        expect(cut == (not said.closed and said.holds), "a cut was not seen")
    deltas = [choice["delta"] for chunk in chunks for choice in json.loads(chunk.raw)["choices"]]
    _same(said, chat._sum(chunks), deltas)
    last = json.loads(decoder.usage_chunk(Usage(), {}))
    chat._valid(ChatCompletionChunk, decoder.usage_chunk(Usage(7, 8), {"cost": 0.25}))
    _same_usage(said, last["usage"], decoder.usage)
    for name, body in conversed.events(recording):
        expect(name != "metadata" or last.get("trace") == body.get("trace"), "the trace was lost")


def _decoder(recording: Recording) -> bedrock.Decoder:
    return bedrock.Decoder(**_given(recording), include_usage=True)


def _cuttings(recording: Recording, raw: bytes, raws: list[bytes], whole: bedrock.Decoder) -> None:
    """The same chunks come out however the bytes are cut."""
    body = replace(recording, data={"response_body": raw.decode("latin-1")})
    for name, pieces in (("bytes", chat._bytewise(raw)), ("random", _random(body, raw))):
        decoder, got = _decoder(recording), list[bytes]()
        for piece in pieces:
            got += [chunk.raw for chunk in decoder.feed(piece)]
        try:
            got += [chunk.raw for chunk in decoder.finish()]
        except CutError:
            expect(not whole.done, f"cut only when fed in {name}")
        expect(got == raws, f"other chunks when fed in {name}")
        expect((decoder.error, decoder.done) == (whole.error, whole.done), f"another end when fed in {name}")


def _random(recording: Recording, raw: bytes) -> Iterator[bytes]:
    place = 0
    for piece in chat._random(recording):
        yield raw[place : place + len(piece)]
        place += len(piece)
        if place >= len(raw):
            return


def _value(arguments: str) -> str:
    """Arguments as a value; those of a call that was cut are no JSON."""
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except ValueError:
        return arguments


def _same(said: Said, got: Reading, messages: list[Json]) -> None:
    """`messages` are the message, or the deltas, that `got` was read from."""
    for one in (*said.choices.values(), *got.choices.values()):
        for tool in one.tools:
            tool.arguments = _value(tool.arguments)
    chat._same(said, got)
    details = [item for message in messages for item in message.get("reasoning_details") or []]
    texts = "".join(item.get("text", "") for item in details)
    expect(texts == said.choice(0).reasoning, "details and reasoning differ")
    signed = [item["signature"] for item in details if item.get("signature")]
    expect(signed == said.signatures, "signatures of reasoning were lost")
    expect(all(item["format"] for item in details), "reasoning that does not say whose it is")
    sealed = [item for item in details if item["type"] == "reasoning.encrypted"]
    expect([_sealed(item) for item in sealed] == said.sealed, "encrypted reasoning was lost")
    notes = [note for message in messages for note in message.get("annotations") or []]
    expect([note["url_citation"]["url"] for note in notes] == said.addresses, "citations were lost")
    text = said.choice(0).text
    for note in notes:
        start, end = note["url_citation"]["start_index"], note["url_citation"]["end_index"]
        expect(0 <= start <= end <= len(text), "a citation of no text")
    native = [block for message in messages for block in message.get("native_content") or []]
    _same_native(said, native)


def _sealed(item: Json) -> str:
    """As Bedrock sent it: what Claude can read back anywhere is in base64 once more there."""
    if item["format"] != converse.CLAUDE:
        return item["data"]
    return b64encode(item["data"].encode()).decode()


def _same_native(said: Said, native: list[Json]) -> None:
    served = [block["toolUse"]["toolUseId"] for block in native if "toolUse" in block]
    expect(served == said.served, f"{served} were served, not {said.served}")
    cited = [
        item for block in native for item in (block.get("citationsContent") or {}).get("citations") or []
    ]
    expect(len(cited) >= said.others, "sources without an address were lost")


def _same_usage(said: Said, body: Json | None, usage: Usage | None) -> None:
    if said.usage is None:
        return
    expect(usage is not None and body is not None, "usage was lost")
    told = {**body, **body["prompt_tokens_details"]}
    for name, value in said.usage.items():
        expect(told[name] == value, f"another {name}: {told[name]}, not {value}")
    parts = (usage.input, usage.output, usage.cached, usage.cache_write)
    names = ("prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens")
    expect(parts == tuple(said.usage[name] for name in names), f"{usage} is billed")


def _upstream(recording: Recording) -> str:
    found = re.search(r"/model/([^/]+)/", urlsplit(recording.data.get("url") or "").path)
    return unquote(found.group(1)) if found else "unknown"


def _request(recording: Recording) -> None:
    """The conversation comes out as it was recorded, in a form that AWS's own model of the API takes."""
    if recording.data.get("request_encoding") != "text" or recording.data.get("request_notes"):
        return
    try:
        body = json.loads(recording.data["request_body"])
    except ValueError:
        return
    asked = converse.canonical(body, _upstream(recording))
    before = json.dumps(asked)
    encoded = bedrock.encode(asked, upstream=_upstream(recording), quirks=Quirks())
    expect(json.dumps(asked) == before, "the client's body was changed")
    operation = "ConverseStream" if recording.streaming else "Converse"
    if not converse.complaints(body, operation):
        expect(not (told := converse.complaints(encoded.body, operation)), f"AWS refuses it: {told}")
    if recording.status < 400:
        _kept(body, encoded.body, encoded.dropped)


# A recorded text that may be missing -> the notice that must then be given.
NOTICES = {
    "tool ": "strict",
    "choice ": "tool_choice",
    "inferenceConfig.temperature": "temperature",
    "inferenceConfig.topP": "top_p",
    "form ": "response_format",
    "additionalModelRequestFields.top_k": "top_k",
    "additionalModelRequestFields.inferenceConfig": "top_k",
    "additionalModelRequestFields.": "reasoning",
}

MEANINGLESS = frozenset(
    f"inferenceConfig.{name} {one}" for name in ("temperature", "topP") for one in ("1", "1.0")
)


def _kept(old: Json, new: Json, dropped: tuple[str, ...]) -> None:
    lost = converse.contents(old) - converse.contents(new)
    made = converse.contents(new) - converse.contents(old)
    through = any('"xroute_answer"' in text for text in made)
    for text in lost:
        notice = next((word for start, word in NOTICES.items() if text.startswith(start)), "content")
        if text.startswith("form ") and through:
            continue
        if '"cachePoint"' in text:
            notice = "cache_control"
        if text in MEANINGLESS or ('"reasoningContent"' in text and '"signature"' not in text):
            continue  # unsigned reasoning goes back only to models that read it
        expect(any(notice in name for name in dropped), f"lost without a notice: {text[:160]}")


def count(recording: Recording) -> None:
    """CountTokens: the number, and the request."""
    if recording.status >= 400:
        _fault(recording)
        return
    expect(count_tokens.decode(recording.body) == json.loads(recording.text)["inputTokens"], "another count")
    body = json.loads(recording.data["request_body"])["input"]["converse"]
    asked = converse.canonical(body, _upstream(recording))
    encoded = count_tokens.encode(asked, upstream=_upstream(recording), quirks=Quirks())
    told = converse.complaints(encoded.body, "CountTokens")
    expect(not told, f"AWS refuses it: {told}")
    _kept(body, encoded.body["input"]["converse"], encoded.dropped)


ENDPOINTS = {"bedrock.converse": check, "bedrock.converse-stream": check}
