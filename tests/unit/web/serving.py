"""Our HTTP server on a real port with an application that does as the path says, and on a wire of bytes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from xroute.web.connection import Connection, Patience
from xroute.web.server import Server

SOON_S = 30.0  # a hang is a failure, and a slow machine is none
STAMP = b"date: now\r\nserver: xroute\r\n"


async def read(receive: Any) -> bytes:
    """The whole body."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client left")
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


async def answer(send: Any, body: bytes, status: int = 200, *headers: tuple[bytes, bytes]) -> None:
    """A whole answer with its length."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def stream(send: Any, *pieces: bytes, end: bool = True) -> None:
    """An answer without a length."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    if end:
        await send({"type": "http.response.body", "body": b""})


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Says what was asked."""
    body = await read(receive)
    await answer(send, b"%b %b %b" % (scope["method"].encode(), scope["path"].encode(), body))


@dataclass
class Wire:
    """A client's side of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def head(self) -> bytes:
        """The next answer's head."""
        async with asyncio.timeout(SOON_S):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def whole(self) -> tuple[bytes, bytes]:
        """The next answer's head and body; it has a length."""
        head = await self.head()
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        async with asyncio.timeout(SOON_S):
            return head, await self.reader.readexactly(size)

    async def rest(self) -> bytes:
        """Everything until the server closes; ConnectionResetError if it does so with a reset."""
        async with asyncio.timeout(SOON_S):
            return await self.reader.read()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@dataclass
class Place:
    """A running server."""

    server: Server
    wires: list[Wire] = field(default_factory=list)

    async def dial(self) -> Wire:
        wire = Wire(*await asyncio.open_connection(*self.server.sockets[0].getsockname()[:2]))
        self.wires.append(wire)
        return wire

    async def ask(self, *parts: bytes) -> bytes:
        """Everything that comes back until the server closes."""
        wire = await self.dial()
        await wire.send(*parts)
        said = await wire.rest()
        await wire.close()
        return said


@asynccontextmanager
async def running(app: Any, host: str = "127.0.0.1", **more: Any) -> AsyncIterator[Place]:
    """A server on a free port, and a check that it leaves nothing behind."""
    patience = more.pop("patience", Patience())
    before = asyncio.all_tasks()
    place = Place(Server(app, host, 0, patience=patience, **more))
    serving = asyncio.create_task(place.server.serve())
    try:
        await until(lambda: place.server.sockets or serving.done())
        yield place
    finally:
        for wire in place.wires:
            await wire.close()
        place.server.stop()
        await serving
        assert not place.server.connections
        assert asyncio.all_tasks() == before


async def until(condition: Any) -> None:
    """Until something is so."""
    async with asyncio.timeout(SOON_S):
        while not condition():
            await asyncio.sleep(0.002)


class Tape(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.said = b""
        self.closed = self.paused = False

    def write(self, data: Any) -> None:
        self.said += data

    def write_eof(self) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.said += b"<cut>"
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "socket" else ("127.0.0.1", 1)

    def setsockopt(self, *_: Any) -> None:
        """It is its own socket."""


async def play(app: Any, *parts: bytes) -> bytes:
    """What a connection says to bytes that come in these parts, each when there is nothing left to do."""
    loop = asyncio.get_running_loop()
    owner = Server(app, "127.0.0.1", 0)
    owner.stamp = STAMP
    done: asyncio.Future[None] = loop.create_future()
    done.set_result(None)
    connection, tape = Connection(loop, owner, done), Tape()
    connection.connection_made(tape)
    for part in parts:
        connection.data_received(part)
        await asyncio.sleep(0)
    while connection.task is not None:
        await asyncio.sleep(0)
    connection.connection_lost(None)
    assert not owner.connections
    return tape.said
