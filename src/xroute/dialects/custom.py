"""Tools that take free text, put to models that can only be given functions.

OpenAI alone has them: https://developers.openai.com/api/docs/guides/function-calling, read 2026-11-21. Others
get a function with one argument, `input`; the client's surface, which remembers the names of such tools,
makes its call one of a custom tool again.
"""

from typing import Any, TypeAlias, cast

import orjson

Json: TypeAlias = dict[str, Any]  # this module imports no dialect, so that each of them may import it

ARGUMENT = "input"


def as_functions(body: Json) -> Json:
    """The canonical body with functions in place of its custom tools; the same object where it has none.

    The body is not changed; what stays the same is shared with it.
    """
    tools, messages = _list(body.get("tools")), _list(body.get("messages"))
    if not any(map(_is_custom, tools)) and not any(map(_has_custom, messages)):
        return body
    made = dict(body)
    if tools:
        made["tools"] = [_function(tool) if _is_custom(tool) else tool for tool in tools]
    if messages:
        made["messages"] = [_message(said) if _has_custom(said) else said for said in messages]
    if "tool_choice" in body:
        made["tool_choice"] = _choice(body["tool_choice"])
    return made


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _object(value: Any) -> Json | None:
    return cast(Json, value) if isinstance(value, dict) else None


def _is_custom(entry: Any) -> bool:
    own = _object(entry)
    return own is not None and own.get("type") == "custom" and _object(own.get("custom")) is not None


def _has_custom(message: Any) -> bool:
    own = _object(message)
    return own is not None and any(map(_is_custom, _list(own.get("tool_calls"))))


def _function(tool: Json) -> Json:
    custom: Json = tool["custom"]
    about = [str(custom["description"])] if custom.get("description") else []
    about += _grammar(custom.get("format"))
    text = {"type": "string", "description": "The whole input of the tool, as plain text."}
    shape = {"type": "object", "properties": {ARGUMENT: text}, "required": [ARGUMENT]}
    function: Json = {
        "name": custom.get("name") or "",
        "parameters": {**shape, "additionalProperties": False},
    }
    if about:
        function["description"] = "\n\n".join(about)
    kept = {name: value for name, value in tool.items() if name not in ("type", "custom")}
    return {"type": "function", "function": function, **kept}


def _grammar(given: Any) -> list[str]:
    """What a model has to be told of a grammar that nobody holds it to."""
    form = _object(given) or {}
    grammar = _object(form.get("grammar")) or form
    if not grammar.get("definition"):
        return []
    return [
        f"`{ARGUMENT}` must match this {grammar.get('syntax') or 'formal'} grammar:\n{grammar['definition']}"
    ]


def _message(said: Json) -> Json:
    return {**said, "tool_calls": [_call(call) if _is_custom(call) else call for call in said["tool_calls"]]}


def _call(call: Json) -> Json:
    custom: Json = call["custom"]
    arguments = orjson.dumps({ARGUMENT: str(custom.get("input") or "")}).decode()
    kept = {name: value for name, value in call.items() if name not in ("type", "custom")}
    return {
        **kept,
        "type": "function",
        "function": {"name": custom.get("name") or "", "arguments": arguments},
    }


def _choice(given: Any) -> Any:
    if _is_custom(given):
        return {"type": "function", "function": {"name": given["custom"].get("name") or ""}}
    allowed = _object(_object(given) and given.get("allowed_tools"))
    if allowed is None:
        return given
    return {
        **given,
        "allowed_tools": {**allowed, "tools": [_choice(tool) for tool in _list(allowed.get("tools"))]},
    }
