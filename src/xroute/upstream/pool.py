"""The open connections to each origin: reused last in first out, bounded in number and idle time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine

from xroute.errors import ConnectError, TimedOut
from xroute.upstream.connection import Connection
from xroute.upstream.head import Origin

Dialer = Callable[[Connection], Awaitable[None]]


class Quota:
    """How many connections may be open in all, and who waits for one of them."""

    __slots__ = ("most", "open", "waiters")

    def __init__(self, most: int | None) -> None:
        self.most = most
        self.open = 0
        self.waiters: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self.waiters)

    def is_used_up(self) -> bool:
        """Whether no connection may be opened now."""
        return self.most is not None and self.open >= self.most

    async def change(self) -> None:
        """Until a connection became idle or ended."""
        waiter = asyncio.get_running_loop().create_future()
        self.waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self.waiters.remove(waiter)
            else:
                self.changed()  # the turn was ours already: pass it on
            raise

    def changed(self) -> None:
        """Let the first that waits look again."""
        while self.waiters:
            waiter = self.waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


class Pool:
    """The connections to one origin, by one way. A `connection.Keeper`."""

    __slots__ = (
        "_connections",
        "_dial",
        "_evict",
        "_idle",
        "_idle_s",
        "_loop",
        "_most_idle",
        "_quota",
        "_sweep_timer",
        "closed",
        "origin",
    )

    def __init__(
        self,
        origin: Origin,
        dial: Dialer,
        quota: Quota,
        evict: Callable[[], bool],
        idle_s: float,
        most_idle: int,
    ) -> None:
        self.origin = origin
        self.closed = False
        self._dial = dial
        self._quota = quota
        self._evict = evict  # ends one idle connection of whatever pool; False: there was none
        self._idle_s = idle_s
        self._most_idle = most_idle
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._idle: deque[Connection] = deque()  # the longest idle one first
        self._sweep_timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Pool {self.origin.host_port}, {len(self._connections)} open, {self.idle} idle>"

    @property
    def idle(self) -> int:
        """How many connections wait for a request."""
        return len(self._idle)

    def take(self) -> Connection | None:
        """The connection that became idle last, if there is one that can be used."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable():
                return connection
            connection.abort()
        return None

    async def get(self, limit_s: float | None) -> Connection:
        """An idle connection, or a new one; ConnectError, or TimedOut after `limit_s` seconds."""
        return await self._within(limit_s, self._get())

    async def open(self, limit_s: float | None) -> Connection:
        """A new connection; errors as `get`."""
        return await self._within(limit_s, self._open())

    def drop(self) -> bool:
        """End the connection that is idle longest; False if none is idle."""
        if not self._idle:
            return False
        self._idle.popleft().abort()
        return True

    def close(self) -> None:
        """End every connection, whatever it carries; nothing can be opened any more."""
        self.closed = True
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        for connection in list(self._connections):
            connection.end(ConnectError("the client was closed"))

    # What connections call

    def keep(self, connection: Connection) -> None:
        """Take a connection back."""
        if len(self._idle) >= self._most_idle:
            connection.abort()
            return
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweep_timer is None:
            self._sweep_timer = self._loop.call_later(self._idle_s, self._sweep)
        if self._quota.waiters:
            self._quota.changed()

    def forget(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        self._quota.open -= 1
        if connection in self._idle:
            self._idle.remove(connection)
        self._quota.changed()

    # Inside

    async def _within(self, limit_s: float | None, opening: Coroutine[None, None, Connection]) -> Connection:
        scope = asyncio.timeout(limit_s)
        try:
            async with scope:
                return await opening
        except TimeoutError:
            if scope.expired():
                raise TimedOut("connect", limit_s or 0.0) from None
            raise

    async def _get(self) -> Connection:
        while True:
            connection = self.take()
            if connection is not None:
                return connection
            if not self._quota.is_used_up():
                return await self._open()
            if not self._evict():
                await self._quota.change()

    async def _open(self) -> Connection:
        while self._quota.is_used_up():
            if not self._evict():
                await self._quota.change()
        if self.closed:
            raise ConnectError("the client was closed")
        connection = Connection(self._loop, self, self.origin.host_port)
        self._connections.add(connection)
        self._quota.open += 1
        try:
            await self._dial(connection)
        except BaseException:
            connection.abort()
            raise
        if self.closed:
            connection.abort()
            raise ConnectError("the client was closed")
        return connection

    def _sweep(self) -> None:
        """End what was idle too long and look again when the next one will have been."""
        self._sweep_timer = None
        now = self._loop.time()
        while self._idle and self._idle[0].idle_since + self._idle_s <= now:
            self._idle[0].abort()
        if self._idle:
            self._sweep_timer = self._loop.call_at(self._idle[0].idle_since + self._idle_s, self._sweep)
