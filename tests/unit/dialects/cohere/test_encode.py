"""Requests for Cohere: what it can say in its own words, and what it cannot is named."""

import copy
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.catalog.entries import Quirks
from xroute.dialects.cohere import encode

Json = dict[str, Any]
HI: list[Json] = [{"role": "user", "content": "hi"}]
SCHEMA: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def tool(name: str, **more: Any) -> Json:
    return {"type": "function", "function": {"name": name, "parameters": SCHEMA, **more}}


def sent(messages: list[Json] = HI, abilities: frozenset[str] | None = None, **fields: Any) -> Json:
    return encode(
        {"model": "m", "messages": messages, **fields},
        upstream="command",
        quirks=Quirks(),
        abilities=abilities,
    ).body


def dropped(messages: list[Json] = HI, **fields: Any) -> tuple[str, ...]:
    body = {"model": "m", "messages": messages, **fields}
    return encode(body, upstream="command", quirks=Quirks()).dropped


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
fields = st.sampled_from(
    ["tools", "tool_choice", "response_format", "stop", "top_p", "reasoning", "documents", "n", "x"]
)
keys = st.sampled_from(["content", "tool_calls", "reasoning", "reasoning_details", "citations", "is_error"])
roles = st.fixed_dictionaries({"role": st.sampled_from(["user", "system", "assistant", "tool"])})


@given(st.dictionaries(fields, values), st.lists(st.tuples(roles, st.dictionaries(keys, values)), max_size=3))
def test_no_body_is_changed_or_breaks_the_writer(more: Json, said: list[tuple[Json, Json]]) -> None:
    body: Json = {"model": "m", **more, "messages": [role | rest for role, rest in said]}
    before = copy.deepcopy(body)
    encode(body, upstream="command", quirks=Quirks())
    assert body == before


def test_openais_names_become_coheres() -> None:
    found = sent(
        top_k=3, top_p=0.5, stop="x", max_completion_tokens=9, seed=1, safety_mode="OFF", stream=True
    )
    assert found == {
        "model": "command",
        "messages": HI,
        "k": 3,
        "p": 0.5,
        "stop_sequences": ["x"],
        "max_tokens": 9,
        "seed": 1,
        "safety_mode": "OFF",
        "stream": True,
    }


@pytest.mark.parametrize(("given_", "expected"), [(1, 0.99), (1.0, 0.99), (0, 0.01), (0.4, 0.4)])
def test_openais_own_default_of_top_p_is_no_error_at_cohere(given_: float, expected: float) -> None:
    assert sent(top_p=given_)["p"] == expected


def test_a_penalty_below_nothing_cannot_be_said() -> None:
    assert dropped(frequency_penalty=-1) == ("frequency_penalty",)
    assert sent(presence_penalty=2)["presence_penalty"] == 1


def test_what_cohere_has_not_is_named_and_what_changes_nothing_is_not() -> None:
    assert dropped(n=2, logit_bias={}, user="u", stream_options={}) == ("n", "logit_bias", "user")
    assert dropped(n=1, parallel_tool_calls=True, top_logprobs=None, models=["a"]) == ()


def test_a_named_function_is_the_only_tool_and_has_to_be_called() -> None:
    found = sent(tools=[tool("a"), tool("b")], tool_choice={"type": "function", "function": {"name": "b"}})
    assert [one["function"]["name"] for one in found["tools"]] == ["b"]
    assert found["tool_choice"] == "REQUIRED"


@pytest.mark.parametrize(("word", "expected"), [("required", "REQUIRED"), ("none", "NONE"), ("auto", None)])
def test_a_choice_among_tools_is_coheres_word(word: str, expected: str | None) -> None:
    assert sent(tools=[tool("a")], tool_choice=word).get("tool_choice") == expected


def test_allowed_tools_are_the_tools_that_are_sent() -> None:
    allowed = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "a"}}]}
    found = sent(
        tools=[tool("a"), tool("b")], tool_choice={"type": "allowed_tools", "allowed_tools": allowed}
    )
    assert [one["function"]["name"] for one in found["tools"]] == ["a"]
    assert "tool_choice" not in found


def test_strictness_is_for_all_tools_or_named_as_lost() -> None:
    assert sent(tools=[tool("a", strict=True)])["strict_tools"] is True
    assert dropped(tools=[tool("a", strict=True), tool("b")]) == ("tools[0].strict",)
    assert dropped(tools=[tool("a", strict=True, parameters={"type": "object"})]) == ("tools[0].strict",)


