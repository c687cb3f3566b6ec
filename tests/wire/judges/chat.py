"""Recorded chat completions through the OpenAI dialect, judged by OpenAI's own types and a second reader."""

import json
import random
from collections.abc import Iterator
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import ValidationError
from tests.wire import faults, reading
from tests.wire.reading import Choice, Reading
from tests.wire.recordings import Recording
from tests.wire.verdict import Failed, Skipped, expect

from xroute.catalog.entries import Quirks
from xroute.dialects.openai import Chunk, Decoder, ErrorBody, Malformed, decode
from xroute.errors import CutError
from xroute.wire.usage import Usage

MODEL, REQUEST_ID, CREATED = "maker/model", "test0123456789", 1_700_000_000
BYTEWISE = 4096  # bytes of a stream's beginning, and of its end, that are fed one by one
QUIRKS = Quirks()


def check(recording: Recording) -> None:
    """Raises Failed where the dialect gives something else than the provider said."""
    if recording.status >= 400:
        faults.check(recording)
    elif "truncated" in recording.notes:
        raise Skipped("the recorded body is capped")
    elif recording.streaming:
        _stream(recording)
    else:
        _whole(recording)


def _whole(recording: Recording) -> None:
    try:
        said = reading.whole(recording.text)
    except reading.Unreadable as reason:
        _not_chat(recording, str(reason))
        return
    try:
        answer = decode(recording.body, model=MODEL, request_id=REQUEST_ID, created=CREATED, quirks=QUIRKS)
    except ErrorBody as error:
        expect(said.error is not None, f"taken for an error: {error.message}")
        expect(str(said.error) in error.message, f"another message: {error.message!r}, not {said.error!r}")
        return
    except Malformed as error:
        raise Failed(f"taken for malformed: {error}") from None
    expect(said.error is None, f"the error was not seen: {said.error}")
    _valid(ChatCompletion, json.dumps(answer.body).encode())
    got = Reading(ids=[answer.body["id"]], usage=answer.body.get("usage"))
    for choice in answer.body["choices"]:
        got.choices[choice["index"]] = _told(choice["message"], choice["finish_reason"])
    _same(said, got)
    _usage(said, got.usage, answer.usage)
    expect(answer.content == said.holds or _rich(recording), f"content is {answer.content}, not {said.holds}")


def _not_chat(recording: Recording, reason: str) -> None:
    """A body that is no chat completion has to be refused as malformed."""
    try:
        decode(recording.body, model=MODEL, request_id=REQUEST_ID, created=CREATED, quirks=QUIRKS)
    except Malformed:
        return
    raise Failed(f"taken for an answer, though {reason}")


def _stream(recording: Recording) -> None:
    said = reading.stream(recording.text)
    decoder = _decoder()
    chunks = decoder.feed(recording.body)
    try:
        chunks += decoder.finish()
        cut = False
    except CutError:
        cut = True
    _cuttings(recording, [chunk.raw for chunk in chunks], decoder)
    for chunk in chunks:
        _valid(ChatCompletionChunk, chunk.raw)
    if said.error:
        expect(decoder.error is not None, f"the error was not seen: {said.error}")
        expect(str(said.error) in decoder.error.message, f"another message: {decoder.error.message!r}")
    else:
        expect(decoder.error is None, f"taken for an error: {decoder.error}")
        _ended(said, decoder, cut)
    _same(said, _sum(chunks))
    _usage(said, json.loads(decoder.usage_chunk(Usage(), {}))["usage"], decoder.usage)
    _valid(ChatCompletionChunk, decoder.usage_chunk(Usage(7, 8), {"cost": 0.25}))
    expect(decoder.saw_content == said.holds or _rich(recording), f"saw_content is {decoder.saw_content}")


def _ended(said: Reading, decoder: Decoder, cut: bool) -> None:
    """[DONE] or a finish of every choice is a proper end; nothing at all is none; the rest is cut."""
    proper = said.closed or said.finished
    if proper:
        expect(decoder.done and not cut, "a proper end was taken for a cut")
    else:
        expect(not decoder.done and cut == bool(said.choices), "a cut stream looks complete")
    if proper and said.holds:
        for choice in said.choices.values():
            choice.finish = choice.finish or ("tool_calls" if choice.tools else "stop")


def _decoder() -> Decoder:
    return Decoder(model=MODEL, request_id=REQUEST_ID, created=CREATED, quirks=QUIRKS, include_usage=True)


def _cuttings(recording: Recording, raws: list[bytes], whole: Decoder) -> None:
    """The same chunks come out however the bytes are cut."""
    for name, pieces in (("bytes", _bytewise(recording.body)), ("random", _random(recording))):
        decoder, got = _decoder(), list[bytes]()
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


def _random(recording: Recording) -> Iterator[bytes]:
    body, place = recording.body, 0
    dice = random.Random(recording.line)
    while place < len(body):
        size = dice.choice((1, 2, 7, 60, 400, 3000))
        yield body[place : place + size]
        place += size


