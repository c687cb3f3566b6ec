"""One HTTP/1.1 connection to a provider: writes requests and parses what comes back."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from xroute.errors import CutError, ProtocolError, TimedOut, TransportError
from xroute.upstream.alarm import Alarm
from xroute.upstream.answer import Answer
from xroute.upstream.head import Head
from xroute.wire.form import Buffer
from xroute.wire.http import Body, Timeouts

OVERHEAD = 64 * 1024  # most bytes of a head, and of trailers or interim answers without any progress
HIGH = 256 * 1024  # unread bytes at which the socket is no longer read
SLICE = 64 * 1024  # a body up to this size is written together with its head, a larger one in such pieces

CODING = b"transfer-encoding"
LENGTH = b"content-length"


class Keeper(Protocol):
    """Who owns connections."""

    def keep(self, connection: "Connection") -> None:
        """The answer is complete and the connection can take another request."""
        ...

    def forget(self, connection: "Connection") -> None:
        """The connection is gone. Told once."""
        ...


class Connection(asyncio.Protocol):
    """Carries one request at a time. The parser calls `on_...`, the event loop everything else."""

    __slots__ = (
        "_complete",
        "_fields",
        "_full",
        "_gone",
        "_keeper",
        "_overhead",
        "_parser",
        "_paused",
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
        self._fields: list[tuple[bytes, bytes]] = []  # of the head that is coming, or trailers
        self._keeper = keeper
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._complete = False  # the message ended and the connection may carry another
        self._full = False  # the transport wants no more to write
        self._gone = False
        self._overhead = 0  # bytes since the request, then since the last progress of the answer
        self._paused = False  # reading
        self._unsent = False  # the answer began before all of the request was written

    def __repr__(self) -> str:
        state = "gone" if self._gone else "idle" if self.answer is None else repr(self.answer)
        return f"<Connection {self.name}, {self.served} requests, {state}>"

    def is_usable(self) -> bool:
        """Whether nothing happened to it while it was idle, as far as known."""
        transport = self._transport
        return not self._gone and transport is not None and not transport.is_closing()

    async def ask(self, head: Head, body: Body, timeouts: Timeouts) -> Answer | None:
        """Send a request; the answer once its head is in, None if the other side said nothing at all."""
        transport = self._transport
        if transport is None or self._gone:
            return None
        answer = self.answer = Answer(self, head.method, timeouts.between_chunks)
        self.served += 1
        self._overhead = 0
        self._complete = False
        try:
            if isinstance(body, bytes) and len(body) <= SLICE:
                transport.write(head.encode(body))
            else:
                pieces = (body,) if isinstance(body, bytes) else body
                transport.write(head.alone(sum(map(len, pieces))))
                await self._write(transport, answer, pieces, timeouts.first_byte)
            while not answer.status and not answer.ended:
                await answer.change(self, timeouts.first_byte, "first_byte")
        except (asyncio.CancelledError, GeneratorExit):
            answer.close()
            raise
        if answer.status:
            return answer
        if answer.error is not None:
            raise answer.error
        return None

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
        if self._gone:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        answer = self.answer
        if answer is None:  # nothing was asked
            self.abort()
            return
        size, status = answer.size, answer.status
        self._overhead += len(data)
        try:
            if self._overhead > OVERHEAD and not answer.status:
                self._feed_head(answer, memoryview(data))
            else:
                self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade, ProtocolError) as error:
            answer.fail(_protocol_error(error))
            return
        if answer.ended:
            self._part(answer)
        elif answer.size > size or answer.status != status:
            self._overhead = 0
            if answer.size > HIGH:
                self._pause()
            answer.wake()
        elif self._overhead > OVERHEAD:
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
        self._fields = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head, or a trailer, which is passed over."""
        self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is in; that of an interim answer (1xx) is dropped."""
        answer = self.answer
        if answer is None:
            return
        status, fields = self._parser.get_status_code(), self._fields
        if status < 200:
            return
        if CODING in dict(fields):
            codings = [value for name, value in fields if name == CODING]
            if len(codings) > 1 or codings[0].rstrip(b" \t").lower() != b"chunked":
                raise ProtocolError("the answer has a transfer encoding that was not asked for")
        self._fields = []  # trailers come into another
        self._overhead = 0
        answer.fields = fields
        answer.status = status
        if answer.method == "HEAD":
            answer.ended = True

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
        self, transport: asyncio.Transport, answer: Answer, pieces: Sequence[Buffer], limit_s: float | None
    ) -> None:
        """Write a large body as fast as the other side takes it, and stop when it answers."""
        for part in _slices(pieces):
            while self._full and not answer.status and not answer.ended:
                await answer.change(self, limit_s, "first_byte")
            if answer.status or answer.ended:
                self._unsent = True
                return
            transport.write(part)

    def _feed_head(self, answer: Answer, data: memoryview) -> None:
        """Feed what may still be head, and the rest only if the head ended in it."""
        most = len(data) - (self._overhead - OVERHEAD)
        self._parser.feed_data(data[:most])
        if not answer.status:
            raise ProtocolError(f"the answer's head is larger than {OVERHEAD} bytes")
        self._parser.feed_data(data[most:])

    def _part(self, answer: Answer) -> None:
        """The answer is complete: the connection leaves it and takes another, or ends."""
        self.alarm.clear()
        self.answer = answer.connection = None
        if self._paused:
            self.resume()
        answer.wake()
        transport, is_free = self._transport, self._complete and not self._unsent
        if is_free and transport is not None and not transport.get_write_buffer_size():
            self._keeper.keep(self)
        else:
            self.abort()

    def _pause(self) -> None:
        if not self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _loss(self, answer: Answer, exc: Exception | None) -> TransportError | None:
        """What the end of the connection means for the answer; None: that it is complete, or never began."""
        if answer.status:
            if exc is None and not dict(answer.fields).keys() & {CODING, LENGTH}:
                return None
            return CutError("the connection ended inside the answer's body")
        if self._overhead:
            return CutError("the connection ended inside the answer's head")
        return None

    def _overdue(self) -> None:
        if self.answer is not None:
            self.answer.fail(TimedOut(self.alarm.stage, self.alarm.delay_s))

    def _leave(self) -> None:
        if self._gone:
            return
        self._gone = True
        del self._parser  # it holds this connection's methods: a cycle
        self.answer = None
        self.alarm.drop()
        self._keeper.forget(self)


def _slices(pieces: Sequence[Buffer]) -> Iterator[memoryview]:
    """Views of the pieces, none larger than a transport should hold at once."""
    for piece in pieces:
        view = memoryview(piece)
        for start in range(0, len(view), SLICE):
            yield view[start : start + SLICE]


def _protocol_error(error: Exception) -> ProtocolError:
    for known in (error, error.__context__):  # what a callback raises is the parser's error's context
        if isinstance(known, ProtocolError):
            return known
    return ProtocolError(f"the answer is not HTTP/1.1: {error}")
