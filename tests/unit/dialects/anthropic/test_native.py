"""A client and a deployment that both speak Messages: bytes pass, facts are read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.dialects.anthropic.test_stream import (
    EVENTS,
    START,
    STOP,
    cut,
    last,
    sse,
    text,
    tool,
    wrapped,
)

from xroute.catalog.entries import Quirks
from xroute.dialects.anthropic import Decoder as Translated
from xroute.dialects.anthropic import native, parse
from xroute.errors import CutError
from xroute.wire.usage import Usage

Json = dict[str, Any]
RAW = b'{ "max_tokens": 5,\n "model" : "ours", "messages":[{"role":"user","content":"say \\"model\\""}] }'


def decoder() -> native.Decoder:
    return native.Decoder(model="given", request_id="req1", created=5, quirks=Quirks(), include_usage=True)


def passed(data: bytes, reader: native.Decoder | None = None) -> bytes:
    reader = reader or decoder()
    return b"".join(chunk.raw for chunk in [*reader.feed(data), *reader.finish()])


def test_only_the_models_name_is_replaced() -> None:
    raw = RAW.replace(b'say \\"model\\"', b"hi")
    written = native.encode(parse(raw), upstream='claude "x"', quirks=Quirks())
    assert written == raw.replace(b'"ours"', b'"claude \\"x\\""')


def test_a_body_with_two_places_for_the_name_is_written_anew() -> None:
    written = json.loads(native.encode(parse(RAW), upstream="claude-x", quirks=Quirks()))
    assert written == {**json.loads(RAW), "model": "claude-x"}


def test_fields_that_are_addressed_to_xroute_are_taken_out() -> None:
    raw = json.dumps({**json.loads(RAW), "provider": {"only": ["x"]}, "models": ["y"]}).encode()
    assert json.loads(native.encode(parse(raw), upstream="c", quirks=Quirks())).keys() == {
        "max_tokens",
        "model",
        "messages",
    }


def test_a_host_that_wants_other_fields_gets_them() -> None:
    quirks = Quirks(
        force={"anthropic_version": "bedrock-2023-05-31"},
        drop=frozenset({"model", "stream"}),
        beta_field="anthropic_beta",
    )
    raw = json.dumps({**json.loads(RAW), "stream": True}).encode()
    call = parse(raw, {"anthropic-beta": "a-2025-01-01, b-2025-01-01"})
    assert json.loads(native.encode(call, upstream="c", quirks=quirks)) == {
        "max_tokens": 5,
        "messages": json.loads(RAW)["messages"],
        "anthropic_version": "bedrock-2023-05-31",
        "anthropic_beta": ["a-2025-01-01", "b-2025-01-01"],
    }


def test_an_answer_passes_as_it_is_and_is_counted() -> None:
    raw = b'{"content":[{"type":"text","text":"hi"}], "usage":{"input_tokens":3,"output_tokens":2}, "x": 1}'
    answer = native.decode(raw, model="m", request_id="r", created=1, quirks=Quirks())
    assert answer.raw == raw
    assert answer.usage == Usage(3, 2)
    assert answer.content


@pytest.mark.parametrize(
    ("blocks", "content"),
    [
        ([], False),
        ([{"type": "text", "text": ""}], False),
        ([{"type": "tool_use", "id": "t", "name": "f", "input": {}}], True),
        ([{"type": "thinking", "thinking": "", "signature": "s"}], True),
    ],
)
def test_content_is_anything_but_empty_text(blocks: list[Json], content: bool) -> None:
    raw = json.dumps({"content": blocks}).encode()
    assert native.decode(raw, model="m", request_id="r", created=1, quirks=Quirks()).content is content


def test_events_pass_as_they_came_up_to_the_end() -> None:
    data = b": hello\n\n" + sse(START, {"type": "ping"}, *text("He", "y"), last(), STOP)
    reader = decoder()
    assert passed(data + sse({"type": "late"}), reader) == data
    assert reader.done
    assert reader.finish_reason == "stop"
    assert reader.usage == Usage(input=12, output=4, cached=3)


def test_chunks_say_where_content_and_the_finish_are() -> None:
    chunks = decoder().feed(sse(START, *text("a"), *tool("f", "", "{}", index=1), last("tool_use"), STOP))
    flags = [(chunk.content, chunk.finish) for chunk in chunks]
    nothing, content, finish = (False, False), (True, False), (False, True)
    assert flags == [nothing, nothing, content, nothing, content, nothing, content, nothing, finish, nothing]


def test_an_error_is_not_passed_but_told() -> None:
    error = {"type": "error", "error": {"type": "api_error", "message": "Oh"}}
    reader = decoder()
    good = sse(START, *text("a"))
    assert passed(good + sse(error), reader) == good
    assert reader.error is not None
    assert (reader.error.message, reader.error.status) == ("Oh", 500)


def test_a_cut_stream_never_looks_complete() -> None:
    reader = decoder()
    reader.feed(sse(START, *text("a")))
    with pytest.raises(CutError):
        reader.finish()
    assert reader.usage is not None
    assert reader.usage.estimated


def test_events_without_names_are_known_by_their_type() -> None:
    data = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in EVENTS)
    reader = decoder()
    assert passed(data, reader) == data
    assert reader.finish_reason == "tool_calls"
    assert reader.saw_content


def test_the_frames_of_bedrock_become_events() -> None:
    assert passed(wrapped(*EVENTS)) == sse(*EVENTS)


def test_a_whole_message_becomes_the_events_of_a_stream() -> None:
    message = {**START["message"], "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"}
    reader = decoder()
    data = passed(json.dumps(message).encode(), reader)
    again = Translated(model="m", request_id="r", created=1, quirks=Quirks())
    assert [json.loads(c.raw)["choices"][0]["delta"] for c in again.feed(data)] == [
        {"role": "assistant", "content": "hi"},
        {},
    ]
    assert reader.done


@given(st.lists(st.integers(0, 10**6), max_size=12), st.sampled_from(["\n", "\r\n", "\r"]))
def test_any_cutting_gives_the_same_events(places: list[int], line: str) -> None:
    data = sse(*EVENTS).replace(b"\n", line.encode())
    whole, reader = decoder(), decoder()
    wanted = [*whole.feed(data), *whole.finish()]
    found = [chunk for piece in cut(data, places) for chunk in reader.feed(piece)]
    assert [*found, *reader.finish()] == wanted
    assert b"".join(chunk.raw for chunk in wanted) == data
    assert reader.done
    assert reader.usage == whole.usage
