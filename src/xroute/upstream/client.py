"""The HTTP/1.1 client that carries every call to a provider."""

import asyncio
import ssl
from dataclasses import dataclass
from functools import partial

from xroute.errors import ConnectError
from xroute.upstream.answer import Answer
from xroute.upstream.connection import Connection
from xroute.upstream.dial import dial
from xroute.upstream.head import Head, Origin, make_head, split_url
from xroute.upstream.pool import Pool, Quota
from xroute.upstream.proxy import Proxy, ProxyRules
from xroute.upstream.tls import make_context
from xroute.upstream.tunnel import bore
from xroute.wire.http import Body, Target, Timeouts

MOST_LINES = 4096  # targets whose head is remembered


@dataclass(frozen=True, slots=True)
class Stats:
    """What the client holds at this moment."""

    open: int  # connections, the idle ones included
    idle: int
    waiting: int  # calls that wait for a connection because `max_open` are open


@dataclass(frozen=True, slots=True)
class Line:
    """What every request of one method to one target has in common."""

    target: Target  # held so that its id stays its own
    head: Head
    pool: Pool


class HttpTransport:
    """A `wire.http.Transport` over pooled HTTP/1.1 connections.

    `idle_s` and `max_idle` (per origin) bound what is kept open for reuse, `max_open` what is open in
    all. `ca_file` replaces the trusted certificates (system's and certifi's), ConfigError if it cannot
    be used; `insecure` trusts anyone.
    """

    def __init__(
        self,
        *,
        proxy: ProxyRules | None = None,
        idle_s: float = 60.0,
        max_idle: int = 1000,
        max_open: int | None = None,
        ca_file: str | None = None,
        insecure: bool = False,
    ) -> None:
        self._proxies = proxy or ProxyRules()
        self._idle_s = idle_s
        self._max_idle = max_idle
        self._quota = Quota(max_open)
        self._insecure = insecure
        self._tls = make_context(ca_file, insecure) if ca_file else None
        self._pools: dict[tuple[Origin, Proxy | None], Pool] = {}
        self._lines: dict[tuple[str, int], Line] = {}
        self._closed = False

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        stats = self.stats()
        return f"<HttpTransport {state}, {stats.open} open, {stats.idle} idle, {stats.waiting} waiting>"

    async def send(self, method: str, target: Target, body: Body, timeouts: Timeouts) -> Answer:
        """One request; returns when the answer's head is in. ValueError for a target that is no URL.

        A connection that was kept open may be closed by the server just when it is used again: if it
        ends without a byte of an answer, the request is sent once more on a new connection.
        """
        line = self._lines.get((method, id(target))) or self._line(method, target)
        pool = line.pool
        connection = pool.take() or await pool.get(timeouts.connect)
        answer = await connection.ask(line.head, body, timeouts)
        if answer is None and connection.served > 1:
            connection = await pool.open(timeouts.connect)
            answer = await connection.ask(line.head, body, timeouts)
        if answer is None:
            raise ConnectError(f"{pool.origin.host_port} ended the connection without an answer")
        return answer

    async def close(self) -> None:
        """End every connection; a call that is under way gets an error."""
        self._closed = True
        for pool in self._pools.values():
            pool.close()
        while self._quota.waiting:
            self._quota.changed()
        await asyncio.sleep(0)  # the event loop closes the sockets in its next round

    def stats(self) -> Stats:
        """Connections at this moment, for the metrics."""
        return Stats(self._quota.open, sum(pool.idle for pool in self._pools.values()), self._quota.waiting)

    def _line(self, method: str, target: Target) -> Line:
        if self._closed:
            raise ConnectError("the client was closed")
        origin, uri = split_url(target.url)
        proxy = self._proxies.find(origin)
        if proxy is not None and origin.scheme == "http":
            head = make_head(
                method, f"http://{origin.authority}{uri}", origin.authority, target, proxy.headers
            )
        else:
            head = make_head(method, uri, origin.authority, target, ())
        line = Line(target, head, self._pool(origin, proxy))
        if len(self._lines) >= MOST_LINES:
            del self._lines[next(iter(self._lines))]
        self._lines[method, id(target)] = line
        return line

    def _pool(self, origin: Origin, proxy: Proxy | None) -> Pool:
        pool = self._pools.get((origin, proxy))
        if pool is None:
            context = self._context() if origin.scheme == "https" else None
            dialer = partial(_dial, origin, proxy, context)
            pool = Pool(origin, dialer, self._quota, self._evict, self._idle_s, self._max_idle)
            self._pools[origin, proxy] = pool
        return pool

    def _evict(self) -> bool:
        return any(pool.drop() for pool in self._pools.values())

    def _context(self) -> ssl.SSLContext:
        """Made at the first use, as reading all of the world's certificates takes time."""
        if self._tls is None:
            self._tls = make_context(None, self._insecure)
        return self._tls


async def _dial(
    origin: Origin, proxy: Proxy | None, context: ssl.SSLContext | None, connection: Connection
) -> None:
    """Open the way from `connection` to its origin; ConnectError if that fails."""
    sock = await dial(proxy.host if proxy else origin.host, proxy.port if proxy else origin.port)
    try:
        if context is not None and proxy is not None:
            await bore(sock, proxy, origin, context, connection)
        else:
            await asyncio.get_running_loop().create_connection(
                lambda: connection, sock=sock, ssl=context, server_hostname=origin.host if context else None
            )
    except OSError as error:
        raise ConnectError(f"{origin.host_port}: {error}") from error