def test_a_tool_that_is_no_function_is_named() -> None:
    assert dropped(tools=[tool("a"), {"type": "web_search"}]) == ("tools[1]",)


def test_a_schema_is_the_format_and_beside_tools_a_tool() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
    assert sent(response_format=form)["response_format"] == {"type": "json_object", "json_schema": SCHEMA}
    found = sent(response_format=form, tools=[tool("a")])
    assert "response_format" not in found
    assert [one["function"]["name"] for one in found["tools"]] == ["a", "xroute_answer"]
    assert found["tool_choice"] == "REQUIRED"
    assert dropped(response_format={"type": "json_object"}, tools=[tool("a")]) == ("response_format",)


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"reasoning_effort": "none"}, {"type": "disabled"}),
        ({"reasoning": {"max_tokens": 2000}}, {"type": "enabled", "token_budget": 2000}),
        ({"reasoning_effort": "medium", "max_tokens": 8000}, {"type": "enabled", "token_budget": 4000}),
        ({"thinking": {"type": "disabled"}}, {"type": "disabled"}),
    ],
)
def test_a_wish_to_reason_is_a_budget(wish: Json, expected: Json) -> None:
    assert sent(**wish)["thinking"] == expected


def test_a_model_that_does_not_reason_is_not_asked_to() -> None:
    found = encode(
        {"messages": HI, "reasoning_effort": "high"}, upstream="m", quirks=Quirks(), abilities=frozenset()
    )
    assert "thinking" not in found.body
    assert found.dropped == ("reasoning_effort",)


def test_the_plan_before_tool_calls_and_the_thinking_go_back_where_they_came_from() -> None:
    details = [
        {"type": "reasoning.text", "text": "I th", "format": "cohere-v2", "index": 0},
        {"type": "reasoning.text", "text": "ink", "format": "cohere-v2", "index": 0},
        {"type": "reasoning.text", "text": "plan", "format": "cohere-v2", "index": 1, "id": "tool_plan"},
    ]
    call = {"id": "c", "type": "function", "function": {"name": "a", "arguments": ""}}
    said = {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_details": details}
    assert sent([said])["messages"] == [
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "I think"}],
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "a", "arguments": "{}"}}],
            "tool_plan": "plan",
        }
    ]


def test_what_another_provider_signed_is_not_sent_and_plain_reasoning_is() -> None:
    signed = [{"type": "reasoning.text", "text": "t", "signature": "s", "format": "anthropic-claude-v1"}]
    said = {"role": "assistant", "content": "x", "reasoning": "t", "reasoning_details": signed}
    assert sent([said])["messages"] == [{"role": "assistant", "content": "x"}]
    del said["reasoning_details"]
    assert sent([said])["messages"][0]["content"][0] == {"type": "thinking", "thinking": "t"}
    assert sent([said], abilities=frozenset())["messages"] == [{"role": "assistant", "content": "x"}]


def test_pictures_go_along_and_sound_is_named() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}}
    marked = {**picture, "cache_control": {"type": "ephemeral"}}
    said = {"role": "user", "content": [marked, {"type": "input_audio", "input_audio": {"data": ""}}]}
    assert sent([said])["messages"][0]["content"] == [picture]
    assert dropped([said]) == ("messages[0].content[1]",)


def test_a_file_of_text_is_a_document() -> None:
    data = "data:text/plain;base64," + b64encode(b"the text").decode()
    said = {
        "role": "user",
        "content": [{"type": "file", "file": {"file_data": data, "filename": "a.txt"}}],
    }
    assert sent([said])["documents"] == [{"data": {"title": "a.txt", "text": "the text"}}]
    assert dropped([said]) == ()


def test_a_tools_failure_is_not_lost() -> None:
    said = {"role": "tool", "tool_call_id": "c", "content": "no such file", "is_error": True}
    (found,) = sent([said])["messages"]
    assert found["content"] == [{"type": "document", "document": {"data": {"error": "no such file"}}}]


def test_a_developers_message_is_the_systems() -> None:
    assert sent([{"role": "developer", "content": "x"}])["messages"] == [{"role": "system", "content": "x"}]


def test_quirks_hold_here_as_well() -> None:
    found = encode(
        {"messages": HI, "seed": 1},
        upstream="m",
        quirks=Quirks(drop=frozenset({"seed"}), force={"priority": 3}),
    )
    assert found.body == {"model": "m", "messages": HI, "priority": 3}
    assert found.dropped == ("seed",)
