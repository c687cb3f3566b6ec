"""Requests: tools, thinking, sampling, schemas, limits, as each family of Claude takes them."""

from typing import Any

import pytest

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.anthropic import UNSUPPORTED, encode, schema

Json = dict[str, Any]
USER = {"role": "user", "content": "hi"}
SHAPE = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CLOSED = {**SHAPE, "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SHAPE}}
OLD, BUDGET, MIDDLE, NEW = "claude-3-5-haiku", "claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-4-8"
STRICTEST = "claude-opus-5-5"


def sent(upstream: str = NEW, quirks: Quirks | None = None, **fields: Any) -> Encoded:
    output = fields.pop("output", None)
    abilities = fields.pop("abilities", None)
    body = {"model": "m", "messages": fields.pop("messages", [USER]), **fields}
    return encode(body, upstream=upstream, quirks=quirks or Quirks(), abilities=abilities, output=output)


def asked(response: Json, upstream: str = NEW, **fields: Any) -> Encoded:
    wish = {"type": "json_schema", "json_schema": {"name": "x", **response}}
    return sent(upstream, response_format=wish, **fields)


@pytest.mark.parametrize(
    ("fields", "limit", "dropped"),
    [
        ({"max_tokens": 7}, 7, ()),
        ({"max_completion_tokens": 8, "max_tokens": 7}, 8, ()),
        ({"output": 4000}, 4000, ()),
        ({"output": 4000, "max_tokens": 9000}, 4000, ("max_tokens",)),
        ({}, 64_000, ()),
    ],
)
def test_there_is_always_a_limit(fields: Json, limit: int, dropped: tuple[str, ...]) -> None:
    encoded = sent(**fields)
    assert encoded.body["max_tokens"] == limit
    assert encoded.dropped == dropped


def test_plain_fields_have_other_names() -> None:
    encoded = sent(stop="END", user="u1", service_tier="default", stream=True, metadata={"a": "b"})
    assert encoded.body["stop_sequences"] == ["END"]
    assert encoded.body["metadata"] == {"user_id": "u1"}
    assert encoded.body["service_tier"] == "standard_only"
    assert encoded.body["stream"] is True
    assert encoded.dropped == ()


def test_what_anthropic_cannot_do_is_named_and_what_asks_for_nothing_is_not() -> None:
    fields: Json = dict.fromkeys(UNSUPPORTED, 2)
    assert set(sent(**fields).dropped) == UNSUPPORTED
    idle = {"n": 1, "logprobs": False, "frequency_penalty": 0, "modalities": ["text"], "store": None}
    assert sent(**idle).dropped == ()
    assert sent(transforms=["x"], stop=["a", " "], service_tier="flex").dropped == (
        "stop",
        "service_tier",
        "transforms",
    )


def test_fields_of_xroute_are_not_sent() -> None:
    encoded = sent(provider={"only": ["x"]}, models=["a"], session_id="s")
    assert encoded.body.keys() == {"model", "max_tokens", "messages"}
    assert encoded.dropped == ()


def test_anthropics_own_fields_pass_and_bring_their_betas() -> None:
    encoded = sent(mcp_servers=[{"name": "x"}], container="c", betas=["files-api-2025-04-14"], speed="fast")
    assert encoded.body["container"] == "c"
    betas = "files-api-2025-04-14,mcp-client-2025-11-20,fast-mode-2026-02-01"
    assert encoded.headers == (("anthropic-beta", betas),)


def test_a_host_may_want_model_version_and_betas_elsewhere() -> None:
    quirks = Quirks(
        force={"anthropic_version": "bedrock-2023-05-31"},
        drop=frozenset({"model", "stream", "service_tier"}),
        beta_field="anthropic_beta",
    )
    encoded = sent(quirks=quirks, stream=True, service_tier="auto", betas=["x"])
    assert encoded.body.keys() == {"max_tokens", "messages", "anthropic_version", "anthropic_beta"}
    assert encoded.body["anthropic_beta"] == ["x"]
    assert encoded.headers == ()
    assert encoded.dropped == ("service_tier",)


# Thinking and sampling.


@pytest.mark.parametrize(
    ("upstream", "reasoning", "thinking", "config", "dropped"),
    [
        (BUDGET, {"effort": "high"}, {"type": "enabled", "budget_tokens": 8000}, None, ()),
        (BUDGET, {"max_tokens": 2000}, {"type": "enabled", "budget_tokens": 2000}, None, ()),
        (BUDGET, {"max_tokens": 9999}, {"type": "enabled", "budget_tokens": 9999}, None, ()),
        (BUDGET, {"max_tokens": 20_000}, {"type": "enabled", "budget_tokens": 8000}, None, ()),
        (BUDGET, {"effort": "none"}, None, None, ()),
        (OLD, {"effort": "high"}, None, None, ("reasoning",)),
        (MIDDLE, {"effort": "xhigh"}, {"type": "adaptive"}, {"effort": "high"}, ()),
        (MIDDLE, {"max_tokens": 2000}, {"type": "enabled", "budget_tokens": 2000}, None, ()),
        (NEW, {"effort": "xhigh"}, {"type": "adaptive", "display": "summarized"}, {"effort": "xhigh"}, ()),
        (NEW, {"effort": "minimal"}, {"type": "adaptive", "display": "summarized"}, {"effort": "low"}, ()),
        (NEW, {"max_tokens": 5000}, {"type": "adaptive", "display": "summarized"}, {"effort": "medium"}, ()),
        (NEW, {"enabled": True}, {"type": "adaptive", "display": "summarized"}, None, ()),
        (
            NEW,
            {"effort": "low", "exclude": True},
            {"type": "adaptive", "display": "omitted"},
            {"effort": "low"},
            (),
        ),
        (NEW, {"enabled": False}, None, None, ()),
        ("claude-opus-5", {"enabled": False}, {"type": "disabled"}, None, ()),
        ("claude-sonnet-5-5", {"enabled": False}, {"type": "between_tools"}, None, ()),
        (STRICTEST, {"effort": "none"}, None, {"effort": "low"}, ("reasoning",)),
    ],
)
def test_a_wish_to_think_is_said_as_the_family_takes_it(
    upstream: str, reasoning: Json, thinking: Json | None, config: Json | None, dropped: tuple[str, ...]
) -> None:
    encoded = sent(upstream, reasoning=reasoning, max_tokens=10_000)
    assert encoded.body.get("thinking") == thinking
    assert encoded.body.get("output_config") == config
    assert encoded.dropped == dropped


def test_without_a_wish_the_model_does_as_it_likes() -> None:
    for upstream in (OLD, BUDGET, MIDDLE, NEW, STRICTEST):
        assert sent(upstream).body.keys() == {"model", "max_tokens", "messages"}


def test_the_clients_own_words_of_thinking_pass() -> None:
    own = {"type": "enabled", "budget_tokens": 1500}
    assert sent(BUDGET, thinking=own, reasoning_effort="high").body["thinking"] == own


def test_an_answer_that_is_too_short_to_think_in_is_not_thought_about() -> None:
    encoded = sent(BUDGET, reasoning_effort="high", max_tokens=1000)
    assert "thinking" not in encoded.body
    assert encoded.dropped == ("reasoning_effort",)


def test_a_forced_tool_stands_over_a_budget_of_thinking() -> None:
    encoded = sent(BUDGET, reasoning_effort="high", tools=[TOOL], tool_choice="required")
    assert encoded.body["tool_choice"] == {"type": "any"}
    assert encoded.dropped == ("reasoning_effort",)
    assert "thinking" in sent(MIDDLE, reasoning_effort="high", tools=[TOOL], tool_choice="required").body


def test_a_turn_of_tools_that_another_model_began_is_not_thought_about() -> None:
    called = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    ]
    encoded = sent(BUDGET, reasoning_effort="high", messages=messages)
    assert "thinking" not in encoded.body
    assert encoded.dropped == ("reasoning_effort",)
    detail = {"type": "reasoning.text", "text": "h", "signature": "s", "format": "anthropic-claude-v1"}
    messages[1]["reasoning_details"] = [detail]
    assert "thinking" in sent(BUDGET, reasoning_effort="high", messages=messages).body


