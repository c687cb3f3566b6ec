"""Tools, the choice among them, and the form of the answer.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html, read 2026-11-21.
"""

import re
from typing import Any

from xroute.dialects.bedrock.draft import Draft
from xroute.dialects.bedrock.families import family_of
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

SERVED = "server_tool_use"  # `type` of a toolUse that the provider carries out itself
ANSWER = "xroute_answer"  # the tool through which a model without schemas gives its answer

_NATIVE = frozenset({"toolSpec", "systemTool", "cachePoint"})
_ANY_INPUT: Json = {"type": "object", "properties": {}}
# Tools that Anthropic defines and the client carries out; they go beside toolConfig, with a beta word:
# https://docs.aws.amazon.com/bedrock/latest/userguide/computer-use.html, read 2026-11-21.
_CLIENT_TOOL = re.compile(r"(computer|bash|text_editor|memory)_(\d{8})")
_BETAS = {
    "20241022": "computer-use-2024-10-22",
    "20251124": "computer-use-2025-11-24",
    "memory": "context-management-2025-06-27",
}
_BETA = "computer-use-2025-01-24"


def write(body: Json, sent: Json, extra: Json, draft: Draft, *, used: bool) -> None:
    """Put toolConfig and outputConfig into `sent`, what belongs to the maker's own fields into `extra`.

    `used` says that the turns hold calls or results: Bedrock then refuses a request without toolConfig.
    """
    tools = _tools(_offered(body), body, extra, draft)
    choice = _choice(body)
    if choice == "none" and tools and draft.family.claude is None:
        if used:  # they cannot be taken away, and nothing keeps the model from calling them
            draft.drop("tool_choice")
        else:
            tools = []
        choice = "auto"
    choice = _format(body, sent, tools, choice, draft)
    if not tools and used:
        tools = _recalled(sent.get("messages") or [])
    if tools:
        sent["toolConfig"] = {"tools": tools}
        _force(choice, body, sent["toolConfig"], extra, draft)


def _offered(body: Json) -> list[tuple[int, Any]]:
    """The client's tools with their places, all or those that it allows."""
    given: Any = body.get("tools")
    tools: list[tuple[int, Any]] = list(enumerate(given)) if codec.is_list(given) else []
    names = _allowed(body.get("tool_choice"))
    if names is None:
        return tools
    return [(place, tool) for place, tool in tools if _name(tool) in names]


def _allowed(choice: Any) -> set[str] | None:
    if not codec.is_object(choice) or choice.get("type") != "allowed_tools":
        return None
    own: Any = choice.get("allowed_tools")
    inner: Json = own if codec.is_object(own) else choice
    listed: Any = inner.get("tools")
    return {_name(tool) for tool in (listed if codec.is_list(listed) else [])}


def _name(tool: Any) -> str:
    """A tool's name, or the type of one that has none."""
    if not codec.is_object(tool):
        return ""
    function: Any = tool.get("function")
    own: Any = function.get("name") if codec.is_object(function) else tool.get("name") or tool.get("type")
    return own if isinstance(own, str) else ""


def _tools(offered: list[tuple[int, Any]], body: Json, extra: Json, draft: Draft) -> list[Json]:
    tools: list[Json] = []
    for number, tool in offered:
        where = f"tools[{number}]"
        if not codec.is_object(tool):
            continue
        if (block := _tool(tool, where, extra, draft)) is None:
            draft.drop(where)
        elif block:
            written = [block]
            draft.mark(written, tool, where, "tools")
            tools += written
    if body.get("web_search_options") is not None and not any("systemTool" in tool for tool in tools):
        if (name := draft.family.system_tools.get("web_search")) is None:
            draft.drop("web_search_options")
        else:
            tools.append({"systemTool": {"name": name}})
    return tools


def _tool(tool: Json, where: str, extra: Json, draft: Draft) -> Json | None:
    """One tool; {} for one that went elsewhere, None for one that cannot be sent."""
    kind: Any = tool.get("type")
    if kind in ("function", None) and codec.is_object(function := tool.get("function")):
        return _spec(function, where, draft)
    if kind is None and len(native := tool.keys() & _NATIVE) == 1:
        return {name: tool[name] for name in native}
    if (name := draft.family.system_tools.get(str(kind))) is not None:
        return {"systemTool": {"name": name}}
    found = _CLIENT_TOOL.fullmatch(str(kind))
    if found and draft.family.claude:
        _client_tool(tool, found, extra)
        return {}
    return None


def _client_tool(tool: Json, found: re.Match[str], extra: Json) -> None:
    kept = {name: value for name, value in tool.items() if name != "cache_control"}
    extra["tools"] = [*extra.get("tools", ()), kept]
    beta = _BETAS.get(found.group(1)) or _BETAS.get(found.group(2)) or _BETA
    betas = extra.get("anthropic_beta", [])
    if beta not in betas:
        extra["anthropic_beta"] = [*betas, beta]


