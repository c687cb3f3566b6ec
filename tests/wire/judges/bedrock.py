"""Recorded exchanges with Bedrock's Converse, ConverseStream and CountTokens."""

import json
import struct
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote, urlsplit
from zlib import crc32

from botocore.eventstream import EventStreamBuffer
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.wire import converse, faults, reading
from tests.wire.judges import chat
from tests.wire.reading import Reading, Tool
from tests.wire.recordings import Recording
from tests.wire.verdict import Failed, Skipped, expect

from xroute.catalog.entries import Quirks
from xroute.dialects import bedrock
from xroute.dialects.answer import ErrorBody, Malformed
from xroute.dialects.bedrock import count_tokens
from xroute.errors import CutError
from xroute.upstream.failure import classify
from xroute.wire.usage import Usage

Json = dict[str, Any]

FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
GIVEN: Json = {
    "model": "anthropic/claude-any",
    "request_id": chat.REQUEST_ID,
    "created": chat.CREATED,
    "quirks": Quirks(),
}


@dataclass
class Said(Reading):
    """An answer with what only Converse says."""

    signatures: list[str] = field(default_factory=list)  # of signed reasoning
    sealed: list[str] = field(default_factory=list)  # encrypted reasoning, in base64
    addresses: list[str] = field(default_factory=list)  # of sources
    others: int = 0  # sources without an address
    served: list[str] = field(default_factory=list)  # ids of what the provider's own tools were asked


# Reading what the provider said.


def _whole(body: Json) -> Said:
    said = Said(usage=_usage(body.get("usage")))
    one = said.choice(0)
    for block in body["output"]["message"]["content"]:
        _block(said, one, block)
    one.finish = FINISHES.get(body["stopReason"], "stop")
    return said


def _block(said: Said, one: reading.Choice, block: Json) -> None:
    if "text" in block:
        one.text += block["text"]
    if use := block.get("toolUse"):
        if use.get("type") == "server_tool_use":
            said.served.append(use["toolUseId"])
        else:
            one.tools.append(Tool(use["name"], json.dumps(use["input"]), use["toolUseId"]))
    if thought := block.get("reasoningContent"):
        text = thought.get("reasoningText") or {}
        one.reasoning += text.get("text", "")
        said.signatures += [text["signature"]] if text.get("signature") else []
        said.sealed += [thought["redactedContent"]] if "redactedContent" in thought else []
    if cited := block.get("citationsContent"):
        one.text += "".join(piece.get("text", "") for piece in cited.get("content") or [])
        for citation in cited.get("citations") or []:
            _source(said, citation)


def _source(said: Said, citation: Json) -> None:
    address = (citation.get("location") or {}).get("web", {}).get("url") or citation.get("source") or ""
    if "://" in address:
        said.addresses.append(address)
    else:
        said.others += 1


def _usage(usage: Json | None) -> Json | None:
    if not usage or "inputTokens" not in usage:
        return None
    beside = usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
    told = {
        "prompt_tokens": usage["inputTokens"] + beside,
        "completion_tokens": usage["outputTokens"],
        "cached_tokens": usage.get("cacheReadInputTokens", 0),
        "cache_write_tokens": usage.get("cacheWriteInputTokens", 0),
    }
    told["total_tokens"] = told["prompt_tokens"] + told["completion_tokens"]
    return told


def _events(recording: Recording) -> Iterator[tuple[str, Json]]:
    """(name, payload) of each event, by botocore's own reader."""
    buffer = EventStreamBuffer()
    buffer.add_data(_bytes(recording))
    for message in buffer:
        headers = message.headers
        yield headers.get(":event-type") or headers.get(":exception-type") or "", json.loads(message.payload)


def _bytes(recording: Recording) -> bytes:
    """The stream as AWS frames it; some recordings hold only the events, one a line."""
    if recording.data.get("response_encoding") == "base64":
        return b64decode(recording.text)
    found = b""
    for line in recording.text.splitlines():
        if line.strip():
            ((name, payload),) = json.loads(line).items()
            found += _frame(name, json.dumps(payload).encode())
    return found


def _frame(name: str, payload: bytes) -> bytes:
    headers = b""
    for key, value in ((":event-type", name), (":message-type", "event")):
        headers += bytes([len(key)]) + key.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
    head = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    head += struct.pack("!I", crc32(head))
    body = head + headers + payload
    return body + struct.pack("!I", crc32(body))


def _stream(recording: Recording) -> Said:
    said = Said()
    tools: dict[int, Tool] = {}
    measured = False
    for name, body in _events(recording):
        if name.endswith("Exception"):
            said.error = body["message"]
            break
        index = body.get("contentBlockIndex")
        if name == "contentBlockStart":
            _started(said, tools, index, body.get("start") or {})
        elif name == "contentBlockDelta":
            _added(said, tools, index, body["delta"])
        elif name == "messageStop":
            said.choice(0).finish = FINISHES.get(body["stopReason"], "stop")
        elif name == "metadata":
            said.usage, measured = _usage(body.get("usage")), True
    for tool in tools.values():
        tool.arguments = tool.arguments or "{}"
    said.closed = said.finished or (measured and said.finished)
    return said


