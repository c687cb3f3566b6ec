"""Neither a client that sends too fast nor one that does not read fills the memory."""

import asyncio
import contextlib
import socket

from tests.unit.web.serving import SOON_S, answer, read, running, stream, until

SIZE = 50 * 1024 * 1024
PIECE = b"x" * 65_536
SOCKETS = 16 * 1024 * 1024  # more than what the kernel's own buffers hold
SMALL = 64 * 1024  # what they are asked to hold where that would be too much
GET = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"


class Count:
    """How far something got."""

    def __init__(self):
        self.now = 0

    async def stalled(self):
        """Until it moves no more; how far it got."""
        before = -1
        while before != self.now or not self.now:
            before = self.now
            await asyncio.sleep(0.2)
        return self.now


async def push(wire, count):
    with contextlib.suppress(ConnectionError):
        for _ in range(SIZE // len(PIECE)):
            await wire.send(PIECE)
            count.now += len(PIECE)


async def test_a_body_that_nobody_takes_is_not_read():
    take, sent = asyncio.Event(), Count()

    async def app(scope, receive, send):
        await take.wait()
        body = await read(receive)
        await answer(send, b"%d" % len(body))

    async with running(app) as place:
        wire = await place.dial()
        await wire.send(b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % SIZE)
        pushing = asyncio.create_task(push(wire, sent))
        assert await sent.stalled() < SOCKETS
        [connection] = place.server.connections
        assert connection._intake.reading.size < 1024 * 1024
        take.set()
        assert (await wire.whole())[1] == b"%d" % SIZE
        await pushing


async def test_requests_that_wait_for_their_turn_are_not_read():
    go, sent, count = asyncio.Event(), Count(), 0

    async def app(scope, receive, send):
        nonlocal count
        await go.wait()
        count += 1
        await answer(send, b"")

    raw = GET * (len(PIECE) // len(GET))
    most = 32

    async def pushing_requests():
        for _ in range(most):
            await wire.send(raw)
            sent.now += len(raw)

    async with running(app) as place:
        place.server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        wire = await place.dial()
        wire.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        pushing = asyncio.create_task(pushing_requests())
        stalled = await sent.stalled()
        [connection] = place.server.connections
        assert stalled < most * len(raw)
        assert len(connection._intake.held) < 1024 * 1024 and len(connection._intake.queue) < 1000
        go.set()
        async with asyncio.timeout(2 * SOON_S):
            while count < most * (len(PIECE) // len(GET)):
                await wire.reader.read(1_000_000)
        await pushing


async def test_a_client_that_does_not_read_makes_the_application_wait():
    sent = Count()

    async def app(scope, receive, send):
        async def tell(message):
            await send(message)
            sent.now += len(message.get("body", b""))

        await stream(tell, *[PIECE] * (SIZE // len(PIECE)))

    async with running(app) as place:
        wire = await place.dial()
        wire.writer.transport.pause_reading()
        await wire.send(GET)
        assert await sent.stalled() < SOCKETS
        [connection] = place.server.connections
        assert connection._transport.get_write_buffer_size() < 512 * 1024
        wire.writer.transport.resume_reading()
        said = 0
        while not (await wire.reader.read(1_000_000)).endswith(b"\r\n0\r\n\r\n"):
            said += 1
        assert said and sent.now == SIZE


async def test_a_large_answer_whose_connection_ends_behind_it_comes_whole():
    async def app(scope, receive, send):
        await answer(send, bytes(SIZE))

    async with running(app) as place:
        wire = await place.dial()
        wire.writer.transport.pause_reading()
        await wire.send(b"GET /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        await asyncio.sleep(0.2)
        wire.writer.transport.resume_reading()
        assert len((await wire.whole())[1]) == SIZE
        assert await wire.rest() == b""


async def test_a_client_that_leaves_wakes_whoever_waits_to_send():
    ended = []

    async def app(scope, receive, send):
        try:
            await stream(send, *[PIECE] * (SIZE // len(PIECE)))
        finally:
            ended.append(True)

    async with running(app) as place:
        wire = await place.dial()
        wire.writer.transport.pause_reading()
        await wire.send(GET)
        await until(lambda: any(each._full for each in place.server.connections))
        wire.writer.transport.abort()
        await until(lambda: ended)
        await until(lambda: not place.server.connections)


async def test_a_client_that_leaves_in_mid_body_is_told_to_whoever_reads_it():
    seen = []

    async def app(scope, receive, send):
        while not seen or seen[-1]["type"] != "http.disconnect":
            seen.append(await receive())

    async with running(app) as place:
        wire = await place.dial()
        await wire.send(b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
        await until(lambda: seen)
        await wire.close()
        await until(lambda: len(seen) == 2)
    assert seen[0] == {"type": "http.request", "body": b"abc", "more_body": True}


async def test_a_client_that_leaves_during_its_call_is_noticed():
    gone = asyncio.Event()

    async def app(scope, receive, send):
        await read(receive)
        assert await receive() == {"type": "http.disconnect"}
        gone.set()

    async with running(app) as place:
        for leave in ("close", "abort"):
            gone.clear()
            wire = await place.dial()
            await wire.send(GET)
            await until(lambda: any(each.task for each in place.server.connections))
            getattr(wire.writer.transport, leave)()
            await asyncio.wait_for(gone.wait(), SOON_S)
            await until(lambda: not place.server.connections)


async def test_a_client_that_has_only_stopped_sending_still_gets_an_answer():
    async def app(scope, receive, send):
        await read(receive)
        await receive()
        await answer(send, b"bye")

    async with running(app) as place:
        wire = await place.dial()
        await wire.send(GET)
        wire.writer.write_eof()
        head, body = await wire.whole()
        assert body == b"bye" and b"connection: close" in head
        assert await wire.rest() == b""
