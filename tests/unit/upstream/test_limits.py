"""Silence, size and impatience: time limits, cancellation, and memory that stays bounded."""

import asyncio
import hashlib
import tracemalloc

import pytest

from xroute.errors import ConnectError, TimedOut
from xroute.wire.http import Target, Timeouts

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
PART = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\npart"
MIB = 1024 * 1024


async def start(client, upstream, **limits):
    """An answer of which a part is here and the rest will not come."""
    task, peer = await upstream.ask(client, timeouts=Timeouts(**limits))
    peer.write(PART)
    answer = await task
    assert await answer.chunk(30) == b"part"
    return answer, peer


async def test_silence_before_the_head_times_out(client, upstream):
    task, peer = await upstream.ask(client, timeouts=Timeouts(first_byte=0.05))
    with pytest.raises(TimedOut) as caught:
        await task
    assert (caught.value.stage, caught.value.limit_s) == ("first_byte", 0.05)
    await peer.gone()


async def test_a_head_that_does_not_end_times_out(client, upstream):
    task, peer = await upstream.ask(client, timeouts=Timeouts(first_byte=0.2))
    peer.write(b"HTTP/1.1 200 OK\r\nx: y")
    with pytest.raises(TimedOut) as caught:
        await task
    assert caught.value.stage == "first_byte"
    await peer.gone()


async def test_silence_in_a_stream_times_out(client, upstream):
    answer, peer = await start(client, upstream)
    with pytest.raises(TimedOut) as caught:
        await answer.chunk(0.05)
    assert caught.value.stage == "between_chunks"
    with pytest.raises(TimedOut):
        await answer.chunk(30)
    await peer.gone()
    assert client.stats().open == 0


async def test_silence_while_reading_times_out(client, upstream):
    answer, peer = await start(client, upstream, between_chunks=0.05)
    with pytest.raises(TimedOut) as caught:
        await answer.read(100)
    assert caught.value.stage == "between_chunks"
    await peer.gone()


async def test_a_slow_stream_is_not_a_silent_one(client, upstream):
    task, peer = await upstream.ask(client)
    peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n")
    answer = await task
    for _ in range(8):  # in all longer than the limit, and none of it nearly as long
        waiting = asyncio.create_task(answer.chunk(2.0))
        await asyncio.sleep(0.3)
        peer.write(b"x")
        assert await waiting == b"x"
    assert await answer.chunk(2.0) == b""


async def test_a_limit_of_one_call_does_not_end_the_next(client, upstream):
    task, peer = await upstream.ask(client, timeouts=Timeouts(first_byte=1.5))
    peer.write(PART)
    answer = await task
    assert await answer.chunk(30) == b"part"
    last = asyncio.create_task(answer.chunk(1.5))
    await asyncio.sleep(0)
    peer.write(b"x" * 16)
    assert await last == b"x" * 16
    second = asyncio.create_task(client.send("POST", upstream.target, b"{}", Timeouts(first_byte=None)))
    await peer.request()
    await asyncio.sleep(1.6)
    peer.write(OK)
    assert await (await second).read(10) == b"ok"


async def test_time_in_which_nobody_waits_is_not_limited(client, upstream):
    task, peer = await upstream.ask(client, timeouts=Timeouts(first_byte=1.5))
    peer.write(PART)
    answer = await task
    await asyncio.sleep(1.6)
    peer.write(b"x" * 16)
    assert await answer.read(100) == b"part" + b"x" * 16


async def test_a_handshake_that_hangs_times_out(client, upstream):
    target = Target(upstream.url.replace("http:", "https:"), ())
    task = asyncio.create_task(client.send("POST", target, b"", Timeouts(connect=1.5)))
    peer = await upstream.peer()
    with pytest.raises(TimedOut) as caught:
        await task
    assert caught.value.stage == "connect"
    await peer.gone()
    assert client.stats().open == 0


async def test_a_handshake_that_is_cancelled_ends_its_connection(client, upstream):
    target = Target(upstream.url.replace("http:", "https:"), ())
    task = asyncio.create_task(client.send("POST", target, b"", Timeouts()))
    peer = await upstream.peer()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await peer.gone()
    assert client.stats().open == 0


