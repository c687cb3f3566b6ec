"""The two ways to the simulator, in this process and over a socket, behind one `fetch`."""

import asyncio
import contextlib
from dataclasses import dataclass

import orjson
from tests.unit.sim.asking import HELLO

from xroute.errors import ConnectError, CutError, TimedOut
from xroute.sim.plan import Profile
from xroute.sim.server import serve
from xroute.sim.transport import SimTransport
from xroute.wire.http import Target, Timeouts

LONG_S = 60.0  # far beyond what anything here takes


@dataclass
class Outcome:
    """What came of a request: `ending` is end, cut, reset, hang or refused."""

    status: int = 0
    headers: dict | None = None
    body: bytes = b""
    ending: str = "end"
    pieces: int = 0  # chunks of the body, as they were sent


def encode(headers=None, path="/v1/chat/completions", method="POST", **body):
    """A request as bytes of HTTP/1.1."""
    data = orjson.dumps({"model": "m", "messages": HELLO, **body}) if method == "POST" else b""
    lines = [f"{method} {path} HTTP/1.1", "Host: sim", f"Content-Length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


class Process:
    """Calls the transport."""

    def __init__(self, profile, served=None):
        self.transport = SimTransport(profile, served=served)

    async def fetch(self, patience_s=LONG_S, headers=None, **body):
        limits = Timeouts(first_byte=patience_s, between_chunks=patience_s)
        target = Target("sim:/v1/chat/completions", tuple((headers or {}).items()))
        data = orjson.dumps({"model": "m", "messages": HELLO, **body})
        found = Outcome()
        try:
            exchange = await self.transport.send("POST", target, data, limits)
            found.status, found.headers = exchange.status, exchange.headers
            while piece := await exchange.chunk(patience_s):
                found.body += piece
                found.pieces += 1
        except ConnectError:
            found.ending = "refused"
        except CutError:
            found.ending = "cut"
        except TimedOut:
            found.ending = "hang"
            if found.status:
                exchange.close()
        return found


class Socket:
    """Speaks HTTP/1.1 by hand, and tells a FIN from a RST."""

    def __init__(self, port):
        self.port = port

    async def fetch(self, patience_s=LONG_S, **request):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(encode(**request))
            return await receive(reader, patience_s)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def receive(reader, patience_s=LONG_S):
    """One answer from a connection."""
    found = Outcome()
    try:
        await asyncio.wait_for(_receive(reader, found), patience_s)
    except TimeoutError:
        found.ending = "hang"
    except asyncio.IncompleteReadError as error:
        found.body += error.partial
        found.ending = "cut" if found.status else "refused"
    except ConnectionResetError:
        found.ending = "reset" if found.status else "refused"
    return found


async def _receive(reader, found):
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    found.headers = dict(line.split(": ", 1) for line in lines if line)
    found.status = int(status.split()[1])
    if length := found.headers.get("content-length"):
        found.body = await reader.readexactly(int(length))
    elif found.headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            found.body += await reader.readexactly(size)
            found.pieces += 1
            assert await reader.readexactly(2) == b"\r\n"
        assert await reader.readexactly(2) == b"\r\n"
    else:
        found.body = await reader.read()


@contextlib.asynccontextmanager
async def serving(profile=None, served=None):
    """A server on a free port, as a Socket."""
    port = asyncio.get_running_loop().create_future()
    running = serve("127.0.0.1", 0, profile or Profile(), ready=port.set_result, served=served)
    task = asyncio.create_task(running)
    try:
        yield Socket(await port)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
