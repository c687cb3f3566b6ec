"""What the assistant has said in an Anthropic client's history, in the form in which canonical answers come.

What that form has no place for, and the order of blocks that it cannot tell, stand in `native_content`.
"""

from typing import Any

from xroute.dialects.anthropic import cite, seal
from xroute.dialects.anthropic.decode import is_plain
from xroute.dialects.anthropic.history import is_foreign
from xroute.dialects.anthropic.parts import OBJECT, Path, part, simple, text, unlike
from xroute.dialects.anthropic.words import FORMAT
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json


def assistant(message: Json, given: list[Json], at: Path) -> tuple[Json, bool]:
    """The message, and whether another maker's model had a part in it."""
    made: Json = {**message, "content": None}
    texts: list[Json] = []
    rank, foreign = 0, False
    for place, block in enumerate(given):
        kind = block["type"]
        foreign = foreign or is_foreign(block)
        rank = min(rank, -1) if rank < 0 else is_plain(block, rank)
        if kind == "text":
            text(block, "text", (*at, place))
            texts.append(block)
        elif kind == "tool_use":
            made.setdefault("tool_calls", []).append(_call(made, block, (*at, place)))
        elif kind in ("thinking", "redacted_thinking"):
            _think(made, block, (*at, place))
    _say(made, texts, at)
    if rank < 0:
        made["native_content"] = [block for block in given if not seal.is_sealed(block.get("signature"))]
    return made, foreign


def _say(made: Json, texts: list[Json], at: Path) -> None:
    """The text: in one piece where places in it are cited, else in the parts in which it came."""
    if not any(block.get("citations") for block in texts):
        found = [each for block in texts for each in part(block, at)]
        made["content"] = simple(found) or (None if "tool_calls" in made else "")
        return
    said = ""
    for block in texts:
        citations: Any = block.get("citations")
        end = len(said) + len(block["text"])
        cite.annotate(made, citations if codec.is_list(citations) else [], len(said), end)
        said += block["text"]
        _mark(made, block)
    made["content"] = said


def _mark(made: Json, block: Json) -> None:
    """A mark for the cache, on the message."""
    if block.get("cache_control") is not None:
        made["cache_control"] = block["cache_control"]


def _call(made: Json, block: Json, at: Path) -> Json:
    own: Any = block.get("input")
    if not codec.is_object(own):
        raise unlike((*at, "input"), own, OBJECT)
    _mark(made, block)
    function = {"name": text(block, "name", at), "arguments": codec.write(own).decode()}
    return {"id": text(block, "id", at), "type": "function", "function": function}


def _think(made: Json, block: Json, at: Path) -> None:
    """Reasoning as text, and as what its provider needs back."""
    details: list[Json] = made.setdefault("reasoning_details", [])
    place = len(details)
    if block["type"] == "redacted_thinking":
        data = text(block, "data", at)
        details.append({"type": "reasoning.encrypted", "data": data, "format": FORMAT, "index": place})
        return
    thought = text(block, "thinking", at)
    if thought:
        made["reasoning"] = f"{made['reasoning']}\n\n{thought}" if "reasoning" in made else thought
    signature = block.get("signature")
    if isinstance(signature, str) and seal.is_sealed(signature):
        items = seal.unseal(signature, thought)
        details += items
        if not thought and (hidden := "".join(map(seal.text_of, items))):
            made["reasoning"] = hidden
        return
    signed = {"signature": signature} if signature else {}
    details.append({"type": "reasoning.text", "text": thought, **signed, "format": FORMAT, "index": place})
