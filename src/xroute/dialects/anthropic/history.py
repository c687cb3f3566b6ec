"""A conversation in which other makers' models have spoken, as Anthropic takes it.

Anthropic refuses a request whose thinking it has not signed itself, whose citations it has not encrypted, and
ids of tool calls that hold other characters than these:
https://platform.claude.com/docs/en/build-with-claude/extended-thinking, read 2026-11-21.
"""

import re
from typing import Any

from xroute.dialects.anthropic.seal import is_sealed
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_OTHER = re.compile(r"[^a-zA-Z0-9_-]")


def is_foreign(block: Json) -> bool:
    """Whether Anthropic would refuse a block of the history, as it came from another provider."""
    kind = block.get("type")
    if kind == "thinking":
        return is_sealed(block.get("signature"))
    if kind == "tool_use":
        return not _ID.fullmatch(str(block.get("id")))
    return kind == "text" and _is_open(block.get("citations"))


def cleaned(given: Json) -> bytes:
    """The client's request without what Anthropic would refuse; nothing else is changed."""
    messages = [_message(message) for message in given["messages"]]
    kept: Json = {**given, "messages": [message for message in messages if message.get("content") != []]}
    if _is_bare(kept):
        kept.pop("thinking", None)
    return codec.write(kept)


def _message(message: Json) -> Json:
    content = message.get("content")
    if not codec.is_list(content):
        return message
    return {**message, "content": [_block(block) for block in content if not _is_unsigned(block)]}


def _block(block: Json) -> Json:
    kind = block.get("type")
    for name, of in (("id", "tool_use"), ("tool_use_id", "tool_result")):
        if kind == of and not _ID.fullmatch(str(block.get(name))):
            return {**block, name: _OTHER.sub("_", str(block.get(name)))}
    if kind == "text" and _is_open(block.get("citations")):
        return {name: value for name, value in block.items() if name != "citations"}
    return block


def _is_unsigned(block: Json) -> bool:
    return block.get("type") == "thinking" and is_sealed(block.get("signature"))


def _is_open(citations: Any) -> bool:
    """Whether there is a citation of a web page without Anthropic's index of it."""
    return codec.is_list(citations) and any(
        codec.is_object(one)
        and one.get("type") == "web_search_result_location"
        and not one.get("encrypted_index")
        for one in citations
    )


def _is_bare(given: Json) -> bool:
    """Whether a turn of tools has lost the thinking that "enabled" thinking has to begin with."""
    thinking: Any = given.get("thinking")
    if not codec.is_object(thinking) or thinking.get("type") != "enabled" or len(given["messages"]) < 2:
        return False
    last, before = given["messages"][-1], given["messages"][-2]
    return _first(last) == "tool_result" and _first(before) not in ("thinking", "redacted_thinking")


def _first(message: Json) -> Any:
    content: Any = message.get("content")
    if not codec.is_list(content) or not content:
        return None
    return content[0].get("type")
