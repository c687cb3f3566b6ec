"""Tools of free text as functions, for models that know nothing else."""

from copy import deepcopy

import orjson

from xroute.dialects.custom import as_functions

GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}}
CUSTOM = {"type": "custom", "custom": {"name": "patch", "description": "Patches.", "format": GRAMMAR}}
FUNCTION = {"type": "function", "function": {"name": "f"}}
CALL = {"id": "c1", "type": "custom", "custom": {"name": "patch", "input": '*** "Begin"'}}


def test_a_body_without_such_tools_stays_the_same_object():
    body = {"messages": [{"role": "assistant", "tool_calls": [{"type": "function"}]}], "tools": [FUNCTION]}
    assert as_functions(body) is body
    assert as_functions({"tools": None, "messages": 3}) == {"tools": None, "messages": 3}


def test_a_custom_tool_is_a_function_of_one_text_and_tells_its_grammar():
    body = {"tools": [FUNCTION, {**CUSTOM, "cache_control": {"type": "ephemeral"}}], "messages": []}
    before = deepcopy(body)
    first, made = as_functions(body)["tools"]
    assert body == before
    assert first is FUNCTION
    assert (made["type"], made["cache_control"]) == ("function", {"type": "ephemeral"})
    function = made["function"]
    assert function["name"] == "patch"
    assert function["description"].startswith("Patches.")
    assert "lark" in function["description"] and "start: A" in function["description"]
    assert function["parameters"]["required"] == ["input"]


def test_calls_of_the_history_and_the_choice_follow():
    body = {
        "messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool"}],
        "tool_choice": {"type": "custom", "custom": {"name": "patch"}},
    }
    made = as_functions(body)
    (call,) = made["messages"][0]["tool_calls"]
    assert (call["id"], call["type"], call["function"]["name"]) == ("c1", "function", "patch")
    assert orjson.loads(call["function"]["arguments"]) == {"input": '*** "Begin"'}
    assert made["tool_choice"] == {"type": "function", "function": {"name": "patch"}}


def test_allowed_tools_follow():
    choice = {"type": "custom", "custom": {"name": "patch"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [FUNCTION, choice]}}
    made = as_functions({"tools": [CUSTOM], "tool_choice": allowed})
    assert made["tool_choice"]["allowed_tools"]["tools"][1] == {
        "type": "function",
        "function": {"name": "patch"},
    }
