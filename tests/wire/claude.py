"""What a message of Anthropic's says, read from the provider's bytes without any of xroute's code."""

import json
import re
import struct
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
PLAIN = {"thinking": 0, "redacted_thinking": 0, "text": 1, "tool_use": 2}


class Unreadable(Exception):
    """The body is no message."""


@dataclass
class Reading:
    """A whole message, or the sum of a stream."""

    text: str = ""
    thinking: str = ""
    refusal: str = ""
    thoughts: list[tuple[str, str]] = field(default_factory=list)  # (text or data, signature)
    tools: list[tuple[str, str, Any]] = field(default_factory=list)  # (id, name, input)
    citations: list[Any] = field(default_factory=list)
    cited: list[str] = field(default_factory=list)  # the text that each of them is for
    blocks: list[Json] | None = None
    finish: str | None = None  # OpenAI's word
    native: str | None = None
    usage: Json = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    model: str = ""
    error: str | None = None
    closed: bool = False

    @property
    def foreign(self) -> bool:
        """Whether there are blocks that OpenAI's form has no place for, or in an order that it has not."""
        order = [PLAIN.get(block.get("type", ""), -1) for block in self.blocks or []]
        called = any(
            (block.get("caller") or {}).get("type", "direct") != "direct" for block in self.blocks or []
        )
        return called or -1 in order or order != sorted(order)

    @property
    def holds(self) -> bool:
        return bool(self.text or self.thoughts or self.refusal or self.tools or self.foreign)

    def count(self, name: str) -> int:
        rounds = [one for one in self.usage.get("iterations") or [] if one.get("type") == "compaction"]
        return sum(int(one.get(name) or 0) for one in [self.usage, *rounds])

    @property
    def cached(self) -> int:
        return self.count("cache_read_input_tokens")

    @property
    def written(self) -> int:
        return self.count("cache_creation_input_tokens")

    @property
    def prompt(self) -> int:
        return self.count("input_tokens") + self.cached + self.written

    @property
    def output(self) -> int:
        return self.count("output_tokens")


def whole(text: str) -> Reading:
    """The reading of a body that is not a stream."""
    try:
        body = json.loads(text)
    except ValueError:
        raise Unreadable("not JSON") from None
    if not isinstance(body, dict) or not isinstance(body.get("content"), list):
        raise Unreadable("no content")
    return _read(body)


def _read(body: Json) -> Reading:
    reading = Reading(ids=[body["id"]] if body.get("id") else [], model=body.get("model") or "")
    reading.blocks = body["content"]
    for block in body["content"]:
        _take(reading, block)
    reading.native = body.get("stop_reason")
    reading.finish = _finish(reading, whole=True)
    reading.native = reading.native or reading.finish
    reading.usage = body.get("usage") or {}
    if reading.native == "refusal":
        reading.refusal = (body.get("stop_details") or {}).get("explanation") or ""
    return reading


def _take(reading: Reading, block: Json) -> None:
    kind = block.get("type")
    if kind == "text":
        reading.text += block.get("text") or ""
        for citation in block.get("citations") or []:
            reading.citations.append(citation)
            reading.cited.append(block.get("text") or "")
    elif kind == "thinking":
        reading.thinking += block.get("thinking") or ""
        reading.thoughts.append((block.get("thinking") or "", block.get("signature") or ""))
    elif kind == "redacted_thinking":
        reading.thoughts.append((block.get("data") or "", ""))
    elif kind == "tool_use":
        reading.tools.append((block.get("id") or "", block.get("name") or "", block.get("input") or {}))


def _finish(reading: Reading, *, whole: bool) -> str | None:
    if reading.native is None:
        return ("tool_calls" if reading.tools else "stop") if whole else None
    word = FINISHES.get(reading.native, "stop")
    return "stop" if word == "tool_calls" and not reading.tools else word


def stream(found: list[tuple[str, str]]) -> Reading:
    """The sum of a stream's events."""
    message: Json = {"content": [], "usage": {}}
    blocks: dict[Any, Json] = {}  # the latest of each index
    order: list[Json] = []
    error, closed, native = None, False, None
    for name, data in found:
        if not data.strip() or data.strip() == "[DONE]":
            continue
        event = json.loads(data)
        kind = event.get("type") or name
        if kind == "error" or (event.get("error") and kind not in PLAIN):
            error = str((event.get("error") or {}).get("message"))
            break
        if kind == "message_start" and blocks:
            error = "another answer"
            break
        if kind == "message_start":
            started = event["message"]
            message |= {key: started.get(key) for key in ("id", "model")}
            message["usage"] = dict(started.get("usage") or {})
        elif kind == "content_block_start":
            blocks[event["index"]] = _begun(event["content_block"])
            order.append(blocks[event["index"]])
        elif kind == "content_block_delta" and event["index"] in blocks:
            _more(blocks[event["index"]], event["delta"])
        elif kind == "message_delta":
            delta = event.get("delta") or {}
            native = delta.get("stop_reason") or native
            message["stop_details"] = delta.get("stop_details")
            for key, value in (event.get("usage") or {}).items():
                if value is not None:
                    message["usage"][key] = value
        elif kind == "message_stop":
            closed = True
            break
    message["content"] = [_ended(block) for block in order]
    message["stop_reason"] = native
    reading = _read(message)
    reading.error, reading.closed, reading.native = error, closed, native
    reading.finish = _finish(reading, whole=closed and reading.holds)
    reading.native = native or reading.finish
    return reading


def _begun(block: Json) -> Json:
    return {**block, "_json": ""}


def _more(block: Json, delta: Json) -> None:
    kind = delta.get("type")
    if kind == "text_delta":
        block["text"] = (block.get("text") or "") + delta["text"]
    elif kind == "thinking_delta":
        block["thinking"] = (block.get("thinking") or "") + delta["thinking"]
    elif kind == "signature_delta":
        block["signature"] = delta["signature"]
    elif kind == "input_json_delta":
        block["_json"] += delta.get("partial_json") or ""
    elif kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or []), delta["citation"]]
    elif kind == "compaction_delta":
        block |= {key: value for key, value in delta.items() if key != "type"}


def _ended(block: Json) -> Json:
    text = block.pop("_json")
    if text:
        try:
            block["input"] = json.loads(text)
        except ValueError:
            block["input"] = text  # cut
    return block


def events(text: str) -> list[tuple[str, str]]:
    """(name, data) of each event of a stream of server-sent events."""
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
    return found


def frames(body: bytes) -> list[tuple[str, str]]:
    """The same of an AWS event stream, checksums not looked at."""
    found: list[tuple[str, str]] = []
    while len(body) >= 16:
        length, headers = struct.unpack_from("!II", body)
        payload = body[12 + headers : length - 4]
        head, body = body[12 : 12 + headers], body[length:]
        inner = json.loads(payload)
        if "bytes" in inner:
            found.append(("", b64decode(inner["bytes"]).decode()))
        elif b"exception" in head:
            found.append(("error", json.dumps({"error": {"message": inner.get("message")}})))
    return found
