"""What is done in the background is done again and again, whatever goes wrong with it."""

import asyncio
import logging

from xroute.web.chores import Chores


async def until(done, seconds=30.0):
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.001)


async def test_a_chore_that_fails_is_logged_and_done_again(caplog):
    chores, turns = Chores(), []

    async def work():
        turns.append(len(turns))
        if len(turns) == 2:
            raise RuntimeError("a fault of ours")

    with caplog.at_level(logging.ERROR):
        chores.every(0.001, "sweeping", work)
        await until(lambda: len(turns) > 4)
    await chores.close()
    assert chores.failures == 1
    assert [each.message for each in caplog.records] == ["sweeping failed; it is tried again in 0.001 s"]
    assert "a fault of ours" in caplog.text


async def test_each_chore_has_its_own_pace_and_none_waits_for_another():
    chores, turns, is_stuck = Chores(), [], asyncio.Event()

    async def stuck():
        is_stuck.set()
        await asyncio.Event().wait()

    async def quick():
        turns.append(1)

    chores.every(0.001, "stuck", stuck)
    chores.every(3600, "late", stuck, first_s=3600)
    chores.every(3600, "at once and then in an hour", quick, first_s=0)
    await asyncio.wait_for(is_stuck.wait(), 30)
    await until(lambda: turns)
    await asyncio.sleep(0.01)
    assert turns == [1]
    await chores.close()


async def test_closing_ends_what_is_under_way():
    chores, begun, ended = Chores(), asyncio.Event(), []

    async def work():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    chores.every(0.001, "waiting", work)
    await asyncio.wait_for(begun.wait(), 30)
    await chores.close()
    assert ended == [True]
