"""CONNECT: asks a proxy for a connection to an origin."""

import asyncio
import socket
import ssl
from typing import cast

from xroute.errors import ConnectError
from xroute.upstream.head import Origin
from xroute.upstream.proxy import Proxy

MOST = 64 * 1024  # bytes of the proxy's answer


async def bore(
    sock: socket.socket, proxy: Proxy, origin: Origin, context: ssl.SSLContext, protocol: asyncio.Protocol
) -> None:
    """Connect `protocol` over TLS to an origin, through the proxy at the other end of `sock`."""
    loop = asyncio.get_running_loop()
    plain, tunnel = await loop.create_connection(lambda: Tunnel(proxy, origin), sock=sock)
    try:
        await tunnel.opened()
        secure = await loop.start_tls(plain, protocol, context, server_hostname=origin.host)
    except BaseException:
        plain.abort()
        raise
    if secure is None:
        raise ConnectError(f"{origin.host_port} ended the connection before TLS began")
    protocol.connection_made(secure)


class Tunnel(asyncio.Protocol):
    """Holds the connection to the proxy until it has answered."""

    def __init__(self, proxy: Proxy, origin: Origin) -> None:
        self._proxy = proxy
        self._origin = origin
        self._received = b""
        self._answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask at once."""
        place = self._origin.host_port
        fields = (("host", place), *self._proxy.headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        cast(asyncio.WriteTransport, transport).write(f"CONNECT {place} HTTP/1.1\r\n{lines}\r\n".encode())

    def data_received(self, data: bytes) -> None:
        """Wait for the end of the head; the origin itself says nothing before we do."""
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if self._answered.done() or (not end and len(self._received) <= MOST):
            return
        line = head.partition(b"\r\n")[0].split(b" ", 2)
        if not end or rest or len(line) < 2 or not line[0].startswith(b"HTTP/1."):
            self._answered.set_result("answers with what is no HTTP")
        elif not (line[1].startswith(b"2") and len(line[1]) == 3):
            self._answered.set_result(f"refuses it with status {line[1].decode('latin-1')[:3]}")
        else:
            self._answered.set_result("")

    def connection_lost(self, exc: Exception | None) -> None:
        """The proxy hung up."""
        if not self._answered.done():
            self._answered.set_result("ended the connection without an answer")

    async def opened(self) -> None:
        """Returns when the way is free; ConnectError if the proxy refuses."""
        why = await self._answered
        if why:
            proxy = f"the proxy {self._proxy.host}:{self._proxy.port}"
            raise ConnectError(f"{proxy}, asked for {self._origin.host_port}, {why}")
