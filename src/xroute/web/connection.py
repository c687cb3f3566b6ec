"""One client's connection: its requests are served one after another, and each wait has an end."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable
from dataclasses import dataclass
from math import inf
from typing import Protocol, cast

from xroute.web.asgi import SendFailed
from xroute.web.exchange import App, Exchange
from xroute.web.intake import Intake
from xroute.web.refusal import FAULT, Refused, answer, late
from xroute.web.scope import Address

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may take, in seconds."""

    head_s: float = 30.0  # from the first byte of a head to its last
    body_s: float = 60.0  # between two pieces of a body
    idle_s: float = 75.0  # between two requests
    stall_s: float = 300.0  # without reading on, while there is more to read
    linger_s: float = 2.0  # to close, once it was told that the connection ends


class Owner(Protocol):
    """Who has connections."""

    app: App
    patience: Patience
    stamp: bytes
    stopping: bool

    def enter(self, connection: "Connection") -> None:
        """A connection is open."""
        ...

    def leave(self, connection: "Connection") -> None:
        """It is closed."""
        ...


class Connection(asyncio.Protocol):
    """Carries one request at a time. The event loop, the owner and the exchanges call it."""

    __slots__ = (
        "_current",
        "_eof",
        "_full",
        "_intake",
        "_lingering",
        "_owner",
        "_paused",
        "_timing",
        "_transport",
        "_unsent",
        "_waiters",
        "client",
        "deadline",
        "done",
        "loop",
        "server",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner, done: asyncio.Future[None]) -> None:
        self.loop = loop
        self.done = done
        self.deadline = inf  # on the loop's clock; the owner calls `expire` when it has passed
        self.client: Address = None
        self.server: Address = None
        self._owner = owner
        self._intake = Intake(self)
        self._transport: asyncio.Transport | None = None
        self._current: Exchange | None = None  # which is being answered
        self._waiters: list[asyncio.Future[None]] = []  # until more can be written
        self._timing = False  # a head has begun, and its time runs
        self._paused = False  # reading
        self._full = False  # the transport wants no more to write
        self._eof = False  # the client sends no more
        self._lingering = False  # everything is said
        self._unsent = 0  # bytes, when the deadline passed last

    def __repr__(self) -> str:
        state = "gone" if self._transport is None else "closing" if self._lingering else "open"
        return f"<Connection {self.client}, {state}, {self._current or 'idle'}>"

    @property
    def stamp(self) -> bytes:
        """The header lines that every answer has."""
        return self._owner.stamp

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The application's, while it answers."""
        return None if self._current is None else self._current.task

    def is_staying(self) -> bool:
        """Whether another request may follow."""
        return not self._eof and not self._owner.stopping

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here."""
        self._transport = cast(asyncio.Transport, transport)
        self.client = _address(transport.get_extra_info("peername"))
        self.server = _address(transport.get_extra_info("sockname"))
        self._wait(self._owner.patience.idle_s)
        self._owner.enter(self)
        if self._owner.stopping:
            self.retire()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._lingering:
            return
        self._intake.feed(data, 1 if self._current is None else 0)
        self._proceed()

    def eof_received(self) -> bool:
        """The client sends no more; most often it has closed, so whoever watches is told that it is gone."""
        self._eof = True
        self._intake.end()
        if self._current is None or self._lingering:
            return False
        self._current.leave()
        self._set_deadline()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed, by whomever."""
        self._transport = None
        self._intake.end()
        if self._current is not None:
            self._current.drop()
        self.resume_writing()
        self._owner.leave(self)

    def pause_writing(self) -> None:
        """The transport holds enough to write."""
        self._full = True
        if not self._lingering:
            self._wait(self._owner.patience.stall_s)

    def resume_writing(self) -> None:
        """The transport can take more."""
        self._full = False
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._set_deadline()

    # What the owner calls

    def expire(self) -> None:
        """The deadline has passed."""
        self.deadline = inf
        if self._lingering:
            self._give_up()
        elif self._full:
            self.cut()
        elif self._intake.reading is not None:
            self._intake.fail(late("The request's body did not come in time."))
            self._proceed()
        elif self._timing:
            self._refuse(late("The request's head did not come in time."))
        else:
            self.retire()

    def retire(self) -> None:
        """Close unless something is being answered."""
        if self._current is None and not self._lingering and self._transport is not None:
            self._say_no_more()
            self._transport.close()

    def cut(self) -> None:
        """End it with a reset, so that what was sent cannot be taken for the whole."""
        transport = self._transport
        if transport is None:
            return
        with contextlib.suppress(OSError):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        transport.abort()

    # What exchanges call

    def put(self, data: bytes) -> None:
        """Send bytes."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def write(self, data: bytes) -> Awaitable[None]:
        """Send bytes; to be awaited until more can be sent."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(data)
        return self._drain() if self._full else self.done

    def resume(self) -> None:
        """Read again, if what was held is taken."""
        transport = self._transport
        if not self._paused or self._intake.is_full() or transport is None or transport.is_closing():
            return
        self._paused = False
        transport.resume_reading()
        self._set_deadline()

    def finish(self, exchange: Exchange, *, cancelled: bool) -> None:
        """The application has returned."""
        if exchange is not self._current:
            return
        self._current = None
        if self._transport is None or self._lingering:
            return
        if exchange.ended:
            if exchange.keep and self.is_staying():
                self._next()
            else:
                self._linger()
        elif exchange.started or cancelled or self._eof:
            self.cut()
        else:
            self._refuse(FAULT)

    # One request after another

    def _proceed(self) -> None:
        """Something was read: what does that change?"""
        intake, current = self._intake, self._current
        if current is None:
            if intake.queue:
                current = self._current = intake.queue.pop(0)
            elif intake.refusal is not None:
                self._refuse(intake.refusal)
                return
        if current is not None:
            if current.refused is not None:
                self._reject(current, current.refused)
            elif current.task is None:
                current.task = self.loop.create_task(current.run(self, self._owner.app))
        if (intake.held or intake.reading is not None) and not self._paused and intake.is_full():
            self._pause()
        self._set_deadline()

    def _reject(self, current: Exchange, refused: Refused) -> None:
        """The rest of the current request makes no sense."""
        if current.started:
            current.leave()
            return
        current.drop()
        if current.task is None:
            self._current = None
        self._refuse(refused)

    def _next(self) -> None:
        """The connection is free for the next request."""
        self._timing = False
        self._wait(self._owner.patience.idle_s)
        intake = self._intake
        if intake.held:
            intake.go_on(1)
        if intake.queue or intake.refusal is not None or intake.has_begun():
            self._proceed()
        if self._paused:
            self.resume()

    def _pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    # The time

    def _wait(self, limit_s: float) -> None:
        self.deadline = self.loop.time() + limit_s

    def _set_deadline(self) -> None:
        """For what the client has to do now, if that is anything."""
        if self._lingering or self._full:
            return
        if self._intake.reading is not None and not self._paused:
            self._wait(self._owner.patience.body_s)
        elif self._current is not None:
            self.deadline = inf
        elif not self._timing and self._intake.has_begun():
            self._timing = True
            self._wait(self._owner.patience.head_s)

    # The end

    async def _drain(self) -> None:
        while self._full:
            waiter = self.loop.create_future()
            self._waiters.append(waiter)
            await waiter
        if self._transport is None:
            raise SendFailed

    def _refuse(self, refused: Refused) -> None:
        self.put(answer(refused, self._owner.stamp))
        self._linger()

    def _linger(self) -> None:
        """Close, but only once the client has: what it sends meanwhile would be answered with a reset, and a
        reset may take from it what it has not read yet (RFC 9112, 9.6)."""
        self._say_no_more()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._eof:
            transport.close()
        else:
            transport.write_eof()
            self.resume()

    def _say_no_more(self) -> None:
        self._lingering = True
        self._intake.end()
        self._wait(self._owner.patience.linger_s)

    def _give_up(self) -> None:
        """The client did not close in time. It may still be reading what it was told."""
        transport = self._transport
        if transport is None:
            return
        unsent = transport.get_write_buffer_size()
        if unsent and unsent != self._unsent:
            self._unsent = unsent
            self._wait(self._owner.patience.linger_s)
        elif unsent:
            self.cut()
        else:
            transport.abort()


def _address(name: object) -> Address:
    if isinstance(name, tuple) and len(cast(tuple[object, ...], name)) >= 2:
        host, port = cast(tuple[str, int], name)[:2]
        return host, port
    return None
