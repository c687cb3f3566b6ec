"""ASGI: a request's parts, and a Reply over its send.

ASGI and not granian's own RSGI, which is 10 us quicker a call: RSGI's streams have no back-pressure, so a
client that does not read would have the whole answer kept in memory (docs/decisions/server.md).
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from xroute.errors import InvalidRequest, PayloadTooLarge
from xroute.gateway.reply import Headers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_DIGITS = 18  # of a length; int() refuses thousands of them
JSON = (b"content-type", b"application/json")
JSON_NAME = "application/json"
STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back: ngx_http_proxy_module, proxy_buffering
]

ARRAY = [JSON, *STREAM[1:]]


class ClientGone(Exception):
    """The client went away while its request was being read."""


class SendFailed(OSError):
    """The client is gone: nothing can be sent any more. The server's `send` raises it."""


class RequestHeaders:
    """Headers by lower-case name; the last of a repeated one counts."""

    __slots__ = ("_raw",)

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._raw = dict(raw)

    def get(self, key: str, default: str | None = None) -> str | None:
        """The value as text."""
        value = self._raw.get(key.encode("latin-1"))
        return default if value is None else value.decode("latin-1")


class AsgiReply:
    """gateway.reply.Reply over ASGI. A client that goes away cancels the task that serves it."""

    __slots__ = (
        "_beside",
        "_drop",
        "_ended",
        "_gone",
        "_nudges",
        "_send",
        "_streams",
        "gone",
        "is_array",
        "last_write",
        "opened",
        "request_id",
        "started",
        "writing_since",
    )

    def __init__(self, send: Send) -> None:
        self._send = send
        self._gone: asyncio.Future[Message] | None = None
        self._nudges: set[asyncio.Task[None]] = set()
        self.request_id = new_id()
        self.started = self.last_write = time.monotonic()
        self.opened = False
        self.gone = False
        self.is_array = False  # a stream that is one JSON array: no place for comments
        self.writing_since = 0.0  # monotonic seconds; 0 = no write is waiting for the client
        self._streams = False  # opened as a stream
        self._ended = False
        self._beside: list[tuple[bytes, bytes]] = []
        self._drop: Callable[[], None] | None = None

    def watch(self, receive: Receive) -> None:
        """From now on the client's going cancels this task. The request's body must have been read."""
        gone = asyncio.ensure_future(receive())
        task = asyncio.current_task(gone.get_loop())  # left to find the loop, it makes a system call
        assert task is not None

        def leave(_: object) -> None:
            if self._gone is not None:
                self.gone = True
                task.cancel()

        gone.add_done_callback(leave)
        self._gone = gone
        self._drop = lambda: leave(None)

    def unwatch(self) -> None:
        """Ends what `watch` began."""
        gone, self._gone = self._gone, None
        self._drop = None
        if gone is not None:
            gone.cancel()

    async def answer(self, status: int, headers: Headers, body: bytes, media: str = JSON_NAME) -> None:
        """The whole answer; `media` is its content type."""
        kind = JSON if media == JSON_NAME else (b"content-type", media.encode("latin-1"))
        await self.answer_as(status, [kind, *encoded(headers)], body)

    def named(self, name: bytes) -> None:
        """The request's id goes out under this header too: clients look for their own provider's."""
        self._beside = [(name, self.request_id.encode())]

    async def answer_as(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """The whole answer, with a content type of its own."""
        self.opened = self._ended = True
        headers.append((b"content-length", b"%d" % len(body)))
        headers += self._beside
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def open(self, headers: Headers) -> None:
        """The head of a stream: of events, unless the headers have a content type."""
        self.opened = True
        self._streams = not self.is_array
        head = ARRAY if self.is_array else STREAM
        if any(name == "content-type" for name, _ in headers):
            head = STREAM[1:]
        await self._send(
            {"type": "http.response.start", "status": 200, "headers": head + encoded(headers) + self._beside}
        )

    async def open_as(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """The head of an answer that comes in pieces, with a content type of its own."""
        self.opened = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes) -> None:
        """Whole events."""
        self.last_write = self.writing_since = time.monotonic()
        try:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
        finally:
            self.writing_since = 0.0

    def drop(self) -> None:
        """Gives the client up, as if it had gone: it does not read."""
        if self._drop is not None:
            self._drop()

    def nudge(self, data: bytes) -> None:
        """A comment, without waiting; none where a write is waiting already."""
        if self.writing_since or self._nudges or self.is_array:
            return
        task = asyncio.ensure_future(self._comment(data))
        self._nudges.add(task)
        task.add_done_callback(self._nudged)

    async def _comment(self, data: bytes) -> None:
        if not self.opened:
            await self.open([("x-request-id", self.request_id)])
        if self._streams and not self._ended:
            await self.write(data)

    def _nudged(self, task: "asyncio.Task[None]") -> None:
        self._nudges.discard(task)
        if not task.cancelled():
            task.exception()  # a client that is gone: its own task learns it

    async def end(self) -> None:
        """The proper end of a stream."""
        self._ended = True
        await self._send({"type": "http.response.body", "body": b""})


def new_id() -> str:
    """A request's id: unique and no secret, so it takes no system call.

    It begins with the time, so that ids come in order: indexes of the database grow at their end, at a third
    of the cost of one that is written all over.
    """
    return f"req-{time.time_ns() // 1_000_000:012x}{random.getrandbits(48):012x}"


def encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI has them; a model's name may be beyond Latin-1."""
    return [(name.encode("latin-1"), value.encode()) for name, value in headers]


async def read_body(headers: RequestHeaders, receive: Receive, limit: int) -> bytes:
    """The request's body; PayloadTooLarge above `limit` bytes, at once where the length is announced."""
    _announced(headers, limit)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def read_buffer(headers: RequestHeaders, receive: Receive, limit: int) -> bytearray:
    """As `read_body`, for large bodies: each byte is held once, also while they come."""
    announced = _announced(headers, limit)
    buffer = bytearray(announced)
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        if size + len(part) > limit:
            raise _too_large(limit)
        buffer[size : size + len(part)] = part
        size += len(part)
        if not message.get("more_body"):
            del buffer[size:]
            return buffer


def _announced(headers: RequestHeaders, limit: int) -> int:
    """The length that the head announces, 0 where it does not."""
    if (encoding := headers.get("content-encoding")) and encoding.lower() != "identity":
        raise InvalidRequest("Send the body without content-encoding.", code="unsupported_encoding")
    if (coding := headers.get("transfer-encoding")) and coding.strip().lower() != "chunked":
        raise InvalidRequest("Send no transfer-encoding but chunked.", code="unsupported_encoding")
    length = headers.get("content-length")
    if not (length and length.isascii() and length.isdigit()):
        return 0
    if _exceeds(length, limit):
        raise _too_large(limit)
    return int(length)


def _exceeds(length: str, limit: int) -> bool:
    return len(length) > MAX_DIGITS or int(length) > limit


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The request body is larger than the {limit // (1024 * 1024)} MiB that this server takes.",
        code="payload_too_large",
    )
