"""Tools and the choice among them.

https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview, read 2026-11-21.
"""

import re
from typing import Any

from xroute.dialects.anthropic import schema
from xroute.dialects.anthropic.draft import Draft
from xroute.dialects.claude import family_of
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

# Neutral word -> Anthropic's tool, in the version that every model and host has:
# https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-reference, read 2026-11-21.
SERVED: dict[str, Json] = {
    "web_search": {"type": "web_search_20250305", "name": "web_search"},
    "web_search_preview": {"type": "web_search_20250305", "name": "web_search"},
    "web_fetch": {"type": "web_fetch_20250910", "name": "web_fetch"},
    "code_interpreter": {"type": "code_execution_20250825", "name": "code_execution"},
}

# Tools by the type that Anthropic gives them; they go as they are.
OWN = re.compile(
    r"(web_search|web_fetch|code_execution|bash|text_editor|computer|memory|advisor|tool_search_tool_\w+"
    r"|browser_toolset|computer_toolset)_\d{8}|mcp_toolset"
)

# Types that need a beta still; the others are in the SDK's types without one.
BETAS = {
    "computer_20241022": "computer-use-2024-10-22",
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
    "code_execution_20250522": "code-execution-2025-05-22",
    "advisor_20260301": "advisor-tool-2026-03-01",
    "mcp_toolset": "mcp-client-2025-11-20",
}

_BESIDE = ("cache_control", "defer_loading", "input_examples", "allowed_callers", "eager_input_streaming")
_OPTIONS = {
    "web_search": ("max_uses", "allowed_domains", "blocked_domains", "user_location", *_BESIDE),
    "web_fetch": (
        "max_uses",
        "allowed_domains",
        "blocked_domains",
        "citations",
        "max_content_tokens",
        *_BESIDE,
    ),
    "code_execution": _BESIDE,
}


def write(draft: Draft) -> None:
    """`tools` and `tool_choice` of the request."""
    found = _tools(draft)
    if not found:
        if draft.body.get("tool_choice") not in (None, "none", "auto"):
            draft.drop("tool_choice")
        return
    choice = _choice(draft, draft.body.get("tool_choice"), found)
    draft.sent["tools"] = found
    if choice is not None:
        draft.sent["tool_choice"] = choice


def by_tool(upstream: str) -> frozenset[str]:
    """Abilities that a model with tools has through a forced one, by the provider's name for it."""
    return frozenset({"json_schema"} if family_of(upstream).forced else ())


def force(draft: Draft, tool: Json) -> bool:
    """Adds a tool that has to be called, or one of the client's own; whether the model can be made to."""
    tools: list[Json] = draft.sent.setdefault("tools", [])
    tools.append(tool)
    own: Json = draft.sent.get("tool_choice") or {}
    if not draft.family.forced or own.get("type") == "none":
        draft.sent["tool_choice"] = {"type": "auto"}
        return False
    if len(tools) == 1:
        draft.sent["tool_choice"] = {"type": "tool", "name": tool["name"]}
    elif own.get("type") != "tool":
        draft.sent["tool_choice"] = {**own, "type": "any"}
    return True


def _tools(draft: Draft) -> list[Json]:
    given: Any = draft.body.get("tools")
    found: list[Json] = []
    for place, tool in enumerate(given if codec.is_list(given) else []):
        made = _tool(draft, tool, f"tools[{place}]") if codec.is_object(tool) else None
        if made is None:
            draft.drop(f"tools[{place}]")
        else:
            found.append(made)
    older: Any = draft.body.get("functions")
    for place, function in enumerate(older if codec.is_list(older) else []):
        if codec.is_object(function):
            found.append(_function(draft, {"function": function}, f"functions[{place}]"))
    options = draft.body.get("web_search_options")
    if codec.is_object(options) and not any(tool.get("name") == "web_search" for tool in found):
        found.append(_served("web_search", options))
    return found


