"""An alarm rings once, late enough, and not at all when it was cleared."""

import asyncio

from xroute.upstream.alarm import Alarm


def make():
    rung = asyncio.Event()
    return Alarm(asyncio.get_running_loop(), rung.set), rung


async def test_an_alarm_rings():
    alarm, rung = make()
    alarm.set(0.01)
    await asyncio.wait_for(rung.wait(), 5)


async def test_a_cleared_alarm_does_not_ring():
    (cleared, never), (dropped, neither), (other, rung) = make(), make(), make()
    cleared.set(0.01)
    cleared.clear()
    dropped.set(0.01)
    dropped.drop()
    other.set(0.05)
    await asyncio.wait_for(rung.wait(), 5)
    assert not never.is_set() and not neither.is_set()


async def test_an_alarm_set_later_rings_later():
    (alarm, rung), (other, before) = make(), make()
    alarm.set(0.01)
    alarm.clear()
    alarm.set(0.1)
    other.set(0.05)
    await asyncio.wait_for(before.wait(), 5)
    assert not rung.is_set()
    await asyncio.wait_for(rung.wait(), 5)


async def test_an_alarm_set_earlier_rings_earlier():
    alarm, rung = make()
    alarm.set(60)
    alarm.set(0.01)
    await asyncio.wait_for(rung.wait(), 5)