@pytest.mark.parametrize(
    ("upstream", "fields", "kept", "dropped"),
    [
        (OLD, {"temperature": 0.3, "top_p": 0.5, "top_k": 5}, {"temperature", "top_p", "top_k"}, ()),
        (OLD, {"temperature": 1.7}, {"temperature"}, ("temperature",)),
        (BUDGET, {"temperature": 0.3, "top_p": 0.5}, {"temperature"}, ("top_p",)),
        (BUDGET, {"temperature": 0.3, "top_p": 1}, {"temperature"}, ()),
        (BUDGET, {"top_p": 0.5}, {"top_p"}, ()),
        (BUDGET, {"temperature": 0, "reasoning_effort": "low"}, set(), ("temperature",)),
        (BUDGET, {"temperature": 1, "reasoning_effort": "low"}, {"temperature"}, ()),
        (BUDGET, {"top_p": 0.97, "top_k": 3, "reasoning_effort": "low"}, {"top_p"}, ("top_k",)),
        (NEW, {"temperature": 0}, set(), ("temperature",)),
        (NEW, {"temperature": 1, "top_p": 1}, set(), ()),
        (NEW, {"top_k": 1}, set(), ("top_k",)),
    ],
)
def test_sampling_goes_only_where_it_is_taken(
    upstream: str, fields: Json, kept: set[str], dropped: tuple[str, ...]
) -> None:
    encoded = sent(upstream, **fields)
    assert encoded.body.keys() & {"temperature", "top_p", "top_k"} == kept
    assert encoded.dropped == dropped
    assert encoded.body.get("temperature", 0) <= 1


