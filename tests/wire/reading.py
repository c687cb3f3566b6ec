"""What a chat completion says, read from the provider's bytes without any of xroute's code.

It is written apart from the dialect on purpose: two readers that agree are more likely right than one.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

FINISHES = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "function_call",
    "content_filter": "content_filter",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "eos": "stop",
    "end_turn": "stop",
    "max_tokens": "length",
    "safety": "content_filter",
}


class Unreadable(Exception):
    """The body is not a chat completion."""


@dataclass
class Tool:
    name: str = ""
    arguments: str = ""
    id: str = ""


@dataclass
class Choice:
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    sound: str = ""  # transcript and data of audio
    tools: list[Tool] = field(default_factory=list)
    finish: str | None = None  # OpenAI's word; None where none was given


@dataclass
class Reading:
    """A whole answer, or the sum of a stream."""

    choices: dict[int, Choice] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    usage: Json | None = None
    error: str | None = None  # its message
    closed: bool = False  # a stream's [DONE]

    def choice(self, index: int) -> Choice:
        return self.choices.setdefault(index, Choice())

    @property
    def finished(self) -> bool:
        return bool(self.choices) and all(choice.finish for choice in self.choices.values())

    @property
    def holds(self) -> bool:
        return any(c.text or c.reasoning or c.refusal or c.sound or c.tools for c in self.choices.values())


def whole(text: str) -> Reading:
    """The reading of a body that is not a stream."""
    try:
        body = json.loads(text)
    except ValueError:
        raise Unreadable("not JSON") from None
    if not isinstance(body, dict):
        raise Unreadable("not an object")
    reading = Reading(ids=[body["id"]] if body.get("id") else [])
    reading.error = _failed(body)
    if not reading.error and "choices" not in body:
        raise Unreadable("no choices")
    for place, choice in enumerate(body.get("choices") or []):
        said = choice.get("message") or {}
        one = reading.choice(choice.get("index", place))
        _say(one, said)
        one.tools = [_tool(call) for call in said.get("tool_calls") or []]
        one.finish = _finish(choice.get("finish_reason")) or ("tool_calls" if one.tools else "stop")
    reading.usage = _usage(body)
    return reading


def stream(text: str) -> Reading:
    """The sum of a stream of server-sent events."""
    reading = Reading()
    seen = 0
    for name, data in events(text):
        seen += 1
        if data.strip() == "[DONE]":
            reading.closed = True
            break
        if not data.strip():
            continue
        chunk = json.loads(data)
        reading.error = _failed(chunk) or (name == "error" and "error") or None
        if reading.error:
            return reading
        _add(reading, chunk)
    if not seen and text.strip():
        return whole(text)
    return reading


def events(text: str) -> list[tuple[str, str]]:
    """(name, data) of each event, by the letter of the standard but for an `error` field."""
    found: list[tuple[str, str]] = []
    name, data = "", []
    for line in [*re.split(r"\r\n|\n|\r", text), ""]:
        if not line:
            if data:
                found.append((name, "\n".join(data)))
            name, data = "", []
            continue
        key, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if key == "data":
            data.append(value)
        elif key == "event":
            name = value
        elif key == "error":
            name, data = "error", [value]
    return found


def _add(reading: Reading, chunk: Json) -> None:
    if chunk.get("id"):
        reading.ids.append(chunk["id"])
    reading.usage = _usage(chunk) or reading.usage
    for place, choice in enumerate(chunk.get("choices") or []):
        one = reading.choice(choice.get("index", place))
        delta = choice.get("delta") or choice.get("message") or {}
        _say(one, delta)
        for call in delta.get("tool_calls") or []:
            _join(one.tools, call)
        one.finish = _finish(choice.get("finish_reason")) or one.finish


def _say(one: Choice, said: Json) -> None:
    content = said.get("content")
    if isinstance(content, str):
        one.text += content
    elif isinstance(content, list):
        for part in content:
            if part.get("type") == "thinking":
                one.reasoning += "".join(inner.get("text", "") for inner in part.get("thinking") or [])
            else:
                one.text += part.get("text") or ""
    elif content is not None:
        one.text += json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    for name in ("reasoning", "reasoning_content"):
        if isinstance(said.get(name), str) and said[name]:
            one.reasoning += said[name]
            break
    one.refusal += said.get("refusal") or ""
    audio = said.get("audio") or {}
    one.sound += (audio.get("transcript") or "") + (audio.get("data") or "")
    if isinstance(call := said.get("function_call"), dict) and call.get("name"):
        one.text += f"<{call['name']}>{call.get('arguments') or ''}"


def _tool(call: Json) -> Tool:
    function = call.get("function") or call.get("custom") or {}
    arguments = function.get("arguments", function.get("input"))
    if arguments is None:
        arguments = "{}"
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, separators=(",", ":"), ensure_ascii=False)
    return Tool(function.get("name") or "", arguments, call.get("id") or "")


def _join(tools: list[Tool], call: Json) -> None:
    """Add a piece of a call: one with an unseen id and a name is another call, else the last of its index."""
    function = call.get("function") or {}
    arguments = function.get("arguments") or ""
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, separators=(",", ":"), ensure_ascii=False)
    own, name = call.get("id") or "", function.get("name") or ""
    known = next((tool for tool in tools if own and tool.id == own), None)
    if known is None and not (own and name) and tools:
        index = call.get("index")
        numbered = [tool for tool in tools if getattr(tool, "index", None) == index]
        known = numbered[-1] if numbered else None if name else tools[-1]
    if known is None:
        known = _Numbered(name, "", own, call.get("index"))
        tools.append(known)
    known.arguments += arguments


@dataclass
class _Numbered(Tool):
    index: int | None = None


def _finish(word: Any) -> str | None:
    return FINISHES.get(word.lower(), word) if isinstance(word, str) and word else None


def _usage(body: Json) -> Json | None:
    """OpenAI's usage object, where it stands in the recordings."""
    choices = body.get("choices") or [{}]
    groq = body.get("x_groq") or {}
    for usage in (body.get("usage"), groq.get("usage"), choices[0].get("usage")):
        if isinstance(usage, dict) and isinstance(usage.get("prompt_tokens"), (int, float)):
            return usage
    return None


def _failed(body: Json) -> str | None:
    """The message of an error in the place of an answer."""
    places = [body, *(choice for choice in body.get("choices") or [] if isinstance(choice, dict))]
    for place in places:
        error = place.get("error")
        if isinstance(error, dict):
            return str(error.get("message") or "error")
        if error:
            return str(error)
        if place.get("finish_reason") == "error":
            return "error"
    detail = body.get("detail")
    if detail and "choices" not in body:
        return str(detail.get("message") if isinstance(detail, dict) else detail)
    status = body.get("base_resp") or {}
    if status.get("status_code") and not body.get("choices"):
        return str(status.get("status_msg"))
    return None
