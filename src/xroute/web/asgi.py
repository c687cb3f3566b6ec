"""ASGI, and what handlers see of it: the client of a request, and a Reply to it.

ASGI and not granian's own RSGI, which is 10 us quicker a call: RSGI's streams have no back-pressure, so a
client that does not read would have the whole answer kept in memory (docs/decisions/server.md).
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Protocol

from xroute.gateway.reply import Headers
from xroute.web.head import as_lines, as_pairs, fields

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

OWN = "xroute.client"  # an extension of the scope: our own server's Client
JSON = "application/json"
STREAM = b"content-type: text/event-stream; charset=utf-8\r\n"
UNHELD = (
    b"cache-control: no-cache\r\n"
    b"x-accel-buffering: no\r\n"  # nginx would hold events back: ngx_http_proxy_module, proxy_buffering
)

_types = {JSON: b"content-type: application/json\r\n"}


class SendFailed(OSError):
    """The client is gone: nothing can be sent any more. The server's `send` raises it."""


class Client(Protocol):
    """Who asked: gives the request's body and takes the answer, whose headers are lines as they are sent."""

    headers: Mapping[bytes, bytes]  # by lower-case name; the last of a repeated one counts
    left: bool  # it went away while it was watched, and the task that serves it was cancelled

    def whole(self) -> bytes | None:
        """The request's body, if all of it is here and nothing of it was taken yet."""
        ...

    def receive(self) -> Awaitable[Message]:
        """The next piece of the body, or the client's going, as ASGI says them."""
        ...

    def watch(self) -> None:
        """From now on its going cancels the task that serves it. The body must have been read."""
        ...

    def unwatch(self) -> None:
        """Ends what `watch` began."""
        ...

    def abandon(self) -> None:
        """As if it had gone."""
        ...

    def answer(self, status: int, lines: bytes, body: bytes) -> Awaitable[None]:
        """The whole answer; its length is added."""
        ...

    def begin(self, status: int, lines: bytes) -> Awaitable[None]:
        """The head of an answer that comes in pieces."""
        ...

    def write(self, data: bytes) -> Awaitable[None]:
        """A piece of it."""
        ...

    def end(self) -> Awaitable[None]:
        """It is complete."""
        ...


def client_of(scope: Scope, receive: Receive, send: Send) -> Client:
    """The client as our own server gives it, or over what every ASGI server has."""
    extensions = scope.get("extensions")
    return (extensions and extensions.get(OWN)) or Plain(scope, receive, send)


