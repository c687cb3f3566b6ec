"""xroute's own HTTP/1.1 server: listens, keeps the time of its connections, and stops gracefully."""

import asyncio
import contextlib
import os
import socket
from email.utils import formatdate

from xroute.errors import ConfigError
from xroute.web.connection import Connection, Patience
from xroute.web.exchange import App

BACKLOG = 4096  # connections that wait to be accepted
TICK_S = 1.0  # how exact the time is kept
CANCEL_S = 2.0  # for what is cancelled to end


class Server:
    """Serves an ASGI application in the running event loop."""

    def __init__(
        self,
        app: App,
        host: str,
        port: int,
        *,
        backlog: int = BACKLOG,
        grace_s: float = 10.0,
        patience: Patience | None = None,
        tick_s: float = TICK_S,
        shared: bool = False,
    ) -> None:
        self.app = app
        self.host = host
        self.patience = patience or Patience()
        self.stamp = _stamp()
        self.stopping = False
        self.connections: set[Connection] = set()
        self.sockets: tuple[socket.socket, ...] = ()  # it listens on; empty before and after
        self._port = port
        self._backlog = backlog
        self._grace_s = grace_s
        self._tick_s = tick_s
        self._shared = shared  # other processes listen on the same port
        self._stop = asyncio.Event()
        self._empty = asyncio.Event()
        self._ticking: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Server {self.host}:{self.port}, {len(self.connections)} connections>"

    @property
    def port(self) -> int:
        """The port it listens on; before, what it was made with."""
        return self.sockets[0].getsockname()[1] if self.sockets else self._port

    async def serve(self) -> None:
        """Until `stop`. ConfigError if it cannot listen."""
        listener = await self.listen()
        try:
            await self._stop.wait()
        finally:
            self.stopping = True
            listener.close()
            self.sockets = ()
            await self._wait()
            await self._end()

    async def listen(self) -> asyncio.Server:
        """Accept connections from now on."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        done.set_result(None)
        try:
            listener = await loop.create_server(
                lambda: Connection(loop, self, done),
                self.host,
                self._port,
                backlog=self._backlog,
                reuse_port=self._shared or None,
            )
        except OSError as error:
            place = f"{self.host}:{self._port}"
            raise ConfigError(f"cannot listen on {place}: {_reason(error)}") from error
        self.sockets = tuple(listener.sockets)
        self._tick(loop)
        return listener

    def stop(self) -> None:
        """Accept no more and let `serve` return once what runs has ended; the second time, at once."""
        if self._stop.is_set():
            for task in self._tasks():
                task.cancel()
        self._stop.set()

    # What connections call

    def enter(self, connection: Connection) -> None:
        """A connection is open."""
        self.connections.add(connection)

    def leave(self, connection: Connection) -> None:
        """It is closed."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    # Inside

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [task for connection in self.connections if (task := connection.task) is not None]

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Once a second, for all connections: a timer for each request would cost more than it is worth."""
        self._ticking = loop.call_later(self._tick_s, self._tick, loop)
        self.stamp = _stamp()
        now = loop.time()
        for connection in [each for each in self.connections if each.deadline < now]:
            connection.expire()

    async def _wait(self) -> None:
        """For what is being answered, as long as the grace lasts."""
        for connection in list(self.connections):
            connection.retire()
        if tasks := self._tasks():
            await asyncio.wait(tasks, timeout=self._grace_s)
        if tasks := self._tasks():
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CANCEL_S)

    async def _end(self) -> None:
        """Close what is left; a client may take a moment to read its answer."""
        for connection in list(self.connections):
            connection.retire()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.patience.linger_s):
                await self._emptied()
        for connection in list(self.connections):
            connection.cut()
        await self._emptied()
        if self._ticking is not None:
            self._ticking.cancel()

    async def _emptied(self) -> None:
        if self.connections:
            self._empty.clear()
            await self._empty.wait()


def _reason(error: OSError) -> str:
    known = error.errno is not None and error.errno > 0  # below 0 are those of name resolution
    return os.strerror(error.errno) if known and error.errno is not None else error.strerror or str(error)


def _stamp() -> bytes:
    return b"date: %b\r\nserver: xroute\r\n" % formatdate(usegmt=True).encode("ascii")