async def test_a_port_without_a_server_is_a_connect_error(client, upstream):
    upstream.server.close()
    await upstream.server.wait_closed()
    with pytest.raises(ConnectError, match=f"127.0.0.1:{upstream.port}"):
        await client.send("POST", upstream.target, b"", Timeouts())
    assert client.stats().open == 0


async def test_cancelling_before_the_head_ends_the_connection(client, upstream):
    task, peer = await upstream.ask(client)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await peer.gone()
    assert client.stats().open == 0


@pytest.mark.parametrize("how", ["chunk", "read"])
async def test_cancelling_in_mid_body_ends_the_connection(client, upstream, how):
    answer, peer = await start(client, upstream)
    waiting = asyncio.create_task(answer.chunk(None) if how == "chunk" else answer.read(100))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await peer.gone()
    assert client.stats().open == 0


async def test_cancelling_at_the_very_moment_the_head_comes_ends_the_connection(client, upstream):
    task, peer = await upstream.ask(client)
    answer = next(iter(next(iter(client._pools.values()))._connections)).answer
    peer.write(PART)
    while not answer.status:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        (await task).close()
    await peer.gone()
    assert client.stats().open == 0


async def test_an_unread_answer_is_held_in_bounds_and_lost_nowhere(client, upstream):
    task, peer = await upstream.ask(client)
    peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (50 * MIB))
    content = bytes(range(256)) * (50 * MIB // 256)
    peer.write(content)
    answer = await task
    sizes = []
    while len(sizes) < 20 or sizes[-1] != sizes[-20]:
        await asyncio.sleep(0.002)
        sizes.append(answer.size)
    assert max(sizes) <= MIB
    received = hashlib.sha256()
    while piece := await answer.chunk(30):
        received.update(piece)
        assert len(piece) <= MIB
    assert received.digest() == hashlib.sha256(content).digest()
    assert client.stats().idle == 1


async def test_a_large_body_arrives_and_the_connection_is_kept(client, upstream):
    body = bytes(range(256)) * (32 * MIB // 256)
    upstream.answer = OK
    task = asyncio.create_task(client.send("POST", upstream.target, body, Timeouts()))
    assert await (await task).read(10) == b"ok"
    assert client.stats().idle == 1
    small = await client.send("POST", upstream.target, b"{}", Timeouts())
    assert (await small.read(10), upstream.count) == (b"ok", 1)


async def test_a_large_body_is_not_held_twice(client, upstream):
    body = bytes(32 * MIB)
    tracemalloc.start()
    try:
        task = asyncio.create_task(client.send("POST", upstream.target, body, Timeouts()))
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


@pytest.mark.parametrize("size", [1, 32 * MIB])
async def test_an_answer_before_the_end_of_the_request_is_delivered(client, upstream, size):
    body = bytes(size)
    task = asyncio.create_task(client.send("POST", upstream.target, body, Timeouts()))
    peer = await upstream.peer()
    while not peer.received:
        await asyncio.sleep(0.001)
    peer.transport.pause_reading()
    peer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
    answer = await task
    assert (answer.status, await answer.read(10)) == (413, b"no")
    assert client.stats().open == client.stats().idle == (1 if size == 1 else 0)


async def test_a_large_body_nobody_takes_times_out(client, upstream):
    task = asyncio.create_task(
        client.send("POST", upstream.target, bytes(32 * MIB), Timeouts(first_byte=0.2))
    )
    peer = await upstream.peer()
    peer.transport.pause_reading()
    with pytest.raises(TimedOut):
        await task
    assert client.stats().open == 0


async def test_cancelling_a_large_body_ends_the_connection(client, upstream):
    task = asyncio.create_task(client.send("POST", upstream.target, bytes(32 * MIB), Timeouts()))
    peer = await upstream.peer()
    peer.transport.pause_reading()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    peer.transport.resume_reading()
    await peer.gone()
