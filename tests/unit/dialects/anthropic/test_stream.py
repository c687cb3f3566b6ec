"""Streams: any framing, any cutting, any end."""

import json
from base64 import b64encode
from collections.abc import Iterator
from itertools import pairwise
from struct import pack
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import MALFORMED
from xroute.dialects.anthropic import Decoder
from xroute.errors import CutError
from xroute.wire.usage import Usage

Json = dict[str, Any]
OURS = "anthropic-claude-v1"
START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "model": "claude-x",
        "content": [],
        "usage": {"input_tokens": 9, "cache_read_input_tokens": 3, "output_tokens": 1},
    },
}
STOP = {"type": "message_stop"}


def begin(block: Json, index: int = 0) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def more(delta: Json, index: int = 0) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def end(index: int = 0) -> Json:
    return {"type": "content_block_stop", "index": index}


def last(reason: str = "end_turn", tokens: int = 4, **delta: Any) -> Json:
    delta = {"stop_reason": reason, **delta}
    return {"type": "message_delta", "delta": delta, "usage": {"output_tokens": tokens}}


def text(*pieces: str, index: int = 0) -> list[Json]:
    deltas = [more({"type": "text_delta", "text": piece}, index) for piece in pieces]
    return [begin({"type": "text", "text": ""}, index), *deltas, end(index)]


def sse(*events: Json) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


def framed(*payloads: Json, **headers: str) -> bytes:
    """AWS event-stream messages, each with the same text headers."""
    found = b""
    for payload in payloads:
        head = b"".join(
            bytes([len(name)]) + name.encode() + b"\7" + pack("!H", len(value)) + value.encode()
            for name, value in ((":" + key.replace("_", "-"), value) for key, value in headers.items())
        )
        body = json.dumps(payload).encode()
        prelude = pack("!II", len(head) + len(body) + 16, len(head))
        whole = prelude + pack("!I", crc32(prelude)) + head + body
        found += whole + pack("!I", crc32(whole))
    return found


def wrapped(*events: Json) -> bytes:
    inner = [{"bytes": b64encode(json.dumps(event).encode()).decode(), "p": "abc"} for event in events]
    return framed(*inner, message_type="event", event_type="chunk")


def decoder() -> Decoder:
    return Decoder(model="given", request_id="req1", created=5, quirks=Quirks(), include_usage=True)


def read(data: bytes, reader: Decoder | None = None) -> list[Json]:
    """The deltas and finishes of a stream, each chunk valid for OpenAI's types."""
    reader = reader or decoder()
    chunks = [*reader.feed(data), *reader.finish()]
    for chunk in chunks:
        ChatCompletionChunk.model_validate_json(chunk.raw, strict=True)
    return [json.loads(chunk.raw) for chunk in chunks]


def deltas(*events: Json) -> list[Json]:
    found = [body["choices"][0]["delta"] for body in read(sse(START, *events, last(), STOP))]
    assert found[-1] == {}
    return found[:-1]


def test_text_comes_piece_by_piece_with_the_providers_names() -> None:
    reader = decoder()
    bodies = read(sse(START, {"type": "ping"}, *text("He", "y"), last(), STOP), reader)
    assert [body["choices"][0]["delta"] for body in bodies] == [
        {"role": "assistant", "content": "He"},
        {"content": "y"},
        {},
    ]
    assert {(body["id"], body["model"]) for body in bodies} == {("msg_1", "claude-x")}
    assert bodies[-1]["choices"][0]["finish_reason"] == "stop"
    assert bodies[-1]["choices"][0]["native_finish_reason"] == "end_turn"
    assert reader.done
    assert reader.usage == Usage(input=12, output=4, cached=3)
    usage = json.loads(reader.usage_chunk(Usage(), {"cost": 1}))["usage"]
    assert usage["prompt_tokens"] == 12
    assert usage["cache_read_input_tokens"] == 3
    assert usage["cost"] == 1


