"""Canonical messages as a system prompt and turns of user and assistant.

https://platform.claude.com/docs/en/api/messages/create, read 2026-11-21.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from xroute.dialects.anthropic import blocks, cite
from xroute.dialects.anthropic.draft import Draft
from xroute.dialects.anthropic.words import FORMAT
from xroute.dialects.openai import codec
from xroute.dialects.openai.calls import made_id
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.message import text_of

_ID = re.compile(r"[^a-zA-Z0-9_-]")  # what the id of a tool call may not hold

_THOUGHTS = ("thinking", "redacted_thinking")


@dataclass(slots=True)
class Turns:
    """The conversation so far."""

    draft: Draft
    inline: bool  # instructions between turns stay where they are, as some models take them
    system: list[Json] = field(default_factory=list[Json])
    turns: list[Json] = field(default_factory=list[Json])
    waiting: list[Json] = field(default_factory=list[Json])  # instructions for after the user's turn
    called: str = ""  # id of the last call of the API before tools

    def add(self, role: str, content: list[Json]) -> None:
        """A turn, or the rest of the one before where that is of the same role."""
        if not content:
            return
        if role == "assistant":
            self.instruct()
        last = self.turns[-1] if self.turns else {}
        if last.get("role") == role:
            last["content"] += content
        else:
            self.turns.append({"role": role, "content": list(content)})

    def instruct(self) -> None:
        """Instructions that waited: right after a user's turn, else with the system prompt.

        https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages,
        read 2026-11-21.
        """
        found, self.waiting = self.waiting, []
        if found and self.turns and self.turns[-1]["role"] == "user":
            self.turns.append({"role": "system", "content": found})
        else:
            self.lead(found, "messages")

    def lead(self, found: list[Json], where: str) -> None:
        """Adds to the system prompt, which is of text alone."""
        kept = [block for block in found if block["type"] == "text"]
        self.system += kept
        if len(kept) != len(found):
            self.draft.drop(where)


def write(draft: Draft, *, inline: bool) -> None:
    """`system` and `messages` of the request."""
    told = Turns(draft, inline)
    given: Any = draft.body.get("messages")
    for place, message in enumerate(given if codec.is_list(given) else []):
        if codec.is_object(message):
            _message(told, message, f"messages[{place}]")
    told.instruct()
    if not told.turns and told.system:  # OpenAI takes a system message alone; Anthropic wants a user's
        told.turns, told.system = [{"role": "user", "content": told.system}], []
    for turn in told.turns:
        if turn["role"] == "user":  # results have to come first
            turn["content"].sort(key=_is_no_result)
    _prefill(told, f"messages[{len(given) - 1}]" if codec.is_list(given) else "")
    if told.system:
        draft.sent["system"] = blocks.plain(told.system)
    draft.sent["messages"] = [{**turn, "content": blocks.plain(turn["content"])} for turn in told.turns]


def _is_no_result(block: Json) -> bool:
    return block["type"] != "tool_result"


def _message(told: Turns, message: Json, where: str) -> None:
    role = message.get("role")
    if role in ("system", "developer"):
        content = _content(told, message, where)
        if told.turns and told.inline:
            told.waiting += content
        else:
            told.lead(content, where)
    elif role == "assistant":
        told.add("assistant", _assistant(told, message, where))
    elif role in ("tool", "function"):
        told.add("user", [_result(told, message, where)])
    elif role == "user":
        told.add("user", _content(told, message, where))
    else:
        told.draft.drop(where)


def _content(told: Turns, message: Json, where: str) -> list[Json]:
    """The blocks of a message's content, with the message's own cache marker."""
    content = message.get("content")
    found: list[Json] = []
    for place, part in enumerate(content if codec.is_list(content) else [content or ""]):
        block = blocks.of(part)
        if block is None:
            told.draft.drop(f"{where}.content[{place}]" if codec.is_list(content) else f"{where}.content")
        elif block:
            found.append(block)
    blocks.cache(found, message.get("cache_control"))
    return found


def _result(told: Turns, message: Json, where: str) -> Json:
    own: Any = message.get("tool_call_id")
    result: Json = {
        "type": "tool_result",
        "tool_use_id": _ID.sub("_", own) if isinstance(own, str) and own else told.called,
    }
    content = message.get("content")
    said = content if isinstance(content, str) else blocks.plain(_content(told, {"content": content}, where))
    if said:
        result["content"] = said
    if message.get("is_error") is True:
        result["is_error"] = True
    if codec.is_object(control := message.get("cache_control")):
        result["cache_control"] = control
    return result


def _assistant(told: Turns, message: Json, where: str) -> list[Json]:
    """An earlier answer: as Anthropic gave it where that is known whole, else thinking, text, calls."""
    if own := _whole(message):
        found = own
    else:
        found = _thoughts(told, message) + _said(told, message, where) + _calls(told, message, where)
    if found and all(block["type"] in _THOUGHTS for block in found):
        return []  # thinking alone is refused
    blocks.cache(found, message.get("cache_control"))
    return found


def _whole(message: Json) -> list[Json]:
    """The blocks that the answer came in, where the client has changed nothing of its text and calls."""
    given: Any = message.get("native_content")
    if not codec.is_list(given) or not given:
        return []
    found = [block for block in given if codec.is_object(block) and isinstance(block.get("type"), str)]
    kinds = {block["type"] for block in found}
    if not all(blocks.OWN.fullmatch(kind) or kind in ("text", "tool_use", *_THOUGHTS) for kind in kinds):
        return []
    said = "".join(text_of(block) for block in found if block["type"] == "text")
    own = [block.get("id") for block in found if block["type"] == "tool_use"]
    if said != text_of(message.get("content")) or own != [call.get("id") for call in _listed(message)]:
        return []
    return [block for block in found if block["type"] != "text" or text_of(block).strip()]


def _said(told: Turns, message: Json, where: str) -> list[Json]:
    content = message.get("content")
    if isinstance(content, str) and content.strip():
        return [block for block in cite.texts(content, message) if block["text"].strip()]
    if content and not isinstance(content, str):
        return _content(told, {"content": content}, where)
    refused = blocks.text(message.get("refusal"))
    return [refused] if refused else []


def _thoughts(told: Turns, message: Json) -> list[Json]:
    """Signed thinking that Claude can read back; other makers' reasoning is of no use to it."""
    items: Any = message.get("reasoning_details")
    if not told.draft.family.can_think or not codec.is_list(items):
        return []
    found: list[Json] = []
    for item in _merged(items):
        if item.get("type") == "reasoning.encrypted" and item.get("data"):
            found.append({"type": "redacted_thinking", "data": item["data"]})
        elif item.get("type") == "reasoning.text" and item.get("signature"):
            thought = item.get("text") or ""
            found.append({"type": "thinking", "thinking": thought, "signature": item["signature"]})
    return found


