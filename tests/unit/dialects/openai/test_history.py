"""What other dialects left in a conversation, and how much to reason, as OpenAI-like providers take it."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.catalog.entries import Quirks
from xroute.catalog.load import load
from xroute.dialects.openai import encode

Json = dict[str, Any]
HI: Json = {"role": "user", "content": "hi"}
THOUGHT: Json = {
    "role": "assistant",
    "content": "x",
    "reasoning": "hm",
    "reasoning_details": [{"type": "reasoning.text", "text": "hm"}],
    "annotations": [],
    "native_content": [{}],
}
MARK = {"cache_control": {"type": "ephemeral"}}
TOOL: Json = {"type": "function", "function": {"name": "a"}}
PICTURE: Json = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}


def sent(messages: list[Any], extras: tuple[str, ...] = (), **more: Any) -> Json:
    quirks = Quirks(extras=frozenset(extras))
    return encode({"messages": messages, **more}, upstream="m", quirks=quirks).body


def told(body: Json, abilities: frozenset[str] | None = None, **quirks: Any) -> tuple[Json, tuple[str, ...]]:
    """(what is sent of a wish to reason, what is named as lost)."""
    found = encode({"messages": [HI], **body}, upstream="m", quirks=Quirks(**quirks), abilities=abilities)
    rest = {name: value for name, value in found.body.items() if name not in ("messages", "model")}
    return rest, found.dropped


def test_fields_that_openai_does_not_know_stay_here() -> None:
    assert sent([HI, THOUGHT])["messages"] == [HI, {"role": "assistant", "content": "x"}]


def test_a_plain_conversation_is_not_copied() -> None:
    messages = [HI, {"role": "assistant", "content": "x"}]
    assert sent(messages)["messages"] is messages


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_goes_back_under_the_providers_name(field: str) -> None:
    said = {"role": "assistant", "content": "x"}
    assert sent([THOUGHT], (field,))["messages"] == [{**said, field: "hm"}]
    assert sent([{**said, "reasoning_content": "hm"}], (field,))["messages"] == [{**said, field: "hm"}]


def test_thinking_may_be_a_part_of_the_content() -> None:
    assert sent([THOUGHT], ("thinking_parts",))["messages"][0]["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "x"},
    ]


def test_a_provider_that_takes_everything_gets_everything() -> None:
    messages = [THOUGHT, {**HI, **MARK}]
    assert sent(messages, ("*",), tools=[{**TOOL, **MARK}]) == {
        "model": "m",
        "messages": messages,
        "tools": [{**TOOL, **MARK}],
    }


def test_cache_marks_stay_where_they_are_known_and_go_where_they_are_refused() -> None:
    part = {"type": "text", "text": "a"}
    said = {"role": "user", "content": [{**part, **MARK}], **MARK}
    assert sent([said], tools=[{**TOOL, **MARK}]) == {
        "model": "m",
        "messages": [{"role": "user", "content": [part]}],
        "tools": [TOOL],
    }
    assert sent([said], ("cache_control",))["messages"] == [said]


def test_what_a_tool_showed_follows_the_results() -> None:
    shown = {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "a"}, PICTURE]}
    alone = {"role": "tool", "tool_call_id": "2", "content": [PICTURE]}
    plain = {"role": "tool", "tool_call_id": "3", "content": "b"}
    found = sent([shown, alone, plain, HI])["messages"]
    assert [said["role"] for said in found] == ["tool", "tool", "tool", "user", "user"]
    assert found[0]["content"] == [{"type": "text", "text": "a"}]
    assert isinstance(found[1]["content"], str)
    assert found[3]["content"] == [PICTURE, PICTURE]
    assert sent([shown], ("tool_images",))["messages"] == [shown]
    assert sent([shown])["messages"][-1] == {"role": "user", "content": [PICTURE]}


def test_a_tool_that_the_provider_does_not_run_is_named() -> None:
    body = {"messages": [HI], "tools": [TOOL, {"type": "web_search"}]}
    found = encode(body, upstream="m", quirks=Quirks())
    assert (found.body["tools"], found.dropped) == ([TOOL], ("tools[1]",))
    assert encode(body, upstream="m", quirks=Quirks(tools=frozenset({"web_search"}))).dropped == ()
    alone = encode(
        {"messages": [HI], "tools": [{"type": "web_search"}], "tool_choice": "auto"},
        upstream="m",
        quirks=Quirks(),
    )
    assert alone.body == {"model": "m", "messages": [HI]}


keys = st.sampled_from(["content", "reasoning", "cache_control", "images", "name", "x"])
values = st.none() | st.text(max_size=3) | st.lists(st.dictionaries(keys, st.text(max_size=2)), max_size=2)
said = st.builds(
    lambda role, rest: {"role": role, **rest},
    st.sampled_from(["user", "assistant", "tool"]),
    st.dictionaries(keys, values),
)
extras = st.frozensets(st.sampled_from(["reasoning", "cache_control", "images", "*", "thinking_parts"]))


@given(st.lists(said | st.integers(), max_size=4), extras)
def test_the_clients_messages_are_never_changed(messages: list[Any], taken: frozenset[str]) -> None:
    body = {"messages": messages, "tools": [TOOL]}
    before = copy.deepcopy(body)
    found = encode(body, upstream="m", quirks=Quirks(extras=taken)).body
    assert body == before
    assert len(found["messages"]) >= len(messages)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("effort", {"reasoning_effort": "high"}),
        ("object", {"reasoning": {"effort": "high"}}),
        ("enabled", {"reasoning": {"enabled": True}, "reasoning_effort": "high"}),
        ("thinking", {"thinking": {"type": "enabled"}}),
        ("enable_thinking", {"enable_thinking": True}),
        ("template", {"chat_template_kwargs": {"enable_thinking": True, "thinking": True}}),
    ],
)
def test_a_wish_to_reason_has_the_providers_form(form: str, expected: Json) -> None:
    assert told({"reasoning": {"effort": "high"}}, reasoning=form) == (expected, ())


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("effort", {"reasoning_effort": "none"}),
        ("enabled", {"reasoning": {"enabled": False}}),
        ("thinking", {"thinking": {"type": "disabled"}}),
        ("enable_thinking", {"enable_thinking": False}),
        ("template", {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}),
    ],
)
def test_so_has_a_wish_not_to(form: str, expected: Json) -> None:
    assert told({"reasoning": {"enabled": False}}, reasoning=form) == (expected, ())


def test_a_provider_that_cannot_be_told_has_the_wish_named() -> None:
    assert told({"reasoning_effort": "low"}, reasoning="none") == ({}, ("reasoning_effort",))
    assert told({"reasoning": {"effort": "none"}}, efforts=("low", "high")) == ({}, ("reasoning",))


@pytest.mark.parametrize(
    ("efforts", "word", "expected"),
    [
        ((), "max", "max"),
        (("none", "high"), "low", "high"),
        (("low", "high", "max"), "xhigh", "high"),
        (("none", "default", "low"), "default", "default"),
        (("minimal", "low"), "high", "low"),
    ],
)
def test_an_effort_is_the_nearest_one_that_is_known(
    efforts: tuple[str, ...], word: str, expected: str
) -> None:
    assert told({"reasoning_effort": word}, efforts=efforts) == ({"reasoning_effort": expected}, ())


def test_a_budget_is_a_budget_or_the_effort_it_comes_to() -> None:
    body = {"reasoning": {"max_tokens": 2000}, "max_tokens": 10_000}
    assert told(body)[0] == {"max_tokens": 10_000, "reasoning_effort": "low"}
    assert told(body, reasoning="enable_thinking")[0] == {
        "max_tokens": 10_000,
        "enable_thinking": True,
        "thinking_budget": 2000,
    }


def test_a_model_that_is_known_not_to_reason_is_not_asked_to() -> None:
    for body in ({"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}):
        assert told(body, frozenset({"tools"})) == ({}, tuple(body))
        assert told(body, frozenset({"reasoning"}))[0] == {"reasoning_effort": "low"}
    assert told({"reasoning": {"effort": "none"}}, frozenset()) == ({}, ())


def test_a_switch_that_the_client_set_itself_stays() -> None:
    body = {"reasoning_effort": "low", "thinking": {"type": "disabled"}}
    assert told(body, reasoning="thinking")[0] == {"thinking": {"type": "disabled"}}
    kwargs = {"chat_template_kwargs": {"enable_thinking": False, "x": 1}, "reasoning_effort": "low"}
    assert told(kwargs, reasoning="template")[0] == {
        "chat_template_kwargs": {"enable_thinking": False, "thinking": True, "x": 1}
    }


def test_a_wish_for_its_form_alone_asks_for_no_reasoning() -> None:
    assert told({"reasoning": {"exclude": True}}) == ({}, ())


def test_the_files_say_how_providers_are_told() -> None:
    providers = load().providers
    assert providers["deepseek"].quirks.reasoning == "thinking"
    assert providers["groq"].quirks.extras == {"reasoning"}
    assert providers["openrouter"].quirks.tools == {"*"}
