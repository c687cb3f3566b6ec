"""Ollama's own API: requests that say their context, answers and streams of JSON lines."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.ollama import Answer, Decoder, ErrorBody, Malformed, decode, encode
from xroute.errors import CutError, ProtocolError
from xroute.wire.sse import MAX_EVENT
from xroute.wire.usage import Usage

Json = dict[str, Any]
HI: list[Json] = [{"role": "user", "content": "hi"}]
COUNTS = {"prompt_eval_count": 7, "eval_count": 3, "total_duration": 12}
SCHEMA: Json = {"type": "object", "properties": {}}
TOOL: Json = {"type": "function", "function": {"name": "a", "parameters": SCHEMA}}


def encoded(messages: list[Json] = HI, quirks: Quirks | None = None, **fields: Any) -> Encoded:
    return encode({"model": "m", "messages": messages, **fields}, upstream="q", quirks=quirks or Quirks())


def sent(messages: list[Json] = HI, **fields: Any) -> Json:
    return encoded(messages, **fields).body


def read(message: Json, **more: Any) -> Answer:
    body = {"model": "q", "message": message, "done": True, "done_reason": "stop", **more}
    answer = decode(json.dumps(body).encode(), model="m", request_id="r", created=1, quirks=Quirks())
    ChatCompletion.model_validate_json(json.dumps(answer.body), strict=True)
    return answer


def decoder() -> Decoder:
    return Decoder(model="m", request_id="r", created=1, quirks=Quirks(), include_usage=True)


def lines(*bodies: Json) -> bytes:
    return b"".join(json.dumps({"model": "q", **body}).encode() + b"\n" for body in bodies)


def piece(text: str = "", **more: Any) -> Json:
    return {"message": {"role": "assistant", "content": text, **more}, "done": False}


END = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop", **COUNTS}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
keys = st.sampled_from(["content", "tool_calls", "reasoning", "tool_call_id", "is_error", "name"])
fields_ = st.sampled_from(["tools", "tool_choice", "response_format", "options", "stop", "reasoning", "x"])


@given(
    st.dictionaries(fields_, values),
    st.sampled_from(["user", "tool", "assistant"]),
    st.dictionaries(keys, values),
)
def test_no_body_is_changed_or_breaks_the_writer(more: Json, role: str, said: Json) -> None:
    body: Json = {"model": "m", **more, "messages": [{**said, "role": role}]}
    before = copy.deepcopy(body)
    encode(body, upstream="q", quirks=Quirks())
    assert body == before


def test_a_long_prompt_is_an_error_and_not_cut_unless_the_client_says_so() -> None:
    assert sent()["truncate"] is False
    assert sent(truncate=True)["truncate"] is True


def test_whether_to_stream_is_always_said_as_ollama_streams_by_default() -> None:
    assert sent()["stream"] is False
    assert sent(stream=True)["stream"] is True


def test_openais_fields_are_options_and_the_clients_own_options_stand_over_them() -> None:
    found = sent(
        max_tokens=9, temperature=0.5, stop="x", num_ctx=100, options={"num_ctx": 32768, "num_gpu": 1}
    )
    assert found["options"] == {
        "num_predict": 9,
        "temperature": 0.5,
        "num_ctx": 32768,
        "stop": ["x"],
        "num_gpu": 1,
    }


def test_a_config_can_force_the_context_of_every_request() -> None:
    quirks = Quirks(force={"options": {"num_ctx": 8192}, "keep_alive": "1h"})
    found = encoded(quirks=quirks, temperature=1).body
    assert found["options"] == {"temperature": 1, "num_ctx": 8192}
    assert found["keep_alive"] == "1h"


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"reasoning_effort": "high"}, "high"),
        ({"reasoning_effort": "xhigh"}, "high"),
        ({"reasoning": {"effort": "none"}}, False),
        ({"reasoning": {"enabled": True}}, True),
        ({"think": "low"}, "low"),
    ],
)
def test_a_wish_to_reason_is_a_level(wish: Json, expected: str | bool) -> None:
    assert sent(**wish)["think"] == expected


def test_a_model_that_does_not_think_is_not_asked_to() -> None:
    body = {"messages": HI, "reasoning_effort": "low"}
    found = encode(body, upstream="q", quirks=Quirks(), abilities=frozenset({"tools"}))
    assert "think" not in found.body
    assert found.dropped == ("reasoning_effort",)


def test_formats_are_a_schema_or_json() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
    assert sent(response_format=form)["format"] == SCHEMA
    assert sent(response_format={"type": "json_object"})["format"] == "json"


def test_pictures_stand_beside_the_text_and_addresses_are_named() -> None:
    parts = [
        {"type": "text", "text": "what"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
    ]
    found = encoded([{"role": "user", "content": parts}])
    assert found.body["messages"] == [{"role": "user", "content": "what", "images": ["QUJD"]}]
    assert found.dropped == ("messages[0].content[2]",)


def test_a_result_names_its_tool_and_arguments_are_objects() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "a", "arguments": '{"x": [1]}'}}
    asked = {"role": "assistant", "content": None, "reasoning": "hm", "tool_calls": [call]}
    found = sent([asked, {"role": "tool", "tool_call_id": "c", "content": "gone", "is_error": True}])
    said, result = found["messages"]
    assert said["tool_calls"][0]["function"] == {"name": "a", "arguments": {"x": [1]}}
    assert said["thinking"] == "hm"
    assert result == {"role": "tool", "content": "Error: gone", "tool_name": "a", "tool_call_id": "c"}


def test_no_tools_stand_for_none_and_a_named_one_stands_alone() -> None:
    other = {"type": "function", "function": {"name": "b"}}
    assert "tools" not in sent(tools=[TOOL], tool_choice="none")
    found = encoded(tools=[TOOL, other], tool_choice={"type": "function", "function": {"name": "b"}})
    assert found.body["tools"] == [other]
    assert found.dropped == ("tool_choice",)
    assert encoded(tools=[TOOL], tool_choice="auto").dropped == ()


def test_an_answer_has_thinking_calls_and_counts() -> None:
    call = {"function": {"name": "a", "arguments": {"x": 1}}}
    answer = read({"content": "hi", "thinking": "hm", "tool_calls": [call]}, **COUNTS)
    (choice,) = answer.body["choices"]
    assert (choice["message"]["reasoning"], choice["finish_reason"]) == ("hm", "tool_calls")
    assert choice["native_finish_reason"] == "stop"
    (own,) = choice["message"]["tool_calls"]
    assert own["function"] == {"name": "a", "arguments": '{"x":1}'}
    assert own["id"].startswith("call_")
    assert answer.usage == Usage(7, 3)
    assert answer.body["usage"]["total_duration"] == 12
    assert answer.body["model"] == "q"


def test_a_cut_by_length_is_no_call() -> None:
    assert read({"content": "x"}, done_reason="length").body["choices"][0]["finish_reason"] == "length"


def test_a_single_prompts_answer_is_read_too() -> None:
    body = b'{"response": "hi", "done": true}'
    answer = decode(body, model="m", request_id="r", created=1, quirks=Quirks())
    assert answer.body["choices"][0]["message"]["content"] == "hi"
    assert answer.usage is None


@pytest.mark.parametrize("body", [b"", b"[]", b'{"models": []}', b"<html>"])
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode(body, model="m", request_id="r", created=1, quirks=Quirks())


def test_an_error_in_a_good_answer_is_one() -> None:
    with pytest.raises(ErrorBody, match="out of memory"):
        decode(b'{"error": "out of memory"}', model="m", request_id="r", created=1, quirks=Quirks())


def test_an_error_line_in_a_stream_is_seen() -> None:
    reader = decoder()
    reader.feed(lines(piece("a")) + b'{"error": "the runner has died"}\n')
    assert reader.error is not None
    assert reader.error.message == "the runner has died"


@pytest.mark.parametrize("tail", [b"", b'{"mess', b'{"message": {"content": "b"}, "done": false}'])
def test_a_stream_without_its_last_line_is_cut(tail: bytes) -> None:
    reader = decoder()
    reader.feed(lines(piece("a")) + tail)
    with pytest.raises(CutError):
        reader.finish()
    assert not reader.done


def test_the_last_line_needs_no_line_end() -> None:
    reader = decoder()
    reader.feed(lines(piece("a"), END)[:-1])
    reader.finish()
    assert reader.done
    assert reader.usage == Usage(7, 3)


def test_an_endless_line_is_an_error_of_the_protocol() -> None:
    reader = decoder()
    with pytest.raises(ProtocolError):
        for _ in range(17):
            reader.feed(b"x" * (MAX_EVENT // 16))


def test_log_probabilities_of_a_line_go_along() -> None:
    told = {"token": "a", "logprob": -1.5, "bytes": [97]}
    chunks = [json.loads(chunk.raw) for chunk in decoder().feed(lines({**piece("a"), "logprobs": [told]}))]
    assert chunks[0]["choices"][0]["logprobs"]["content"] == [{**told, "top_logprobs": []}]


pieces_ = st.lists(
    st.builds(piece, st.text(max_size=5))
    | st.builds(lambda text: piece(thinking=text), st.text(max_size=5))
    | st.builds(
        lambda name, x: piece(tool_calls=[{"function": {"name": name, "arguments": {"x": x}}}]),
        st.sampled_from("ab"),
        st.integers(),
    ),
    max_size=6,
)


@given(pieces_, st.data())
def test_any_cutting_gives_the_same_chunks(said: list[Json], data: st.DataObject) -> None:
    stream = lines(*said, END)
    whole = [chunk.raw for chunk in decoder().feed(stream)]
    reader, got, place = decoder(), list[bytes](), 0
    while place < len(stream):
        size = data.draw(st.integers(1, 150))
        got += [chunk.raw for chunk in reader.feed(stream[place : place + size])]
        place += size
    assert got + [chunk.raw for chunk in reader.finish()] == whole
    assert reader.done
    deltas = [json.loads(raw)["choices"][0]["delta"] for raw in whole]
    texts = "".join(one["message"]["content"] for one in said)
    assert "".join(delta.get("content") or "" for delta in deltas) == texts
    calls = sum(len(one["message"].get("tool_calls", ())) for one in said)
    assert sum(len(delta.get("tool_calls") or ()) for delta in deltas) == calls


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_no_bytes_break_the_reader(pieces: list[bytes]) -> None:
    reader = decoder()
    try:
        for one in pieces:
            reader.feed(one + b"\n")
        reader.finish()
    except CutError:
        pass
    assert not reader.done
