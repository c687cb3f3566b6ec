"""Where the server listens, and what happens when it cannot."""

import contextlib
import socket
import subprocess
import sys
import time

import pytest
from tests.unit.web.serving import SOON_S, echo, running

from xroute.errors import ConfigError
from xroute.web.server import Server

GET = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"
LAST = b"GET /z HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


async def test_every_connection_sends_at_once():
    async with running(echo) as place:
        wire = await place.dial()
        await wire.send(GET)
        await wire.whole()
        [connection] = place.server.connections
        sock = connection._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 on this machine")
    async with running(echo, "::1") as place:
        assert (await place.ask(LAST)).endswith(b"\r\n\r\nGET /z ")


async def test_an_address_in_use_is_told_plainly():
    async with running(echo) as place:
        with pytest.raises(ConfigError, match=r"cannot listen on 127\.0\.0\.1:\d+: Address already in use"):
            await Server(echo, "127.0.0.1", place.server.port).serve()


async def test_a_name_that_does_not_exist_is_told_plainly():
    with pytest.raises(ConfigError, match=r"cannot listen on no\.such\.invalid:1: "):
        await Server(echo, "no.such.invalid", 1).serve()


CROWD = """
import asyncio, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
from tests.unit.web.serving import echo
from xroute.web.server import Server
async def main():
    server = Server(echo, "127.0.0.1", 0)
    task = asyncio.create_task(server.serve())
    while not server.sockets:
        await asyncio.sleep(0)
    print(server.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.stop()
    await task
if sys.argv[1] == "uvloop":
    import uvloop as runner
else:
    runner = asyncio
runner.run(main())
"""


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_without_file_descriptors_left_it_goes_on_once_there_are_some(loop):
    process = subprocess.Popen(
        [sys.executable, "-c", CROWD, loop],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        port = int(process.stdout.readline())
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(80)]
        for sock in crowd:
            sock.close()
        by = time.monotonic() + SOON_S
        while not (said := knock(port)):
            assert time.monotonic() < by
        assert said.startswith(b"HTTP/1.1 200 ")
        process.stdin.close()
        assert process.wait(SOON_S) == 0


def knock(port):
    """What the server says; nothing where it turns the client away, as libuv does while none is free."""
    with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), SOON_S) as sock:
        sock.sendall(LAST)
        return sock.recv(100)
    return b""
