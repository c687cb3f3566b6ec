"""Connections are kept and used again, and never when something about them is doubtful."""

import asyncio

import pytest

from xroute.errors import ConnectError, CutError, TimedOut
from xroute.upstream.client import HttpTransport, Stats
from xroute.upstream.pool import Quota
from xroute.wire.http import Timeouts

LIMITS = Timeouts(first_byte=30, between_chunks=30)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
PART = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\npart"


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def call(client, upstream, timeouts=LIMITS):
    answer = await client.send("POST", upstream.target, b"{}", timeouts)
    try:
        return await answer.read(100)
    finally:
        answer.close()


async def warm(client, upstream):
    """One idle connection: the server's end of it."""
    task, peer = await upstream.ask(client)
    peer.write(OK)
    assert await (await task).read(10) == b"ok"
    return peer


async def test_a_thousand_calls_use_one_connection(client, upstream):
    upstream.answer = OK
    for _ in range(1000):
        assert await call(client, upstream) == b"ok"
    assert upstream.count == 1
    assert client.stats() == Stats(open=1, idle=1, waiting=0)


async def test_calls_at_once_use_connections_of_their_own(client, upstream):
    upstream.answer = OK
    assert await asyncio.gather(*(call(client, upstream) for _ in range(20))) == [b"ok"] * 20
    assert upstream.count == 20
    assert await asyncio.gather(*(call(client, upstream) for _ in range(20))) == [b"ok"] * 20
    assert upstream.count == 20


async def test_the_connection_that_became_idle_last_is_used_first(client, upstream):
    first, peer_1 = await upstream.ask(client)
    second, peer_2 = await upstream.ask(client)
    peer_2.write(OK)
    await second
    peer_1.write(OK)
    await first
    third = asyncio.create_task(call(client, upstream))
    await peer_1.request()
    peer_1.write(OK)
    assert await third == b"ok"
    assert not peer_2.received


async def test_a_complete_answer_gives_its_connection_back_unread(client, upstream):
    task, peer = await upstream.ask(client)
    peer.write(OK)
    answer = await task
    await until(lambda: client.stats().idle)
    answer.close()
    answer.close()
    assert client.stats() == Stats(open=1, idle=1, waiting=0)
    assert "complete" in repr(answer)


async def test_an_answer_closed_in_mid_body_ends_its_connection(client, upstream):
    task, peer = await upstream.ask(client)
    peer.write(PART)
    answer = await task
    answer.close()
    await peer.gone()
    with pytest.raises(CutError):
        await answer.chunk(30)
    assert client.stats().open == 0


async def test_a_closed_answer_leaves_the_next_call_on_its_connection_alone(client, upstream):
    upstream.answer = OK
    old = await client.send("POST", upstream.target, b"{}", Timeouts())
    await old.read(10)
    upstream.answer = None
    task = asyncio.create_task(client.send("POST", upstream.target, b"{}", Timeouts()))
    peer = await upstream.peer()
    await peer.request()
    old.close()
    peer.write(OK)
    assert await (await task).read(10) == b"ok"


async def test_a_call_that_meets_a_closing_connection_is_sent_once_more(client, upstream):
    stale = await warm(client, upstream)
    task = asyncio.create_task(call(client, upstream))
    request = await stale.request()
    stale.close()
    fresh = await upstream.peer()
    assert await fresh.request() == request
    fresh.write(OK)
    assert await task == b"ok"
    assert client.stats() == Stats(open=1, idle=1, waiting=0)


async def test_it_is_sent_once_more_only_once(client, upstream):
    stale = await warm(client, upstream)
    task = asyncio.create_task(call(client, upstream))
    await stale.request()
    stale.reset()
    fresh = await upstream.peer()
    await fresh.request()
    fresh.reset()
    with pytest.raises(ConnectError):
        await task
    assert upstream.count == 2


