"""Requests: everything that both APIs can say is said, the rest is named."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.openai_responses import UNSUPPORTED, count_tokens, encode

Json = dict[str, Any]

NOTHING = {"model": "o3-pro", "input": [], "store": False}


def write(upstream: str = "o3-pro", abilities: frozenset[str] | None = None, **body: Any) -> Encoded:
    whole = {"model": "openai/o3-pro", "messages": [], **body}
    before = json.dumps(whole)
    encoded = encode(whole, upstream=upstream, quirks=Quirks(developer_role=True), abilities=abilities)
    assert json.dumps(whole) == before, "the client's body was changed"
    return encoded


def items(*messages: Json, **more: Any) -> list[Json]:
    return write(messages=list(messages), **more).body["input"]


def test_an_empty_request_stores_nothing() -> None:
    assert write().body == NOTHING


def test_messages_keep_their_roles_and_places() -> None:
    roles = ["developer", "user", "system", "user"]
    found = items(*({"role": role, "content": role} for role in roles))
    assert found == [{"type": "message", "role": role, "content": role} for role in roles]


def test_a_developer_is_the_system_where_the_provider_knows_no_developer() -> None:
    body = {"messages": [{"role": "developer", "content": "x"}]}
    assert encode(body, upstream="m", quirks=Quirks()).body["input"][0]["role"] == "system"


def test_parts_are_put_in_its_words() -> None:
    parts = [
        {"type": "text", "text": "look", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"file_id": "f1"}},
        {"type": "file", "file": {"file_data": "QUJD", "filename": "a.txt"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD"}},
        {"type": "file", "file": {"file_url": "https://x/z.pdf"}},
        {"type": "text", "text": "end", "prompt_cache_breakpoint": {"mode": "explicit"}},
    ]
    assert items({"role": "user", "content": parts})[0]["content"] == [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "detail": "low", "image_url": "https://x/y.png"},
        {"type": "input_image", "detail": "auto", "file_id": "f1"},
        {"type": "input_file", "file_data": "data:text/plain;base64,QUJD", "filename": "a.txt"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,QUJD", "filename": "file.pdf"},
        {"type": "input_file", "file_url": "https://x/z.pdf"},
        {"type": "input_text", "text": "end", "prompt_cache_breakpoint": {"mode": "explicit"}},
    ]


def test_parts_that_it_cannot_take_are_named() -> None:
    parts = [
        {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}},
        {"type": "text", "text": "a"},
        {"type": "video_url", "video_url": {"url": "u"}},
    ]
    encoded = write(messages=[{"role": "user", "content": parts}])
    assert encoded.body["input"][0]["content"] == [{"type": "input_text", "text": "a"}]
    assert encoded.dropped == ("messages[0].content[0]", "messages[0].content[2]")


def test_calls_and_results_keep_the_id_between_them() -> None:
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}},
    ]
    found = items(
        {"role": "assistant", "content": "wait", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "one"}]},
        {
            "role": "tool",
            "tool_call_id": "c2",
            "content": [
                {"type": "text", "text": "two"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}},
            ],
        },
    )
    assert found == [
        {"type": "message", "role": "assistant", "content": "wait"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x"},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {
            "type": "custom_tool_call_output",
            "call_id": "c2",
            "output": [
                {"type": "input_text", "text": "two"},
                {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,QQ=="},
            ],
        },
    ]


def test_calls_of_the_api_before_tools_get_an_id() -> None:
    call, result = items(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
    )
    assert call["call_id"] == result["call_id"]
    assert call["call_id"]


def test_functions_are_flat_and_strict_only_where_it_is_said() -> None:
    tools = [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
        {
            "type": "function",
            "function": {"name": "g", "strict": True},
            "cache_control": {"type": "ephemeral"},
        },
    ]
    assert write(tools=tools).body["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": "d",
            "parameters": {"type": "object"},
            "strict": False,
        },
        {"type": "function", "name": "g", "strict": True, "parameters": {"type": "object", "properties": {}}},
    ]


def test_a_custom_tools_grammar_is_flat() -> None:
    grammar = {"syntax": "lark", "definition": "start: x"}
    custom = {"name": "g", "format": {"type": "grammar", "grammar": grammar}}
    assert write(tools=[{"type": "custom", "custom": custom}]).body["tools"] == [
        {"type": "custom", "name": "g", "format": {"type": "grammar", **grammar}}
    ]


def test_hosted_tools_pass_and_foreign_ones_are_named() -> None:
    tools = [
        {"type": "web_search", "allowed_domains": ["a.b"], "max_uses": 3},
        {"type": "code_interpreter"},
        {"type": "mcp", "server_label": "x", "server_url": "y"},
        {"type": "bash_20250124", "name": "bash"},
    ]
    encoded = write(tools=tools)
    assert encoded.body["tools"] == [
        {"type": "web_search", "filters": {"allowed_domains": ["a.b"]}},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "mcp", "server_label": "x", "server_url": "y"},
    ]
    assert encoded.dropped == ("tools[0].max_uses", "tools[3]")


def test_the_chat_apis_web_search_is_the_tool() -> None:
    options = {
        "search_context_size": "low",
        "user_location": {"type": "approximate", "approximate": {"city": "Z"}},
    }
    assert write(web_search_options=options).body["tools"] == [
        {
            "type": "web_search",
            "search_context_size": "low",
            "user_location": {"type": "approximate", "city": "Z"},
        }
    ]


@pytest.mark.parametrize(
    ("given_", "sent"),
    [
        ("required", "required"),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "f"}),
        ({"type": "custom", "custom": {"name": "g"}}, {"type": "custom", "name": "g"}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        ),
        ({"type": "web_search"}, {"type": "web_search"}),
    ],
)
def test_every_form_of_tool_choice(given_: Any, sent: Any) -> None:
    assert write(tool_choice=given_).body["tool_choice"] == sent


def test_the_form_of_the_text() -> None:
    schema = {"name": "n", "schema": {"type": "object"}, "strict": True}
    body = write(response_format={"type": "json_schema", "json_schema": schema}, verbosity="low").body
    assert body["text"] == {"format": {"type": "json_schema", **schema}, "verbosity": "low"}
    assert write(response_format={"type": "json_object"}).body["text"] == {"format": {"type": "json_object"}}


@pytest.mark.parametrize(
    ("wish", "sent"),
    [
        ({"reasoning_effort": "low"}, {"effort": "low"}),
        ({"reasoning": {"effort": "high"}}, {"effort": "high"}),
        ({"reasoning": {"effort": "high", "exclude": False}}, {"effort": "high", "summary": "auto"}),
        ({"reasoning": {"enabled": True}}, {"effort": "medium", "summary": "auto"}),
        ({"reasoning_effort": "low", "include_reasoning": True}, {"effort": "low", "summary": "auto"}),
        ({"reasoning": {"effort": "high", "exclude": True}}, {"effort": "high"}),
        ({"reasoning": {"effort": "high", "summary": None}}, {"effort": "high"}),
        ({"reasoning": {"effort": "none"}}, {"effort": "none"}),
        ({"reasoning": {"summary": "detailed"}}, {"summary": "detailed"}),
        ({"reasoning": {"max_tokens": 1024}, "max_tokens": 10_000}, {"effort": "minimal", "summary": "auto"}),
        ({"reasoning": {"effort": "low", "mode": "pro", "summary": None}}, {"effort": "low", "mode": "pro"}),
    ],
)
def test_reasoning_is_asked_for_in_its_words(wish: Json, sent: Json) -> None:
    assert write(**wish).body["reasoning"] == sent


def test_an_effort_that_the_provider_does_not_know_is_the_nearest_that_it_does() -> None:
    body = {"messages": [], "reasoning_effort": "max"}
    quirks = Quirks(efforts=("low", "high"))
    assert encode(body, upstream="m", quirks=quirks).body["reasoning"] == {"effort": "high"}


def test_a_model_that_does_not_reason_is_not_asked_to() -> None:
    encoded = write(reasoning_effort="low", abilities=frozenset({"tools"}))
    assert encoded.body == NOTHING
    assert encoded.dropped == ("reasoning_effort",)


def test_encrypted_reasoning_is_asked_for_where_there_is_any() -> None:
    include = ["reasoning.encrypted_content"]
    assert write(abilities=frozenset({"reasoning"})).body["include"] == include
    assert write(reasoning_effort="low").body["include"] == include
    assert "include" not in write(abilities=frozenset()).body
    own = ["web_search_call.action.sources"]
    assert write(include=own, reasoning_effort="low").body["include"] == own + include


def test_log_probabilities_are_asked_for_in_its_words() -> None:
    body = write(logprobs=True, top_logprobs=3).body
    assert (body["include"], body["top_logprobs"]) == (["message.output_text.logprobs"], 3)
    assert "logprobs" not in body


@pytest.mark.parametrize(("limit", "sent"), [(5, 16), (100, 100)])
@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_limit_of_the_output_is_no_less_than_it_takes(name: str, limit: int, sent: int) -> None:
    assert write(**{name: limit}).body["max_output_tokens"] == sent


def test_what_it_has_nothing_like_is_named() -> None:
    fields = {"stop": ["x"], "seed": 1, "n": 2, "frequency_penalty": 0.5, "presence_penalty": 1}
    fields |= {"logit_bias": {"1": 2}, "audio": {"voice": "x"}, "prediction": {"type": "content"}}
    encoded = write(**fields, modalities=["text", "audio"])
    assert encoded.body == NOTHING
    assert set(encoded.dropped) == {*fields, "modalities"}
    assert fields.keys() >= UNSUPPORTED


def test_what_changes_nothing_is_left_out_without_a_word() -> None:
    encoded = write(
        n=1, stop=None, frequency_penalty=0, modalities=["text"], stream_options={"include_usage": True}
    )
    assert (encoded.body, encoded.dropped) == (NOTHING, ())


def test_fields_of_the_same_name_pass_and_xroutes_own_do_not() -> None:
    same = {
        "temperature": 0.5, "top_p": 0.9, "user": "u", "metadata": {"a": "b"}, "service_tier": "flex",
        "prompt_cache_key": "k", "safety_identifier": "s", "parallel_tool_calls": False, "truncation": "auto",
        "stream": True, "max_tool_calls": 2, "store": True, "something_new": 1,
    }  # fmt: skip
    body = write(**same, models=["a"], provider={"order": []}).body
    assert body == {**NOTHING, **same}


def test_a_providers_quirks_hold() -> None:
    quirks = Quirks(drop=frozenset({"user"}), rename={"temperature": "heat"}, force={"x": 1})
    body = {"messages": [], "user": "u", "temperature": 1}
    encoded = encode(body, upstream="m", quirks=quirks)
    assert encoded == Encoded({"model": "m", "input": [], "store": False, "heat": 1, "x": 1}, ("user",))


def test_only_what_is_counted_is_sent_to_be_counted() -> None:
    body = {"messages": [{"role": "user", "content": "x"}], "temperature": 1, "max_tokens": 50}
    sent = count_tokens.encode(body, upstream="m", quirks=Quirks()).body
    assert sent == {"model": "m", "input": [{"type": "message", "role": "user", "content": "x"}]}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "tool_calls", "function", "image_url", "file", "reasoning_details", "native_content", "annotations", "id"]), v, max_size=4), max_leaves=12))  # fmt: skip  # noqa: E501
def test_nothing_odd_in_a_body_breaks_it(value: Any) -> None:
    for role in ("user", "assistant", "tool"):
        write(messages=[{"role": role, "content": value}, value])
        write(messages=[{"role": role, **(value if isinstance(value, dict) else {}), "name": "n"}])
    write(
        tools=value, tool_choice=value, response_format=value, text=value, include=value, stream_options=value
    )


def test_what_only_anthropic_has_is_named_and_not_sent() -> None:
    """Claude Code sends these with every call; OpenAI refuses a request for one unknown field."""
    own = {"edits": [{"type": "clear_thinking_20251015"}]}
    servers = [{"type": "url", "url": "https://x.test", "name": "x"}]
    marker = {"type": "ephemeral"}
    encoded = write(context_management=own, mcp_servers=servers, cache_control=marker)
    assert encoded.body == NOTHING
    assert encoded.dropped == ("context_management", "mcp_servers", "cache_control")
    ours = [{"type": "compaction", "compact_threshold": 1000}]
    assert write(context_management=ours).body == {**NOTHING, "context_management": ours}
    tool = {"type": "function", "function": {"name": "f"}, "eager_input_streaming": True}
    [sent] = write(tools=[tool]).body["tools"]
    assert sent.keys() == {"type", "name", "strict", "parameters"}
