"""Whole answers: every block has its place in canonical form."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, Malformed
from xroute.dialects.anthropic import decode, error_of, native
from xroute.dialects.openai import tokens
from xroute.wire.usage import Usage

Json = dict[str, Any]
USAGE = {"input_tokens": 10, "output_tokens": 5}
CALL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
OURS = "anthropic-claude-v1"


def message(*blocks: Json, **fields: Any) -> bytes:
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": list(blocks),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": USAGE,
        **fields,
    }
    return json.dumps(body).encode()


def read(raw: bytes) -> Answer:
    answer = decode(raw, model="given", request_id="req1", created=5, quirks=Quirks())
    ChatCompletion.model_validate_json(json.dumps(answer.body), strict=True)
    return answer


def said(*blocks: Json, **fields: Any) -> Json:
    return read(message(*blocks, **fields)).body["choices"][0]["message"]


def text(words: str, **more: Any) -> Json:
    return {"type": "text", "text": words, **more}


def test_a_text_is_a_chat_completion() -> None:
    answer = read(message(text("Hel"), text("lo")))
    assert answer.body == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": 5,
        "model": "claude-x",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello"},
                "logprobs": None,
                "finish_reason": "stop",
                "native_finish_reason": "end_turn",
            }
        ],
        "usage": {
            **USAGE,
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        },
    }
    assert answer.usage == Usage(10, 5)
    assert answer.content


def test_what_is_missing_is_filled_in() -> None:
    answer = read(b'{"content": []}')
    assert answer.body["id"] == "chatcmpl-req1"
    assert answer.body["model"] == "given"
    assert answer.body["choices"][0]["finish_reason"] == "stop"
    assert answer.usage is None
    assert not answer.content


def test_thinking_is_reasoning_that_can_come_back() -> None:
    found = said(
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "xx"},
        text("ok"),
    )
    assert found["reasoning"] == "hm"
    assert found["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "sig", "format": OURS, "index": 0},
        {"type": "reasoning.encrypted", "data": "xx", "format": OURS, "index": 1},
    ]
    assert "native_content" not in found


def test_calls_of_tools_are_json_texts() -> None:
    answer = read(
        message(
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"ä": [1, None]}},
            {"type": "tool_use", "id": "", "name": "g", "input": {}},
            stop_reason="tool_use",
        )
    )
    choice = answer.body["choices"][0]
    calls = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert [call["function"]["arguments"] for call in calls] == ['{"ä":[1,null]}', "{}"]
    assert calls[0]["id"] == "t1"
    assert calls[1]["id"].startswith("call_")
    assert answer.content


def test_the_call_that_stands_for_the_answer_is_its_text() -> None:
    block = {"type": "tool_use", "id": "t", "name": "xroute_answer", "input": {"a": 1}}
    choice = read(message(block, stop_reason="tool_use")).body["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": '{"a":1}'}
    assert choice["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_every_reason_to_stop_has_openais_word_and_its_own(reason: str, finish: str) -> None:
    choice = read(message(text("a"), stop_reason=reason)).body["choices"][0]
    assert choice["finish_reason"] == finish
    assert choice["native_finish_reason"] == reason


def test_a_refusal_says_why() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "It may harm."}
    answer = read(message(stop_reason="refusal", stop_details=details))
    assert answer.body["choices"][0]["message"]["refusal"] == "It may harm."
    assert answer.body["stop_details"] == details
    assert answer.content


def test_cited_text_is_annotated_by_place() -> None:
    page = {"type": "web_search_result_location", "url": "https://a.example", "title": "A", "cited_text": "x"}
    lines = {"type": "char_location", "document_index": 0, "start_char_index": 1, "end_char_index": 2}
    found = said(text("See "), text("this", citations=[page, lines]), text("."))
    where = {"url": "https://a.example", "title": "A", "start_index": 4, "end_index": 8, "content": "x"}
    assert found["annotations"] == [{"type": "url_citation", "url_citation": where, "citation": page}]
    assert found["other_annotations"] == [
        {"type": "char_location", "start_index": 4, "end_index": 8, "citation": lines}
    ]


@pytest.mark.parametrize(
    "blocks",
    [
        [text("a"), {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}],
        [text("a"), {"type": "thinking", "thinking": "late", "signature": "s"}],
        [
            {
                "type": "tool_use",
                "id": "t",
                "name": "f",
                "input": {},
                "caller": {"type": "code_execution_20260120"},
            }
        ],
        [{"type": "tool_use", "id": "t", "name": "f", "input": {}}, text("after")],
        [{"type": "made_up_tomorrow", "x": 1}],
    ],
)
def test_blocks_without_a_place_are_kept_whole_with_all_the_others(blocks: list[Json]) -> None:
    answer = read(message(*blocks))
    assert answer.body["choices"][0]["message"]["native_content"] == blocks
    assert answer.content


def test_the_whole_prompt_is_counted_cached_or_not() -> None:
    own = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 20,
        "cache_read_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 15},
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
        "service_tier": "priority",
    }
    answer = read(message(text("a"), usage=own))
    assert answer.usage == Usage(60, 9, cached=30, cache_write=20, cache_write_1h=15, reasoning=4)
    assert answer.body["usage"] == {
        **own,
        "prompt_tokens": 60,
        "completion_tokens": 9,
        "total_tokens": 69,
        "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    assert answer.body["service_tier"] == "priority"


def test_what_is_kept_for_an_hour_and_searches_have_prices_of_their_own() -> None:
    own = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 20,
        "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 15},
        "output_tokens": 9,
        "server_tool_use": {"web_search_requests": 3},
    }
    found = read(message(text("a"), usage=own)).usage
    assert found == Usage(30, 9, cache_write=20, cache_write_1h=15, searches=3)
    details = {"cached_tokens": 0, "cache_write_tokens": 20}
    whole = {
        "prompt_tokens": 30,
        "completion_tokens": 9,
        "total_tokens": 39,
        "prompt_tokens_details": details,
    }
    again = tokens.read({**own, **whole})
    assert again == found


def test_compactions_are_paid_for_though_the_sums_leave_them_out() -> None:
    rounds = [
        {"type": "compaction", "input_tokens": 100, "output_tokens": 50},
        {"type": "message", "input_tokens": 10, "output_tokens": 5},
        {"type": "advisor_message", "input_tokens": 70, "output_tokens": 7},
    ]
    assert read(message(text("a"), usage={**USAGE, "iterations": rounds})).usage == Usage(110, 55)


def test_an_error_in_the_place_of_an_answer_is_one() -> None:
    raw = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    for reader in (decode, native.decode):
        with pytest.raises(ErrorBody) as caught:
            reader(raw, model="m", request_id="r", created=1, quirks=Quirks())
        info = caught.value.info
        assert (info.message, info.type, info.status) == ("Overloaded", "overloaded_error", 529)


def test_an_error_answer_says_what_it_says() -> None:
    raw = b'{"type":"error","error":{"type":"not_found_error","message":"model: x"},"request_id":"r"}'
    info = error_of(404, {}, raw)
    assert (info.message, info.type) == ("model: x", "not_found_error")


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"<html>", b'{"completion": "old"}', b'{"content": "text"}', b"7"]
)
def test_what_is_no_message_is_malformed(raw: bytes) -> None:
    for reader in (decode, native.decode):
        with pytest.raises(Malformed):
            reader(raw, model="m", request_id="r", created=1, quirks=Quirks())


FIELDS = ["type", "text", "thinking", "signature", "data", "id", "name", "input", "citations", "caller"]
KINDS = ["text", "thinking", "redacted_thinking", "tool_use", "xroute_answer"]
BLOCK = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from([*KINDS, None, 1, [], {}, [{}]]))


@given(st.lists(BLOCK, max_size=4), st.sampled_from([None, {}, USAGE, {"input_tokens": "x"}, 3]))
def test_no_blocks_break_the_reader(blocks: list[Json], usage: Any) -> None:
    read(message(*blocks, usage=usage))
