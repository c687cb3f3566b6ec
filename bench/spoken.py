"""The constant answers of the upstreams in each dialect that is measured."""

import json
from dataclasses import dataclass
from typing import Any

from bench import sse
from bench.sse import CHUNKS


@dataclass(frozen=True, slots=True)
class Spoken:
    """One dialect's answers, as its provider writes them."""

    whole: str
    first: bytes  # the events before the first text
    chunks: tuple[bytes, ...]  # CHUNKS events with a few characters of text each
    last: bytes  # the events after the last text

    @property
    def stream(self) -> bytes:
        """All of a stream."""
        return self.first + b"".join(self.chunks) + self.last


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _openai() -> Spoken:
    return Spoken(sse.WHOLE, b"", (sse.chunk_event(),) * CHUNKS, sse.last_events())


def _anthropic() -> Spoken:
    usage = {
        "input_tokens": 12,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 10,
        "service_tier": "standard",
    }
    message: dict[str, Any] = {
        "model": "claude-sonnet-4-5-20250929",
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "Hello there, how can I help you today?"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }
    start = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    block = {"index": 0, "content_block": {"type": "text", "text": ""}}
    text = {"index": 0, "delta": {"type": "text_delta", "text": " hello"}}
    ending = {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": CHUNKS}}
    return Spoken(
        _json(message),
        _named("message_start", {"message": start})
        + _named("content_block_start", block)
        + _named("ping", {}),
        (_named("content_block_delta", text),) * CHUNKS,
        _named("content_block_stop", {"index": 0})
        + _named("message_delta", ending)
        + _named("message_stop", {}),
    )


def _named(name: str, body: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {_json({'type': name, **body})}\n\n".encode()


def _gemini() -> Spoken:
    """Each event repeats the usage so far, so no two are the same."""
    return Spoken(
        _json(_response("Hello there, how can I help you today?", 10, "STOP")),
        b"",
        tuple(_data(_response(" hello", count + 1)) for count in range(CHUNKS)),
        _data(_response("", CHUNKS, "STOP")),
    )


def _response(text: str, count: int, reason: str = "") -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}}
    if reason:
        candidate["finishReason"] = reason
    return {
        "candidates": [{**candidate, "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 12,
            "candidatesTokenCount": count,
            "totalTokenCount": 12 + count,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}],
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "eb-FapqKAZ36nsEP49ya-As",
    }


def _data(body: dict[str, Any]) -> bytes:
    """As Google writes it: with spaces after the colons, and CRLF."""
    return f"data: {json.dumps(body)}\r\n\r\n".encode()


DIALECTS = {"openai": _openai(), "anthropic": _anthropic(), "gemini": _gemini()}
