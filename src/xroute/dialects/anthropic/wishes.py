"""What an Anthropic client asks for besides its messages, in canonical words: tools, thinking, output.

Source: https://platform.claude.com/docs/en/api/messages/create, read 2026-11-21.
"""

from hashlib import blake2s
from typing import Any

from xroute.dialects.anthropic.parts import LIST, OBJECT, REQUIRED, TEXT, Path, text, unlike, wrong
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

# Provider-side tools, by the beginning of their dated types -> the neutral word.
SERVER_TOOLS = {"web_search_": "web_search", "web_fetch_": "web_fetch", "code_execution_": "code_interpreter"}

# Their names in a `tool_choice`.
_NAMES = {"web_search": "web_search", "web_fetch": "web_fetch", "code_execution": "code_interpreter"}

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_TIERS = {"auto": "auto", "standard_only": "default"}

# OpenAI takes no more characters as `user`: https://platform.openai.com/docs/api-reference/chat/create
MAX_USER = 64

_NUMBER, _WHOLE, _BOOL = "a valid number", "a valid integer", "a valid boolean"
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "max_tokens": ((int,), _WHOLE),
    "stream": ((bool,), _BOOL),
    "temperature": ((int, float), _NUMBER),
    "top_p": ((int, float), _NUMBER),
    "top_k": ((int,), _WHOLE),
    "stop_sequences": ((list,), LIST),
    "metadata": ((dict,), OBJECT),
    "tools": ((list,), LIST),
    "tool_choice": ((dict,), OBJECT),
    "thinking": ((dict,), OBJECT),
    "output_config": ((dict,), OBJECT),
    "output_format": ((dict,), OBJECT),
}


def check(given: Json) -> None:
    """The types of the fields that are read here."""
    for name, value in given.items():
        if name in _TYPES and value is not None and value.__class__ not in _TYPES[name][0]:
            raise unlike((name,), value, _TYPES[name][1])
    if stops := given.get("stop_sequences"):
        for place, word in enumerate(stops):
            if not isinstance(word, str):
                raise unlike(("stop_sequences", place), word, TEXT)


def tools(given: list[Any]) -> list[Json]:
    """The client's own tools as functions, the provider's by neutral words, what has none as it is."""
    return [_tool(tool, ("tools", place)) for place, tool in enumerate(given)]


def _tool(tool: Any, at: Path) -> Json:
    if not codec.is_object(tool):
        raise unlike(at, tool, OBJECT)
    kind = tool.get("type")
    if kind in (None, "custom"):
        return _function(tool, at)
    if not isinstance(kind, str):
        raise unlike((*at, "type"), kind, TEXT)
    for begin, word in SERVER_TOOLS.items():
        if kind.startswith(begin):
            return {"type": word, **{k: v for k, v in tool.items() if k not in ("type", "name")}}
    return tool


def _function(tool: Json, at: Path) -> Json:
    function: Json = {"name": text(tool, "name", at)}
    if isinstance(about := tool.get("description"), str):
        function["description"] = about
    schema = tool.get("input_schema")
    if not codec.is_object(schema):
        raise unlike((*at, "input_schema"), schema, OBJECT)
    function["parameters"] = schema
    if tool.get("strict") is not None:
        function["strict"] = tool["strict"]
    made: Json = {"type": "function", "function": function}
    for name, value in tool.items():
        if name not in ("type", "name", "description", "input_schema", "strict") and value is not None:
            made[name] = value
    return made


def choose(body: Json, choice: Json) -> None:
    """`tool_choice`, and `parallel_tool_calls` where the client wants one call at a time."""
    kind = choice.get("type")
    if kind == "tool":
        name = text(choice, "name", ("tool_choice",))
        served = [tool["type"] for tool in body.get("tools") or ()]
        word = _NAMES.get(name)
        named: Json = {"type": word} if word in served else {"type": "function", "function": {"name": name}}
        body["tool_choice"] = named
    elif isinstance(kind, str) and kind in _CHOICES:
        body["tool_choice"] = _CHOICES[kind]
    elif kind is None:
        raise wrong(("tool_choice", "type"), REQUIRED)
    else:
        raise wrong(("tool_choice", "type"), "Input should be 'auto', 'any', 'tool' or 'none'")
    if choice.get("disable_parallel_tool_use") is True:
        body["parallel_tool_calls"] = False


def think(body: Json, thinking: Json | None, effort: Any) -> None:
    """`reasoning`, from the thinking that is asked for and the effort that goes with it."""
    wish: Json = {}
    if thinking is not None:
        kind = thinking.get("type")
        if kind == "enabled" and isinstance(thinking.get("budget_tokens"), int):
            wish["max_tokens"] = thinking["budget_tokens"]
        else:  # "between_tools" is as little as some models can be asked for
            wish["enabled"] = kind not in ("disabled", "between_tools")
        if (display := thinking.get("display")) == "omitted":
            wish["exclude"] = True
        elif display == "summarized":
            wish["summary"] = "auto"
    if isinstance(effort, str):
        wish["effort"] = effort
    if wish:
        body["reasoning"] = wish


def shape(body: Json, given: Json) -> None:
    """`response_format` and the effort of `output_config`; what else it holds stays in it."""
    output: Json = given.get("output_config") or {}
    format_ = output.get("format") or given.get("output_format")
    if format_ is not None and not codec.is_object(format_):
        raise unlike(("output_config", "format"), format_, OBJECT)
    if format_ is not None and codec.is_object(schema := format_.get("schema")):
        wanted = {"name": "answer", "schema": schema, "strict": _is_closed(schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": wanted}
    if rest := {name: value for name, value in output.items() if name not in ("format", "effort")}:
        body["output_config"] = rest
    think(body, given.get("thinking"), output.get("effort"))


def _is_closed(schema: Any) -> bool:
    """Whether OpenAI's strict mode takes a schema: every property required and no others allowed.

    https://platform.openai.com/docs/guides/structured-outputs, read 2026-11-21. Anthropic's takes more.
    """
    if codec.is_list(schema):
        return all(_is_closed(each) for each in schema)
    if not codec.is_object(schema):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or codec.is_object(properties):
        names: Json = properties if codec.is_object(properties) else {}
        required: Any = schema.get("required") or []
        if schema.get("additionalProperties") is not False or names.keys() - set(map(str, required)):
            return False
        return all(map(_is_closed, names.values()))
    return all(_is_closed(value) for value in schema.values() if isinstance(value, (dict, list)))


def identify(body: Json, metadata: Json) -> None:
    """`user`; Claude Code's is longer than OpenAI takes, so it becomes a name that stays the same."""
    user = metadata.get("user_id")
    if isinstance(user, str) and user:
        long = len(user) > MAX_USER
        body["user"] = blake2s(user.encode()).hexdigest() if long else user


def plain(body: Json, given: Json) -> None:
    """The fields that only have another name or other words."""
    if given.get("stop_sequences"):
        body["stop"] = given["stop_sequences"]
    if (tier := given.get("service_tier")) is not None:
        body["service_tier"] = _TIERS.get(tier, tier) if isinstance(tier, str) else tier
