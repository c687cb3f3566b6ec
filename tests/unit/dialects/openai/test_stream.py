"""Streams: any cutting, any end, any provider's habits."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.catalog.entries import Quirks
from xroute.dialects.openai import Decoder, decode
from xroute.errors import CutError
from xroute.wire.usage import Usage

Json = dict[str, Any]
ENVELOPE = {
    "id": "chatcmpl-7",
    "object": "chat.completion.chunk",
    "created": 1700000000,
    "model": "maker/model",
}
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def decoder(**quirks: Any) -> Decoder:
    return Decoder(model="given", request_id="req1", created=5, quirks=Quirks(**quirks), include_usage=True)


def chunk(delta: Json, finish: str | None = None, index: int = 0, **more: Any) -> Json:
    return {**ENVELOPE, "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more}


def sse(*events: Json | str) -> bytes:
    written = [event if isinstance(event, str) else json.dumps(event, ensure_ascii=False) for event in events]
    return "".join(f"data: {event}\n\n" for event in written).encode()


def read(data: bytes, reader: Decoder | None = None) -> list[Json]:
    """Every chunk of a stream that ends properly."""
    reader = reader or decoder()
    return [json.loads(chunk.raw) for chunk in reader.feed(data) + reader.finish()]


def deltas(chunks: list[Json]) -> list[Json]:
    return [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]


# What models write, as pieces: text, reasoning, tool calls.
texts = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), max_size=8)
tools = st.lists(
    st.tuples(st.sampled_from(["look", "add"]), st.lists(st.text(max_size=6), max_size=4)), max_size=3
)


def events_of(thoughts: list[str], said: list[str], called: list[tuple[str, list[str]]]) -> list[Json]:
    events = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({"reasoning_content": piece}) for piece in thoughts]
    events += [chunk({"content": piece}) for piece in said]
    for index, (name, pieces) in enumerate(called):
        first = {"index": index, "id": f"call_{index}", "type": "function"}
        events.append(chunk({"tool_calls": [{**first, "function": {"name": name, "arguments": ""}}]}))
        for piece in pieces:
            events.append(chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}))
    return [
        *events,
        chunk({}, "tool_calls" if called else "stop"),
        {**ENVELOPE, "choices": [], "usage": USAGE},
    ]


@given(texts, texts, tools, st.data())
def test_any_cutting_of_the_bytes_gives_the_same_chunks(
    thoughts: list[str], said: list[str], called: list[tuple[str, list[str]]], data: st.DataObject
) -> None:
    newline = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    raw = sse(*events_of(thoughts, said, called), "[DONE]").replace(b"\n", newline.encode())
    whole = decoder()
    expected = whole.feed(raw) + whole.finish()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=12)))
    reader, got = decoder(), []
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        got += reader.feed(raw[start:end])
    got += reader.finish()
    assert got == expected
    assert (reader.done, reader.usage, reader.chars) == (True, Usage(9, 4), whole.chars)


@given(texts, texts, tools)
def test_a_stream_added_up_is_the_whole_answer(
    thoughts: list[str], said: list[str], called: list[tuple[str, list[str]]]
) -> None:
    reader = decoder()
    pieces = deltas(read(sse(*events_of(thoughts, said, called), "[DONE]"), reader))
    message = {
        "role": "assistant",
        "content": "".join(said) or None,
        "reasoning_content": "".join(thoughts),
        "tool_calls": [
            {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": "".join(parts)}}
            for i, (name, parts) in enumerate(called)
        ],
    }
    finish = "tool_calls" if called else "stop"
    body = {"id": "a", "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": USAGE}
    answer = decode(json.dumps(body).encode(), model="m", request_id="r", created=1, quirks=Quirks())
    whole = answer.body["choices"][0]["message"]
    assert "".join(piece.get("content") or "" for piece in pieces) == (whole["content"] or "")
    assert "".join(piece.get("reasoning") or "" for piece in pieces) == whole.get("reasoning", "")
    assert added(pieces) == whole["tool_calls"]
    assert (reader.finish_reason, reader.usage) == (answer.body["choices"][0]["finish_reason"], answer.usage)
    assert reader.saw_content == answer.content


def added(pieces: list[Json]) -> list[Json]:
    """Tool calls as a client adds them up: strings are joined, whatever they are."""
    calls: list[Json] = []
    for piece in (call for delta in pieces for call in delta.get("tool_calls") or []):
        if piece["index"] == len(calls):
            calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        call = calls[piece["index"]]
        call["id"] += piece.get("id") or ""
        for name in ("name", "arguments"):
            call["function"][name] += piece["function"].get(name) or ""
    return calls


@given(texts, texts, tools, st.data())
def test_a_stream_cut_before_its_finish_never_looks_complete(
    thoughts: list[str], said: list[str], called: list[tuple[str, list[str]]], data: st.DataObject
) -> None:
    events = events_of(thoughts, said, called)
    finished = len(sse(*events[:-2])) + len(sse(events[-2]).rstrip())
    end = data.draw(st.integers(1, finished - 1))
    reader = decoder()
    reader.feed(sse(*events, "[DONE]")[:end])
    first = len(sse(events[0]).rstrip())
    if end >= first:
        with pytest.raises(CutError):
            reader.finish()
    else:
        reader.finish()
        assert not reader.saw_content
    assert not reader.done


plain = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)


@given(
    st.lists(st.tuples(plain, st.sampled_from(["content", "reasoning", "reasoning_content"])), max_size=12)
)
def test_a_chunk_recognised_by_its_template_comes_out_as_if_it_had_been_parsed(
    pieces: list[tuple[str, str]],
) -> None:
    events = [chunk({name: text, "role": "assistant"}, obfuscation=text) for text, name in pieces]
    reader = decoder()
    got = reader.feed(sse(*events))
    alone = [decoder() for _ in events]
    expected = [one for reader, event in zip(alone, events, strict=True) for one in reader.feed(sse(event))]
    assert [json.loads(one.raw) for one in got] == [json.loads(one.raw) for one in expected]
    assert [(one.content, one.finish) for one in got] == [(one.content, one.finish) for one in expected]
    assert reader.chars == sum(one.chars for one in alone)


@pytest.mark.parametrize("middle", ['a"b', "a\\u00e9", "\x01", "a\\", '","x":"', "\ud7ff\u2028"])
def test_a_text_that_needs_unescaping_is_parsed(middle: str) -> None:
    raw = json.dumps(chunk({"content": "@"}))
    reader = decoder()
    for _ in range(3):
        reader.feed(sse(raw))
    other = decoder()
    event = f"data: {raw.replace('@', middle)}\n\n".encode()
    assert reader.feed(event) == other.feed(event)
    assert reader.error == other.error


def test_a_chunk_that_needs_no_change_keeps_its_bytes() -> None:
    raw = b'{"id": "x", "object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,' + (
        b'"delta":{"content":"hi"},"finish_reason":null}], "custom":1.50}'
    )
    assert decoder().feed(b"data: " + raw + b"\n\n")[0].raw == raw


def test_an_end_without_done_after_a_finish_is_proper() -> None:
    reader = decoder()
    read(sse(chunk({"content": "a"}), chunk({}, "stop")), reader)
    assert (reader.done, reader.finish_reason) == (True, "stop")


def test_every_choice_has_to_finish() -> None:
    reader = decoder()
    reader.feed(sse(chunk({"content": "a"}), chunk({"content": "b"}, index=1), chunk({}, "stop")))
    with pytest.raises(CutError):
        reader.finish()


@pytest.mark.parametrize(
    ("delta", "reason"),
    [
        ({"content": "a"}, "stop"),
        ({"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}, "tool_calls"),
    ],
)
def test_done_without_a_finish_gets_one(delta: Json, reason: str) -> None:
    last = read(sse(chunk(delta), "[DONE]"))[-1]
    assert last["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": reason}]
    assert last["id"] == ENVELOPE["id"]


@pytest.mark.parametrize("data", [b"", b"data: [DONE]\n\n", b": ping\n\n: ping\n\n"])
def test_an_empty_stream_holds_nothing(data: bytes) -> None:
    reader = decoder()
    assert read(data, reader) == []
    assert not reader.saw_content
    assert reader.error is None


def test_done_without_content_has_no_finish_made_up() -> None:
    reader = decoder()
    chunks = read(sse(chunk({"role": "assistant", "content": ""}), "[DONE]"), reader)
    assert chunks[-1]["choices"][0]["finish_reason"] is None
    assert not reader.saw_content


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (b'data: {"error": {"message": "no", "code": 503}}\n\n', "no"),
        (b'data: {"error": "no"}\n\n', "no"),
        (b'event: error\ndata: {"message": "no"}\n\n', "no"),
        (b"event: error\ndata: no\n\n", "no"),
        (b'error: {"error": {"message": "no"}}\n\n', "no"),
        (b'data: {"choices": [{"delta": {}, "error": {"message": "no"}}]}\n\n', "no"),
        (b'data: {"detail": "no"}\n\n', "no"),
        (b'data: {"object": "error", "message": "no"}\n\n', "no"),
        (
            b'data: {"choices": [{"delta": {}, "finish_reason": "error"}]}\n\n',
            "ended the answer",
        ),
        (b"data: not json\n\n", "not JSON"),
        (b"data: 5\n\n", "no chunk"),
    ],
)
def test_an_error_in_the_stream_ends_it(event: bytes, message: str) -> None:
    reader = decoder()
    chunks = reader.feed(sse(chunk({"content": "a"})) + event + sse(chunk({"content": "b"}), "[DONE]"))
    assert [json.loads(one.raw)["choices"][0]["delta"] for one in chunks] == [{"content": "a"}]
    assert reader.error is not None
    assert message in reader.error.message
    assert reader.finish() == []
    assert not reader.done


def test_plain_json_in_place_of_a_stream_becomes_a_chunk() -> None:
    message = {"content": "hi", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": USAGE}
    reader = decoder()
    raw = json.dumps(body, indent=1).encode()
    chunks = read(raw, reader)
    assert chunks[0]["choices"][0]["delta"]["content"] == "hi"
    assert chunks[0]["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] == '{"a":1}'
    assert (reader.done, reader.usage, reader.saw_content) == (True, Usage(9, 4), True)


def test_a_plain_json_error_in_place_of_a_stream_is_an_error() -> None:
    reader = decoder()
    assert read(b'{"error": {"message": "overloaded", "code": 529}}', reader) == []
    assert reader.error is not None
    assert (reader.error.message, reader.error.status) == ("overloaded", 529)


@pytest.mark.parametrize(
    "events",
    [
        [chunk({"content": "a"}, "stop"), {**ENVELOPE, "choices": [], "usage": USAGE}],
        [chunk({"content": "a"}, "stop", usage=USAGE)],
        [chunk({"content": "a"}, "stop", x_groq={"id": "r", "usage": USAGE})],
        [chunk({"content": "a"}, usage={**USAGE, "completion_tokens": 1}), chunk({}, "stop", usage=USAGE)],
        [chunk({"content": "a"}, "stop", usage=USAGE), chunk({}, usage={"prompt_tokens": 0})],
        [chunk({"content": "a"}, "stop"), {**ENVELOPE, "usage": {**USAGE, "prompt_tokens": "9"}}],
    ],
)
def test_usage_is_found_wherever_it_stands_and_told_once(events: list[Json]) -> None:
    reader = decoder()
    chunks = read(sse(*events, "[DONE]"), reader)
    assert not any(chunk.get("usage") for chunk in chunks)
    assert reader.usage == Usage(9, 4)
    told = json.loads(reader.usage_chunk(Usage(), {"cost": 0.5}))
    assert (told["choices"], told["id"]) == ([], ENVELOPE["id"])
    assert told["usage"] == {**USAGE, "cost": 0.5}


def test_usage_at_a_path_of_the_quirks_is_found() -> None:
    reader = decoder(usage_paths=("meta.tokens",))
    read(sse(chunk({"content": "a"}, "stop", meta={"tokens": USAGE})), reader)
    assert reader.usage == Usage(9, 4)


def test_an_estimate_fills_in_where_the_provider_says_nothing() -> None:
    reader = decoder()
    read(sse(chunk({"content": "abcd"}, "stop")), reader)
    assert (reader.usage, reader.chars) == (None, 4)
    told = json.loads(reader.usage_chunk(Usage(2, 1, estimated=True), {}))
    assert told["usage"] == {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}


def call(index: int | None, own: str | None, name: str | None, arguments: Any) -> Json:
    fields = {"index": index, "id": own, "function": {"name": name, "arguments": arguments}}
    return {key: value for key, value in fields.items() if value is not None}


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([[call(0, "a", "f", '{"x"')], [call(0, None, None, ":1}")]], [("f", '{"x":1}')]),
        ([[call(0, "a", "f", "{")], [call(0, "a", "f", "}")]], [("f", "{}")]),  # id and name repeated
        ([[call(0, "a", "f", "{}"), call(0, "b", "f", "{}")]], [("f", "{}"), ("f", "{}")]),  # all numbered 0
        ([[call(0, "a", "f", "{}")], [call(0, "b", "g", "{}")]], [("f", "{}"), ("g", "{}")]),
        ([[call(None, "a", "f", "{}")], [call(None, "b", "g", "{}")]], [("f", "{}"), ("g", "{}")]),
        ([[call(None, None, "f", '{"x"')], [call(None, None, None, ":1}")]], [("f", '{"x":1}')]),
        ([[call(1, "a", "f", "{}")], [call(2, "b", "g", "{}")]], [("f", "{}"), ("g", "{}")]),  # from 1
        ([[call(0, None, "f", {"x": 1})]], [("f", '{"x":1}')]),  # an object
        ([[call(0, "a", "f", "{")], [call(0, "other", None, "}")]], [("f", "{}")]),  # a new id for each piece
    ],
)
def test_pieces_of_tool_calls_are_numbered_and_named_once(
    pieces: list[list[Json]], expected: list[tuple[str, str]]
) -> None:
    chunks = read(sse(*[chunk({"tool_calls": calls}) for calls in pieces], "[DONE]"))
    calls = added(deltas(chunks))
    assert [(call["function"]["name"], call["function"]["arguments"]) for call in calls] == expected
    assert len({call["id"] for call in calls}) == len(calls)
    assert all(call["id"] for call in calls)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}, (None, "hm")),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, ("ab", None)),
        ({"reasoning_content": "hm", "content": None}, (None, "hm")),
        ({"thinking": "hm"}, (None, "hm")),
        ({"reasoning": {"text": "hm"}}, (None, "hm")),
        ({"content": {"a": 1}}, ('{"a":1}', None)),
    ],
)
def test_text_and_reasoning_stand_in_their_places(
    given: Json, expected: tuple[str | None, str | None]
) -> None:
    reader = decoder()
    delta = deltas(read(sse(chunk(given), "[DONE]"), reader))[0]
    assert (delta.get("content"), delta.get("reasoning")) == expected
    assert reader.saw_content


def test_the_providers_own_reasoning_field_stays() -> None:
    delta = deltas(read(sse(chunk({"thoughts": "hm"}), "[DONE]"), decoder(reasoning_field="thoughts")))[0]
    assert delta == {"thoughts": "hm", "reasoning": "hm"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("eos", "stop"),
        ("STOP", "stop"),
        ("tool_use", "tool_calls"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
    ],
)
def test_odd_finish_reasons_become_openais_and_are_kept(word: str, expected: str) -> None:
    choice = read(sse(chunk({"content": "a"}, word)))[0]["choices"][0]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == (expected, word)


def test_an_empty_finish_reason_is_none() -> None:
    reader = decoder()
    reader.feed(sse(chunk({"content": "a"}, "")))
    assert reader.finish_reason is None


def test_halves_of_an_emoji_reach_the_client_escaped() -> None:
    data = sse(chunk({"content": "x"}), '{"id":"c","choices":[{"delta":{"content":"\\ud83d"}}]}')
    raw = decoder().feed(data)[1].raw
    assert b'"content":"\\ud83d"' in raw


def test_a_ping_is_not_for_the_client() -> None:
    assert read(sse('{"type": "ping"}', chunk({"content": "a"}, "stop"), ": keep-alive"))[0]["choices"]


def test_nesting_without_end_is_an_error_of_the_stream() -> None:
    reader = decoder()
    deep = '{"choices": [{"delta": {"reasoning": ' + "[" * 1000 + "]" * 1000 + "}}]}"
    assert reader.feed(sse(deep)) == []
    assert reader.error is not None
    assert reader.error.type == "malformed"