def _sum(chunks: list[Chunk]) -> Reading:
    """Chunks joined as a client of OpenAI joins them: strings of one place are added up."""
    got = Reading()
    for chunk in chunks:
        body = json.loads(chunk.raw)
        got.ids.append(body["id"])
        for choice in body["choices"]:
            one = got.choice(choice["index"])
            piece = _told(choice["delta"], choice.get("finish_reason"))
            one.text += piece.text
            one.reasoning += piece.reasoning
            one.refusal += piece.refusal
            one.sound += piece.sound
            one.finish = piece.finish or one.finish
            for call, tool in zip(choice["delta"].get("tool_calls") or [], piece.tools, strict=True):
                if call["index"] == len(one.tools):
                    one.tools.append(reading.Tool())
                known = one.tools[call["index"]]
                known.id += tool.id
                known.name += tool.name
                known.arguments += tool.arguments
    return got


def _told(said: dict[str, Any], finish: str | None) -> Choice:
    """A message or delta in OpenAI's form; the canonical `reasoning` alone is read."""
    one = Choice(
        said.get("content") or "", said.get("reasoning") or "", said.get("refusal") or "", finish=finish
    )
    audio = said.get("audio") or {}
    one.sound = (audio.get("transcript") or "") + (audio.get("data") or "")
    for call in said.get("tool_calls") or []:
        function = call.get("function") or call.get("custom") or {}
        arguments = function.get("arguments") or function.get("input") or ""
        one.tools.append(reading.Tool(function.get("name") or "", arguments, call.get("id") or ""))
    if call := said.get("function_call"):
        one.text += f"<{call['name']}>{call['arguments']}"
    return one


def _same(said: Reading, got: Reading) -> None:
    expect(sorted(said.choices) == sorted(got.choices), f"other choices: {sorted(got.choices)}")
    for index, choice in said.choices.items():
        other = got.choices[index]
        for name in ("text", "reasoning", "refusal", "sound", "finish"):
            old, new = getattr(choice, name), getattr(other, name)
            expect(old == new, f"another {name}: {_short(new)}, not {_short(old)}")
        _same_tools(choice, other)
    for own in set(said.ids) - set(got.ids):
        expect(not got.ids, f"id {own} was lost")


def _same_tools(choice: Choice, other: Choice) -> None:
    expect(len(choice.tools) == len(other.tools), f"{len(other.tools)} tool calls, not {len(choice.tools)}")
    for old, new in zip(choice.tools, other.tools, strict=True):
        for name in ("name", "arguments"):
            expect(
                getattr(old, name) == getattr(new, name),
                f"a tool call's {name}: {_short(getattr(new, name))}",
            )
        expect(new.id == old.id if old.id else new.id, f"a tool call's id: {new.id!r}, not {old.id!r}")


def _usage(said: Reading, body: dict[str, Any] | None, usage: Usage | None) -> None:
    """The client sees the provider's numbers; what we bill by holds every token that the provider counts."""
    if said.usage is None:
        return
    expect(usage is not None and body is not None, "usage was lost")
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        if name in said.usage:
            expect(body[name] == said.usage[name], f"another {name}: {body[name]}, not {said.usage[name]}")
    _billed(said.usage, usage)


def _billed(given: dict[str, Any], usage: Usage) -> None:
    ins, outs = given.get("prompt_tokens_details") or {}, given.get("completion_tokens_details") or {}
    prompt, completion = int(given["prompt_tokens"]), int(given.get("completion_tokens") or 0)
    reasoning = outs.get("reasoning_tokens") or given.get("reasoning_tokens") or 0
    beside = int(given.get("total_tokens") or 0) - prompt - completion
    expected = {prompt + completion}
    if beside in (reasoning, ins.get("audio_tokens")) or "completion_tokens_details" not in given:
        expected = {prompt + completion + max(beside, 0)}
    expect(usage.input + usage.output in expected, f"{usage.input} + {usage.output} tokens, not {expected}")
    cached = ins.get("cached_tokens") or given.get("prompt_cache_hit_tokens")
    if cached is not None:
        expect(usage.cached == min(cached, usage.input), f"{usage.cached} cached tokens, not {cached}")
    if not beside:
        expect(usage.reasoning == min(reasoning, completion), f"{usage.reasoning} reasoning tokens")


def _rich(recording: Recording) -> bool:
    """Whether an answer may consist of what the second reader does not look at."""
    names = ("reasoning_details", "images", "executed_tools", "annotations", "audio_content")
    return any(name in recording.text for name in names)


def _valid(kind: Any, raw: bytes) -> None:
    try:
        kind.model_validate_json(raw, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise Failed(f"not a {kind.__name__}: {first['loc']} {first['msg']}") from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:40] + "..." + text[-40:]


ENDPOINTS = {"chat.completions": check}
