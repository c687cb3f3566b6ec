"""Recorded traffic of Responses endpoints, judged by OpenAI's own types and a second reader."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.wire import faults, inquiry, reading, responses
from tests.wire.judges import chat
from tests.wire.reading import Choice, Reading, Tool
from tests.wire.recordings import Recording
from tests.wire.responses import Said
from tests.wire.verdict import Failed, Skipped, expect

from xroute.catalog.entries import Quirks
from xroute.dialects import openai_responses as dialect
from xroute.dialects.answer import ErrorBody, Malformed
from xroute.dialects.openai_responses import count_tokens, native
from xroute.errors import CutError
from xroute.wire.usage import Usage

Json = dict[str, Any]

GIVEN: Json = {
    "model": chat.MODEL,
    "request_id": chat.REQUEST_ID,
    "created": chat.CREATED,
    "quirks": Quirks(),
}
ORDER = "xroute.order"  # the entry of native_content that no provider wrote


def check(recording: Recording) -> None:
    """Raises Failed where the dialect gives something else than the provider said."""
    if recording.status >= 400:
        faults.check(recording)
        return
    inquiry.check(recording)
    if recording.data.get("response_encoding") == "base64":
        raise Skipped("the recorded body is binary")
    if any(note.startswith(("truncated", "cut-sse", "elided-sse")) for note in recording.notes):
        _unharmed(recording)
        raise Skipped("the recorded body is capped")
    if recording.streaming:
        _stream(recording)
    else:
        _whole(recording)


def _unharmed(recording: Recording) -> None:
    """A capped body cannot be compared, but gives the same chunks in any cutting."""
    if recording.streaming:
        for kind in (dialect.Decoder, native.Decoder):
            _run(recording, kind)


def _whole(recording: Recording) -> None:
    try:
        said = responses.whole(recording.text)
    except reading.Unreadable as reason:
        _not_response(recording, str(reason))
        return
    for decode in (dialect.decode, native.decode):
        try:
            answer = decode(recording.body, **GIVEN)
        except ErrorBody as error:
            _same_error(said, error.info.message)
            continue
        except Malformed as error:
            raise Failed(f"taken for malformed: {error}") from None
        expect(said.error is None, f"the error was not seen: {said.error}")
        expect(answer.content == said.holds, f"content is {answer.content}, not {said.holds}")
        if decode is native.decode:
            expect(answer.raw == recording.body, "the bytes are not the provider's")
            _same_usage(said, answer.usage)
            continue
        chat._valid(ChatCompletion, json.dumps(answer.body).encode())
        choice = answer.body["choices"][0]
        got = Reading(ids=[answer.body["id"]], usage=answer.body.get("usage"))
        got.choices[0] = _told(choice["message"], choice["finish_reason"])
        chat._same(said, got)
        chat._usage(said, got.usage, answer.usage)
        _same_message(said, choice["message"])


def _not_response(recording: Recording, reason: str) -> None:
    try:
        dialect.decode(recording.body, **GIVEN)
    except (Malformed, ErrorBody):
        return
    raise Failed(f"taken for an answer, though {reason}")


def _stream(recording: Recording) -> None:
    if b'"chat.completion.chunk"' in recording.body:
        raise Skipped("a stream of chat completions")
    try:
        said = responses.stream(recording.text)
    except ValueError:
        for kind in (dialect.Decoder, native.Decoder):
            error = _run(recording, kind)[1].error
            expect(kind is native.Decoder or error is not None, "an event that is not JSON was taken for one")
        return
    chunks, decoder, cut = _run(recording, dialect.Decoder)
    for chunk in chunks:
        chat._valid(ChatCompletionChunk, _plain_tools(chunk.raw))
    _ended(said, decoder, cut)
    message, finish, ids = _folded(chunks)
    got = Reading(ids=ids)
    got.choices[0] = _told(message, finish)
    chat._same(said, got)
    given = json.loads(decoder.usage_chunk(Usage(), {}))["usage"] if decoder.usage_body else None
    chat._usage(said, given, decoder.usage)
    chat._valid(ChatCompletionChunk, decoder.usage_chunk(Usage(7, 8), {"cost": 0.25}))
    expect(decoder.saw_content == said.holds, f"saw_content is {decoder.saw_content}, not {said.holds}")
    if said.closed and not said.error:
        _same_message(said, message)
    _passed(recording, said)


def _ended(said: Said, decoder: Any, cut: bool) -> None:
    if said.error is not None:
        expect(decoder.error is not None, f"the error was not seen: {said.error}")
        _same_error(said, decoder.error.message)
        return
    expect(decoder.error is None, f"taken for an error: {decoder.error}")
    expect(decoder.done == said.closed, "a cut stream looks complete, or a complete one cut")
    expect(cut == (not said.closed and said.holds), "a cut was not seen")


def _passed(recording: Recording, said: Said) -> None:
    """The native decoder gives every event as it came, up to the end."""
    chunks, decoder, _ = _run(recording, native.Decoder)
    expect((decoder.done, decoder.error is None) == (said.closed, said.error is None), "another native end")
    given = [event for event in reading.events(recording.text) if event[1].strip() != "[DONE]"]
    text = b"".join(chunk.raw for chunk in chunks).decode("utf-8", "surrogatepass")
    got = reading.events(text)
    expect(got == given[: len(got)], "an event was changed on its way")
    expect(len(got) >= len(given) or not decoder.done or chunks[-1].finish, "events were lost")
    if said.error is None:
        _same_usage(said, decoder.usage)


def _run(recording: Recording, kind: Callable[..., Any]) -> tuple[list[Any], Any, bool]:
    """(chunks, decoder, whether it was cut), the same however the bytes are cut."""
    results: list[Any] = []
    body = recording.body
    for pieces in ((body,), chat._bytewise(body), chat._random(recording)):
        decoder, chunks = kind(**GIVEN, include_usage=True), list[Any]()
        for piece in pieces:
            chunks += decoder.feed(piece)
        cut = False
        try:
            chunks += decoder.finish()
        except CutError:
            cut = True
        results.append((chunks, decoder, cut))
        expect([c.raw for c in chunks] == [c.raw for c in results[0][0]], "other chunks in other cuttings")
        same = (decoder.done, decoder.error, cut) == (results[0][1].done, results[0][1].error, results[0][2])
        expect(same, "another end in other cuttings")
    return results[0]


def _plain_tools(raw: bytes) -> bytes:
    """OpenAI streams custom tools, its own types know no such chunk: openai-openapi issue 576."""
    if b'"custom"' not in raw:
        return raw
    body = json.loads(raw)
    for call in (call for choice in body["choices"] for call in choice["delta"].get("tool_calls") or []):
        if call.get("type") == "custom":
            del call["type"]
    return json.dumps(body).encode()


def _folded(chunks: list[Any]) -> tuple[Json, str | None, list[str]]:
    """(message, finish reason, ids) of chunks, joined as a client of OpenAI joins them."""
    message: Json = {"role": "assistant", "content": "", "reasoning": "", "refusal": ""}
    details: dict[int, Json] = {}
    finish, ids = None, list[str]()
    for body in (json.loads(chunk.raw) for chunk in chunks):
        ids.append(body["id"])
        for choice in body["choices"]:
            finish = choice["finish_reason"] or finish
            delta = choice["delta"]
            for name in ("content", "reasoning", "refusal", "phase"):
                if delta.get(name):
                    message[name] = (message.get(name) or "") + delta[name]
            for name in ("annotations", "other_annotations", "native_content", "images"):
                if delta.get(name):
                    message.setdefault(name, []).extend(delta[name])
            for entry in delta.get("reasoning_details") or []:
                _join(details.setdefault(entry["index"], {}), entry)
            for call in delta.get("tool_calls") or []:
                _join_call(message.setdefault("tool_calls", []), call)
    if details:
        message["reasoning_details"] = [details[index] for index in sorted(details)]
    return message, finish, ids


def _join(known: Json, entry: Json) -> None:
    for name, value in entry.items():
        joins = name in ("text", "summary", "data") and name in known
        known[name] = known[name] + value if joins else value


def _join_call(calls: list[Json], call: Json) -> None:
    if call["index"] == len(calls):
        calls.append(call)
        return
    for kind in ("function", "custom"):
        for name, value in (call.get(kind) or {}).items():
            calls[call["index"]][kind][name] += value


def _told(message: Json, finish: str | None) -> Choice:
    one = Choice(
        message["content"] or "", message.get("reasoning") or "", message.get("refusal") or "", finish=finish
    )
    for call in message.get("tool_calls") or []:
        said = call[call["type"]]
        one.tools.append(Tool(said["name"], said.get("arguments") or said.get("input") or "", call["id"]))
    return one


def _same_error(said: Said, message: str) -> None:
    expect(said.error is not None, f"taken for an error: {message}")
    expect(said.error in message, f"another message: {message!r}, not {said.error!r}")


def _same_usage(said: Said, usage: Usage | None) -> None:
    if said.usage is not None:
        expect(usage is not None, "usage was lost")
        chat._billed(said.usage, usage)


def _same_message(said: Said, message: Json) -> None:
    """Beside the text: hosted tools, annotations, encrypted reasoning, and all of it back as items."""
    natives = [item for item in message.get("native_content") or [] if item["type"] != ORDER]
    expect(_sorted(natives) == _sorted(said.natives), "other items of hosted tools")
    images = [item for item in said.natives if item["type"] == "image_generation_call" and item.get("result")]
    expect(len(message.get("images") or []) == len(images), "other images")
    _same_notes(said, message)
    details = message.get("reasoning_details") or []
    secrets = [entry["data"] for entry in details if entry["type"] == "reasoning.encrypted"]
    expect(secrets == said.secrets, "other encrypted reasoning")
    thoughts = [
        t for e in details if e["type"] != "reasoning.encrypted" for t in (e.get("text") or e["summary"],)
    ]
    expect(thoughts == said.thoughts, "other reasoning in the details")
    _back(said, message)


def _same_notes(said: Said, message: Json) -> None:
    cited = [note["url_citation"] for note in message.get("annotations") or []]
    given = [note for note in said.notes if note.get("type") == "url_citation"]
    expect([note["url"] for note in cited] == [note["url"] for note in given], "other citations")
    others = [note for note in said.notes if note not in given]
    expect((message.get("other_annotations") or []) == others, "other annotations")
    if len(said.texts) == 1:
        for old, new in zip(given, cited, strict=True):
            expect(new["start_index"] == (old.get("start_index") or 0), "a citation of another place")


def _back(said: Said, message: Json) -> None:
    """The message as the next turn's history gives the provider its own items, in its own order."""
    sent = dialect.encode({"messages": [message]}, upstream=chat.MODEL, quirks=Quirks()).body["input"]
    wanted = [item for part in map(_told_item, said.items) for item in part]
    got = [item for part in map(_told_item, sent) for item in part]
    if [item for item in message.get("native_content") or [] if item["type"] != ORDER] != said.natives:
        got, wanted = sorted(got, key=repr), sorted(wanted, key=repr)  # tools that ran at the same time
    expect(got == wanted or not wanted, f"gone back otherwise: {chat._short(got)}, not {chat._short(wanted)}")


