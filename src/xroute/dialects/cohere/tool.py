"""Tools and the choice among them, as Cohere takes them."""

from typing import Any

from xroute.dialects.cohere.decode import ANSWER
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

_NOTHING: Json = {"type": "object", "properties": {}}


def write(body: Json, sent: Json, dropped: list[str]) -> None:
    """`tools`, `tool_choice` and `strict_tools` of `sent`.

    Cohere can be told to call a tool or none, but not which one: where one is named, it alone is sent.
    https://docs.cohere.com/docs/tool-use-usage-patterns, read 2026-11-21.
    """
    given: Any = body.get("tools")
    tools = _tools(given, dropped) if codec.is_list(given) else []
    choice, names = _choice(body.get("tool_choice"))
    chosen = [tool for tool in tools if tool["function"]["name"] in names]
    tools = chosen or tools
    if tools:
        sent["tools"] = tools
        _strict(given, tools, sent, dropped)
    if choice == "NONE" or (choice == "REQUIRED" and tools):
        sent["tool_choice"] = choice


def answer(sent: Json, schema: Json, description: str) -> None:
    """Add the tool that carries an answer of a schema, and have the model call this one or another."""
    function: Json = {"name": ANSWER, "description": description, "parameters": schema}
    sent["tools"] = [*sent.get("tools", ()), {"type": "function", "function": function}]
    sent["tool_choice"] = "REQUIRED"
    sent.pop("strict_tools", None)


def _tools(given: list[Any], dropped: list[str]) -> list[Json]:
    tools: list[Json] = []
    for place, tool in enumerate(given):
        own: Any = tool.get("function") if codec.is_object(tool) else None
        if codec.is_object(own) and own.get("name"):
            tools.append({"type": "function", "function": _function(own)})
        else:
            dropped.append(f"tools[{place}]")
    return tools


def _function(own: Json) -> Json:
    function: Json = {"name": own["name"]}
    if isinstance(own.get("description"), str):
        function["description"] = own["description"]
    function["parameters"] = own["parameters"] if codec.is_object(own.get("parameters")) else _NOTHING
    return function


def _strict(given: list[Any], tools: list[Json], sent: Json, dropped: list[str]) -> None:
    """Cohere is strict about all tools or none, and only where each has a required parameter.

    https://docs.cohere.com/v2/docs/parameter-types-in-tool-use, read 2026-11-21.
    """
    if "strict_tools" in sent:
        return
    strict = [place for place, tool in enumerate(given) if _is_strict(tool)]
    can = all(tool["function"]["parameters"].get("required") for tool in tools)
    if strict and len(strict) == len(given) and can:
        sent["strict_tools"] = True
    else:
        dropped += [f"tools[{place}].strict" for place in strict]


def _is_strict(tool: Any) -> bool:
    own: Any = tool.get("function") if codec.is_object(tool) else None
    return codec.is_object(own) and own.get("strict") is True


def _choice(given: Any) -> tuple[str, set[str]]:
    """(Cohere's word or "", the names that are allowed; all where there are none)."""
    if isinstance(given, str):
        return {"required": "REQUIRED", "any": "REQUIRED", "none": "NONE"}.get(given.lower(), ""), set()
    if not codec.is_object(given):
        return "", set()
    if given.get("type") != "allowed_tools":
        return "REQUIRED", _names([given])
    allowed: Any = given.get("allowed_tools")
    allowed = allowed if codec.is_object(allowed) else given
    listed: list[Any] = allowed["tools"] if codec.is_list(allowed.get("tools")) else []
    return "REQUIRED" if allowed.get("mode") == "required" else "", _names(listed)


def _names(tools: list[Any]) -> set[str]:
    found: set[str] = set()
    for tool in tools:
        own: Any = tool.get("function", tool) if codec.is_object(tool) else None
        if codec.is_object(own) and isinstance(name := own.get("name"), str):
            found.add(name)
    return found
