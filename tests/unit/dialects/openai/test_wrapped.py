"""Answers inside a field of the body, as Cloudflare's `run` gives them."""

import json
from typing import Any

import pytest

from xroute.catalog.entries import Quirks
from xroute.dialects.openai import Decoder, ErrorBody, Malformed, decode
from xroute.wire.usage import Usage

QUIRKS = Quirks(unwrap="result")
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def read(body: Any, quirks: Quirks = QUIRKS) -> Any:
    return decode(json.dumps(body).encode(), model="m", request_id="r", created=1, quirks=quirks)


def test_a_wrapped_answer_is_one() -> None:
    call = {"name": "a", "arguments": {"x": 1}}
    answer = read({"result": {"response": None, "tool_calls": [call], "usage": USAGE}, "success": True})
    (choice,) = answer.body["choices"]
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "a", "arguments": '{"x":1}'}
    assert (choice["finish_reason"], answer.usage) == ("tool_calls", Usage(3, 2))


def test_an_object_where_json_was_asked_for_is_its_text() -> None:
    answer = read({"result": {"response": {"a": True}}, "success": True, "errors": []})
    assert answer.body["choices"][0]["message"]["content"] == '{"a":true}'


def test_a_completion_may_be_wrapped_as_well() -> None:
    inner = {"id": "i", "choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "length"}]}
    assert read({"result": inner}).body["choices"][0]["finish_reason"] == "length"
    assert read(inner).body["id"] == "i"


def test_a_failure_is_an_error_and_nothing_is_unwrapped_unasked() -> None:
    failed = {"result": None, "success": False, "errors": [{"code": 5023, "message": "no such mode"}]}
    with pytest.raises(ErrorBody, match="no such mode"):
        read(failed)
    with pytest.raises(Malformed):
        read({"result": {"response": "x"}, "success": True}, Quirks())
    with pytest.raises(Malformed):
        read({"result": {"shape": [1]}, "success": True})


def test_a_stream_of_texts_ends_with_done() -> None:
    events = [{"response": "a", "p": "xx"}, {"response": "b"}, {"response": "", "usage": USAGE}]
    data = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n\n"
    reader = Decoder(model="m", request_id="r", created=1, quirks=QUIRKS, include_usage=True)
    chunks = [json.loads(chunk.raw) for chunk in reader.feed(data)]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert "".join(choice["delta"].get("content") or "" for choice in choices) == "ab"
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]
    assert (reader.done, reader.usage) == (True, Usage(3, 2))
