"""One client's connection to the simulator's server: h11 reads the requests, the steps are played back."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import cast

import h11

from xroute.errors import InvalidRequest
from xroute.sim import failures
from xroute.sim.ask import SimRequest
from xroute.sim.framing import Framing
from xroute.sim.service import Service
from xroute.sim.steps import Bytes, Cut, End, Hang, Head, Reset, Step, Wait
from xroute.sim.tongues.openai import Chat

BODY_LIMIT = 32 * 1024 * 1024
_HEAD_LIMIT = 64 * 1024
_BACKLOG = 256 * 1024  # bytes of further requests taken while an answer is under way
_FLUSH = 64 * 1024  # bytes written at once
_RST = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s


class Connection(asyncio.Protocol):
    """Reads a request, plays its steps, reads the next; what needs no wait is played without a task."""

    def __init__(self, service: Service, connections: set["Connection"]) -> None:
        self._service = service
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None
        self._steps: Iterator[Step] = iter(())  # of the answer under way
        self._busy = False
        self._keep_alive = True
        self._due = 0.0
        self._backlog = 0
        self._await_request(b"")

    def __repr__(self) -> str:
        return f"<Connection {'answering' if self._busy else 'idle'}>"

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops what is being answered."""
        self._connections.discard(self)
        if self._task:
            self._task.cancel()
        if self._busy:
            self._busy = False
            self._service.open -= 1
            self._service.leave(self._steps)

    def pause_writing(self) -> None:
        """The client reads slower than we write."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Feeds the parser; requests that come during an answer wait for its end."""
        self._http.receive_data(data)
        if not self._busy:
            self._read()
            return
        self._backlog += len(data)
        if self._backlog > _BACKLOG:
            self._transport.pause_reading()

    # reading

    def _await_request(self, data: bytes) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_LIMIT)
        if data:
            self._http.receive_data(data)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._size = 0

    def _read(self) -> None:
        """Takes what the parser has, and answers each whole request, until it needs more."""
        try:
            while not self._busy and not self._transport.is_closing() and self._take(self._http.next_event()):
                pass
        except h11.RemoteProtocolError as error:
            self._keep_alive = False
            self._answer(_refusal(error.error_status_hint, "The request is not HTTP/1.1."), may_chunk=False)

    def _take(self, event: h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]) -> bool:
        """Whether another event may follow."""
        if isinstance(event, h11.Request):
            self._request = event
            if self._http.they_are_waiting_for_100_continue:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif isinstance(event, h11.Data):
            self._size += len(event.data)
            if self._size <= BODY_LIMIT:  # the rest is read and dropped: who is still sending reads no answer
                self._body += event.data
        elif isinstance(event, h11.EndOfMessage):
            self._serve()
        else:
            return False
        return True

    def _serve(self) -> None:
        request, body, rest = self._request, bytes(self._body), self._http.trailing_data[0]
        is_too_large = self._size > BODY_LIMIT
        assert request is not None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        method, path = request.method.decode("latin-1"), request.target.decode("latin-1")
        is_new = request.http_version == b"1.1"
        closes = "close" in headers.get("connection", "").lower() or method == "HEAD"
        self._keep_alive = is_new and not closes
        self._await_request(rest)
        if is_too_large:
            self._answer(_refusal(413, f"The body is larger than {BODY_LIMIT} bytes."), may_chunk=False)
        else:
            self._answer(self._service.begin(SimRequest(method, path, headers, body)), may_chunk=is_new)

    # writing

    def _answer(self, steps: Iterator[Step], *, may_chunk: bool) -> None:
        self._busy, self._steps = True, steps
        self._service.open += 1
        self._due = self._loop.time()
        framing = Framing(may_chunk=may_chunk, keep_alive=self._keep_alive)
        pause = self._play(steps, framing)
        if pause is not None:
            self._task = self._loop.create_task(self._resume(steps, framing, pause))

    async def _resume(self, steps: Iterator[Step], framing: Framing, pause: Step) -> None:
        step: Step | None = pause
        while step is not None:
            await self._wait(step)
            step = self._play(steps, framing)
        self._task = None
        if not self._transport.is_closing():
            self._read()

    async def _wait(self, step: Step) -> None:
        if isinstance(step, Hang):
            await self._loop.create_future()
        if isinstance(step, Wait):
            self._due += step.seconds
            await asyncio.sleep(max(0.0, self._due - self._loop.time()))
        await self._writable.wait()

    def _play(self, steps: Iterator[Step], framing: Framing) -> Step | None:
        """Plays up to the next pause and gives it; None at the end."""
        out = bytearray()
        for step in steps:
            if isinstance(step, Bytes):
                out += framing.body(step)
                if len(out) < _FLUSH:
                    continue
            elif isinstance(step, Head):
                out += framing.head(step)
                continue
            elif isinstance(step, End | Cut | Reset):
                out += framing.end() if isinstance(step, End) else b""
                out += framing.cut(step) if isinstance(step, Cut) else b""
                self._transport.write(out)
                self._finish(step)
                return None
            self._transport.write(out)
            return step
        return None

    def _finish(self, step: End | Cut | Reset) -> None:
        self._busy = False
        self._service.open -= 1
        if isinstance(step, Reset):
            self.reset()
        elif isinstance(step, Cut) or not self._keep_alive:
            self._transport.close()
        elif self._backlog:
            self._backlog = 0
            self._transport.resume_reading()

    def reset(self) -> None:
        """Ends the connection with RST in the place of FIN."""
        sock = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):  # the client was faster
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
        self._transport.abort()

    def reset_idle(self) -> None:
        """As `reset`, where nothing is being answered."""
        if not self._busy:
            self.reset()


def _refusal(status: int, message: str) -> Iterator[Step]:
    """In the shape of OpenAI: what was asked is not known."""
    problem = failures.of_request(InvalidRequest(message), status)
    return iter(Chat(SimRequest("POST", "", {})).told(problem))
