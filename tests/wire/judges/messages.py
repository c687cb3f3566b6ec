"""Recorded Messages of Anthropic, Vertex, Bedrock and others through the anthropic dialect.

The second reader (`tests/wire/claude.py`) shares no code with the dialect.
"""

import json
import random
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import ValidationError
from tests.wire import asked, claude, faults
from tests.wire.claude import Reading
from tests.wire.judges import embeddings, rerank
from tests.wire.recordings import Recording
from tests.wire.verdict import Failed, Skipped, expect

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import ErrorBody, Malformed
from xroute.dialects.anthropic import Decoder, decode, native
from xroute.errors import CutError
from xroute.wire.chunk import Chunk
from xroute.wire.usage import Usage

MODEL, REQUEST_ID, CREATED = "maker/model", "test0123456789", 1_700_000_000
BYTEWISE = 2048  # bytes of a stream's beginning, and of its end, that are fed one by one
QUIRKS = Quirks()


def check(recording: Recording) -> None:
    """Raises Failed where the dialect gives something else than the provider said."""
    if recording.status >= 400:
        faults.check(recording)
        return
    asked.check(recording)
    if "truncated" in recording.notes:
        raise Skipped("the recorded body is capped")
    if recording.streaming:
        _stream(recording, _bytes(recording))
    else:
        _whole(recording)


def _invoke(recording: Recording) -> None:
    """InvokeModel carries the maker's own format: Anthropic's, or one of embeddings and rerank."""
    if embeddings.invoke_check(recording) or rerank.invoke_check(recording):
        return
    if recording.status < 400 and not _is_claude(recording):
        raise Skipped("InvokeModel with another maker's body")
    check(recording)


def _is_claude(recording: Recording) -> bool:
    body = recording.data.get("request_body") or ""
    return '"anthropic_version"' in body and '"messages"' in body


def _bytes(recording: Recording) -> bytes:
    if recording.data.get("response_encoding") == "base64":
        return b64decode(recording.text)
    return recording.body


def _whole(recording: Recording) -> None:
    try:
        said = claude.whole(recording.text)
    except claude.Unreadable as reason:
        _not_message(recording, str(reason))
        return
    try:
        answer = decode(recording.body, model=MODEL, request_id=REQUEST_ID, created=CREATED, quirks=QUIRKS)
    except Malformed as error:
        raise Failed(f"taken for malformed: {error}") from None
    _valid(ChatCompletion, json.dumps(answer.body).encode())
    got = _told(answer.body["choices"][0]["message"])
    got.finish = answer.body["choices"][0]["finish_reason"]
    got.native = answer.body["choices"][0].get("native_finish_reason") or got.finish
    got.ids = [answer.body["id"]]
    got.model = answer.body["model"]
    _same(said, got)
    _usage(said, answer.body.get("usage"), answer.usage)
    expect(answer.content == said.holds, f"content is {answer.content}, not {said.holds}")
    asked.back(said.blocks or [], answer.body["choices"][0]["message"])
    passed = native.decode(recording.body, model=MODEL, request_id=REQUEST_ID, created=CREATED, quirks=QUIRKS)
    expect(passed.raw == recording.body, "a native answer was changed")
    expect(
        passed.usage == answer.usage and passed.content == answer.content, "a native answer counts otherwise"
    )


def _not_message(recording: Recording, reason: str) -> None:
    """A body that is no message has to be refused as malformed."""
    try:
        decode(recording.body, model=MODEL, request_id=REQUEST_ID, created=CREATED, quirks=QUIRKS)
    except (Malformed, ErrorBody):
        return
    raise Failed(f"taken for an answer, though {reason}")


def _stream(recording: Recording, body: bytes) -> None:
    events = claude.frames(body) if body[:1] == b"\x00" else claude.events(recording.text)
    said = claude.stream(events)
    decoder = _decoder(Decoder)
    chunks = decoder.feed(body)
    try:
        chunks += decoder.finish()
        cut = False
    except CutError:
        cut = True
    _cuttings(recording, body, Decoder, [chunk.raw for chunk in chunks], decoder)
    for chunk in chunks:
        _valid(ChatCompletionChunk, chunk.raw)
    _ended(said, decoder, cut)
    _same(said, _sum(chunks))
    if decoder.done:
        _usage(said, json.loads(decoder.usage_chunk(Usage(), {}))["usage"], decoder.usage)
    _valid(ChatCompletionChunk, decoder.usage_chunk(Usage(7, 8), {"cost": 0.25}))
    expect(decoder.saw_content == said.holds, f"saw_content is {decoder.saw_content}")
    if body[:1] != b"\x00":
        _native(recording, body, said, decoder)