# Tools.


def test_a_function_becomes_a_tool() -> None:
    tool = {**TOOL, "cache_control": {"type": "ephemeral"}, "defer_loading": True}
    encoded = sent(tools=[tool, {"type": "function", "function": {"name": "g"}}])
    assert encoded.body["tools"] == [
        {
            "name": "f",
            "description": "d",
            "input_schema": SHAPE,
            "cache_control": {"type": "ephemeral"},
            "defer_loading": True,
        },
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]


def test_strictness_is_kept_where_model_and_schema_allow_it() -> None:
    strict = {"type": "function", "function": {"name": "f", "parameters": SHAPE, "strict": True}}
    assert sent(NEW, tools=[strict]).body["tools"] == [{"name": "f", "input_schema": CLOSED, "strict": True}]
    encoded = sent(OLD, tools=[strict])
    assert encoded.body["tools"] == [{"name": "f", "input_schema": SHAPE}]
    assert encoded.dropped == ("tools[0].strict",)


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, {"type": "tool", "name": "f"}),
        ({"tool_choice": {"type": "web_search"}}, {"type": "tool", "name": "web_search"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": True}, None),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        (
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_every_choice_of_tools_is_said(fields: Json, choice: Json | None) -> None:
    encoded = sent(tools=[TOOL, {"type": "web_search"}], **fields)
    assert encoded.body.get("tool_choice") == choice
    assert encoded.dropped == ()


def test_a_choice_among_some_tools_sends_these_alone() -> None:
    other = {"type": "function", "function": {"name": "g"}}
    some = {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}
    encoded = sent(tools=[TOOL, other], tool_choice={"type": "allowed_tools", "allowed_tools": some})
    assert [tool["name"] for tool in encoded.body["tools"]] == ["g"]
    assert encoded.body["tool_choice"] == {"type": "any"}


def test_a_choice_that_cannot_be_made_is_named() -> None:
    assert sent(STRICTEST, tools=[TOOL], tool_choice="required").dropped == ("tool_choice",)
    named = {"type": "function", "function": {"name": "unknown"}}
    assert sent(tools=[TOOL], tool_choice=named).dropped == ("tool_choice",)
    assert sent(tool_choice="required").dropped == ("tool_choice",)


def test_served_tools_are_known_by_neutral_words() -> None:
    place = {"type": "approximate", "approximate": {"city": "Oslo", "country": "NO"}}
    encoded = sent(
        tools=[{"type": "web_fetch", "max_uses": 2}, {"type": "code_interpreter", "container": {}}],
        web_search_options={"search_context_size": "low", "user_location": place},
    )
    assert encoded.body["tools"] == [
        {"type": "web_fetch_20250910", "name": "web_fetch", "max_uses": 2},
        {"type": "code_execution_20250825", "name": "code_execution"},
        {
            "type": "web_search_20250305",
            "name": "web_search",
            "user_location": {"type": "approximate", "city": "Oslo", "country": "NO"},
        },
    ]


def test_anthropics_own_tools_pass_with_their_beta_and_others_are_named() -> None:
    own = {"type": "computer_20250124", "name": "computer", "display_width_px": 1, "display_height_px": 1}
    custom = {"type": "custom", "custom": {"name": "patch"}}
    encoded = sent(tools=[own, custom, {"type": "file_search"}])
    assert encoded.body["tools"] == [own]
    assert encoded.headers == (("anthropic-beta", "computer-use-2025-01-24"),)
    assert encoded.dropped == ("tools[1]", "tools[2]")


# Answers by a schema.


def test_a_schema_is_the_models_own_format_where_it_has_one() -> None:
    encoded = asked({"schema": SHAPE})
    assert encoded.body["output_config"] == {"format": {"type": "json_schema", "schema": CLOSED}}
    assert "tools" not in encoded.body


@pytest.mark.parametrize("how", [{"upstream": OLD}, {"abilities": frozenset({"tools"})}])
def test_elsewhere_a_schema_is_a_tool_that_has_to_be_called(how: Json) -> None:
    encoded = asked({"schema": SHAPE, "description": "The a."}, **how)
    assert encoded.body["tools"] == [
        {"name": "xroute_answer", "description": "The a.", "input_schema": SHAPE}
    ]
    assert encoded.body["tool_choice"] == {"type": "tool", "name": "xroute_answer"}
    assert encoded.dropped == ()


def test_the_clients_tools_may_be_called_instead_of_the_answer() -> None:
    encoded = asked({"schema": SHAPE}, OLD, tools=[TOOL])
    assert [tool["name"] for tool in encoded.body["tools"]] == ["f", "xroute_answer"]
    assert encoded.body["tool_choice"] == {"type": "any"}


def test_json_without_a_schema_is_named() -> None:
    assert sent(response_format={"type": "json_object"}).dropped == ("response_format",)
    assert sent(response_format={"type": "text"}).dropped == ()


def test_a_schema_that_neither_way_can_say_is_named() -> None:
    free = {"type": "object", "additionalProperties": True}
    assert asked({"schema": free}, STRICTEST).dropped == ("response_format",)
    assert asked({"schema": {"type": "array", "items": {}}}, OLD).dropped == ("response_format",)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"type": "integer", "minimum": 1}, {"type": "integer", "description": "{minimum: 1}"}),
        (
            {"type": ["string", "null"], "maxLength": 3, "description": "d"},
            {
                "anyOf": [{"type": "string", "description": "{maxLength: 3}"}, {"type": "null"}],
                "description": "d",
            },
        ),
        ({"oneOf": [{"const": 1}, {"enum": ["a"]}]}, {"anyOf": [{"const": 1}, {"enum": ["a"]}]}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        (
            {"$ref": "#/definitions/A", "definitions": {"A": {"type": "null"}}},
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "null"}}},
        ),
        ({"type": "array", "items": SHAPE, "minItems": 1}, {"type": "array", "items": CLOSED, "minItems": 1}),
        ({}, None),
        ({"type": "object"}, None),
        ({"type": "object", "properties": {"a": {}}}, None),
        ({"type": "object", "additionalProperties": {"type": "string"}}, None),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "array", "items": {"$ref": "#/$defs/A"}}}}, None),
        ({"$ref": "#/$defs/B"}, None),
        ([1], None),
    ],
)
def test_a_schema_is_closed_or_refused(given: Any, found: Json | None) -> None:
    assert schema.closed(given) == found