async def test_a_call_is_not_sent_again_once_something_was_answered(client, upstream):
    stale = await warm(client, upstream)
    task = asyncio.create_task(call(client, upstream))
    await stale.request()
    stale.write(b"HTTP/1.1 200")
    await asyncio.sleep(0.01)
    stale.close()
    with pytest.raises(CutError):
        await task
    assert upstream.count == 1


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_connection_closed_while_idle_is_forgotten(client, upstream, how):
    peer = await warm(client, upstream)
    getattr(peer, how)()
    await until(lambda: client.stats().open == 0)
    assert client.stats().idle == 0
    upstream.answer = OK
    assert await call(client, upstream) == b"ok"


async def test_a_connection_that_speaks_while_idle_is_ended(client, upstream):
    peer = await warm(client, upstream)
    peer.write(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
    await peer.gone()
    assert client.stats().open == 0


async def test_idle_connections_are_ended_in_time(upstream):
    client = HttpTransport(idle_s=0.05)
    peer = await warm(client, upstream)
    await peer.gone()
    assert client.stats() == Stats(open=0, idle=0, waiting=0)
    await client.close()


async def test_no_more_connections_are_kept_than_allowed(upstream):
    client = HttpTransport(max_idle=2)
    upstream.answer = OK
    await asyncio.gather(*(call(client, upstream) for _ in range(5)))
    assert client.stats() == Stats(open=2, idle=2, waiting=0)
    await client.close()


async def test_a_call_waits_for_one_of_the_connections_allowed(upstream):
    client = HttpTransport(max_open=1)
    first, peer = await upstream.ask(client)
    second = asyncio.create_task(call(client, upstream))
    await until(lambda: client.stats().waiting)
    assert client.stats() == Stats(open=1, idle=0, waiting=1)
    peer.write(OK)
    await first
    await peer.request()
    peer.write(OK)
    assert await second == b"ok"
    assert upstream.count == 1
    await client.close()


async def test_an_idle_connection_makes_room_for_another_origin(upstream, make_upstream):
    other = await make_upstream().listen()
    client = HttpTransport(max_open=1)
    peer = await warm(client, upstream)
    other.answer = OK
    assert await call(client, other) == b"ok"
    await peer.gone()
    await client.close()
    await other.close()


async def test_waiting_for_a_connection_is_limited(upstream):
    client = HttpTransport(max_open=1)
    task, peer = await upstream.ask(client)
    with pytest.raises(TimedOut) as caught:
        await call(client, upstream, Timeouts(connect=0.05))
    assert (caught.value.stage, client.stats().waiting) == ("connect", 0)
    peer.write(OK)
    await task
    await client.close()


async def test_a_waiting_call_that_is_cancelled_passes_its_turn_on():
    quota = Quota(1)
    first, second, third = (asyncio.create_task(quota.change()) for _ in range(3))
    await until(lambda: quota.waiting == 3)
    third.cancel()
    await until(third.done)
    assert quota.waiting == 2
    quota.changed()
    first.cancel()
    await asyncio.wait_for(second, 30)
    assert first.cancelled()
    assert quota.waiting == 0


async def test_closing_ends_everything(upstream):
    client = HttpTransport(max_open=3)
    idle = await warm(client, upstream)
    headless = asyncio.create_task(call(client, upstream))
    await idle.request()
    streaming, peer = await upstream.ask(client)
    peer.write(PART)
    answer = await streaming
    other, peer = await upstream.ask(client)
    waiting = asyncio.create_task(call(client, upstream))
    await until(lambda: client.stats().waiting)
    await client.close()
    for task in (headless, other, waiting):
        with pytest.raises(ConnectError, match="closed"):
            await task
    assert await answer.chunk(30) == b"part"
    with pytest.raises(ConnectError, match="closed"):
        await answer.chunk(30)
    with pytest.raises(ConnectError, match="closed"):
        await call(client, upstream)
    assert repr(client) == "<HttpTransport closed, 0 open, 0 idle, 0 waiting>"


async def test_more_targets_than_are_remembered_still_work(client, upstream, monkeypatch):
    monkeypatch.setattr("xroute.upstream.client.MOST_LINES", 2)
    upstream.answer = OK
    for _ in range(5):
        upstream.target = type(upstream.target)(upstream.url, (("x", "y"),))
        assert await call(client, upstream) == b"ok"
    assert upstream.count == 1