def _started(said: Said, tools: dict[int, Tool], index: int, start: Json) -> None:
    use = start.get("toolUse")
    if use and use.get("type") == "server_tool_use":
        said.served.append(use["toolUseId"])
    elif use:
        tools[index] = Tool(use["name"], "", use["toolUseId"])
        said.choice(0).tools.append(tools[index])


def _added(said: Said, tools: dict[int, Tool], index: int, delta: Json) -> None:
    one = said.choice(0)
    thought = delta.get("reasoningContent") or {}
    one.text += delta.get("text", "")
    one.reasoning += thought.get("text", "")
    said.signatures += [thought["signature"]] if "signature" in thought else []
    said.sealed += [thought["redactedContent"]] if "redactedContent" in thought else []
    if "toolUse" in delta and index in tools:
        tools[index].arguments += delta["toolUse"]["input"]
    if "citation" in delta:
        _source(said, delta["citation"])


# Comparing.


def check(recording: Recording) -> None:
    """The answer, and the request that led to it."""
    if recording.status >= 400:
        _fault(recording)
    elif any("cut" in note and "frames" not in note for note in recording.notes):
        raise Skipped("the recorded body is capped")
    elif recording.streaming:
        _judge_stream(recording)
    else:
        _judge_whole(recording)
    _request(recording)


def _fault(recording: Recording) -> None:
    faults.check(recording)
    info = bedrock.error_of(recording.status, recording.headers, recording.body)
    failure = classify(recording.status, recording.headers, info)
    expect(json.loads(recording.text)["message"].strip()[:1500] in failure.message, "another message")
    kind = recording.headers.get("x-amzn-errortype", "").partition(":")[0]
    expect(not kind or info.code == kind, f"another code: {info.code}, not {kind}")


def _judge_whole(recording: Recording) -> None:
    body = json.loads(recording.text)
    if "output" not in body:
        try:
            bedrock.decode(recording.body, **GIVEN)
        except (Malformed, ErrorBody):
            return
        raise Failed("taken for an answer")
    said = _whole(body)
    answer = bedrock.decode(recording.body, **GIVEN)
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
    said = _stream(recording)
    framed = replace(recording, data={**recording.data, "response_body": ""})
    raw = _bytes(recording)
    decoder = _decoder()
    chunks = decoder.feed(raw)
    try:
        chunks += decoder.finish()
        cut = False
    except CutError:
        cut = True
    _cuttings(framed, raw, [chunk.raw for chunk in chunks], decoder)
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
    for name, body in _events(recording):
        expect(name != "metadata" or last.get("trace") == body.get("trace"), "the trace was lost")


def _decoder() -> bedrock.Decoder:
    return bedrock.Decoder(**GIVEN, include_usage=True)


def _cuttings(recording: Recording, raw: bytes, raws: list[bytes], whole: bedrock.Decoder) -> None:
    """The same chunks come out however the bytes are cut."""
    body = replace(recording, data={"response_body": raw.decode("latin-1")})
    for name, pieces in (("bytes", chat._bytewise(raw)), ("random", _random(body, raw))):
        decoder, got = _decoder(), list[bytes]()
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


def _same(said: Said, got: Reading, messages: list[Json]) -> None:
    """`messages` are the message, or the deltas, that `got` was read from."""
    for one in (*said.choices.values(), *got.choices.values()):
        for tool in one.tools:
            tool.arguments = json.dumps(json.loads(tool.arguments), sort_keys=True)
    chat._same(said, got)
    details = [item for message in messages for item in message.get("reasoning_details") or []]
    texts = "".join(item.get("text", "") for item in details)
    expect(texts == said.choice(0).reasoning, "details and reasoning differ")
    signed = [item["signature"] for item in details if item.get("signature")]
    expect(signed == said.signatures, "signatures of reasoning were lost")
    sealed = [item["data"] for item in details if item["type"] == "reasoning.encrypted"]
    expect(sealed == [b64decode(data).decode() for data in said.sealed], "encrypted reasoning was lost")
    notes = [note for message in messages for note in message.get("annotations") or []]
    expect([note["url_citation"]["url"] for note in notes] == said.addresses, "citations were lost")
    text = said.choice(0).text
    for note in notes:
        start, end = note["url_citation"]["start_index"], note["url_citation"]["end_index"]
        expect(0 <= start <= end <= len(text), "a citation of no text")
    native = [block for message in messages for block in message.get("native_content") or []]
    _same_native(said, native)


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


# Requests.


def _upstream(recording: Recording) -> str:
    return unquote(urlsplit(recording.data["url"]).path.split("/")[2])


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
    _kept(body, encoded.body, encoded.dropped)


# A recorded text that may be missing -> the notice that must then be given.
NOTICES = {
    "tool ": "strict",
    "choice ": "tool_choice",
    "inferenceConfig.temperature": "temperature",
    "inferenceConfig.topP": "top_p",
    "form ": "response_format",
    "additionalModelRequestFields.": "reasoning",
}


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