def _sorted(items: list[Json]) -> list[str]:
    """Hosted tools that run at the same time end in another order than they began."""
    return sorted(json.dumps(item, sort_keys=True) for item in items)


def _told_item(item: Json) -> Iterator[tuple[Any, ...]]:
    """What of an item has to come back."""
    kind = item.get("type")
    if kind == "message":
        content = item["content"]
        parts = [{"text": content}] if isinstance(content, str) else content
        text = "".join(part.get("text") or "" for part in parts)
        refusal = "".join(part.get("refusal") or "" for part in parts)
        urls = [note["url"] for p in parts for note in p.get("annotations") or [] if note.get("url")]
        if text or refusal:
            yield kind, text, refusal, urls, item.get("phase") if text else None
    elif kind == "reasoning":
        secret = item.get("encrypted_content")
        if secret or any(part.get("text") for part in item.get("content") or []):
            yield kind, item.get("id"), secret, [p["text"] for p in item["summary"] if p["text"]]
    elif kind in responses.CALLS:
        yield (
            kind,
            item["call_id"],
            item["name"],
            item.get("arguments"),
            item.get("input"),
            item.get("namespace"),
        )
    elif kind.endswith("_call") or kind.startswith("mcp_"):
        yield kind, json.dumps(item, sort_keys=True)


def _counted(recording: Recording) -> None:
    """An answer of responses/input_tokens: {"object": "response.input_tokens", "input_tokens": n}."""
    if recording.status >= 400:
        faults.check(recording)
        return
    told = json.loads(recording.text)
    try:
        found = count_tokens.decode(recording.body)
    except (Malformed, ErrorBody) as error:
        raise Failed(f"the count was not read: {error}") from None
    expect(found == told["input_tokens"], f"{found} tokens, not {told['input_tokens']}")


def _compacted(recording: Recording) -> None:
    """An answer of responses/compact goes to a client of this API as it is, with its usage."""
    if recording.status >= 400:
        faults.check(recording)
        return
    answer = native.decode(recording.body, **GIVEN)
    expect(answer.raw == recording.body, "the bytes are not the provider's")
    usage = json.loads(recording.text)["usage"]
    got = (answer.usage.input, answer.usage.output) if answer.usage else None
    expect(got == (usage["input_tokens"], usage["output_tokens"]), f"usage {got}")


ENDPOINTS = {"responses": check, "responses.input_tokens": _counted, "responses.compact": _compacted}
