"""One HTTP/1.1 connection to a provider, with the answer that is being read from it."""

import asyncio
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from xroute.errors import CutError, ProtocolError, TimedOut, TransportError
from xroute.upstream.alarm import Alarm
from xroute.upstream.head import Head
from xroute.wire.http import Timeouts

OVERHEAD = 64 * 1024  # most bytes of a head, and of trailers or interim answers without any progress
HIGH = 256 * 1024  # unread bytes at which the socket is no longer read
SLICE = 64 * 1024  # a body up to this size is written together with its head, a larger one in such pieces

_names: dict[bytes, str] = {}  # header names as they came -> in lower case
_NAMES = 1024


class Keeper(Protocol):
    """Who owns connections."""

    def keep(self, connection: "Connection") -> None:
        """The answer is complete and the connection can take another request."""
        ...

    def forget(self, connection: "Connection") -> None:
        """The connection is gone. Told once."""
        ...


class Answer:
    """A `wire.http.Exchange`: what came and was not read yet, and whether more will come.

    Its connection leaves it as soon as the last byte is here, read or not.
    """

    __slots__ = (
        "_waiter",
        "connection",
        "ended",
        "error",
        "headers",
        "method",
        "pieces",
        "silence_s",
        "size",
        "status",
    )

    def __init__(self, connection: "Connection", method: str, silence_s: float | None) -> None:
        self.status = 0  # until the head is complete
        self.headers: dict[str, str] = {}
        self.method = method
        self.silence_s = silence_s
        self.pieces: list[bytes] = []
        self.size = 0  # of all pieces
        self.ended = False
        self.error: TransportError | None = None
        self.connection: Connection | None = connection
        self._waiter: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        state = "open" if not self.ended else "complete" if self.error is None else self.error.message
        return f"<Answer {self.status}, {self.size} bytes unread, {state}>"

    async def chunk(self, timeout_s: float | None) -> bytes:
        """All bytes that came since the last chunk, at least one; b"" at the proper end."""
        while not self.pieces:
            if self.connection is None:
                if self.error is not None:
                    raise self.error
                return b""
            await self.wait(self.connection, timeout_s, "between_chunks")
        return self._take()

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

    async def wait(self, connection: "Connection", limit_s: float | None, stage: str) -> None:
        """Until something changes. TimedOut becomes this answer's error; a cancelled wait closes it."""
        waiter = self._waiter = connection.loop.create_future()
        if limit_s is not None:
            connection.limit(limit_s, stage)
        try:
            await waiter
        except (asyncio.CancelledError, GeneratorExit):
            self.close()
            raise
        finally:
            self._waiter = None

    def wake(self) -> None:
        """Something changed. The limit ends here: when the waiter runs, the connection may be another's."""
        waiter = self._waiter
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


