"""Converse's whole answers as chat completions; OpenAI's own types say whether they are ones."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer
from xroute.dialects.bedrock import ErrorBody, Malformed, count_tokens, decode
from xroute.wire.usage import Usage

Json = dict[str, Any]
USAGE = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}


def read(body: Any, model: str = "anthropic/claude-x") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = decode(raw, model=model, request_id="r1", created=7, quirks=Quirks())
    ChatCompletion.model_validate_json(json.dumps(answer.body).encode(), strict=True)
    return answer


def said(*blocks: Json, stop: str = "end_turn", model: str = "anthropic/claude-x", **more: Any) -> Json:
    """The one choice of an answer with these blocks."""
    message = {"role": "assistant", "content": list(blocks)}
    body = {"output": {"message": message}, "stopReason": stop, "usage": USAGE, **more}
    return read(body, model).body["choices"][0]


def test_an_answer_of_text() -> None:
    body = {"output": {"message": {"role": "assistant", "content": [{"text": "Hel"}, {"text": "lo"}]}}}
    answer = read({**body, "stopReason": "end_turn", "usage": USAGE, "metrics": {"latencyMs": 3}})
    assert answer.body["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": "Hello"},
        "logprobs": None,
        "finish_reason": "stop",
        "native_finish_reason": "end_turn",
    }
    assert (answer.body["id"], answer.body["created"], answer.body["model"]) == (
        "chatcmpl-r1",
        7,
        "anthropic/claude-x",
    )
    assert answer.body["metrics"] == {"latencyMs": 3}
    assert (answer.usage, answer.content) == (Usage(10, 5), True)


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("malformed_tool_use", "stop"),
        ("a_new_word", "stop"),
    ],
)
def test_the_reason_to_finish(native: str, reason: str) -> None:
    choice = said({"text": "a"}, stop=native)
    assert (choice["finish_reason"], choice["native_finish_reason"]) == (reason, native)


def test_output_that_the_model_spoiled_altogether_is_an_error() -> None:
    with pytest.raises(ErrorBody, match="malformed_model_output"):
        said(stop="malformed_model_output")


def test_calls_of_tools() -> None:
    use = {"toolUseId": "t1", "name": "weather", "input": {"city": "Ülm", "n": 1.0}}
    choice = said({"toolUse": use}, {"toolUse": {"name": "now"}}, stop="tool_use")
    calls = choice["message"]["tool_calls"]
    assert calls[0] == {
        "id": "t1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city":"Ülm","n":1.0}'},
    }
    assert calls[1]["function"] == {"name": "now", "arguments": "{}"}
    assert calls[1]["id"].startswith("call_")
    assert choice["message"]["content"] is None


def test_a_call_of_our_answer_tool_is_the_answer() -> None:
    use = {"toolUseId": "t1", "name": "xroute_answer", "input": {"a": 1}}
    choice = said({"toolUse": use}, stop="tool_use")
    assert choice["message"] == {"role": "assistant", "content": '{"a":1}'}
    assert choice["finish_reason"] == "stop"


def test_an_answer_and_calls_together_still_want_the_calls_carried_out() -> None:
    answer = {"toolUseId": "t1", "name": "xroute_answer", "input": {}}
    choice = said(
        {"toolUse": answer}, {"toolUse": {"toolUseId": "t2", "name": "b", "input": {}}}, stop="tool_use"
    )
    assert choice["finish_reason"] == "tool_calls"
    assert len(choice["message"]["tool_calls"]) == 1


def test_signed_and_sealed_reasoning() -> None:
    sealed = b64encode(b"EuQFabc").decode()
    choice = said(
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": sealed}},
        {"text": "so"},
    )
    assert choice["message"]["reasoning"] == "hm"
    form = "anthropic-claude-v1"
    assert choice["message"]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "format": form, "index": 0, "signature": "c2ln"},
        {"type": "reasoning.encrypted", "data": "EuQFabc", "format": form, "index": 1},
    ]


def test_other_makers_reasoning_is_marked_as_theirs() -> None:
    choice = said(
        {"reasoningContent": {"reasoningText": {"text": "hm"}}},
        {"reasoningContent": {"redactedContent": "gAAA"}},
        model="openai/gpt-oss-120b",
    )
    assert {entry["format"] for entry in choice["message"]["reasoning_details"]} == {"amazon-bedrock-v1"}
    assert choice["message"]["reasoning_details"][1]["data"] == "gAAA"


def test_sources_with_an_address_become_annotations_of_their_text() -> None:
    web = {"location": {"web": {"url": "https://a.b/c", "domain": "a.b"}}}
    found = {"title": "Ruby", "source": "https://d.e", "sourceContent": [{"text": "x"}, {"text": "y"}]}
    choice = said(
        {"text": "See "},
        {"citationsContent": {"content": [{"text": "this"}], "citations": [web, found]}},
    )
    assert choice["message"]["content"] == "See this"
    first, second = (note["url_citation"] for note in choice["message"]["annotations"])
    assert first == {"url": "https://a.b/c", "title": "a.b", "start_index": 4, "end_index": 8}
    assert (second["title"], second["content"]) == ("Ruby", "xy")
    assert "native_content" not in choice["message"]


def test_sources_without_an_address_are_kept_whole() -> None:
    cited = {"title": "facts", "location": {"documentChar": {"documentIndex": 0, "start": 0, "end": 3}}}
    block = {"citationsContent": {"content": [{"text": "abc"}], "citations": [cited]}}
    message = said(block)["message"]
    assert message["content"] == "abc"
    assert message["native_content"] == [block]


def test_what_the_providers_tools_did_is_kept_and_is_no_call() -> None:
    use = {"toolUse": {"toolUseId": "t", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}}
    result = {"toolResult": {"toolUseId": "t", "content": [{"text": "x"}], "type": "nova_grounding_result"}}
    message = said(use, result, {"text": "so"})["message"]
    assert message["native_content"] == [use, result]
    assert "tool_calls" not in message


def test_a_picture_that_the_model_made() -> None:
    message = said({"image": {"format": "png", "source": {"bytes": "aGk="}}})["message"]
    assert message["images"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]


def test_the_guardrails_trace_and_the_tier_are_kept() -> None:
    message = {"role": "assistant", "content": [{"text": "no"}]}
    more = {"trace": {"guardrail": {"actionReason": "x"}}, "serviceTier": {"type": "flex"}}
    body = read(
        {"output": {"message": message}, "stopReason": "guardrail_intervened", "usage": USAGE, **more}
    ).body
    assert body["trace"] == more["trace"]
    assert (body["service_tier"], body["serviceTier"]) == ("flex", {"type": "flex"})


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"inputTokens": 10, "outputTokens": 4, "totalTokens": 7365, "cacheWriteInputTokens": 7351},
            Usage(7361, 4, 0, 7351),
        ),
        (
            {"inputTokens": 10, "outputTokens": 4, "totalTokens": 34, "cacheReadInputTokens": 20},
            Usage(30, 4, 20),
        ),
        (  # a total without the cache, and an input that holds it
            {"inputTokens": 30, "outputTokens": 4, "totalTokens": 34, "cacheReadInputTokens": 20},
            Usage(30, 4, 20),
        ),
        ({"outputTokens": 50}, Usage(0, 50)),
    ],
)
def test_usage_holds_what_was_cached(usage: Json, expected: Usage) -> None:
    message = {"role": "assistant", "content": [{"text": "a"}]}
    answer = read({"output": {"message": message}, "stopReason": "end_turn", "usage": usage})
    assert answer.usage == expected
    told = answer.body["usage"]
    assert told["total_tokens"] == expected.input + expected.output
    assert told["prompt_tokens_details"]["cached_tokens"] == expected.cached
    assert usage.items() <= told.items()


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b'{"results": [{"index": 1}]}', b"\xff"])
def test_what_is_no_answer_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read(raw)


def test_errors_in_a_good_answer_are_seen() -> None:
    with pytest.raises(ErrorBody) as caught:
        read({"Output": {"__type": "com.amazon.coral.service#UnknownOperationException"}, "Version": "1.0"})
    assert caught.value.info.code == "UnknownOperationException"
    with pytest.raises(ErrorBody, match="slow down"):
        read({"message": "slow down"})


def test_a_count_that_is_none_is_an_error() -> None:
    with pytest.raises(Malformed):
        count_tokens.decode(b"{}")
    with pytest.raises(Malformed):
        count_tokens.decode(b"no")
    with pytest.raises(ErrorBody, match="not known"):
        count_tokens.decode(b'{"message": "not known"}')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)
KINDS = ("text", "toolUse", "toolResult", "reasoningContent", "citationsContent", "image", "odd")
INSIDE = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        (
            "name",
            "input",
            "toolUseId",
            "type",
            "content",
            "citations",
            "reasoningText",
            "redactedContent",
            "source",
        ),
        JSON,
    ),
)


@given(st.lists(st.dictionaries(st.sampled_from(KINDS), INSIDE | JSON, max_size=2)), JSON, JSON)
def test_any_blocks_make_a_valid_completion(blocks: list[Json], stop: Any, usage: Any) -> None:
    read({"output": {"message": {"content": blocks}}, "stopReason": stop, "usage": usage})
