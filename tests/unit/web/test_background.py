"""Calls that go on without their client, within bounds."""

import asyncio

import pytest

from xroute.errors import NotFound, RateLimited
from xroute.web import background
from xroute.web.background import Background, Reel


async def ended(desk, id_):
    async with asyncio.timeout(30):
        while desk.is_running(id_):
            await asyncio.sleep(0)


async def test_no_more_calls_than_fit_are_taken():
    desk, release = Background(most=1), asyncio.Event()
    desk.room()
    desk.start("resp_1", Reel("req-1"), release.wait, print)
    with pytest.raises(RateLimited):
        desk.room()
    release.set()
    await ended(desk, "resp_1")
    desk.room()


async def test_an_error_is_told_and_a_fault_without_its_text(caplog):
    desk, told = Background(), []

    async def refused():
        raise NotFound("no such model")

    async def broken():
        raise ZeroDivisionError("secret")

    for id_, work in (("resp_1", refused), ("resp_2", broken)):
        desk.start(id_, Reel("req-1"), work, told.append)
        await ended(desk, id_)
    assert [error.error_type for error in told] == ["not_found", "server"]
    assert "secret" not in told[1].message
    assert "ZeroDivisionError" in caplog.text


async def test_a_cancelled_call_is_over_and_tells_nothing():
    desk, told = Background(), []
    desk.start("resp_1", Reel("req-1"), asyncio.Event().wait, told.append)
    await desk.cancel("resp_1")
    assert not desk.is_running("resp_1")
    assert told == []
    await desk.cancel("resp_1")


async def test_the_oldest_events_go_where_there_are_too_many(monkeypatch):
    monkeypatch.setattr(background, "MAX_BYTES", 25)
    desk = Background()

    def write(reel):
        async def work():
            await reel.write(b"data: 1\n\n")

        return work

    for number in range(4):
        reel = Reel("req-1")
        desk.start(f"resp_{number}", reel, write(reel), print)
        await ended(desk, f"resp_{number}")
    assert [desk.reel(f"resp_{n}") is not None for n in range(4)] == [False, False, True, True]


async def test_whoever_follows_learns_of_every_event_and_of_the_end():
    reel = Reel("req-1")
    waiting = asyncio.ensure_future(reel.change(5))
    await asyncio.sleep(0)
    await reel.write(b"event: a\ndata: 1\n\nevent: b\ndata: 2\n\n")
    assert await waiting
    assert reel.events == [b"event: a\ndata: 1\n\n", b"event: b\ndata: 2\n\n"]
    assert not await reel.change(0.01)
    await reel.end()
    assert reel.ended


async def test_when_the_server_stops_what_runs_is_told_as_failed():
    desk, told = Background(), []
    desk.start("resp_1", Reel("req-1"), asyncio.Event().wait, told.append)
    await asyncio.sleep(0)
    await desk.close()
    assert not desk.is_running("resp_1")
    assert [error.error_type for error in told] == ["server"]
    await Background().close()