class Connection(asyncio.Protocol):
    """Carries one request at a time. The parser calls `on_...`, the event loop everything else."""

    __slots__ = (
        "_complete",
        "_full",
        "_gone",
        "_keeper",
        "_limit_s",
        "_overhead",
        "_parser",
        "_paused",
        "_stage",
        "_transport",
        "_unsent",
        "alarm",
        "answer",
        "idle_since",
        "loop",
        "name",
        "served",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, keeper: Keeper, name: str) -> None:
        self.loop = loop
        self.name = name  # of its origin, for people
        self.alarm = Alarm(loop, self._overdue)
        self.answer: Answer | None = None  # None while idle
        self.idle_since = 0.0
        self.served = 0  # requests so far
        self._keeper = keeper
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._complete = False  # the message ended and the connection may carry another
        self._full = False  # the transport wants no more to write
        self._gone = False
        self._overhead = 0  # bytes of this answer that brought neither body nor end
        self._paused = False  # reading
        self._unsent = False  # the answer began before all of the request was written
        self._limit_s = 0.0
        self._stage = ""

    def __repr__(self) -> str:
        state = "gone" if self._gone else "idle" if self.answer is None else repr(self.answer)
        return f"<Connection {self.name}, {self.served} requests, {state}>"

    def is_usable(self) -> bool:
        """Whether nothing happened to it while it was idle, as far as known."""
        transport = self._transport
        return not self._gone and transport is not None and not transport.is_closing()

    async def ask(self, head: Head, body: bytes, timeouts: Timeouts) -> Answer | None:
        """Send a request; the answer once its head is in, None if the other side said nothing at all."""
        transport = self._transport
        if transport is None:
            return None
        answer = self.answer = Answer(self, head.method, timeouts.between_chunks)
        self.served += 1
        self._overhead = 0
        self._complete = False
        if len(body) <= SLICE:
            transport.write(head.encode(body))
        else:
            transport.write(head.alone(len(body)))
            await self._write(transport, answer, body, timeouts.first_byte)
        while not answer.status and not answer.ended:
            await answer.wait(self, timeouts.first_byte, "first_byte")
        if answer.status:
            return answer
        if answer.error is not None:
            raise answer.error
        return None

    def limit(self, limit_s: float, stage: str) -> None:
        """Time out the present wait after `limit_s` seconds."""
        self._limit_s = limit_s
        self._stage = stage
        self.alarm.set(limit_s)

    def resume(self) -> None:
        """Read again: what was held is taken."""
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def end(self, error: TransportError) -> None:
        """End it at once; `error` is what the answer's reader is told."""
        if self.answer is not None:
            self.answer.fail(error)
        self.abort()

    def abort(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()
        self._leave()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        answer = self.answer
        if answer is None:  # nothing was asked
            self.abort()
            return
        status, size = answer.status, answer.size
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            answer.fail(_protocol_error(error))
            return
        if not status and self._overhead + len(data) > OVERHEAD and _measure(answer.headers) > OVERHEAD:
            answer.fail(ProtocolError(f"the answer's head is larger than {OVERHEAD} bytes"))
        elif answer.ended:
            self._part(answer)
        elif answer.size > size:
            self._overhead = 0
            if answer.size > HIGH:
                self._pause()
            answer.wake()
        else:
            self._overhead += len(data)
            if self._overhead > OVERHEAD:
                answer.fail(ProtocolError(f"more than {OVERHEAD} bytes came without any of the body"))

    def eof_received(self) -> None:
        """The other side sends no more."""
        answer = self.answer
        if answer is not None and not answer.ended:
            answer.fail(self._loss(answer, None))
        else:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed, by whomever."""
        answer = self.answer
        if answer is not None and not answer.ended:
            answer.fail(self._loss(answer, exc))
        self._leave()
        self._transport = None

    def pause_writing(self) -> None:
        """The transport holds enough to write."""
        self._full = True

    def resume_writing(self) -> None:
        """The transport can take more."""
        self._full = False
        if self.answer is not None:
            self.answer.wake()

    # What the parser calls

    def on_message_begin(self) -> None:
        """An answer begins; a second one was not asked for."""
        if self.answer is None or self.answer.ended:
            raise ProtocolError("bytes came after the end of the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head, or a trailer, which is passed over."""
        answer = self.answer
        if answer is None or answer.status:
            return
        key = _names.get(name) or _lower(name)
        text = value.decode("latin-1").rstrip(" \t")
        headers = answer.headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """The head is in; that of an interim answer (1xx) is dropped."""
        answer = self.answer
        if answer is None:
            return
        status = self._parser.get_status_code()
        headers = answer.headers
        if status < 200:
            headers.clear()
            return
        if headers.get("transfer-encoding", "chunked").lower() != "chunked":
            raise ProtocolError("the answer has a transfer encoding that was not asked for")
        answer.status = status
        if answer.method == "HEAD":
            answer.ended = True
        answer.wake()

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        answer = self.answer
        if answer is not None and not answer.ended:  # or it is the body that a HEAD must not have
            answer.pieces.append(data)
            answer.size += len(data)

    def on_message_complete(self) -> None:
        """The answer's end, or an interim answer's."""
        answer = self.answer
        if answer is not None and answer.status:
            answer.ended = True
            self._complete = self._parser.should_keep_alive()

    # Inside

    async def _write(
        self, transport: asyncio.Transport, answer: Answer, body: bytes, limit_s: float | None
    ) -> None:
        """Write a large body as fast as the other side takes it, and stop when it answers."""
        view = memoryview(body)
        for start in range(0, len(body), SLICE):
            while self._full and not answer.status and not answer.ended:
                await answer.wait(self, limit_s, "first_byte")
            if answer.status or answer.ended:
                self._unsent = True
                return
            transport.write(view[start : start + SLICE])

    def _part(self, answer: Answer) -> None:
        """The answer is complete: the connection leaves it and takes another, or ends."""
        self.alarm.clear()
        self.answer = answer.connection = None
        self.resume()
        answer.wake()
        if self._complete and not self._unsent and self._is_flushed():
            self._keeper.keep(self)
        else:
            self.abort()

    def _is_flushed(self) -> bool:
        return self._transport is not None and self._transport.get_write_buffer_size() == 0

    def _pause(self) -> None:
        if not self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _loss(self, answer: Answer, exc: Exception | None) -> TransportError | None:
        """What the end of the connection means for the answer; None: that it is complete, or never began."""
        if answer.status:
            framed = "content-length" in answer.headers or "transfer-encoding" in answer.headers
            if not framed and exc is None:
                return None
            return CutError("the connection ended inside the answer's body")
        if self._overhead:
            return CutError("the connection ended inside the answer's head")
        return None

    def _overdue(self) -> None:
        if self.answer is not None:
            self.answer.fail(TimedOut(self._stage, self._limit_s))

    def _leave(self) -> None:
        if self._gone:
            return
        self._gone = True
        del self._parser  # it holds this connection's methods: a cycle
        self.answer = None
        self.alarm.drop()
        self._keeper.forget(self)


def _lower(name: bytes) -> str:
    text = name.decode("latin-1").lower()
    if len(_names) < _NAMES:
        _names[name] = text
    return text


def _measure(headers: dict[str, str]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers.items())


def _protocol_error(error: Exception) -> ProtocolError:
    inner = error.__context__
    if isinstance(inner, ProtocolError):
        return inner
    return ProtocolError(f"the answer is not HTTP/1.1: {error}")