def _native(recording: Recording, body: bytes, said: Reading, translated: Decoder) -> None:
    """Bytes that pass: every event goes on, and what is read of them agrees with the translation."""
    decoder = _decoder(native.Decoder)
    chunks = decoder.feed(body)
    try:
        chunks += decoder.finish()
        cut = False
    except CutError:
        cut = True
    _cuttings(recording, body, native.Decoder, [chunk.raw for chunk in chunks], decoder)
    _ended(said, decoder, cut)
    expect(decoder.usage == translated.usage or not decoder.done, "native usage differs")
    expect(decoder.finish_reason == translated.finish_reason, "another native finish")
    expect(decoder.saw_content == translated.saw_content, "native content differs")
    passed = b"".join(chunk.raw for chunk in chunks)
    if decoder.error is None and decoder.done:
        expect(passed.rstrip() == _until_end(body).rstrip(), "the events are not those that came")


def _until_end(body: bytes) -> bytes:
    """The stream up to its first end: some recordings hold two, one after the other."""
    end = body.find(b"event: message_stop")
    if end < 0:
        return body
    stop = body.find(b"\n\n", end)
    return body if stop < 0 else body[:stop]


def _ended(said: Reading, decoder: Any, cut: bool) -> None:
    if said.error:
        expect(decoder.error is not None, f"the error was not seen: {said.error}")
        expect(said.error in decoder.error.message, f"another message: {decoder.error.message!r}")
        return
    expect(decoder.error is None, f"taken for an error: {decoder.error}")
    proper = said.closed or said.finish is not None
    if proper:
        expect(decoder.done and not cut, "a proper end was taken for a cut")
    else:
        expect(not decoder.done and (cut or not said.holds), "a cut stream looks complete")


def _decoder(kind: Callable[..., Any]) -> Any:
    return kind(model=MODEL, request_id=REQUEST_ID, created=CREATED, quirks=QUIRKS, include_usage=True)


def _cuttings(
    recording: Recording, body: bytes, kind: Callable[..., Any], raws: list[bytes], whole: Any
) -> None:
    """The same chunks come out however the bytes are cut."""
    for name, pieces in (("bytes", _bytewise(body)), ("random", _random(recording.line, body))):
        decoder, got = _decoder(kind), list[bytes]()
        for piece in pieces:
            got += [chunk.raw for chunk in decoder.feed(piece)]
        try:
            got += [chunk.raw for chunk in decoder.finish()]
        except CutError:
            expect(not whole.done, f"cut only when fed in {name}")
        expect(got == raws, f"other chunks when fed in {name}")
        expect(decoder.error == whole.error and decoder.done == whole.done, f"another end when fed in {name}")


def _bytewise(body: bytes) -> Iterator[bytes]:
    end = max(BYTEWISE, len(body) - BYTEWISE)
    for place in range(min(BYTEWISE, len(body))):
        yield body[place : place + 1]
    yield body[BYTEWISE:end]
    for place in range(end, len(body)):
        yield body[place : place + 1]


def _random(seed: int, body: bytes) -> Iterator[bytes]:
    place, dice = 0, random.Random(seed)
    while place < len(body):
        size = dice.choice((1, 2, 7, 60, 400, 3000))
        yield body[place : place + size]
        place += size


def _sum(chunks: list[Chunk]) -> Reading:
    """Chunks joined as a client joins them: texts of one place are added up, items by their index."""
    message: dict[str, Any] = {}
    got = Reading()
    for chunk in chunks:
        body = json.loads(chunk.raw)
        got.ids.append(body["id"])
        got.model = body["model"]
        for choice in body["choices"]:
            _join(message, choice["delta"])
            if choice.get("finish_reason"):
                got.finish = choice["finish_reason"]
                got.native = choice.get("native_finish_reason") or got.finish
    told = _told(message)
    told.ids, told.finish, told.native, told.model = got.ids, got.finish, got.native, got.model
    return told


