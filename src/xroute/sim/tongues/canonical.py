"""A request in canonical form, with nothing in it but what the simulator's answer depends on."""

from typing import Any

from xroute.dialects import thinking
from xroute.sim.shape import entries, table

Json = dict[str, Any]

_KEPT = (
    "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "seed", "n",
    "stop", "max_tokens", "max_completion_tokens", "temperature", "top_p", "logprobs", "top_logprobs",
    "stream", "stream_options",
)  # fmt: skip
# No sets: a type may be anything, and not everything can be in a set.
_PARTS = ("text", "image_url", "input_audio", "file", "refusal")
_TOOLS = ("function", "custom")
_LIMIT = "max_tokens"


def tidy(body: Json, *, parallel: bool = False) -> Json:
    """The body without cache marks, signatures and tools that the provider would carry out itself.

    So the same conversation gives the same answer in every dialect. `parallel`: calls may be made side by
    side unless the request forbids it, as where it cannot ask for them.
    """
    made: Json = {name: body[name] for name in _KEPT if body.get(name) is not None}
    if isinstance(body.get("messages"), list):
        made["messages"] = [_message(message) for message in entries(body["messages"])]
    _tools(made, parallel)
    wish = thinking.wish(body)
    if wish is not None and wish.on:
        limit = body.get("max_completion_tokens") or body.get(_LIMIT) or 0
        made["reasoning_effort"] = wish.word(limit if isinstance(limit, int) else 0)
    if made.get("top_logprobs") is not None and not made.get("logprobs"):
        del made["top_logprobs"]
    return made


def _message(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    message = table(given)
    role = message.get("role")
    made: Json = {"role": role, "content": _content(message.get("content"))}
    if made["content"] is None and role not in ("assistant", "function"):
        made["content"] = ""
    for name in ("tool_calls", "tool_call_id", "name"):
        if message.get(name) is not None:
            made[name] = message[name]
    return made


def _content(given: Any) -> Any:
    """A lone text as a string; of other parts those that the simulator knows."""
    if not isinstance(given, list):
        return given
    parts = [table(part) for part in entries(given)]
    kept = [_part(part) for part in parts if part.get("type") in _PARTS]
    if all(part["type"] == "text" for part in kept) and len(kept) < 2:
        return kept[0]["text"] if kept else ""
    return kept


def _part(part: Json) -> Json:
    kind = part["type"]
    return (
        {"type": kind, kind: part.get(kind)} if kind != "text" else {"type": kind, kind: part.get(kind) or ""}
    )


def _tools(made: Json, parallel: bool) -> None:
    given = [table(tool) for tool in entries(made.pop("tools", None))]
    tools = [{"type": kind, kind: tool.get(kind)} for tool in given if (kind := tool.get("type")) in _TOOLS]
    if not tools:
        made.pop("tool_choice", None)
        made.pop("parallel_tool_calls", None)
        return
    made["tools"] = tools
    if parallel:
        made.setdefault("parallel_tool_calls", True)
    choice = table(made.get("tool_choice"))
    if choice and choice.get("type") not in (*_TOOLS, "allowed_tools"):  # one of the provider's own
        made["tool_choice"] = "auto"