def _merged(items: list[Any]) -> list[Json]:
    """The items of our format; pieces of a stream that the client has not joined are joined."""
    found: list[Json] = []
    for item in items:
        if not codec.is_object(item) or item.get("format", FORMAT) != FORMAT:
            continue
        index = item.get("index")
        if found and index is not None and found[-1].get("index") == index:
            joined = (found[-1].get("text") or "") + (item.get("text") or "")
            found[-1] = {**found[-1], **item, "text": joined}
        else:
            found.append(item)
    return found


def _calls(told: Turns, message: Json, where: str) -> list[Json]:
    found = [_call(call, f"{where}:{place}") for place, call in enumerate(_listed(message))]
    if codec.is_object(older := message.get("function_call")):
        told.called = made_id(where)
        found.append(_call({"id": told.called, "function": older}, where))
    return found


def _listed(message: Json) -> list[Json]:
    calls: Any = message.get("tool_calls")
    return [call for call in calls if codec.is_object(call)] if codec.is_list(calls) else []


def _call(call: Json, seed: str) -> Json:
    custom, function = call.get("custom"), call.get("function")
    if codec.is_object(custom):
        name, given = custom.get("name"), {"input": custom.get("input") or ""}
    else:
        own: Json = function if codec.is_object(function) else {}
        name, given = own.get("name"), _input(own.get("arguments"))
    own_id = call.get("id")
    use: Json = {
        "type": "tool_use",
        "id": _ID.sub("_", own_id) if isinstance(own_id, str) and own_id else made_id(seed),
        "name": name or "",
        "input": given,
    }
    if codec.is_object(control := call.get("cache_control")):
        use["cache_control"] = control
    return use


def _input(arguments: Any) -> Json:
    """Arguments as the object that Anthropic wants; text that is none is put into one."""
    if codec.is_object(arguments):
        return arguments
    if not isinstance(arguments, str) or not arguments.strip():
        return {}
    try:
        value = codec.read(arguments.encode("utf-8", "surrogatepass"))
    except ValueError:
        value = arguments
    return value if codec.is_object(value) else {"input": value}


def _prefill(told: Turns, where: str) -> None:
    """An assistant's text at the end is continued; some models refuse it, and all a blank at its end.

    https://platform.claude.com/docs/en/api/errors, read 2026-11-21.
    """
    last = told.turns[-1] if told.turns else {}
    if last.get("role") != "assistant" or any(block["type"] != "text" for block in last["content"]):
        return
    if not told.draft.family.prefill:
        told.turns.pop()
        told.draft.drop(where)
        return
    end: Json = last["content"][-1]
    last["content"][-1] = {**end, "text": end["text"].rstrip()}
