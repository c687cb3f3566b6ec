"""Canonical messages as Converse's system blocks and turns."""

from base64 import b64encode
from typing import Any

from xroute.dialects.bedrock import parts
from xroute.dialects.bedrock.draft import Draft, call_id
from xroute.dialects.bedrock.families import CLAUDE
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

_RESULTS = ("tool", "function")
# Blocks of server tools, which decode keeps in native_content.
_SERVED = frozenset({"toolUse", "toolResult"})
# A document must come with a text:
# https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html, read 2026-11-21.
_TEXTLESS = "Document: "


def write(messages: Any, draft: Draft) -> tuple[list[Json], list[Json]]:
    """(system blocks, turns): turns of one role in a row are one, and no message is blank."""
    told = _Told(draft)
    given: list[Any] = messages if codec.is_list(messages) else []
    for number, said in enumerate(given):
        if codec.is_object(said):
            told.hear(said, f"messages[{number}]")
    told.instruct()
    if not told.turns and told.system:  # Converse wants a user's turn, and OpenAI does not
        told.turns, told.system = [{"role": "user", "content": told.system}], []
    for turn in told.turns:
        _lead(turn)
    _prefill(told.turns, draft, f"messages[{len(given) - 1}]")
    return told.system, told.turns


class _Told:
    """The conversation while it is written."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        # https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages, and
        # Message.role in https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html,
        # both read 2026-11-21
        self._inline = draft.family.claude is not None and draft.family.claude.inline
        self._waiting: list[Json] = []  # instructions for after the user's turn
        self.system: list[Json] = []
        self.turns: list[Json] = []

    def hear(self, said: Json, where: str) -> None:
        """One message."""
        role: Any = said.get("role")
        if role not in ("system", "developer"):
            self._add("assistant" if role == "assistant" else "user", _blocks(said, where, self._draft))
            return
        blocks = _system(said, where, self._draft)
        if self._inline and self.turns:
            self._waiting += blocks
        else:
            self.system += blocks

    def instruct(self) -> None:
        """Instructions that waited: right after a user's turn, else with the system prompt."""
        found, self._waiting = self._waiting, []
        if found and self.turns and self.turns[-1]["role"] == "user":
            self.turns.append({"role": "system", "content": found})
        else:
            self.system += found

    def _add(self, role: str, blocks: list[Json]) -> None:
        if not blocks:
            return
        if role == "assistant":
            if all("reasoningContent" in block for block in blocks):
                return  # thinking alone is refused
            self.instruct()
        if self.turns and self.turns[-1]["role"] == role:
            self.turns[-1]["content"] += blocks
        else:
            self.turns.append({"role": role, "content": blocks})


def _prefill(turns: list[Json], draft: Draft, where: str) -> None:
    """An assistant's text at the end is continued; some models refuse it, and all a blank at its end.

    https://platform.claude.com/docs/en/api/errors, read 2026-11-21.
    """
    last = turns[-1] if len(turns) > 1 else {}
    if last.get("role") != "assistant" or any("text" not in block for block in last["content"]):
        return
    if draft.family.claude is not None and not draft.family.claude.prefill:
        turns.pop()
        draft.drop(where)
        return
    last["content"][-1] = {"text": last["content"][-1]["text"].rstrip()}


def has_tools(turns: list[Json]) -> bool:
    """Whether a call or a result stands in the turns: Bedrock then wants toolConfig."""
    return any("toolUse" in block or "toolResult" in block for turn in turns for block in turn["content"])


def _lead(turn: Json) -> None:
    """Results first, as Claude wants them; a text beside documents."""
    blocks: list[Json] = turn["content"]
    if turn["role"] != "user":
        return
    if any("toolResult" in block for block in blocks):
        turn["content"] = _results_first(blocks)
        return
    names = [block["document"]["name"] for block in blocks if "document" in block]
    if names and not any("text" in block for block in blocks):
        blocks.append({"text": _TEXTLESS + ", ".join(names)})


def _results_first(blocks: list[Json]) -> list[Json]:
    """A cache point behind a result moves with it."""
    first: list[Json] = []
    rest: list[Json] = []
    into = rest
    for block in blocks:
        if "cachePoint" not in block:
            into = first if "toolResult" in block else rest
        into.append(block)
    return first + rest