class Plain:
    """A Client over any server."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self.left = False
        self.receive = receive
        self._send = send
        self._gone: asyncio.Future[Message] | None = None
        self._task: asyncio.Task[Any] | None = None  # that is cancelled when it goes

    def whole(self) -> bytes | None:
        """Nobody can tell."""
        return None

    def watch(self) -> None:
        """From now on its going cancels this task."""
        self._task = asyncio.current_task()
        self._gone = asyncio.ensure_future(self.receive())
        self._gone.add_done_callback(lambda _: self.abandon())

    def unwatch(self) -> None:
        """Ends what `watch` began."""
        self._task = None
        if self._gone is not None:
            self._gone.cancel()

    def abandon(self) -> None:
        """As if it had gone."""
        if self._task is not None:
            self.left = True
            self._task.cancel()

    async def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """The whole answer, and its length."""
        await self.begin(status, b"%bcontent-length: %d\r\n" % (lines, len(body)))
        await self._send({"type": "http.response.body", "body": body})

    def begin(self, status: int, lines: bytes) -> Awaitable[None]:
        """The head of an answer that comes in pieces."""
        return self._send({"type": "http.response.start", "status": status, "headers": as_pairs(lines)})

    def write(self, data: bytes) -> Awaitable[None]:
        """A piece of it."""
        return self._send({"type": "http.response.body", "body": data, "more_body": True})

    def end(self) -> Awaitable[None]:
        """It is complete."""
        return self._send({"type": "http.response.body", "body": b""})


class RequestHeaders:
    """Headers as text, by lower-case name."""

    __slots__ = ("raw",)

    def __init__(self, raw: Mapping[bytes, bytes]) -> None:
        self.raw = raw

    def get(self, key: str, default: str | None = None) -> str | None:
        """The value as text."""
        value = self.raw.get(key.encode("latin-1"))
        return default if value is None else value.decode("latin-1")


class AsgiReply:
    """gateway.reply.Reply to a client. One that goes away cancels the task that serves it."""

    __slots__ = (
        "_beside",
        "_client",
        "_ended",
        "_nudge",
        "_streams",
        "is_array",
        "last_write",
        "opened",
        "request_id",
        "started",
        "writing_since",
    )

    def __init__(self, client: Client) -> None:
        self.request_id = new_id()
        self.started = self.last_write = time.monotonic()
        self.opened = False
        self.is_array = False  # a stream that is one JSON array: no place for comments
        self.writing_since = 0.0  # monotonic seconds; 0 = no write is waiting for the client
        self._client = client
        self._nudge: asyncio.Task[None] | None = None  # a comment that is being written
        self._streams = False  # opened as a stream
        self._ended = False
        self._beside = b""

    def answer(self, status: int, headers: Headers, body: bytes, media: str = JSON) -> Awaitable[None]:
        """The whole answer; `media` is its content type."""
        self.opened = self._ended = True
        kind = _types.get(media) or _type(media)
        return self._client.answer(status, kind + as_lines(headers) + self._beside, body)

    def named(self, name: bytes) -> None:
        """The request's id goes out under this header too: clients look for their own provider's."""
        self._beside = b"%b: %b\r\n" % (name, self.request_id.encode())

    def answer_as(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Awaitable[None]:
        """The whole answer, with a content type of its own."""
        self.opened = self._ended = True
        return self._client.answer(status, fields(headers)[0], body)

    def open(self, headers: Headers) -> Awaitable[None]:
        """The head of a stream: of events, unless the headers have a content type."""
        self.opened = True
        self._streams = not self.is_array
        lines = UNHELD + as_lines(headers) + self._beside
        if b"\ncontent-type:" not in lines:
            lines = (_types[JSON] if self.is_array else STREAM) + lines
        return self._client.begin(200, lines)

    def open_as(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> Awaitable[None]:
        """The head of an answer that comes in pieces, with a content type of its own."""
        self.opened = True
        return self._client.begin(status, fields(headers)[0])

    async def write(self, data: bytes) -> None:
        """Whole events."""
        self.last_write = self.writing_since = time.monotonic()
        try:
            await self._client.write(data)
        finally:
            self.writing_since = 0.0

    def drop(self) -> None:
        """Gives the client up, as if it had gone: it does not read."""
        self._client.abandon()

    def nudge(self, data: bytes) -> None:
        """A comment, without waiting; none where a write is waiting already."""
        if self.writing_since or self._nudge or self.is_array:
            return
        self._nudge = asyncio.ensure_future(self._comment(data))
        self._nudge.add_done_callback(self._nudged)

    async def _comment(self, data: bytes) -> None:
        if not self.opened:
            await self.open([f"x-request-id: {self.request_id}"])
        if self._streams and not self._ended:
            await self.write(data)

    def _nudged(self, task: "asyncio.Task[None]") -> None:
        self._nudge = None
        if not task.cancelled():
            task.exception()  # a client that is gone: its own task learns it

    def end(self) -> Awaitable[None]:
        """The proper end of a stream."""
        self._ended = True
        return self._client.end()


def new_id() -> str:
    """A request's id: unique and no secret, so it takes no system call.

    It begins with the time, so that ids come in order: indexes of the database grow at their end, at a third
    of the cost of one that is written all over.
    """
    stamped = (time.time_ns() // 1_000_000 << 48) | random.getrandbits(48)
    return "req-" + stamped.to_bytes(12, "big").hex()


def _type(media: str) -> bytes:
    return fields([(b"content-type", media.encode("latin-1"))])[0]
