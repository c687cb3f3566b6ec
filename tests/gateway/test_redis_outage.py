"""Redis is frozen, killed, emptied, set back under calls: as configured meanwhile, and exact afterwards."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.processes import Process, money, rate, slots
from tests.redises import Server, until

from xroute.errors import Unavailable
from xroute.limits.gate import Amounts, Refused
from xroute.store import member, reaper, rejoin
from xroute.store.db import Database

LIMIT = 1_000_000
GATES = (money(limit=LIMIT), money("credit:ws", 2 * LIMIT), slots(1000), rate(limit=10**9))

Start = Callable[..., Any]


def cost(nano: int) -> Amounts:
    return Amounts(1, 10, 10, nano, nano)


async def test_closed_a_dead_redis_refuses_calls_and_costs_none_a_timeout(
    start_process: Start, redis_server: Server
) -> None:
    process = await start_process()
    hold = await process.enter(GATES, cost(500))
    redis_server.kill()
    began = time.monotonic()
    for _ in range(200):
        with pytest.raises(Unavailable) as caught:
            await process.admit(GATES, cost(1))
        assert caught.value.retry_after_s == 1.0
    assert time.monotonic() - began < 2.0
    assert process.engine.state.startswith("down since 20")
    assert process.engine.turned_away == 200
    process.settle(hold, cost(300))
    redis_server.start()
    await process.up()
    assert await process.purse() == (300, 0)
    assert await process.purse("credit:ws") == (300, 0)


async def test_open_calls_are_let_in_unchecked_and_counted_afterwards(
    start_process: Start, redis_server: Server
) -> None:
    process = await start_process(when_down="open")
    gates = (money(limit=LIMIT),)
    redis_server.kill()
    holds = [await process.enter(gates, cost(LIMIT)) for _ in range(50)]
    assert process.engine.unchecked == 50
    for hold in holds[:30]:
        process.settle(hold, cost(1000))
    redis_server.start()
    await process.up()
    assert await process.purse() == (30_000, 20 * LIMIT)
    refused = await process.admit(gates, cost(1))
    assert isinstance(refused, Refused) and refused.is_held
    for hold in holds[30:]:
        process.settle(hold, cost(1000))
    assert await process.purse() == (50_000, 0)


async def test_a_frozen_redis_is_waited_for_once_and_what_it_did_late_does_not_count(
    start_process: Start, redis_server: Server
) -> None:
    process = await start_process()
    gates = (money(limit=LIMIT), slots(1))
    before = await process.enter((money(limit=LIMIT),), cost(700))
    redis_server.freeze()
    began = time.monotonic()
    found = await asyncio.gather(*(process.admit(gates, cost(10)) for _ in range(50)), return_exceptions=True)
    assert all(isinstance(each, Unavailable) for each in found)
    assert 0.25 < time.monotonic() - began < 2.0
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(Unavailable):
            await process.admit(gates, cost(10))
    assert time.monotonic() - began < 0.2
    process.settle(before, cost(400))
    redis_server.thaw()
    await process.up()
    assert await process.purse() == (400, 0)
    await process.enter(gates, cost(10))


async def test_settlements_whose_answer_was_lost_count_once(
    start_process: Start, redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redis.asyncio import Redis

    monkeypatch.setattr(member, "LONGEST_S", 0.05)
    process, spent, refused = await start_process(), 0, 0
    gates, is_over = (money(limit=10**12),), False

    async def work() -> None:
        nonlocal spent, refused
        while not is_over:
            try:
                hold = await process.enter(gates, cost(100))
            except Unavailable:  # a slow machine may not connect anew in the time that a call waits
                refused += 1
                await asyncio.sleep(0.02)
                continue
            process.settle(hold, cost(7))
            spent += 7

    tasks = [asyncio.create_task(work()) for _ in range(8)]
    async with Redis.from_url(redis_server.url) as client:
        for _ in range(25):
            await asyncio.sleep(0.02)
            await client.client_kill_filter(_type="normal", skipme=True)
            await process.up()
    is_over = True
    await asyncio.gather(*tasks)
    assert spent > 1000
    assert await process.purse() == (spent, 0)
    assert process.engine.turned_away == refused


async def test_an_emptied_redis_is_made_again_from_database_and_journals_while_calls_go_on(
    start_process: Start, redis_server: Server
) -> None:
    from redis.asyncio import Redis

    one, other = await start_process(when_down="closed"), await start_process(when_down="closed")
    limit, spent, is_over = 400_000, 0, False
    gates = (money(limit=limit), slots(1000))
    for process in (one, other):
        process.writer.start()

    async def work(process: Process) -> None:
        nonlocal spent
        while not is_over:
            try:
                hold = await process.admit(gates, cost(300))
            except Unavailable:
                await asyncio.sleep(0.02)
                continue
            if isinstance(hold, Refused):
                await asyncio.sleep(0.002)
                continue
            await asyncio.sleep(0.003)
            process.settle(hold, cost(30))
            spent += 30

    tasks = [asyncio.create_task(work(process)) for process in (one, other) for _ in range(10)]
    async with Redis.from_url(redis_server.url) as client:
        for _ in range(3):
            await asyncio.sleep(0.3)
            await client.flushall()
            await until(lambda: "up" not in (one.engine.state, other.engine.state))
            await one.up()
            await other.up()
        await asyncio.sleep(0.2)
        is_over = True
        await asyncio.gather(*tasks)
        await other.told()
        assert await one.purse() == (spent, 0)
        assert 0 < spent <= limit
        keys = [key async for key in client.scan_iter()]
    assert not [key for key in keys if b":s:" in key or b":t:" in key], "nothing is under way"


async def test_a_redis_that_lost_its_last_minute_is_not_believed(
    start_process: Start, redis_server: Server, tmp_path: Path
) -> None:
    from redis.asyncio import Redis

    redis_server.kill()
    keep = ("--save", "3600 1", "--dbfilename", "old.rdb")
    redis_server.start(*keep)
    one, other = await start_process(), await start_process()
    gates = (money(limit=LIMIT),)
    for process in (one, other):
        process.settle(await process.enter(gates, cost(100)), cost(100))
        await process.told()
    async with Redis.from_url(redis_server.url) as client:
        await client.save()
    for process in (one, other):
        process.settle(await process.enter(gates, cost(50)), cost(50))
        await process.told()
    await one.writer.flush()
    hold = await other.enter(gates, cost(9))
    redis_server.kill()
    await until(lambda: "up" not in (one.engine.state, other.engine.state))
    redis_server.start(*keep)
    await one.up()
    await other.up()
    assert await one.purse() == (300, 9)
    other.settle(hold, cost(8))
    assert await other.purse() == (308, 0)


async def test_counters_cannot_be_made_while_the_database_is_away_too(
    start_process: Start, redis_server: Server, shared_db: Database
) -> None:
    process = await start_process()
    process.settle(await process.enter((money(),), cost(70)), cost(60))
    await process.writer.flush()
    async with shared_db.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE purses RENAME TO away")
    redis_server.kill()
    redis_server.start()
    await until(lambda: process.engine.state.startswith("down") and "database" in process.engine.state)
    with pytest.raises(Unavailable):
        await process.admit((money(),), cost(1))
    async with shared_db.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE away RENAME TO purses")
    await process.up()
    assert await process.purse() == (60, 0)


async def test_what_is_owed_while_redis_is_away_is_bounded_by_counters(
    start_process: Start, redis_server: Server
) -> None:
    process = await start_process(when_down="open")
    redis_server.kill()
    gates = [(money(f"b{number}:money:total"), slots(), rate("tokens", 10**9)) for number in range(10)]
    for number in range(5000):
        process.engine.settle(await process.enter(gates[number % 10], cost(5)), cost(3), time.time())
    owed = process.engine._member.owed
    assert len(owed) == 11
    assert owed._calls == {}


async def test_the_calls_of_a_dead_process_are_counted_by_who_adopts_its_journal(
    start_process: Start, redis_server: Server, shared_db: Database, tmp_path: Path
) -> None:
    alive, dying = await start_process(), await start_process(when_down="open")
    gates = (money(limit=LIMIT), slots(10))
    done = await dying.begin(gates, cost(1000), "req-done")
    untold = await dying.begin(gates, cost(2000), "req-untold")
    await dying.begin(gates, cost(3000), "req-lost")
    dying.settle(done, cost(100))
    await dying.told()
    dying.cut()
    dying.settle(untold, cost(20))
    await dying.die()
    assert await alive.purse() == (100, 5000)
    for _ in range(2):
        assert await reaper.adopt(shared_db, tmp_path / "journals", "input", tally=alive.engine) in (0, 1)
        assert await alive.purse() == (100 + 20 + 3000, 0)
    await alive.enter((slots(1),), cost(0))


async def test_a_journal_is_kept_until_redis_was_told(
    start_process: Start, redis_server: Server, shared_db: Database, tmp_path: Path
) -> None:
    alive, dying = await start_process(), await start_process()
    gates = (money(limit=LIMIT),)
    await dying.begin(gates, cost(3000), "req-lost")
    dying.settle(await dying.begin(gates, cost(1000), "req-done"), cost(10))
    redis_server.kill()
    await dying.die()
    await reaper.adopt(shared_db, tmp_path / "journals", "input", tally=alive.engine)
    assert dying.journal.folder.exists()
    redis_server.start()
    await until(lambda: alive.engine.state.startswith("rejoining: 1 other"))
    await reaper.adopt(shared_db, tmp_path / "journals", "input", tally=alive.engine)
    await alive.up()
    assert await alive.purse() == (3010, 0), "made from the database, which knows all of it"
    assert not dying.journal.folder.exists()


async def test_what_a_dead_process_had_under_way_is_freed_without_its_journal(
    start_process: Start, redis_server: Server
) -> None:
    from redis.asyncio import Redis

    alive, dying = await start_process(), await start_process()
    gates = (money(limit=LIMIT), slots(1))
    await dying.enter(gates, cost(3000))
    await dying.die()
    async with Redis.from_url(redis_server.url, decode_responses=True) as client:
        [name] = [key async for key in client.scan_iter(match="*:alive")]
        at = await client.zscore(name, dying.journal.id)
        await client.zadd(name, {dying.journal.id: at - member.SLOTS_MS})
        await alive.engine._member._beat()
        assert await alive.purse() == (0, 3000), "its money is somebody's who finds the journal, for a while"
        await alive.enter((slots(1),), cost(0))
        dead = name.replace(":alive", ":dead")
        await client.zadd(dead, {dying.journal.id: at - member.MONEY_MS})
        await alive.engine._member._beat()
    assert await alive.purse() == (0, 0)


async def test_a_process_that_was_taken_for_dead_takes_its_place_again(
    start_process: Start, redis_server: Server
) -> None:
    from redis.asyncio import Redis

    alive, paused = await start_process(), await start_process()
    gates = (money(limit=LIMIT), slots(5))
    hold = await paused.enter(gates, cost(3000))
    async with Redis.from_url(redis_server.url, decode_responses=True) as client:
        [name] = [key async for key in client.scan_iter(match="*:alive")]
        at = await client.zscore(name, paused.journal.id)
        await client.zadd(name, {paused.journal.id: at - member.SLOTS_MS})
        await alive.engine._member._beat()
        second = await paused.enter(gates, cost(10))
        paused.settle(hold, cost(1))
        paused.settle(second, cost(1))
        assert await paused.purse() == (2, 0)
        assert await client.zscore(name, paused.journal.id) is not None


async def test_counters_made_anew_wait_for_every_process_but_not_for_ever(
    start_process: Start, redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejoin, "AWAIT_MS", 700)
    one, gone = await start_process(), await start_process()
    for process in (one, gone):
        await process.enter((money(),), cost(5))
        await process.writer.turn()
    await gone.die()
    redis_server.kill()
    redis_server.start()
    await until(lambda: one.engine.state.startswith("rejoining: 1 other"))
    with pytest.raises(Unavailable):
        await one.admit((money(),), cost(5))
    await one.up()
    assert await one.purse() == (0, 5)


async def test_open_calls_that_are_let_in_while_others_are_waited_for_are_held_like_all(
    start_process: Start, redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejoin, "AWAIT_MS", 700)
    gates = (money(limit=LIMIT), slots(1000))
    one, gone = await start_process(when_down="open"), await start_process(when_down="open")
    await gone.enter(gates, cost(5))
    await gone.writer.turn()
    await gone.die()
    redis_server.kill()
    redis_server.start()
    await until(lambda: one.engine.state.startswith("rejoining: 1 other"))
    ended, open_ = await one.enter(gates, cost(300)), await one.enter(gates, cost(500))
    one.settle(ended, cost(100))
    await one.up()
    assert await one.purse() == (100, 500)
    one.settle(open_, cost(400))
    assert await one.purse() == (500, 0)
