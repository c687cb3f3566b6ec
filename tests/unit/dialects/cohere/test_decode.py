"""Cohere's answers, whole and in pieces, as chat completions."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from xroute.catalog.entries import Quirks
from xroute.dialects.cohere import Answer, Decoder, ErrorBody, Malformed, decode, error_of
from xroute.errors import CutError
from xroute.wire.usage import Usage

Json = dict[str, Any]
USAGE = {
    "billed_units": {"input_tokens": 8, "output_tokens": 2},
    "tokens": {"input_tokens": 500, "output_tokens": 5, "reasoning_tokens": 2, "image_tokens": 20},
    "cached_tokens": 448,
}
CITED = {
    "start": 2,
    "end": 6,
    "text": "Ruby",
    "type": "TEXT_CONTENT",
    "content_index": 1,
    "sources": [
        {"type": "tool", "id": "d", "tool_output": {"url": "https://x.org/a", "title": "A"}},
        {"type": "document", "id": "doc:1", "document": {"text": "no address"}},
    ],
}
CALL = {"id": "c1", "type": "function", "function": {"name": "a", "arguments": '{"x": 1}'}}

BEGUN = {**CALL, "function": {"name": "a", "arguments": ""}}


def read(message: Json, finish: str = "COMPLETE", **more: Any) -> Answer:
    body = {"id": "i", "finish_reason": finish, "message": {"role": "assistant", **message}, **more}
    answer = decode(json.dumps(body).encode(), model="m", request_id="r", created=1, quirks=Quirks())
    ChatCompletion.model_validate_json(json.dumps(answer.body), strict=True)
    return answer


def message(answer: Answer) -> Json:
    return answer.body["choices"][0]["message"]


def event(kind: str, message: Json | None = None, **more: Any) -> bytes:
    body: Json = {"type": kind, **more}
    if message is not None:
        body["delta"] = {"message": message}
    return f"event: {kind}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


def end(finish: str = "COMPLETE", **more: Any) -> bytes:
    return event("message-end", delta={"finish_reason": finish, "usage": USAGE, **more}) + b"data: [DONE]\n\n"


def decoder() -> Decoder:
    return Decoder(model="m", request_id="r", created=1, quirks=Quirks(), include_usage=True)


def deltas(data: bytes) -> list[Json]:
    reader = decoder()
    chunks = [json.loads(chunk.raw) for chunk in reader.feed(data) + reader.finish()]
    return [chunk["choices"][0]["delta"] for chunk in chunks]


START = event("message-start", {"role": "assistant"}, id="i")


def test_thinking_and_plan_are_reasoning_of_their_own() -> None:
    content = [{"type": "thinking", "thinking": "hm. "}, {"type": "text", "text": "hi"}]
    said = message(read({"content": content, "tool_plan": "call a", "tool_calls": [CALL]}, "TOOL_CALL"))
    assert (said["content"], said["reasoning"]) == ("hi", "hm. call a")
    assert [item.get("id") for item in said["reasoning_details"]] == [None, "tool_plan"]
    assert said["tool_calls"] == [CALL]


@pytest.mark.parametrize(
    ("word", "expected"),
    [("COMPLETE", "stop"), ("STOP_SEQUENCE", "stop"), ("MAX_TOKENS", "length"), ("TOOL_CALL", "tool_calls")],
)
def test_finish_reasons_are_openais_with_coheres_beside(word: str, expected: str) -> None:
    (choice,) = read({"content": [{"type": "text", "text": "x"}]}, word).body["choices"]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == (expected, word)


def test_tokens_are_shown_and_billed_units_are_paid() -> None:
    answer = read({"content": [{"type": "text", "text": "x"}]}, usage=USAGE)
    usage = answer.body["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (520, 5, 525)
    assert usage["prompt_tokens_details"] == {"cached_tokens": 448, "image_tokens": 20}
    assert usage["billed_units"] == USAGE["billed_units"]
    assert answer.usage == Usage(input=8, output=2, cached=8, reasoning=2)


def test_usage_without_counts_is_none() -> None:
    assert read({"content": []}, usage={}).usage is None


def test_a_citation_with_an_address_is_an_annotation_and_all_are_kept() -> None:
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a Ruby"}]
    planned = {**CITED, "type": "PLAN"}
    said = message(read({"content": content, "citations": [CITED, planned]}))
    assert said["citations"] == [CITED, planned]
    assert said["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {"url": "https://x.org/a", "title": "A", "start_index": 2, "end_index": 6},
        }
    ]


def test_log_probabilities_are_openais() -> None:
    given_ = [{"text": "Hé", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}]
    (choice,) = read({"content": [{"type": "text", "text": "Hé"}]}, logprobs=given_).body["choices"]
    assert choice["logprobs"]["content"] == [
        {"token": "Hé", "logprob": -0.75, "bytes": [72, 195, 169], "top_logprobs": []}
    ]
    assert choice["native_logprobs"] == given_


def test_our_own_tool_is_the_answer_again() -> None:
    own = {"id": "c", "type": "function", "function": {"name": "xroute_answer", "arguments": '{"a":1}'}}
    answer = read({"tool_calls": [own]}, "TOOL_CALL")
    assert message(answer) == {"role": "assistant", "content": '{"a":1}'}
    assert answer.body["choices"][0]["finish_reason"] == "stop"
    both = message(read({"tool_calls": [own, CALL]}, "TOOL_CALL"))
    assert both["tool_calls"] == [CALL]


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"id": "x", "embeddings": {}}'])
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode(body, model="m", request_id="r", created=1, quirks=Quirks())


def test_an_answer_that_failed_is_an_error() -> None:
    with pytest.raises(ErrorBody, match="ended the answer"):
        read({"content": []}, "ERROR")
    with pytest.raises(ErrorBody, match="no such model"):
        decode(
            b'{"id": "x", "message": "no such model"}', model="m", request_id="r", created=1, quirks=Quirks()
        )


def test_an_error_says_its_word() -> None:
    info = error_of(400, {}, b'{"message": "too many tokens", "error_type": "TOO_MANY_TOKENS"}')
    assert (info.message, info.code) == ("too many tokens", "TOO_MANY_TOKENS")
    assert error_of(502, {}, b"<html>error_type</html>").code is None


def test_a_stream_is_the_whole_answer_in_pieces() -> None:
    data = (
        START
        + event("content-start", {"content": {"type": "thinking", "thinking": ""}}, index=0)
        + event("content-delta", {"content": {"thinking": "hm"}}, index=0)
        + event("content-end", index=0)
        + event("tool-plan-delta", {"tool_plan": "plan"})
        + event("content-start", {"content": {"type": "text", "text": ""}}, index=1)
        + event("content-delta", {"content": {"text": "a Ruby"}}, index=1)
        + event("citation-start", {"citations": CITED}, index=0)
        + event(
            "tool-call-start", {"tool_calls": {**CALL, "function": {"name": "a", "arguments": ""}}}, index=0
        )
        + event("tool-call-delta", {"tool_calls": {"function": {"arguments": '{"x": 1}'}}}, index=0)
        + event("tool-call-end", index=0)
        + end("TOOL_CALL")
    )
    found = deltas(data)
    assert "".join(delta.get("reasoning") or "" for delta in found) == "hmplan"
    details = [item for delta in found for item in delta.get("reasoning_details") or []]
    assert [(item["index"], item.get("id")) for item in details] == [(0, None), (1, "tool_plan")]
    assert [delta["citations"] for delta in found if "citations" in delta] == [[CITED]]
    assert [len(delta["annotations"]) for delta in found if "annotations" in delta] == [1]
    calls = [call for delta in found for call in delta.get("tool_calls") or []]
    assert [call["function"]["arguments"] for call in calls] == ["", '{"x": 1}']
    assert (calls[0]["id"], calls[0]["function"]["name"]) == ("c1", "a")


def test_a_stream_counts_what_is_paid_and_shows_what_was_used() -> None:
    reader = decoder()
    reader.feed(START + event("content-delta", {"content": {"text": "x"}}, index=0) + end())
    assert reader.usage == Usage(input=8, output=2, cached=8, reasoning=2)
    last = json.loads(reader.usage_chunk(Usage(), {"cost": 1}))
    assert (last["usage"]["prompt_tokens"], last["usage"]["cost"], last["id"]) == (520, 1, "i")


def test_an_error_at_the_end_of_a_stream_is_seen() -> None:
    reader = decoder()
    reader.feed(START + end("ERROR", error="invalid tool generation", error_type="INVALID_TOOL_GENERATION"))
    assert reader.error is not None
    assert (reader.error.message, reader.error.code) == ("invalid tool generation", "INVALID_TOOL_GENERATION")
    assert not reader.done


def test_an_error_without_a_type_is_seen_and_a_debug_event_is_not_one() -> None:
    reader = decoder()
    reader.feed(event("debug", prompt="p") + b'data: {"message": "overloaded", "id": "x"}\n\n')
    assert reader.error is not None
    assert reader.error.message == "overloaded"


@pytest.mark.parametrize("tail", [b"", b"data: [DONE]\n\n", event("content-end", index=0)])
def test_a_stream_without_its_end_is_cut(tail: bytes) -> None:
    reader = decoder()
    reader.feed(START + event("content-delta", {"content": {"text": "x"}}, index=0) + tail)
    with pytest.raises(CutError):
        reader.finish()
    assert not reader.done


def test_our_own_tool_is_text_in_a_stream() -> None:
    own = {"id": "c", "type": "function", "function": {"name": "xroute_answer", "arguments": ""}}
    found = deltas(
        START
        + event("tool-call-start", {"tool_calls": own}, index=0)
        + event("tool-call-delta", {"tool_calls": {"function": {"arguments": '{"a":1}'}}}, index=0)
        + end("TOOL_CALL")
    )
    assert "".join(delta.get("content") or "" for delta in found) == '{"a":1}'
    assert not any("tool_calls" in delta for delta in found)


@given(st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=5), st.data())
def test_any_cutting_gives_the_same_chunks(texts: list[str], data: st.DataObject) -> None:
    stream = START + b"".join(
        event("content-delta", {"content": {"text": text}}, index=0, logprobs=None) for text in texts
    )
    stream += end()
    whole = [chunk.raw for chunk in decoder().feed(stream)]
    reader, got, place = decoder(), list[bytes](), 0
    while place < len(stream):
        size = data.draw(st.integers(1, 200))
        got += [chunk.raw for chunk in reader.feed(stream[place : place + size])]
        place += size
    assert got + [chunk.raw for chunk in reader.finish()] == whole
    assert reader.done
    assert "".join(json.loads(raw)["choices"][0]["delta"].get("content") or "" for raw in whole) == "".join(
        texts
    )


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_no_bytes_break_the_reader(pieces: list[bytes]) -> None:
    reader = decoder()
    try:
        for piece in pieces:
            reader.feed(piece)
            reader.feed(b"data: " + piece + b"\n\n")
        reader.finish()
    except CutError:
        pass
    assert not reader.done
