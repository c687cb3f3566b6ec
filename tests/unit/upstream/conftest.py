"""The other side of the wire: a real server on this machine, whose every byte the test decides."""

import asyncio
import re
import socket

import pytest
import uvloop

from xroute.upstream.client import HttpTransport
from xroute.wire.http import Target, Timeouts

SOON_S = 30.0  # a hang is a failure, and a slow machine is none
LIMITS = Timeouts(connect=SOON_S, first_byte=SOON_S, between_chunks=SOON_S)


class Peer(asyncio.Protocol):
    """The server's end of one connection."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.received = bytearray()
        self.changed = asyncio.Event()
        self.lost = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport
        self.upstream.arrived.put_nowait(self)
        self.upstream.peers.append(self)

    def data_received(self, data):
        self.received += data
        self.changed.set()
        if self.upstream.answer is not None:
            while self._take():
                self.write(self.upstream.answer)

    def connection_lost(self, exc):
        self.lost.set()

    async def request(self):
        """The next whole request, which is taken off."""
        async with asyncio.timeout(SOON_S):
            while not (request := self._take()):
                self.changed.clear()
                await self.changed.wait()
        return request

    async def gone(self):
        """Until the client has ended the connection."""
        async with asyncio.timeout(SOON_S):
            await self.lost.wait()

    def write(self, data):
        self.transport.write(data)

    def close(self):
        self.transport.close()

    def reset(self):
        """RST instead of FIN."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.transport.abort()

    def _take(self):
        at = self.received.find(b"\r\n\r\n", 0, 65536)
        length = re.search(rb"content-length: (\d+)", bytes(self.received[:at])) if at >= 0 else None
        size = at + 4 + (int(length[1]) if length else 0)
        if at < 0 or len(self.received) < size:
            return b""
        request = bytes(self.received[:size])
        del self.received[:size]
        return request


class Upstream:
    """A listening server. With `answer` set it answers each request with these bytes by itself."""

    def __init__(self, scheme="http"):
        self.scheme = scheme
        self.arrived = asyncio.Queue()
        self.answer = None
        self.peers = []

    @property
    def count(self):
        return len(self.peers)

    async def listen(self, host="127.0.0.1", tls=None):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Peer(self), host, 0, ssl=tls)
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"{self.scheme}://127.0.0.1:{self.port}/v1/chat"
        self.target = Target(self.url, (("Authorization", "Bearer sk-1"),))
        return self

    async def close(self):
        self.server.close()
        for peer in self.peers:
            peer.transport.abort()
        for peer in self.peers:
            await peer.gone()

    async def peer(self):
        """The next connection."""
        return await asyncio.wait_for(self.arrived.get(), SOON_S)

    async def ask(self, client, method="POST", body=b"{}", timeouts=LIMITS):
        """Start a request: the waiting task, and the server's end with the request read off."""
        task = asyncio.create_task(client.send(method, self.target, body, timeouts))
        peer = await self.peer()
        await peer.request()
        return task, peer


def pytest_asyncio_loop_factories(config, item):
    """Every test here runs on both event loops."""
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def upstream():
    upstream = await Upstream().listen()
    yield upstream
    await upstream.close()


@pytest.fixture
async def client():
    client = HttpTransport()
    yield client
    await client.close()


@pytest.fixture
def make_upstream():
    """For tests that need a server of another kind."""
    return Upstream