def test_thinking_and_its_signature_belong_to_one_item() -> None:
    assert deltas(
        begin({"type": "thinking", "thinking": "", "signature": ""}),
        more({"type": "thinking_delta", "thinking": "h"}),
        more({"type": "thinking_delta", "thinking": "m"}),
        more({"type": "signature_delta", "signature": "sig"}),
        end(),
        begin({"type": "redacted_thinking", "data": "xx"}, 1),
        end(1),
    ) == [
        {
            "role": "assistant",
            "reasoning": "h",
            "reasoning_details": [{"type": "reasoning.text", "text": "h", "format": OURS, "index": 0}],
        },
        {
            "reasoning": "m",
            "reasoning_details": [{"type": "reasoning.text", "text": "m", "format": OURS, "index": 0}],
        },
        {"reasoning_details": [{"type": "reasoning.text", "signature": "sig", "format": OURS, "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "xx", "format": OURS, "index": 1}]},
    ]


def tool(name: str, *pieces: str, index: int = 0, given: Json | None = None) -> list[Json]:
    deltas = [more({"type": "input_json_delta", "partial_json": piece}, index) for piece in pieces]
    block = {"type": "tool_use", "id": f"t{index}", "name": name, "input": given or {}}
    return [begin(block, index), *deltas, end(index)]


@pytest.mark.parametrize(
    ("pieces", "whole", "arguments"),
    [
        (["", '{"a":', " 1}"], None, '{"a": 1}'),
        ([], None, "{}"),
        ([""], None, "{}"),
        ([], {"a": 1}, '{"a":1}'),
    ],
)
def test_arguments_are_the_providers_text_and_never_empty(
    pieces: list[str], whole: Json | None, arguments: str
) -> None:
    found = deltas(*tool("f", *pieces, given=whole))
    calls = [delta["tool_calls"][0] for delta in found]
    assert (calls[0]["id"], calls[0]["function"]["name"]) == ("t0", "f")
    assert "".join(call["function"]["arguments"] for call in calls) == arguments


def test_calls_are_numbered_and_end_the_turn() -> None:
    data = sse(START, *tool("f", "{}"), *tool("g", "{}", index=1), last("tool_use"), STOP)
    bodies = read(data)
    numbers = [body["choices"][0]["delta"]["tool_calls"][0]["index"] for body in bodies[:-1]]
    assert numbers == [0, 0, 1, 1]
    assert bodies[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_the_call_that_stands_for_the_answer_streams_as_text() -> None:
    bodies = read(sse(START, *tool("xroute_answer", '{"a":', "1}"), last("tool_use"), STOP))
    assert [body["choices"][0]["delta"].get("content") for body in bodies] == ['{"a":', "1}", None]
    assert bodies[-1]["choices"][0]["finish_reason"] == "stop"


def test_citations_come_with_the_place_of_their_text() -> None:
    citation = {"type": "web_search_result_location", "url": "https://a.example", "title": None}
    cited = [begin({"type": "text", "text": "", "citations": []}, 1), *text("b", "c", index=1)[1:-1]]
    found = deltas(*text("a"), *cited, more({"type": "citations_delta", "citation": citation}, 1), end(1))
    where = {"url": "https://a.example", "title": "", "start_index": 1, "end_index": 3}
    assert found[-1]["annotations"] == [{"type": "url_citation", "url_citation": where, "citation": citation}]


def test_a_block_of_anthropics_own_takes_all_others_with_it() -> None:
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    result = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    found = deltas(
        *text("let me"),
        begin(use, 1),
        more({"type": "input_json_delta", "partial_json": '{"query":"q"}'}, 1),
        end(1),
        begin(result, 2),
        end(2),
        *text("here", index=3),
    )
    assert [block for delta in found for block in delta.get("native_content", [])] == [
        {"type": "text", "text": "let me"},
        {**use, "input": {"query": "q"}},
        result,
        {"type": "text", "text": "here"},
    ]


def test_a_refusal_says_why_before_the_end() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "It may harm."}
    bodies = read(sse(START, *text("a"), last("refusal", stop_details=details), STOP))
    assert bodies[-2]["choices"][0]["delta"] == {"refusal": "It may harm."}
    assert bodies[-1]["choices"][0]["finish_reason"] == "content_filter"
    assert bodies[-1]["choices"][0]["stop_details"] == details


def test_an_error_ends_the_stream_and_keeps_its_class() -> None:
    reader = decoder()
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    reader.feed(sse(START, *text("a"), error, last(), STOP))
    assert reader.error is not None
    assert (reader.error.message, reader.error.type, reader.error.status) == (
        "Overloaded",
        "overloaded_error",
        529,
    )
    assert not reader.done
    assert reader.finish() == []


def test_a_second_answer_in_the_middle_of_the_first_is_an_error() -> None:
    reader = decoder()
    reader.feed(sse(START, *text("a"), START, *text("b"), last(), STOP))
    assert reader.error is not None
    assert reader.error.type == MALFORMED


@pytest.mark.parametrize("events", [[START, *text("a")], [START, *text("a")[:2]], [START, *tool("f", "{")]])
def test_a_cut_stream_never_looks_complete(events: list[Json]) -> None:
    reader = decoder()
    reader.feed(sse(*events))
    with pytest.raises(CutError):
        reader.finish()
    assert not reader.done


def test_a_cut_within_an_event_is_a_cut() -> None:
    reader = decoder()
    reader.feed(sse(START, *text("abc"))[:-40])
    with pytest.raises(CutError):
        reader.finish()
    assert reader.error is None


def test_of_a_cut_stream_input_is_exact_and_output_estimated() -> None:
    reader = decoder()
    reader.feed(sse(START, *text("word " * 20)))
    assert reader.usage == Usage(input=12, output=25, cached=3, estimated=True)
    assert reader.usage_body is None


def test_a_reason_to_stop_is_an_end_without_the_last_event() -> None:
    reader = decoder()
    read(sse(START, *text("a"), last()), reader)
    assert reader.done


def test_usage_that_comes_at_the_start_alone_is_taken_at_the_end() -> None:
    reader = decoder()
    done = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    read(sse(START, *text("a"), done, STOP), reader)
    assert reader.usage == Usage(input=12, output=1, cached=3)


def test_a_later_report_stands_over_an_earlier_but_null_does_not() -> None:
    reader = decoder()
    later = {**last(), "usage": {"input_tokens": 20, "cache_read_input_tokens": None, "output_tokens": 8}}
    read(sse(START, *text("a"), later, STOP), reader)
    assert reader.usage == Usage(input=23, output=8, cached=3)


def test_a_whole_message_in_the_place_of_a_stream_is_read() -> None:
    message = {
        **START["message"],
        "content": [
            {"type": "text", "text": "hi"},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
    }
    reader = decoder()
    bodies = read(json.dumps(message).encode(), reader)
    assert bodies[0]["choices"][0]["delta"]["content"] == "hi"
    assert bodies[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert reader.done


def test_an_error_in_the_place_of_a_stream_is_read() -> None:
    reader = decoder()
    assert read(b'{"type":"error","error":{"type":"api_error","message":"Oh"}}', reader) == []
    assert reader.error is not None
    assert (reader.error.message, reader.error.status) == ("Oh", 500)


def test_the_frames_of_bedrock_hold_the_same_events() -> None:
    events = [START, *text("He", "y"), last(), STOP]
    assert read(wrapped(*events)) == read(sse(*events))


def test_an_exception_in_bedrocks_frames_is_an_error() -> None:
    reader = decoder()
    failed = framed({"message": "Too many"}, message_type="exception", exception_type="throttlingException")
    reader.feed(wrapped(START, *text("a")) + failed)
    assert reader.error is not None
    assert (reader.error.message, reader.error.status) == ("Too many", 429)


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return (data[a:b] for a, b in pairwise(edges))


EVENTS = [START, *text("Hé", "\n\ny"), *tool("f", '{"a":', "1}", index=1), last("tool_use"), STOP]


@given(st.lists(st.integers(0, 10**6), max_size=12), st.sampled_from(["\n", "\r\n", "\r", "frames"]))
def test_any_cutting_gives_the_same_chunks(places: list[int], how: str) -> None:
    plain = sse(*EVENTS)
    data = wrapped(*EVENTS) if how == "frames" else plain.replace(b"\n", how.encode())
    reader = decoder()
    found = [chunk.raw for piece in cut(data, places) for chunk in reader.feed(piece)]
    found += [chunk.raw for chunk in reader.finish()]
    whole = decoder()
    assert found == [chunk.raw for chunk in whole.feed(plain)]
    assert reader.done


ODD = st.recursive(
    st.none() | st.integers(-3, 3) | st.sampled_from(["text", "tool_use", "thinking", "text_delta", "", "x"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "text", "usage", "input", "index", "citation"]), inner)
    ),
    max_leaves=5,
)
KINDS = st.sampled_from(
    [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "x",
    ]
)
EVENT = st.fixed_dictionaries(
    {"type": KINDS},
    optional=dict.fromkeys(["index", "delta", "content_block", "message", "usage", "error"], ODD),
)


@given(st.lists(EVENT, max_size=6))
def test_no_events_break_the_reader(events: list[Json]) -> None:
    reader = decoder()
    reader.feed(sse(*events))
    if reader.error is None and not reader.saw_content:
        reader.finish()
