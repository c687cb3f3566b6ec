"""Whole responses: each item finds its place in a valid ChatCompletion, and nothing is lost."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, Malformed
from xroute.dialects.openai_responses import count_tokens, decode
from xroute.wire.usage import Usage

Json = dict[str, Any]

FORMAT = "openai-responses-v1"


def read(*output: Json, model: str = "o3-pro", **fields: Any) -> Answer:
    body = {"id": "resp_1", "object": "response", "created_at": 7, "status": "completed", "model": "o3-pro-x"}
    raw = json.dumps({**body, "output": list(output), **fields}).encode()
    answer = decode(raw, model=model, request_id="req1", created=5, quirks=Quirks())
    ChatCompletion.model_validate_json(json.dumps(answer.body), strict=True)
    return answer


def said(*output: Json, **fields: Any) -> Json:
    return read(*output, **fields).body["choices"][0]["message"]


def text(words: str, **more: Any) -> Json:
    part = {"type": "output_text", "text": words, "annotations": more.pop("annotations", [])}
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [part], **more}


def test_text_id_model_and_time_are_the_providers() -> None:
    body = read(text("hi")).body
    assert (body["id"], body["model"], body["created"]) == ("resp_1", "o3-pro-x", 7)
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "hi", "refusal": None}
    assert body["choices"][0]["native_finish_reason"] == "completed"


def test_fields_of_the_answer_are_kept_and_those_of_the_request_are_not() -> None:
    body = read(text("hi"), tools=[{"type": "function"}], instructions="x", billing={"payer": "me"}).body
    assert body["billing"] == {"payer": "me"}
    assert body.keys().isdisjoint({"tools", "instructions", "output", "status"})


def test_several_messages_are_one_text_and_their_order_is_noted() -> None:
    found = said(
        text("one", phase="commentary"),
        {"type": "web_search_call", "id": "ws"},
        text("two", phase="final_answer"),
    )
    assert found["content"] == "one\n\ntwo"
    assert found["native_content"] == [
        {"type": "web_search_call", "id": "ws"},
        {
            "type": "xroute.order",
            "order": ["message", "native", "message"],
            "messages": [{"length": 3, "phase": "commentary"}, {"length": 3, "phase": "final_answer"}],
        },
    ]


def test_the_usual_order_needs_no_note() -> None:
    found = said({"type": "web_search_call", "id": "ws"}, text("a", phase="final_answer"))
    assert (found["native_content"], found["phase"]) == (
        [{"type": "web_search_call", "id": "ws"}],
        "final_answer",
    )


def test_a_refusal_stands_apart() -> None:
    found = said({"type": "message", "content": [{"type": "refusal", "refusal": "no"}]})
    assert (found["content"], found["refusal"]) == (None, "no")


def test_citations_are_nested_and_count_from_the_beginning_of_the_whole_text() -> None:
    cited = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 3}
    other = {"type": "file_citation", "file_id": "f", "filename": "n", "index": 1}
    found = said(text("one"), text("two", annotations=[cited, other]))
    assert found["annotations"] == [
        {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 5, "end_index": 8}}
    ]
    assert found["other_annotations"] == [other]


def test_each_piece_of_reasoning_is_a_detail_of_its_own() -> None:
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
        "content": [{"type": "reasoning_text", "text": "c"}],
        "encrypted_content": "gAAA",
    }
    found = said(item, text("x"))
    assert found["reasoning"] == "a\n\nb\n\nc"
    shared = {"id": "rs_1", "format": FORMAT}
    assert found["reasoning_details"] == [
        {"type": "reasoning.summary", "summary": "a", "index": 0, **shared},
        {"type": "reasoning.summary", "summary": "b", "index": 1, **shared},
        {"type": "reasoning.text", "text": "c", "index": 2, **shared},
        {"type": "reasoning.encrypted", "data": "gAAA", "index": 3, **shared},
    ]


def test_reasoning_is_marked_with_the_maker_where_the_model_names_it() -> None:
    item = {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "e"}
    assert said(item, model="xai/grok-5")["reasoning_details"][0]["format"] == "xai-responses-v1"


def test_calls_have_the_id_by_which_their_results_are_given() -> None:
    found = read(
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": '{ "a":1}'},
        {"type": "custom_tool_call", "id": "ct_1", "call_id": "call_2", "name": "g", "input": "SELECT 1"},
    ).body["choices"][0]
    assert found["finish_reason"] == "tool_calls"
    assert found["message"]["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{ "a":1}'}},
        {"id": "call_2", "type": "custom", "custom": {"name": "g", "input": "SELECT 1"}},
    ]


def test_a_call_keeps_the_namespace_it_has_to_come_back_with() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "namespace": "n"}
    assert said(item)["tool_calls"][0]["namespace"] == "n"


def test_a_hosted_tools_item_is_kept_whole_and_its_picture_is_shown() -> None:
    item = {"type": "image_generation_call", "id": "ig", "result": "QUJD", "output_format": "webp"}
    found = said(item)
    assert found["native_content"] == [item]
    assert found["images"] == [{"type": "image_url", "image_url": {"url": "data:image/webp;base64,QUJD"}}]


@pytest.mark.parametrize(
    ("status", "why", "reason", "native"),
    [
        ("completed", None, "stop", "completed"),
        ("incomplete", {"reason": "max_output_tokens"}, "length", "max_output_tokens"),
        ("incomplete", {"reason": "content_filter"}, "content_filter", None),
        ("incomplete", None, "length", "incomplete"),
        (None, None, "stop", None),
    ],
)
def test_the_status_says_why_it_ended(status: Any, why: Any, reason: str, native: str | None) -> None:
    choice = read(text("a"), status=status, incomplete_details=why).body["choices"][0]
    assert (choice["finish_reason"], choice.get("native_finish_reason")) == (reason, native)


def test_usage_is_told_in_the_chat_apis_words_and_the_rest_is_kept() -> None:
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 18,
        "cost_in_usd_ticks": 99,
    }
    answer = read(text("a"), usage=usage)
    assert answer.usage == Usage(input=10, output=8, cached=4, reasoning=5)
    assert answer.body["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 8,
        "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 5},
        "cost_in_usd_ticks": 99,
    }


def test_log_probabilities_stand_with_the_choice() -> None:
    entry = {"token": "a", "bytes": [97], "logprob": -0.5, "top_logprobs": []}
    part = {"type": "output_text", "text": "a", "annotations": [], "logprobs": [entry]}
    choice = read({"type": "message", "content": [part]}).body["choices"][0]
    assert choice["logprobs"] == {"content": [entry], "refusal": None}


@pytest.mark.parametrize("status", ["failed", "completed"])
def test_an_error_in_the_response_is_an_error(status: str) -> None:
    with pytest.raises(ErrorBody) as caught:
        read(status=status, error={"code": "rate_limit_exceeded", "message": "slow down"})
    assert (caught.value.info.code, caught.value.info.message) == ("rate_limit_exceeded", "slow down")


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_failure_without_an_error_is_one_all_the_same(status: str) -> None:
    with pytest.raises(ErrorBody):
        read(text("half"), status=status)


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_what_is_not_finished_is_no_answer(status: str) -> None:
    with pytest.raises(Malformed, match=status):
        read(status=status)


@pytest.mark.parametrize("raw", [b"", b"x", b"[]", b'{"id":"a"}', b'{"output":5}', b'{"output":null}'])
def test_what_is_no_response_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        decode(raw, model="m", request_id="r", created=1, quirks=Quirks())


def test_an_answer_without_items_has_no_content() -> None:
    assert not read().content
    assert not read(text("")).content
    assert read({"type": "web_search_call"}).content


def test_items_of_odd_form_do_no_harm() -> None:
    found = said({"type": "message", "content": "bare"}, {"type": "reasoning"}, {"type": "function_call"})
    assert (found["content"], found["tool_calls"][0]["function"]) == ("bare", {"name": "", "arguments": "{}"})


def test_a_count_of_tokens_is_read() -> None:
    assert count_tokens.decode(b'{"object":"response.input_tokens","input_tokens":11}') == 11
    with pytest.raises(ErrorBody):
        count_tokens.decode(b'{"error":{"message":"no"}}')
    with pytest.raises(Malformed):
        count_tokens.decode(b"{}")
