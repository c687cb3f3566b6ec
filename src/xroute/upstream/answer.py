"""An answer whose body may still be coming."""

import asyncio
from typing import Protocol

from xroute.errors import CutError, ProtocolError, TransportError
from xroute.upstream.alarm import Alarm


class Source(Protocol):
    """The connection that an answer comes from, as far as the answer needs it."""

    loop: asyncio.AbstractEventLoop
    alarm: Alarm

    def resume(self) -> None:
        """Read again: what was held is taken."""
        ...

    def abort(self) -> None:
        """End it at once."""
        ...


class Answer:
    """A `wire.http.Exchange`: what came and was not read yet, and whether more will come.

    Its connection leaves it as soon as the last byte is here, read or not.
    """

    __slots__ = (
        "_headers",
        "_waiter",
        "connection",
        "ended",
        "error",
        "fields",
        "method",
        "pieces",
        "silence_s",
        "size",
        "status",
    )

    def __init__(self, connection: Source, method: str, silence_s: float | None) -> None:
        self.status = 0  # until the head is complete
        self.fields: list[tuple[bytes, bytes]] = []  # of the head, names in lower case
        self.method = method
        self.silence_s = silence_s
        self.pieces: list[bytes] = []
        self.size = 0  # of all pieces
        self.ended = False
        self.error: TransportError | None = None
        self.connection: Source | None = connection
        self._headers: dict[str, str] | None = None
        self._waiter: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        state = "open" if not self.ended else "complete" if self.error is None else self.error.message
        return f"<Answer {self.status}, {self.size} bytes unread, {state}>"

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name; made for the first who asks, as most answers need none of them."""
        if self._headers is None:
            headers = self._headers = {}
            for key, value in self.fields:
                name, text = key.decode("latin-1"), value.decode("latin-1").rstrip(" \t")
                headers[name] = f"{headers[name]}, {text}" if name in headers else text
        return self._headers

    async def chunk(self, timeout_s: float | None) -> bytes:
        """All bytes that came since the last chunk, at least one; b"" at the proper end."""
        while not self.pieces:
            if self.connection is None:
                if self.error is not None:
                    raise self.error
                return b""
            try:
                await self.change(self.connection, timeout_s, "between_chunks")
            except (asyncio.CancelledError, GeneratorExit):
                self.close()
                raise
        return self._take()

    def whole(self, limit: int) -> bytes | None:
        """The rest of the body if its end is here; ProtocolError above `limit` bytes."""
        if not self.ended or self.error is not None:
            return None
        if self.size > limit:
            raise self._too_large(limit)
        pieces, self.pieces = self.pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def read(self, limit: int) -> bytes:
        """The rest of the body; ProtocolError above `limit` bytes."""
        if not self.ended and int(self.headers.get("content-length", "0")) > limit:
            raise self._too_large(limit)
        parts: list[bytes] = []
        size = 0
        while part := await self.chunk(self.silence_s):
            size += len(part)
            if size > limit:
                raise self._too_large(limit)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """End the connection unless the answer has left it already."""
        if self.connection is not None:
            self.fail(CutError("the answer was closed before its end"))
        self.pieces.clear()
        self.size = 0

    def fail(self, error: TransportError | None) -> None:
        """No more bytes will come, because of `error`; the connection is ended at once."""
        connection, self.connection = self.connection, None
        if not self.ended:
            self.ended = True
            self.error = error
        self.wake()
        if connection is not None:
            connection.abort()

    def change(self, connection: Source, limit_s: float | None, stage: str) -> asyncio.Future[None]:
        """Done when something changes. TimedOut becomes this answer's error; who is cancelled while it waits
        closes it."""
        waiter = self._waiter = connection.loop.create_future()
        if limit_s is not None:
            connection.alarm.set(limit_s, stage)
        return waiter

    def wake(self) -> None:
        """Something changed. The limit ends here: when the waiter runs, the connection may be another's."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
            if self.connection is not None:
                self.connection.alarm.clear()

    def _take(self) -> bytes:
        pieces = self.pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self.pieces = []
        self.size = 0
        if self.connection is not None:
            self.connection.resume()
        return data

    def _too_large(self, limit: int) -> ProtocolError:
        self.close()
        return ProtocolError(f"the answer is larger than {limit} bytes")