def _tool(draft: Draft, tool: Json, where: str) -> Json | None:
    kind = tool.get("type")
    if codec.is_object(tool.get("function")):
        return _function(draft, tool, where)
    if not isinstance(kind, str):
        return tool if "input_schema" in tool else None
    if kind in SERVED:
        return _served(kind, tool)
    if OWN.fullmatch(kind):
        draft.want(BETAS.get(kind, ""))
        return tool
    return None  # a custom tool's free text, another maker's own


def _function(draft: Draft, tool: Json, where: str) -> Json:
    function: Json = tool["function"]
    given = function.get("parameters")
    shape: Json = given if codec.is_object(given) else {}
    made: Json = {"name": function.get("name") or "", "input_schema": _typed(shape)}
    if isinstance(about := function.get("description"), str) and about:
        made["description"] = about
    if function.get("strict") is True:
        strict = schema.closed(shape or {"type": "object", "properties": {}})
        if strict is not None and draft.family.schema:
            made |= {"input_schema": strict, "strict": True}
        else:
            draft.drop(f"{where}.strict")
    return made | {name: tool[name] for name in _BESIDE if tool.get(name) is not None}


def _typed(shape: Json) -> Json:
    """Anthropic wants an object at the top."""
    if shape.get("type") == "object":
        return shape
    return {"type": "object", "properties": {}, **{k: v for k, v in shape.items() if k != "type"}}


def _served(kind: str, options: Json) -> Json:
    """A tool of Anthropic's by its neutral word, with the options that it has."""
    made = dict(SERVED[kind])
    found = {name: options[name] for name in _OPTIONS[made["name"]] if options.get(name) is not None}
    filters = options.get("filters")
    if codec.is_object(filters) and codec.is_list(domains := filters.get("allowed_domains")):
        found.setdefault("allowed_domains", domains)
    if codec.is_object(place := found.get("user_location")):
        inner = place.get("approximate")  # as in web_search_options
        known: Json = inner if codec.is_object(inner) else place
        found["user_location"] = {
            "type": "approximate",
            **{n: known[n] for n in ("city", "region", "country", "timezone") if known.get(n)},
        }
    return made | found


def _choice(draft: Draft, given: Any, tools: list[Json]) -> Json | None:
    if given is None and draft.body.get("function_call") is not None:
        given = draft.body["function_call"]
    choice = _wanted(draft, given, tools)
    if choice and choice["type"] in ("any", "tool") and not draft.family.forced:
        draft.drop("tool_choice")
        choice = {"type": "auto"}
    if draft.body.get("parallel_tool_calls") is False and (choice or {}).get("type") != "none":
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return choice


def _wanted(draft: Draft, given: Any, tools: list[Json]) -> Json | None:
    if isinstance(given, str):
        kind = {"auto": "auto", "none": "none", "required": "any", "any": "any"}.get(given)
        return {"type": kind} if kind else None
    if not codec.is_object(given):
        return None
    allowed = given.get("allowed_tools")
    if given.get("type") == "allowed_tools":
        return _allowed(given if not codec.is_object(allowed) else allowed, tools)
    return _named(draft, given, tools)


def _named(draft: Draft, given: Json, tools: list[Json]) -> Json | None:
    name = _name(given)
    if any(tool.get("name") == name for tool in tools):
        return {"type": "tool", "name": name}
    draft.drop("tool_choice")
    return None


def _name(given: Json) -> Any:
    """The name of a tool as Anthropic has it, in any of the ways that a choice is written."""
    for field in ("function", "custom"):
        if codec.is_object(inner := given.get(field)):
            return inner.get("name")
    kind = given.get("type")
    return SERVED[kind]["name"] if isinstance(kind, str) and kind in SERVED else given.get("name")


def _allowed(allowed: Json, tools: list[Json]) -> Json:
    """Only the tools of the choice are sent: Anthropic has no other way to say it."""
    named: Any = allowed.get("tools")
    names = [_name(one) for one in (named if codec.is_list(named) else []) if codec.is_object(one)]
    tools[:] = [tool for tool in tools if tool.get("name") in names] or tools
    return {"type": "any" if allowed.get("mode") == "required" else "auto"}
