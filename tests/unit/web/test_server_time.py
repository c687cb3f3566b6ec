"""No wait for a client lasts for ever, and a server that is told to stop does."""

import asyncio

import orjson
import pytest
from tests.unit.web.serving import SOON_S, answer, echo, read, running, stream, until

from xroute.web.connection import Patience

TICK_S = 0.02
GET = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"


def short(**limits):
    return {"patience": Patience(**(dict.fromkeys(("head_s", "body_s", "idle_s", "stall_s"), 60.0) | limits))}


def is_late(said):
    assert said.startswith(b"HTTP/1.1 408 ") and b"\r\nconnection: close\r\n" in said
    return orjson.loads(said.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_timeout"


@pytest.mark.parametrize("begun", [b"G", GET[:-2], b"\r\n", GET[:20]])
async def test_a_head_that_does_not_end_is_late(begun):
    async with running(echo, tick_s=TICK_S, **short(head_s=0.1)) as place:
        assert is_late(await place.ask(begun))


async def test_a_head_that_trickles_is_late_as_well():
    async with running(echo, tick_s=TICK_S, **short(head_s=0.2)) as place:
        wire = await place.dial()
        waiting = asyncio.create_task(wire.rest())
        await wire.send(b"GET /a HTTP/1.1\r\nx-a: ")
        while not waiting.done():
            await wire.send(b"a")
            await asyncio.sleep(0.02)
        assert is_late(waiting.result())


async def test_a_second_head_that_does_not_end_is_late():
    for first in (
        GET + GET[:9],
        GET,
    ):
        async with running(echo, tick_s=TICK_S, **short(head_s=0.1)) as place:
            wire = await place.dial()
            await wire.send(first)
            await wire.whole()
            if first == GET:
                await wire.send(GET[:9])
            assert is_late(await wire.rest())


async def test_a_body_that_does_not_end_is_late():
    ended = []

    async def app(scope, receive, send):
        with pytest.raises(ConnectionError):
            await read(receive)
        ended.append(True)
        await answer(send, b"this is not heard")

    async with running(app, tick_s=TICK_S, **short(body_s=0.1)) as place:
        said = await place.ask(b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
        assert is_late(said) and b"heard" not in said
        await until(lambda: ended)


async def test_each_piece_of_a_body_has_its_own_time():
    async with running(echo) as place:
        wire = await place.dial()
        await wire.send(b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n")
        await until(lambda: any(each.task for each in place.server.connections))
        [connection] = place.server.connections
        for _ in range(4):
            before = connection.deadline
            await asyncio.sleep(0.002)  # the loops' clocks count milliseconds
            await wire.send(b"a")
            await until(lambda before=before: connection.deadline > before)
        await wire.send(b"a")
        assert (await wire.whole())[1] == b"POST /a aaaaa"


async def test_an_idle_connection_is_closed_without_a_word():
    async with running(echo, tick_s=TICK_S, **short(idle_s=0.1)) as place:
        assert await place.ask() == b""
    async with running(echo, tick_s=TICK_S, **short(idle_s=1.5)) as place:
        wire = await place.dial()
        await wire.send(GET)
        await wire.whole()
        assert await wire.rest() == b""


async def test_an_application_may_take_longer_than_any_client():
    async def app(scope, receive, send):
        await asyncio.sleep(1.6)
        await answer(send, b"late")

    limits = short(head_s=1.5, body_s=1.5, idle_s=1.5, stall_s=1.5)
    async with running(app, tick_s=TICK_S, **limits) as place:
        wire = await place.dial()
        await wire.send(GET)
        assert (await wire.whole())[1] == b"late"


async def test_a_client_that_stops_reading_is_cut_off_in_the_end():
    ended = []

    async def app(scope, receive, send):
        try:
            await stream(send, *[b"x" * 65_536] * 1000)
        finally:
            ended.append(True)

    async with running(app, tick_s=TICK_S, **short(stall_s=0.3)) as place:
        wire = await place.dial()
        wire.writer.transport.pause_reading()
        await wire.send(GET)
        await until(lambda: ended)
        await until(lambda: not place.server.connections)


async def test_a_client_that_does_not_close_is_closed():
    async with running(echo, tick_s=TICK_S, **short(linger_s=0.1)) as place:
        wire = await place.dial()
        await wire.send(b"nonsense\r\n")
        assert (await wire.rest()).startswith(b"HTTP/1.1 400 ")
        await until(lambda: not place.server.connections)


# Stopping


async def test_stopping_closes_what_is_idle_and_lets_what_runs_end():
    go = asyncio.Event()

    async def app(scope, receive, send):
        if scope["path"] == "/wait":
            await go.wait()
        await answer(send, b"done")

    async with running(app) as place:
        idle, begun, busy = [await place.dial() for _ in range(3)]
        await idle.send(GET)
        await idle.whole()
        await begun.send(b"GET /")
        await busy.send(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n" + GET)
        await until(lambda: any(each.task for each in place.server.connections))
        address = place.server.sockets[0].getsockname()
        place.server.stop()
        assert (await idle.rest(), await begun.rest()) == (b"", b"")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        go.set()
        head, body = await busy.whole()
        assert body == b"done" and b"\r\nconnection: close\r\n" in head
        assert await busy.rest() == b""


async def test_what_outlasts_the_grace_is_cancelled_and_cut():
    cancelled = []

    async def app(scope, receive, send):
        try:
            await stream(send, b"one", end=False)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async with running(app, grace_s=0.1) as place:
        wire = await place.dial()
        await wire.send(GET)
        assert await wire.head()
        place.server.stop()
        with pytest.raises(ConnectionResetError):
            await wire.rest()
        assert cancelled


async def test_the_second_stop_does_not_wait():
    async def app(scope, receive, send):
        await asyncio.Event().wait()

    async with running(app, grace_s=SOON_S * 4) as place:
        wire = await place.dial()
        await wire.send(GET)
        await until(lambda: any(each.task for each in place.server.connections))
        place.server.stop()
        await asyncio.sleep(0)
        place.server.stop()
        with pytest.raises(ConnectionResetError):
            await wire.rest()


async def test_a_body_still_coming_when_the_server_stops_is_read_to_its_end():
    async with running(echo) as place:
        wire = await place.dial()
        await wire.send(b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nabc")
        await until(lambda: any(each.task for each in place.server.connections))
        place.server.stop()
        await asyncio.sleep(0.01)
        await wire.send(b"def")
        assert (await wire.whole())[1] == b"POST /a abcdef"