def _system(said: Json, where: str, draft: Draft) -> list[Json]:
    """The system prompt takes texts, guarded content and cache points."""
    blocks: list[Json] = []
    for block in parts.write(said.get("content"), where, draft):
        if block.keys() & {"text", "guardContent", "cachePoint"}:
            blocks.append(block)
        else:
            draft.drop(f"{where}.content")
    _system_points(blocks, draft, where)
    draft.mark(blocks, said, where, "system")
    return blocks


def _system_points(blocks: list[Json], draft: Draft, where: str) -> None:
    if "system" not in draft.family.caching and any("cachePoint" in block for block in blocks):
        blocks[:] = [block for block in blocks if "cachePoint" not in block]
        draft.drop(f"{where}.cache_control")


def _blocks(said: Json, where: str, draft: Draft) -> list[Json]:
    role: Any = said.get("role")
    if role in _RESULTS:
        blocks = _result(said, where, draft)
    elif role == "assistant":
        blocks = _assistant(said, where, draft)
    else:
        blocks = parts.write(said.get("content"), where, draft)
    draft.mark(blocks, said, where)
    return blocks


def _result(said: Json, where: str, draft: Draft) -> list[Json]:
    content, points = parts.result(said.get("content"), where, draft)
    own = said.get("tool_call_id") or said.get("name")
    block: Json = {"toolUseId": call_id(own), "content": content}
    if said.get("is_error") is True:
        block["status"] = "error"
    return [{"toolResult": block}, *points]


def _assistant(said: Json, where: str, draft: Draft) -> list[Json]:
    """Reasoning stands first: Claude refuses a turn whose signed thinking comes later."""
    blocks = [*_thoughts(said, draft), *_served(said)]
    blocks += parts.write(said.get("content"), where, draft) or parts.text(said.get("refusal"))
    if not said.get("content") and codec.is_object(audio := said.get("audio")):
        blocks += parts.text(audio.get("transcript"))
    return blocks + _calls(said, draft)


def _served(said: Json) -> list[Json]:
    given: Any = said.get("native_content")
    kept: list[Any] = given if codec.is_list(given) else []
    return [block for block in kept if codec.is_object(block) and len(block) == 1 and block.keys() <= _SERVED]


def _thoughts(said: Json, draft: Draft) -> list[Json]:
    """Reasoning that this model wrote and can read back; other makers' is left out."""
    given: Any = said.get("reasoning_details")
    details: list[Any] = given if codec.is_list(given) else []
    found = [_thought(item, draft.family.returns) for item in details if codec.is_object(item)]
    return [{"reasoningContent": block} for block in found if block]


def _thought(item: Json, reads: str) -> Json | None:
    if not reads or item.get("format") not in (reads, None):
        return None
    kind, text, signature = item.get("type"), item.get("text"), item.get("signature")
    if kind == "reasoning.encrypted" and isinstance(data := item.get("data"), str) and data:
        return {
            "redactedContent": b64encode(data.encode("utf-8", "replace")).decode()
            if reads == CLAUDE
            else data
        }
    if kind != "reasoning.text" or not isinstance(text, str):
        return None
    if isinstance(signature, str) and signature:
        return {"reasoningText": {"text": text, "signature": signature}}
    return {"reasoningText": {"text": text}} if reads != CLAUDE and text else None


def _calls(said: Json, draft: Draft) -> list[Json]:
    given: Any = said.get("tool_calls")
    blocks: list[Json] = []
    calls: list[Any] = given if codec.is_list(given) else []
    for call in calls:
        if codec.is_object(call):
            written = [_call(call)]
            draft.mark(written, call, "tool_calls")
            blocks += written
    if codec.is_object(old := said.get("function_call")):
        blocks.append(_call({"id": old.get("name"), "function": old}))
    return blocks


def _call(call: Json) -> Json:
    custom: Any = call.get("custom")
    if codec.is_object(custom):
        name, arguments = custom.get("name"), {"input": custom.get("input")}
    else:
        function: Any = call.get("function")
        own: Json = function if codec.is_object(function) else {}
        name, arguments = own.get("name"), _input(own.get("arguments"))
    return {"toolUse": {"toolUseId": call_id(call.get("id")), "name": str(name or ""), "input": arguments}}


def _input(arguments: Any) -> Any:
    """Arguments as the object that Converse wants; a text that is none is kept in one."""
    if codec.is_object(arguments):
        return arguments
    text = arguments if isinstance(arguments, str) else ""
    if not text.strip():
        return {}
    try:
        value = codec.read(text.encode("utf-8", "replace"))
    except ValueError:
        return {"arguments": text}
    return value if codec.is_object(value) else {"arguments": value}
