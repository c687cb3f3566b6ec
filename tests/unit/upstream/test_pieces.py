"""Bodies in pieces: they arrive in one, in order, and are never joined on the way."""

import asyncio
import tracemalloc

import pytest

from xroute.wire.http import Timeouts

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
MIB = 1024 * 1024


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"",),
        (b"a", bytearray(b"bc"), memoryview(b"def")),
        (b"head", memoryview(bytearray(range(256)) * 1024)[3:-5], b"", b"tail"),
    ],
)
async def test_pieces_arrive_as_one_body(client, upstream, pieces):
    task = asyncio.create_task(client.send("POST", upstream.target, pieces, Timeouts()))
    peer = await upstream.peer()
    request = await peer.request()
    peer.write(OK)
    assert await (await task).read(10) == b"ok"
    whole = b"".join(pieces)
    head, _, body = request.partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(whole) in head
    assert body == whole
    assert client.stats().idle == 1


async def test_pieces_are_sent_again_on_a_new_connection(client, upstream):
    pieces = (b"a", memoryview(bytes(MIB)), b"z")
    upstream.answer = OK
    first = await client.send("POST", upstream.target, pieces, Timeouts())
    assert await first.read(10) == b"ok"
    upstream.peers[0].transport.close()
    again = await client.send("POST", upstream.target, pieces, Timeouts())
    assert await again.read(10) == b"ok"


async def test_pieces_are_not_held_twice(client, upstream):
    view = memoryview(bytearray(32 * MIB))
    tracemalloc.start()
    try:
        task = asyncio.create_task(client.send("POST", upstream.target, (b"a", view, b"z"), Timeouts()))
        peer = await upstream.peer()
        peer.transport.pause_reading()
        for _ in range(50):
            await asyncio.sleep(0.002)
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert held < 4 * MIB
    peer.transport.resume_reading()
    assert await peer.request()
    peer.write(OK)
    await task
