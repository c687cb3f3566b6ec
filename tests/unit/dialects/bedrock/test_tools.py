"""Tools, their choice, and the form of the answer in a request to Converse."""

import json
from typing import Any

import pytest
from tests.unit.dialects.bedrock.making import ASK, FORM, LLAMA, NOVA, NOVA_2, SCHEMA, TOLD, WEATHER, sent


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", None),
        ("required", {"any": {}}),
        ({"type": "function", "function": {"name": "weather"}}, {"tool": {"name": "weather"}}),
    ],
)
def test_the_choice_of_a_tool(choice: Any, expected: Any) -> None:
    body = sent({**ASK, "tools": [WEATHER], "tool_choice": choice})
    assert body["toolConfig"].get("toolChoice") == expected


def test_none_keeps_the_tools_for_claude_and_takes_them_from_others() -> None:
    body = {**ASK, "tools": [WEATHER], "tool_choice": "none"}
    claude = sent(body)
    assert claude["additionalModelRequestFields"] == {"tool_choice": {"type": "none"}}
    assert "toolConfig" in claude
    assert "toolConfig" not in sent(body, NOVA)


def test_none_cannot_be_had_from_others_once_tools_were_used() -> None:
    body = {"messages": TOLD, "tools": [WEATHER], "tool_choice": "none"}
    assert sent(body, NOVA, ("tool_choice",))["toolConfig"]["tools"]


def test_tools_that_the_history_tells_of_are_declared_when_none_are_offered() -> None:
    assert sent({"messages": TOLD})["toolConfig"] == {
        "tools": [
            {"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object", "properties": {}}}}}
        ]
    }


def test_a_choice_that_the_model_does_not_know_is_named() -> None:
    body = {**ASK, "tools": [WEATHER], "tool_choice": "required"}
    assert "toolChoice" not in sent(body, LLAMA, ("tool_choice",))["toolConfig"]


def test_allowed_tools_are_the_only_ones_sent() -> None:
    other = {"type": "function", "function": {"name": "other"}}
    names = [{"type": "function", "function": {"name": "other"}}]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": names}}
    config = sent({**ASK, "tools": [WEATHER, other], "tool_choice": choice})["toolConfig"]
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["other"]
    assert config["toolChoice"] == {"any": {}}


def test_one_call_at_a_time_is_something_that_claude_can_promise() -> None:
    body = {**ASK, "tools": [WEATHER], "parallel_tool_calls": False}
    wanted = {"type": "auto", "disable_parallel_tool_use": True}
    assert sent(body)["additionalModelRequestFields"] == {"tool_choice": wanted}
    assert "additionalModelRequestFields" not in sent(body, NOVA, ("parallel_tool_calls",))


def test_strict_tools_where_the_model_knows_them() -> None:
    tool = {"type": "function", "function": {**WEATHER["function"], "strict": True}}
    body = {**ASK, "tools": [tool]}
    assert sent(body)["toolConfig"]["tools"][0]["toolSpec"]["strict"] is True
    assert (
        "strict" not in sent(body, NOVA, ("tools[0].function.strict",))["toolConfig"]["tools"][0]["toolSpec"]
    )


def test_the_providers_own_tools() -> None:
    body = {**ASK, "tools": [{"type": "web_search"}, {"type": "code_interpreter"}]}
    names = [tool["systemTool"]["name"] for tool in sent(body, NOVA_2)["toolConfig"]["tools"]]
    assert names == ["nova_grounding", "nova_code_interpreter"]
    assert sent(body, LLAMA, ("tools[0]", "tools[1]")) == sent(ASK, LLAMA)
    searching = sent({**ASK, "web_search_options": {}}, NOVA_2)["toolConfig"]["tools"]
    assert searching == [{"systemTool": {"name": "nova_grounding"}}]


def test_anthropics_client_tools_go_beside_with_their_beta_word() -> None:
    tool = {"type": "bash_20250124", "name": "bash"}
    extra = sent({**ASK, "tools": [tool], "anthropic_beta": ["one"]})["additionalModelRequestFields"]
    assert extra == {"tools": [tool], "anthropic_beta": ["one", "computer-use-2025-01-24"]}


def test_custom_tools_have_no_form() -> None:
    custom = {"type": "custom", "custom": {"name": "sql"}}
    assert sent({**ASK, "tools": [custom]}, dropped=("tools[0]",)) == sent(ASK)


def test_a_schema_is_sent_as_text_format() -> None:
    found = sent({**ASK, "response_format": FORM})["outputConfig"]["textFormat"]
    schema = found["structure"]["jsonSchema"]
    assert (found["type"], schema["name"], json.loads(schema["schema"])) == ("json_schema", "shape", SCHEMA)


def test_a_model_without_schemas_answers_through_a_tool() -> None:
    config = sent({**ASK, "response_format": FORM}, NOVA)["toolConfig"]
    assert config["toolChoice"] == {"tool": {"name": "xroute_answer"}}
    assert config["tools"][0]["toolSpec"]["inputSchema"]["json"] == SCHEMA


def test_beside_other_tools_the_model_may_still_call_those() -> None:
    config = sent({**ASK, "response_format": FORM, "tools": [WEATHER]}, NOVA)["toolConfig"]
    assert config["toolChoice"] == {"any": {}}
    assert len(config["tools"]) == 2


def test_a_model_that_cannot_be_forced_is_offered_the_tool_and_the_caller_told() -> None:
    config = sent({**ASK, "response_format": FORM}, LLAMA, ("response_format",))["toolConfig"]
    assert config["tools"][0]["toolSpec"]["name"] == "xroute_answer"


def test_plain_json_mode_is_named() -> None:
    assert sent({**ASK, "response_format": {"type": "json_object"}}, dropped=("response_format",)) == sent(
        ASK
    )
    assert sent({**ASK, "response_format": {"type": "text"}}) == sent(ASK)