def _spec(function: Json, where: str, draft: Draft) -> Json:
    schema: Any = function.get("parameters")
    spec: Json = {
        "name": function.get("name"),
        "inputSchema": {"json": schema if codec.is_object(schema) and schema else _ANY_INPUT},
    }
    if isinstance(text := function.get("description"), str) and text.strip():
        spec["description"] = text
    if function.get("strict") is True:
        if draft.family.schema:
            spec["strict"] = True
        else:
            draft.drop(f"{where}.function.strict")
    return {"toolSpec": spec}


def _recalled(turns: list[Json]) -> list[Json]:
    """The tools that the turns tell of, for a request that offers none any more.

    "The toolConfig field must be defined when using toolUse and toolResult content blocks":
    https://github.com/vercel/ai/pull/7537, read 2026-11-21.
    """
    uses: list[Json] = [block["toolUse"] for turn in turns for block in turn["content"] if "toolUse" in block]
    names = dict.fromkeys(str(use.get("name") or "") for use in uses if use.get("type") is None)
    served = dict.fromkeys(str(use.get("name") or "") for use in uses if use.get("type") == SERVED)
    specs = [{"toolSpec": _bare(name)} for name in names if name] or [{"toolSpec": _bare("unknown")}]
    return [*specs, *({"systemTool": {"name": name}} for name in served if name)]


def _bare(name: str) -> Json:
    return {"name": name, "inputSchema": {"json": _ANY_INPUT}}


def _choice(body: Json) -> str:
    """auto | required | none | "=" and the name of a tool."""
    choice: Any = body.get("tool_choice")
    if codec.is_object(choice):
        kind: Any = choice.get("type")
        if kind == "allowed_tools":
            inner: Any = choice.get("allowed_tools")
            mode: Any = (inner if codec.is_object(inner) else choice).get("mode")
            return "required" if mode == "required" else "auto"
        return "=" + _name({**choice, "type": None}) if kind in ("function", "custom", "tool") else "auto"
    return {"required": "required", "any": "required", "none": "none"}.get(str(choice), "auto")


def _force(choice: str, body: Json, config: Json, extra: Json, draft: Draft) -> None:
    """Auto is the default, so it is not written. Only Claude has "none" and one call at a time."""
    alone = body.get("parallel_tool_calls") is False
    family = draft.family
    if choice == "none":
        extra["tool_choice"] = {"type": "none"}
    elif choice == "auto":
        if alone and family.claude:
            # https://github.com/BerriAI/litellm/pull/34347, read 2026-11-21
            extra["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
            return
    elif _thinks(extra) or not _forced(choice, config, family.choices):
        draft.drop("response_format" if choice == "=" + ANSWER else "tool_choice")
    if alone and choice != "none":
        draft.drop("parallel_tool_calls")


def by_tool(upstream: str) -> frozenset[str]:
    """Abilities that a model with tools has through a forced one, by the provider's name for it."""
    return frozenset({"json_schema"} if family_of(upstream).choices else ())


def _thinks(extra: Json) -> bool:
    """Claude refuses a forced choice while it thinks."""
    given: Any = extra.get("thinking") or extra.get("reasoning_config")
    return codec.is_object(given) and given.get("type") in ("enabled", "adaptive")


def _forced(choice: str, config: Json, known: frozenset[str]) -> bool:
    """Whether the model can be made to call a tool; `any` does where there is but one to choose from."""
    if choice != "required" and "tool" in known:
        config["toolChoice"] = {"tool": {"name": choice[1:]}}
        return True
    only = sum("cachePoint" not in tool for tool in config["tools"]) == 1
    if "any" in known and (choice == "required" or only):
        config["toolChoice"] = {"any": {}}
        return True
    return False


def _format(body: Json, sent: Json, tools: list[Json], choice: str, draft: Draft) -> str:
    """The form of the answer; the choice of a tool that it leads to."""
    wanted: Any = body.get("response_format")
    if not codec.is_object(wanted) or wanted.get("type") in ("text", None):
        return choice
    schema: Any = wanted.get("json_schema")
    if wanted.get("type") != "json_schema" or not codec.is_object(schema):
        draft.drop("response_format")
        return choice
    if draft.family.schema:
        sent["outputConfig"] = {**_object(sent.get("outputConfig")), "textFormat": _text_format(schema)}
        return choice
    return _answer(schema, tools, choice)


def _object(value: Any) -> Json:
    return value if codec.is_object(value) else {}


def _text_format(schema: Json) -> Json:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html, read 2026-11-21."""
    form: Json = {"schema": codec.write(_object(schema.get("schema"))).decode()}
    for name in ("name", "description"):
        if isinstance(text := schema.get(name), str) and text:
            form[name] = text
    return {"type": "json_schema", "structure": {"jsonSchema": form}}


def _answer(schema: Json, tools: list[Json], choice: str) -> str:
    """The answer as the input of a tool; beside other tools the model may also call one of those."""
    text = schema.get("description")
    spec: Json = {
        "name": ANSWER,
        "description": text if isinstance(text, str) and text else "Gives the final answer to the user.",
        "inputSchema": {"json": _object(schema.get("schema")) or _ANY_INPUT},
    }
    alone = not tools or choice == "none"
    tools.append({"toolSpec": spec})
    if choice[0] == "=":
        return choice
    return "=" + ANSWER if alone else "required"
