"""Cohere's thinking and its plan before tool calls, as canonical reasoning and back."""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

FORMAT = "cohere-v2"  # of the reasoning_details that Cohere can read back
PLAN = "tool_plan"  # id of the one that is the plan before tool calls


def detail(text: str, index: int, *, plan: bool = False) -> Json:
    """One entry of `reasoning_details`; in a stream, pieces of the same index belong together."""
    found: Json = {"type": "reasoning.text", "text": text, "format": FORMAT, "index": index}
    return {**found, "id": PLAN} if plan else found


def read(parts: list[Any], plan: Any) -> list[Json]:
    """The `reasoning_details` of a whole message's content parts and its `tool_plan`."""
    texts = [part.get("thinking") for part in parts if codec.is_object(part)]
    found = [text for text in texts if isinstance(text, str) and text]
    details = [detail(text, index) for index, text in enumerate(found)]
    if isinstance(plan, str) and plan:
        details.append(detail(plan, len(details), plan=True))
    return details


def write(said: Json) -> tuple[list[Json], str]:
    """(thinking parts, tool_plan) of a message of the history.

    1. Its own details go back where they came from.
    2. Details of another provider's format are not for Cohere: nothing is sent.
    3. Reasoning without details is a plan where tools are called, else thinking.
    """
    details: Any = said.get("reasoning_details")
    if codec.is_list(details) and details:
        own = [item for item in details if codec.is_object(item) and item.get("format") == FORMAT]
        return _parts(_joined(own, plan=False)), "".join(_joined(own, plan=True))
    text: Any = said.get("reasoning") or said.get("reasoning_content")
    if not isinstance(text, str) or not text:
        return [], ""
    return ([], text) if said.get("tool_calls") else (_parts([text]), "")


def _joined(own: list[Json], *, plan: bool) -> list[str]:
    """Texts by index: a client may send the pieces of a stream as they came."""
    texts: dict[str, str] = {}
    for item in own:
        text: Any = item.get("text")
        if isinstance(text, str) and text and (item.get("id") == PLAN) == plan:
            index = str(item.get("index"))
            texts[index] = texts.get(index, "") + text
    return list(texts.values())


def _parts(texts: list[str]) -> list[Json]:
    return [{"type": "thinking", "thinking": text} for text in texts]
