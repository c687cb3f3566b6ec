"""What the simulator refuses: a body that OpenAI's API would refuse too, with OpenAI's codes."""

from typing import Any, cast

from xroute.errors import InvalidRequest
from xroute.sim.shape import entries, table

MAX_CHOICES = 128
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_PARTS = frozenset({"text", "image_url", "input_audio", "file", "refusal"})
_FORMATS = frozenset({"text", "json_object", "json_schema"})
_CHOICES = frozenset({"none", "auto", "required"})
_LIMITS = (
    ("temperature", 0, 2),
    ("top_p", 0, 1),
    ("presence_penalty", -2, 2),
    ("frequency_penalty", -2, 2),
)
_COUNTS = (
    ("n", 1, MAX_CHOICES),
    ("max_tokens", 1, None),
    ("max_completion_tokens", 1, None),
    ("top_logprobs", 0, 20),
)
_FLAGS = ("stream", "logprobs", "parallel_tool_calls")


def check(body: dict[str, Any]) -> None:
    """Raises InvalidRequest for the first thing that is wrong."""
    _messages(body)
    for name, low, high in _LIMITS:
        _number(body, name, low, high)
    for name, low, high in _COUNTS:
        _count(body, name, low, high)
    for name in _FLAGS:
        if not isinstance(body.get(name), bool | None):
            raise _wrong_type(name, "a boolean", body[name])
    _tools(body)
    _format(body)
    _unsupported(body)


def checked(body: dict[str, Any]) -> dict[str, Any]:
    """The body, if nothing is wrong with it."""
    check(body)
    return body


def _messages(body: dict[str, Any]) -> None:
    if "messages" not in body:
        raise _missing("messages")
    messages = body["messages"]
    if not isinstance(messages, list):
        raise _wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise _refused("messages", "empty_array", "expected an array with at least one message")
    for index, message in enumerate(cast("list[Any]", messages)):
        _message(message, f"messages[{index}]")


def _message(message: Any, where: str) -> None:
    if not isinstance(message, dict):
        raise _wrong_type(where, "an object", message)
    message = cast("dict[str, Any]", message)
    if "role" not in message:
        raise _missing(f"{where}.role")
    role = message["role"]
    if not isinstance(role, str) or role not in _ROLES:
        raise _refused(f"{where}.role", "invalid_value", f"expected one of {', '.join(sorted(_ROLES))}")
    _content(message.get("content"), role, f"{where}.content")
    calls = message.get("tool_calls")
    if not isinstance(calls, list | None):
        raise _wrong_type(f"{where}.tool_calls", "an array", calls)
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        raise _missing(f"{where}.tool_call_id")


def _content(content: Any, role: str, where: str) -> None:
    if isinstance(content, str) or (content is None and role in ("assistant", "function")):
        return
    if not isinstance(content, list):
        raise _wrong_type(where, "a string or an array of parts", content)
    for index, part in enumerate(cast("list[Any]", content)):
        kind = table(part).get("type")
        if not isinstance(kind, str) or kind not in _PARTS:
            text = f"expected a part of type {', '.join(sorted(_PARTS))}"
            raise _refused(f"{where}[{index}]", "invalid_value", text)


def _number(body: dict[str, Any], name: str, low: float, high: float) -> None:
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(name, "a number", value)
    if not low <= value <= high:
        raise _refused(name, "invalid_value", f"expected a number from {low} to {high}")


def _count(body: dict[str, Any], name: str, low: int, high: int | None) -> None:
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(name, "an integer", value)
    if value < low:
        raise _refused(name, "integer_below_min_value", f"expected a value of at least {low}")
    if high is not None and value > high:
        raise _refused(name, "integer_above_max_value", f"expected a value of at most {high}")


def _tools(body: dict[str, Any]) -> None:
    tools = body.get("tools")
    if tools is None:
        if body.get("tool_choice") not in (None, "none"):
            raise _refused("tool_choice", None, "'tool_choice' is only allowed when 'tools' are specified")
        return
    if not isinstance(tools, list):
        raise _wrong_type("tools", "an array of objects", tools)
    if not tools:
        raise _refused("tools", "empty_array", "expected an array with at least one tool")
    names = {_tool(tool, f"tools[{index}]") for index, tool in enumerate(cast("list[Any]", tools))}
    _tool_choice(body.get("tool_choice"), names)


def _tool(tool: Any, where: str) -> str:
    kind = table(tool).get("type")
    if kind not in ("function", "custom"):
        raise _refused(f"{where}.type", "invalid_value", "expected 'function' or 'custom'")
    definition = table(tool[kind]) if kind in tool else None
    if definition is None:
        raise _missing(f"{where}.{kind}")
    name = table(definition).get("name")
    if not isinstance(name, str) or not name:
        raise _missing(f"{where}.{kind}.name")
    parameters: Any = definition.get("parameters")
    if kind == "function" and not isinstance(parameters, dict | None):
        raise _wrong_type(f"{where}.function.parameters", "an object", parameters)
    return name


def _tool_choice(choice: Any, names: set[str]) -> None:
    if choice is None or (isinstance(choice, str) and choice in _CHOICES):
        return
    for name in chosen(choice):
        if name not in names:
            raise _refused("tool_choice", "invalid_value", "the named tool is not in 'tools'")
    if not chosen(choice):
        raise _refused("tool_choice", "invalid_value", "expected none, auto, required or a tool's name")


def chosen(choice: Any) -> list[str]:
    """The tools a tool_choice object names: one, or those allowed."""
    choice = table(choice)
    kind = choice.get("type")
    if kind == "allowed_tools":
        tools = entries(table(choice.get(kind)).get("tools"))
        return [name for tool in tools for name in chosen(tool)]
    name: Any = table(choice.get(kind)).get("name") if kind in ("function", "custom") else None
    return [name] if isinstance(name, str) else []


def _format(body: dict[str, Any]) -> None:
    given = body.get("response_format")
    if given is None:
        return
    kind = table(given).get("type")
    if not isinstance(kind, str) or kind not in _FORMATS:
        text = f"expected one of {', '.join(sorted(_FORMATS))}"
        raise _refused("response_format.type", "invalid_value", text)
    if kind != "json_schema":
        return
    if not isinstance(table(table(given).get("json_schema")).get("schema"), dict):
        raise _missing("response_format.json_schema.schema")


def _unsupported(body: dict[str, Any]) -> None:
    if body.get("functions") is not None:
        raise _refused("functions", "unsupported_parameter", "the simulator takes 'tools' in its place")
    modalities = body.get("modalities")
    if modalities not in (None, ["text"]):
        raise _refused("modalities", "unsupported_value", "the simulator answers with text alone")
    if body.get("top_logprobs") and not body.get("logprobs"):
        raise _refused("top_logprobs", None, "'top_logprobs' needs 'logprobs' to be true")


def _missing(param: str) -> InvalidRequest:
    return InvalidRequest(
        f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
    )


def _refused(param: str, code: str | None, text: str) -> InvalidRequest:
    return InvalidRequest(f"Invalid '{param}': {text}.", param=param, code=code)


def _wrong_type(param: str, expected: str, value: object) -> InvalidRequest:
    text = f"Invalid type for '{param}': expected {expected}, but got {_NAMES[type(value)]}."
    return InvalidRequest(text, param=param, code="invalid_type")


_NAMES: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}
