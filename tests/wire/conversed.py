"""What Bedrock's Converse answered, read without any of xroute's code; frames by botocore's own reader."""

import json
import struct
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from botocore.eventstream import EventStreamBuffer
from tests.wire import reading
from tests.wire.reading import Reading, Tool
from tests.wire.recordings import Recording

Json = dict[str, Any]

FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}


@dataclass
class Said(Reading):
    """An answer with what only Converse says."""

    signatures: list[str] = field(default_factory=list)  # of signed reasoning
    sealed: list[str] = field(default_factory=list)  # encrypted reasoning, in base64
    addresses: list[str] = field(default_factory=list)  # of sources
    others: int = 0  # sources without an address
    served: list[str] = field(default_factory=list)  # ids of what the provider's own tools were asked


def whole(body: Json) -> Said:
    said = Said(usage=_usage(body.get("usage")))
    one = said.choice(0)
    for block in body["output"]["message"]["content"]:
        _block(said, one, block)
    one.finish = FINISHES.get(body["stopReason"], "stop")
    return said


def _block(said: Said, one: reading.Choice, block: Json) -> None:
    if "text" in block:
        one.text += block["text"]
    if use := block.get("toolUse"):
        if use.get("type") == "server_tool_use":
            said.served.append(use["toolUseId"])
        else:
            one.tools.append(Tool(use["name"], json.dumps(use.get("input") or {}), use["toolUseId"]))
    if thought := block.get("reasoningContent"):
        text = thought.get("reasoningText") or {}
        one.reasoning += text.get("text", "")
        said.signatures += [text["signature"]] if text.get("signature") else []
        said.sealed += [thought["redactedContent"]] if "redactedContent" in thought else []
    if cited := block.get("citationsContent"):
        one.text += "".join(piece.get("text", "") for piece in cited.get("content") or [])
        for citation in cited.get("citations") or []:
            _source(said, citation)


def _source(said: Said, citation: Json) -> None:
    address = (citation.get("location") or {}).get("web", {}).get("url") or citation.get("source") or ""
    if "://" in address:
        said.addresses.append(address)
    else:
        said.others += 1


def _usage(usage: Json | None) -> Json | None:
    if not usage or "inputTokens" not in usage:
        return None
    beside = usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
    told = {
        "prompt_tokens": usage["inputTokens"] + beside,
        "completion_tokens": usage["outputTokens"],
        "cached_tokens": usage.get("cacheReadInputTokens", 0),
        "cache_write_tokens": usage.get("cacheWriteInputTokens", 0),
    }
    told["total_tokens"] = told["prompt_tokens"] + told["completion_tokens"]
    return told


def events(recording: Recording) -> Iterator[tuple[str, Json]]:
    """(name, payload) of each event, by botocore's own reader."""
    buffer = EventStreamBuffer()
    buffer.add_data(frames(recording))
    for message in buffer:
        headers = message.headers
        name = headers.get(":event-type") or headers.get(":exception-type") or ""
        yield name, json.loads(message.payload or b"{}")


def frames(recording: Recording) -> bytes:
    """The stream as AWS frames it; some recordings hold only the events, one a line."""
    if recording.data.get("response_encoding") == "base64":
        return b64decode(recording.text)
    found = b""
    for line in recording.text.splitlines():
        if line.strip():
            ((name, payload),) = json.loads(line).items()
            found += _frame(name, json.dumps(payload).encode())
    return found


def _frame(name: str, payload: bytes) -> bytes:
    headers = b""
    for key, value in ((":event-type", name), (":message-type", "event")):
        headers += bytes([len(key)]) + key.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
    head = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    head += struct.pack("!I", crc32(head))
    body = head + headers + payload
    return body + struct.pack("!I", crc32(body))


def stream(recording: Recording) -> Said:
    said = Said()
    tools: dict[int, Tool] = {}
    for name, body in events(recording):
        if name.endswith("Exception"):
            said.error = body.get("message") or name
            break
        index = body.get("contentBlockIndex")
        if name == "contentBlockStart":
            _started(said, tools, index, body.get("start") or {})
        elif name == "contentBlockDelta":
            _added(said, tools, index, body["delta"])
        elif name == "messageStop":
            said.choice(0).finish = FINISHES.get(body["stopReason"], "stop")
        elif name == "metadata":
            said.usage = _usage(body.get("usage"))
    for tool in tools.values():
        tool.arguments = tool.arguments or "{}"
    said.closed = said.finished
    return said


def _started(said: Said, tools: dict[int, Tool], index: int, start: Json) -> None:
    use = start.get("toolUse")
    if use and use.get("type") == "server_tool_use":
        said.served.append(use["toolUseId"])
    elif use:
        tools[index] = Tool(use["name"], "", use["toolUseId"])
        said.choice(0).tools.append(tools[index])


def _added(said: Said, tools: dict[int, Tool], index: int, delta: Json) -> None:
    one = said.choice(0)
    thought = delta.get("reasoningContent") or {}
    one.text += delta.get("text", "")
    one.reasoning += thought.get("text", "")
    said.signatures += [thought["signature"]] if "signature" in thought else []
    said.sealed += [thought["redactedContent"]] if "redactedContent" in thought else []
    if "toolUse" in delta and index in tools:
        tools[index].arguments += delta["toolUse"]["input"]
    if "citation" in delta:
        _source(said, delta["citation"])
