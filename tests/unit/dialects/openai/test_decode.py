"""Whole answers: whatever the provider sends becomes a valid ChatCompletion, and nothing is lost."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from xroute.catalog.entries import Quirks
from xroute.dialects.openai import Answer, ErrorBody, Malformed, decode

Json = dict[str, Any]


def read(body: Any, **quirks: Any) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = decode(raw, model="given", request_id="req1", created=5, quirks=Quirks(**quirks))
    ChatCompletion.model_validate_json(json.dumps(answer.body), strict=True)
    return answer


def message(said: Json, **choice: Any) -> Json:
    return read({"choices": [{"message": said, **choice}]}).body["choices"][0]["message"]


def test_what_is_missing_is_filled_in() -> None:
    body = read({"choices": [{"message": {"content": "hi"}}]}).body
    assert (body["id"], body["created"], body["model"], body["object"]) == (
        "chatcmpl-req1",
        5,
        "given",
        "chat.completion",
    )
    choice = body["choices"][0]
    assert (choice["index"], choice["finish_reason"], choice["message"]["role"]) == (0, "stop", "assistant")


def test_unknown_fields_are_kept() -> None:
    choice = {"message": {"content": "a", "x": 1}, "finish_reason": "stop", "y": 2}
    body = read({"id": "i", "choices": [choice], "z": [3], "citations": ["u"]}).body
    assert (body["z"], body["citations"], body["choices"][0]["y"], body["choices"][0]["message"]["x"]) == (
        [3],
        ["u"],
        2,
        1,
    )


@pytest.mark.parametrize("created", [1.5e9, "1500000000", 1500000000])
def test_created_is_a_whole_number(created: Any) -> None:
    assert read({"created": created, "choices": []}).body["created"] == 1500000000


@pytest.mark.parametrize("choices", [None, [], {}, "x"])
def test_no_choices_is_an_answer_without_content(choices: Any) -> None:
    answer = read({"id": "i", "choices": choices})
    assert (answer.body["choices"], answer.content) == ([], False)


@pytest.mark.parametrize("raw", [b"", b" \n", b"<html>", b"{", b"[]", b"5", b'{"data": []}', b"[" * 100_000])
def test_what_is_no_answer_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read(raw)


@pytest.mark.parametrize(
    ("body", "message", "status"),
    [
        ({"error": {"message": "no", "code": 502}}, "no", 502),
        ({"error": "no"}, "no", None),
        ([{"error": {"message": "no", "status": "INVALID"}}], "no", None),
        ({"object": "error", "message": "no", "code": 400}, "no", 400),
        ({"detail": "no"}, "no", None),
        ({"choices": None, "base_resp": {"status_code": 1008, "status_msg": "no"}}, "no", None),
        ({"choices": [{"message": {}, "error": {"message": "no", "code": 429}}]}, "no", 429),
        ({"success": False, "errors": [{"code": 7000, "message": "no"}]}, "no", None),
    ],
)
def test_an_error_inside_a_good_answer_is_an_error(body: Any, message: str, status: int | None) -> None:
    with pytest.raises(ErrorBody) as caught:
        read(body)
    assert (caught.value.info.message, caught.value.info.status) == (message, status)


def test_an_answer_cut_off_by_an_error_is_an_error() -> None:
    with pytest.raises(ErrorBody):
        read({"choices": [{"message": {"content": "half"}, "finish_reason": "error"}]})


def test_tool_calls_have_id_type_and_arguments_as_text() -> None:
    calls = [
        {"function": {"name": "f", "arguments": {"x": 1}}},
        {"id": "", "type": "", "function": {"name": "g", "arguments": None}},
        {"name": "h", "arguments": "{}"},
    ]
    got = message({"content": None, "tool_calls": calls})["tool_calls"]
    assert [(c["type"], c["function"]["name"], c["function"]["arguments"]) for c in got] == [
        ("function", "f", '{"x":1}'),
        ("function", "g", "{}"),
        ("function", "h", "{}"),
    ]
    assert len({c["id"] for c in got}) == 3
    assert all(c["id"].startswith("call_") and len(c["id"]) <= 40 for c in got)


def test_made_up_ids_are_the_same_for_the_same_request() -> None:
    said = {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
    assert message(dict(said)) == message(dict(said))


def test_a_custom_tool_call_is_kept() -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}
    assert message({"content": None, "tool_calls": [dict(call)]})["tool_calls"] == [call]


@pytest.mark.parametrize(
    ("word", "expected", "native"),
    [
        ("stop", "stop", None),
        ("eos", "stop", "eos"),
        ("max_tokens", "length", "max_tokens"),
        (None, "stop", None),
    ],
)
def test_finish_reasons_are_openais(word: Any, expected: str, native: Any) -> None:
    choice = read({"choices": [{"message": {"content": "a"}, "finish_reason": word}]}).body["choices"][0]
    assert (choice["finish_reason"], choice.get("native_finish_reason")) == (expected, native)


def test_a_missing_finish_reason_with_tool_calls_is_tool_calls() -> None:
    said = {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
    assert read({"choices": [{"message": said}]}).body["choices"][0]["finish_reason"] == "tool_calls"


def test_a_message_under_delta_or_text_is_found() -> None:
    assert read({"choices": [{"delta": {"content": "a"}}]}).body["choices"][0]["message"]["content"] == "a"
    assert read({"choices": [{"text": "a"}]}).body["choices"][0]["message"]["content"] == "a"


def test_flat_citations_gain_openais_form_and_others_stand_apart() -> None:
    flat = {"type": "url_citation", "url": "u", "title": "t", "summary": "s"}
    foreign = {"type": "file", "file": {"name": "n"}}
    said = message({"content": "a", "annotations": [flat, foreign]})
    nested = {"url": "u", "title": "t", "start_index": 0, "end_index": 0}
    assert said["annotations"] == [{**flat, "url_citation": nested}]
    assert said["other_annotations"] == [foreign]


def test_the_older_form_of_logprobs_gains_the_newer_one() -> None:
    old = {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": None}
    body = read({"choices": [{"message": {"content": "a"}, "logprobs": dict(old)}]}).body
    entry = {"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}
    assert body["choices"][0]["logprobs"] == {**old, "content": [entry]}


def test_a_service_tier_that_openai_does_not_know_stands_apart() -> None:
    body = read({"choices": [], "service_tier": "on_demand"}).body
    assert (body["service_tier"], body["native_service_tier"]) == (None, "on_demand")


@pytest.mark.parametrize(
    ("said", "content"),
    [
        ({"content": ""}, False),
        ({"content": None, "reasoning": "hm"}, True),
        ({"refusal": "no"}, True),
        ({"audio": {"id": "a", "data": "x", "transcript": "", "expires_at": 1}}, True),
        ({"function_call": {"name": "f", "arguments": "{}"}}, True),
        ({"function_call": {"name": "", "arguments": ""}}, False),
        ({"images": [{"type": "image_url"}]}, True),
    ],
)
def test_content_is_whatever_a_client_can_use(said: Json, content: bool) -> None:
    assert read({"choices": [{"message": said}]}).content is content


def test_usage_moves_to_its_place() -> None:
    answer = read({"choices": [], "meta": {"tokens": {"input_tokens": 3.0, "output_tokens": "2"}}})
    assert answer.usage is not None
    assert (answer.usage.input, answer.usage.output) == (3, 2)
    assert answer.body["usage"]["total_tokens"] == 5


def test_almost_json_is_read() -> None:
    raw = b'{"choices": [{"message": {"content": "a\nb \\ud83d"}, "logprobs": NaN}]}'
    answer = decode(raw, model="m", request_id="r", created=1, quirks=Quirks())
    assert answer.body["choices"][0]["message"]["content"] == "a\nb \ud83d"


def test_nesting_without_end_is_malformed_and_nothing_worse() -> None:
    deep = b"[" * 1000 + b"]" * 1000
    with pytest.raises(Malformed):
        read(b'{"choices": [{"message": {"reasoning": %b}}]}' % deep)