def _join(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if value is None:
            continue
        if name in ("tool_calls", "reasoning_details"):
            for item in value:
                _item(message.setdefault(name, []), item)
        elif isinstance(value, str) and name != "role":
            message[name] = (message.get(name) or "") + value
        elif isinstance(value, list):
            message[name] = message.get(name, []) + value


def _item(items: list[dict[str, Any]], piece: dict[str, Any]) -> None:
    while len(items) <= piece["index"]:
        items.append({})
    known = items[piece["index"]]
    for name, value in piece.items():
        if name == "function":
            inner = known.setdefault("function", {"name": "", "arguments": ""})
            for key in ("name", "arguments"):
                inner[key] += value.get(key) or ""
        elif name in ("text", "data", "signature"):
            known[name] = known.get(name, "") + value
        else:
            known[name] = value


def _told(message: dict[str, Any]) -> Reading:
    """A message in canonical form, as a reading."""
    got = Reading(
        text=message.get("content") or "",
        thinking=message.get("reasoning") or "",
        refusal=message.get("refusal") or "",
        blocks=message.get("native_content"),
    )
    for detail in message.get("reasoning_details") or []:
        expect(detail["format"] == "anthropic-claude-v1", "reasoning of another format")
        got.thoughts.append((detail.get("text") or detail.get("data") or "", detail.get("signature") or ""))
    for call in message.get("tool_calls") or []:
        arguments = call["function"]["arguments"]
        got.tools.append((call["id"], call["function"]["name"], _value(arguments)))
    for name in ("annotations", "other_annotations"):
        for item in message.get(name) or []:
            got.citations.append(item["citation"])
            place = item.get("url_citation") or item
            got.cited.append(got.text[place["start_index"] : place["end_index"]])
    return got


def _value(arguments: str) -> Any:
    """Arguments as JSON; as text where the stream was cut in them."""
    try:
        return json.loads(arguments) if arguments else {}
    except ValueError:
        return arguments


def _same(said: Reading, got: Reading) -> None:
    for name in ("text", "thinking", "thoughts", "tools", "finish", "native", "refusal"):
        old, new = getattr(said, name), getattr(got, name)
        expect(old == new, f"another {name}: {_short(new)}, not {_short(old)}")
    if said.model and (said.holds or said.finish):
        expect(got.model == said.model, f"another model: {got.model}")
    by_text = sorted(said.citations, key=json.dumps) == sorted(got.citations, key=json.dumps)
    expect(by_text, f"other citations: {_short(got.citations)}, not {_short(said.citations)}")
    expect(sorted(said.cited) == sorted(got.cited), f"another text was cited: {_short(got.cited)}")
    if said.foreign:
        expect(
            got.blocks == said.blocks,
            f"other native content: {_short(got.blocks)}, not {_short(said.blocks)}",
        )
    for own in set(said.ids) - set(got.ids):
        expect(not got.ids, f"id {own} was lost")


def _usage(said: Reading, body: dict[str, Any] | None, usage: Usage | None) -> None:
    """The client sees the provider's numbers; what we bill by holds every token that the provider counts."""
    if not said.usage:
        return
    expect(usage is not None and body is not None, "usage was lost")
    for name, value in said.usage.items():
        expect(value is None or body.get(name) == value, f"another {name}: {body.get(name)}, not {value}")
    prompt, output = said.prompt, said.output
    expect(usage.input == prompt, f"{usage.input} tokens in, not {prompt}")
    expect(usage.output == output, f"{usage.output} tokens out, not {output}")
    expect(body["prompt_tokens"] == prompt and body["total_tokens"] == prompt + output, "other sums")
    expect(usage.cached == said.cached, f"{usage.cached} cached tokens, not {said.cached}")
    expect(usage.cache_write == said.written, f"{usage.cache_write} written tokens, not {said.written}")


def _valid(kind: Any, raw: bytes) -> None:
    try:
        kind.model_validate_json(raw, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise Failed(f"not a {kind.__name__}: {first['loc']} {first['msg']}") from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 100 else text[:50] + "..." + text[-50:]


def _counted(recording: Recording) -> None:
    """An answer of messages/count_tokens: {"input_tokens": n}."""
    if recording.status >= 400:
        faults.check(recording)
        return
    body = json.loads(recording.text)
    expect(isinstance(body.get("input_tokens"), int), "no count")


ENDPOINTS = {
    "messages": check,
    "vertex.rawPredict": check,
    "vertex.streamRawPredict": check,
    "bedrock.invoke": _invoke,
    "bedrock.invoke-stream": _invoke,
    "messages.count_tokens": _counted,
}
