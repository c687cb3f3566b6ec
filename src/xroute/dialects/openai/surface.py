"""The OpenAI client's side: answers and streams as they are in canonical form, and errors."""

from collections.abc import Sequence
from typing import Any

import orjson

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.message import REASONING
from xroute.errors import CallError
from xroute.wire.chunk import Chunk

DONE = b"data: [DONE]\n\n"


class ChatSurface:
    """Chat Completions. The same object serves every call: canonical form needs no memory."""

    dialect = "openai"

    def __init__(self, *, include_usage: bool) -> None:
        self._include_usage = include_usage

    def write(self, body: Json) -> bytes:
        return codec.write(body)

    def encoder(self, request_id: str, created: int) -> "ChatEncoder":
        return ChatEncoder(request_id, include_usage=self._include_usage)

    def refuse(self, error: CallError, request_id: str) -> bytes:
        return refuse(error, request_id)


class ChatEncoder:
    """Chunks as server-sent events."""

    __slots__ = ("_include_usage", "_request_id")

    def __init__(self, request_id: str, *, include_usage: bool) -> None:
        self._request_id = request_id
        self._include_usage = include_usage

    def feed(self, chunks: Sequence[Chunk]) -> bytes:
        if len(chunks) == 1:
            return b"data: %b\n\n" % chunks[0].raw
        return b"".join([b"data: %b\n\n" % chunk.raw for chunk in chunks])

    def finish(self, last: bytes) -> bytes:
        return b"data: %b\n\n%b" % (last, DONE) if last and self._include_usage else DONE

    def fail(self, error: CallError, chunk: Json) -> bytes:
        """The chunk with a top-level `error` and `finish_reason: "error"`, then [DONE]."""
        return b"data: %b\n\n%b" % (
            orjson.dumps({**chunk, "error": error_object(error, self._request_id)}),
            DONE,
        )


class QuietSurface(ChatSurface):
    """Chat Completions for a client that wants no reasoning in its answer; sealed reasoning stays, as the
    next turn needs it."""

    def write(self, body: Json) -> bytes:
        for choice in body["choices"]:
            _quiet(choice["message"])
        return codec.write(body)

    def encoder(self, request_id: str, created: int) -> "ChatEncoder":
        return QuietEncoder(request_id, include_usage=self._include_usage)


class QuietEncoder(ChatEncoder):
    """Chunks without reasoning; one that held nothing else is left out."""

    __slots__ = ()

    def feed(self, chunks: Sequence[Chunk]) -> bytes:
        return super().feed([quiet for chunk in chunks if (quiet := _silenced(chunk))])


def _silenced(chunk: Chunk) -> Chunk | None:
    if not any(name in chunk.raw for name in _NAMED):
        return chunk
    body: Json = codec.read(chunk.raw)
    said = [choice for choice in body["choices"] if _quiet(choice["delta"]) or choice.get("finish_reason")]
    if body["choices"] and not said:
        return None
    return Chunk(codec.write({**body, "choices": said}), chunk.content, chunk.finish)


def _quiet(said: Json) -> bool:
    """Takes the reasoning out of a message or a delta; whether it holds anything else."""
    for name in REASONING:
        said.pop(name, None)
    details: Any = said.pop("reasoning_details", None)
    kept = [item for item in details or () if codec.is_object(item) and item.get("type") == _SEALED]
    if kept:
        said["reasoning_details"] = kept
    return any(value for name, value in said.items() if name != "role")


_SEALED = "reasoning.encrypted"
_NAMED = tuple(f'"{name}"'.encode() for name in (*REASONING, "reasoning_details"))
CHAT = ChatSurface(include_usage=False)
CHAT_WITH_USAGE = ChatSurface(include_usage=True)
QUIET = QuietSurface(include_usage=False)
QUIET_WITH_USAGE = QuietSurface(include_usage=True)


def refuse(error: CallError, request_id: str) -> bytes:
    """The body of an error answer."""
    return orjson.dumps({"error": error_object(error, request_id)})


def error_object(error: CallError, request_id: str) -> Json:
    """The `error` object, the same in an answer and in a stream."""
    metadata: Json = {"error_type": error.error_type, "request_id": request_id}
    if error.provider:
        metadata["provider"] = error.provider
    if error.retry_after_s is not None:
        metadata["retry_after"] = round(error.retry_after_s, 3)
    return {
        "message": error.message,
        "type": error.kind,
        "code": error.code or error.error_type,
        "param": error.param,
        "metadata": metadata | (error.metadata or {}),
    }
