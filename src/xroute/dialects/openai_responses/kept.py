"""Items of a conversation as they are stored and listed: whole, each with an id."""

from collections.abc import Sequence
from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

# Kind of item -> how the ids of such items begin.
_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "compaction": "cmp",
}
_STATELESS = frozenset({"reasoning", "compaction", "item_reference"})


def kept(items: Sequence[Any], response_id: str) -> list[Json]:
    """A request's own items, as the input of the response with this id."""
    suffix = response_id.removeprefix("resp_")
    return [
        _item({"role": "user", "content": item} if isinstance(item, str) else item, suffix, place)
        for place, item in enumerate(items)
    ]


def _item(given: Json, suffix: str, place: int) -> Json:
    kind: Any = given.get("type") or "message"
    made: Json = {**given, "type": kind}
    if not isinstance(given.get("id"), str) or not given["id"]:
        prefix = _PREFIXES.get(kind) or str(kind)[:3].strip("_") or "it"
        made["id"] = f"{prefix}_{suffix}i{place:02x}"
    if kind not in _STATELESS and made.get("status") is None:
        made["status"] = "completed"
    if kind == "message":
        made["content"] = _content(given.get("content"), given.get("role") == "assistant")
    return made


def _content(content: Any, is_said: bool) -> Any:
    if not isinstance(content, str):
        return content if codec.is_list(content) else []
    if is_said:
        return [{"type": "output_text", "text": content, "annotations": [], "logprobs": []}]
    return [{"type": "input_text", "text": content}]


def usable(output: Any) -> list[Json]:
    """The items of an output that a conversation goes on with: what broke off in the middle is left out."""
    items: list[Any] = output if codec.is_list(output) else []
    return [
        item
        for item in items
        if codec.is_object(item) and (item.get("type") == "message" or item.get("status") != "incomplete")
    ]
