"""Granian's RSGI: a request's parts, and a Reply over its protocol object."""

import asyncio
import secrets
import time
from typing import Any, Protocol

from xroute.errors import InvalidRequest, PayloadTooLarge
from xroute.gateway.reply import Headers

JSON = ("content-type", "application/json")
STREAM: Headers = [
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),  # nginx would hold events back: ngx_http_proxy_module, proxy_buffering
]


class RequestHeaders(Protocol):
    """Headers of a request; names are lower-case."""

    def get(self, key: str, default: Any = None) -> Any: ...
    def items(self) -> list[tuple[str, str]]: ...


class Scope(Protocol):
    """https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md, read 2026-11-21."""

    proto: str
    method: str
    path: str
    query_string: str
    scheme: str
    client: str
    server: str
    http_version: str
    headers: RequestHeaders


class RsgiReply:
    """gateway.reply.Reply over RSGI. A client that goes away cancels the task that serves it."""

    __slots__ = (
        "_gone",
        "_nudges",
        "_proto",
        "_stream",
        "gone",
        "last_write",
        "opened",
        "request_id",
        "started",
    )

    def __init__(self, proto: Any) -> None:
        self._proto = proto
        self._stream: Any = None
        self._gone: Any = None
        self._nudges: set[asyncio.Task[None]] = set()
        self.request_id = "req-" + secrets.token_hex(12)
        self.started = self.last_write = time.monotonic()
        self.opened = False
        self.gone = False

    def watch(self) -> None:
        """From now on the client's going cancels this task."""
        task = asyncio.current_task()
        assert task is not None

        def leave(_: Any) -> None:
            if self._gone is not None:
                self.gone = True
                task.cancel()

        self._gone = self._proto.client_disconnect()
        self._gone.add_done_callback(leave)

    def unwatch(self) -> None:
        """Ends what `watch` began."""
        gone, self._gone = self._gone, None
        if gone is not None:
            gone.cancel()

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        self.answer_as(status, [JSON, *headers], body)

    def answer_as(self, status: int, headers: Headers, body: bytes) -> None:
        """The whole answer, with a content type of its own."""
        self.opened = True
        self._proto.response_bytes(status, headers, body)

    def open(self, headers: Headers) -> None:
        self.opened = True
        self._stream = self._proto.response_stream(200, STREAM + headers)

    async def write(self, data: bytes) -> None:
        self.last_write = time.monotonic()
        await self._stream.send_bytes(data)

    def nudge(self, data: bytes) -> None:
        task = asyncio.ensure_future(self.write(data))
        self._nudges.add(task)
        task.add_done_callback(self._nudged)

    def _nudged(self, task: "asyncio.Task[None]") -> None:
        self._nudges.discard(task)
        if not task.cancelled():
            task.exception()  # a client that is gone: its own task learns it

    def end(self) -> None:
        """RSGI ends a stream when the task that serves it returns."""


async def read_body(scope: Scope, proto: Any, limit: int) -> bytes:
    """The request's body; PayloadTooLarge above `limit` bytes, at once where the length is announced."""
    headers = scope.headers
    if (encoding := headers.get("content-encoding")) and encoding.lower() != "identity":
        raise InvalidRequest("Send the body without content-encoding.", code="unsupported_encoding")
    length = headers.get("content-length")
    if length is not None and length.isascii() and length.isdigit():
        if int(length) > limit:
            raise _too_large(limit)
        return await proto()
    body = bytearray()
    async for chunk in proto:
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The request body is larger than the {limit // (1024 * 1024)} MiB that this server takes.",
        code="payload_too_large",
    )
