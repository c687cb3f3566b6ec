"""Tools, and which of them the model has to use, as the Responses API takes them."""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai_responses.message import entries

# Tools that run at the provider, of OpenAI: https://developers.openai.com/api/docs/guides/tools,
# and of xAI: https://docs.x.ai/docs/guides/tools/overview; both read 2026-11-21.
HOSTED = frozenset(
    {
        "apply_patch", "attachment_search", "code_execution", "code_interpreter", "collections_search",
        "computer", "computer_use", "computer_use_preview", "file_search", "image_generation", "local_shell",
        "mcp", "namespace", "programmatic_tool_calling", "shell", "tool_search", "web_search",
        "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11", "x_search",
    }
)  # fmt: skip
_OPTIONS = ("allowed_domains", "blocked_domains", "excluded_domains")  # of a search; they stand in `filters`
_FOREIGN = ("max_uses", "cache_control")
_BESIDE = ("cache_control", "eager_input_streaming", "input_examples")  # Anthropic's, beside a function


def tools(body: Json, dropped: list[str]) -> list[Json]:
    """The tools of a canonical body; those that this API does not know are named in `dropped`."""
    out: list[Json] = []
    for number, tool in enumerate(entries(body.get("tools"))):
        if (sent := _tool(tool, f"tools[{number}]", dropped)) is None:
            dropped.append(f"tools[{number}]")
        else:
            out.append(sent)
    out += [_function(function, {}) for function in entries(body.get("functions"))]
    if codec.is_object(options := body.get("web_search_options")):
        out.append(_search({"type": "web_search", **options}))
    return out


def _tool(tool: Json, where: str, dropped: list[str]) -> Json | None:
    kind: Any = tool.get("type")
    if not isinstance(kind, str):
        return None
    inner: Any = tool.get(kind)
    beside = {name: value for name, value in tool.items() if name != kind and name not in _BESIDE}
    if kind == "function":
        return _function(inner if codec.is_object(inner) else beside, beside)
    if kind == "custom":
        return _custom(inner if codec.is_object(inner) else beside, beside)
    if kind not in HOSTED:
        return None
    if "max_uses" in tool:
        dropped.append(f"{where}.max_uses")
    sent = {name: value for name, value in tool.items() if name not in _FOREIGN}
    if kind == "code_interpreter":
        sent.setdefault("container", {"type": "auto"})
    return _search(sent) if kind.startswith("web_search") else sent


def _function(function: Json, beside: Json) -> Json:
    """A function is strict here unless it says otherwise, and in the chat API only if it says so.

    https://developers.openai.com/api/docs/guides/migrate-to-responses, read 2026-11-21.
    """
    sent: Json = {**beside, **function, "type": "function", "strict": bool(function.get("strict"))}
    if sent.get("parameters") is None:
        sent["parameters"] = {"type": "object", "properties": {}}
    return {name: value for name, value in sent.items() if value is not None}


def _custom(custom: Json, beside: Json) -> Json:
    """The chat API nests a grammar: {"type": "grammar", "grammar": {"syntax", "definition"}}."""
    sent: Json = {**beside, **custom, "type": "custom"}
    if codec.is_object(form := sent.get("format")) and codec.is_object(grammar := form.get("grammar")):
        sent["format"] = {"type": "grammar", **grammar}
    return sent


def _search(tool: Json) -> Json:
    """Web search with the chat API's nested location and with bare lists of domains put right."""
    sent = {name: value for name, value in tool.items() if name not in _OPTIONS}
    if codec.is_object(place := tool.get("user_location")) and codec.is_object(
        near := place.get("approximate")
    ):
        sent["user_location"] = {"type": "approximate", **near}
    if filters := {name: tool[name] for name in _OPTIONS if tool.get(name)}:
        given: Any = tool.get("filters")
        sent["filters"] = {**filters, **(given if codec.is_object(given) else {})}
    return sent


def choice(body: Json) -> Any:
    """tool_choice; None where nothing was said."""
    given: Any = body.get("tool_choice")
    if given is None:
        given = body.get("function_call")
        return {"type": "function", **given} if codec.is_object(given) else given
    if not codec.is_object(given):
        return given
    kind: Any = given.get("type")
    inner: Any = given.get(kind) if isinstance(kind, str) else None
    if kind == "allowed_tools" and codec.is_object(inner):
        return {"type": kind, **inner, "tools": [_named(tool) for tool in entries(inner.get("tools"))]}
    return _named(given)


def _named(tool: Json) -> Json:
    """A reference to a tool: flat here, nested in the chat API."""
    kind: Any = tool.get("type")
    inner: Any = tool.get(kind) if kind in ("function", "custom") else None
    return {"type": kind, "name": inner.get("name")} if codec.is_object(inner) else tool
