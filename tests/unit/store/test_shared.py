"""The shared engine against a real Redis: gates, settlements, several processes."""

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.processes import Process, money, rate, redis, running, slots
from tests.redises import Server, until

from xroute.limits.gate import Amounts, Gate, Hold, Refused
from xroute.store.db import Database
from xroute.store.migrate import ready

NANO = 1_000


def cost(nano: int, tokens_in: int = 0, tokens_out: int = 0) -> Amounts:
    return Amounts(1, tokens_in, tokens_out, nano, nano)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncGenerator[Database]:
    db = Database(f"sqlite:///{tmp_path / 'xroute.sqlite3'}")
    await ready(db)
    yield db
    await db.close()


@pytest.fixture
async def one(redis_url: str, redis_prefix: str, db: Database, tmp_path: Path) -> AsyncGenerator[Process]:
    async with running(Process(redis(redis_url, redis_prefix), db, tmp_path / "journals")) as process:
        yield process


@pytest.fixture
async def other(
    one: Process, redis_url: str, redis_prefix: str, db: Database, tmp_path: Path
) -> AsyncGenerator[Process]:
    async with running(Process(redis(redis_url, redis_prefix), db, tmp_path / "journals")) as process:
        yield process


async def test_a_call_takes_of_all_its_gates_and_gives_back_what_it_did_not_use(one: Process) -> None:
    gates = (money(), money("credit:ws", 500_000), slots())
    hold = await one.enter(gates, cost(30 * NANO))
    assert await one.purse() == (0, 30 * NANO)
    one.settle(hold, cost(7 * NANO))
    assert await one.purse() == (7 * NANO, 0)
    assert await one.purse("credit:ws") == (7 * NANO, 0)
    assert await one.engine.taken("credit:ws") == 7 * NANO


async def test_who_is_refused_has_taken_nothing_anywhere(one: Process) -> None:
    full = (money("a:money:total"), rate(limit=1), money("z:money:total", 10))
    refused = await one.admit(full, cost(20))
    assert isinstance(refused, Refused)
    assert (refused.gate, refused.left, refused.retry_after_s) == (full[2], 10, None)
    assert await one.engine.taken("a:money:total") == 0
    assert isinstance(await one.admit(full[:2], cost(20)), Hold)


async def test_a_second_settlement_does_nothing(one: Process) -> None:
    hold = await one.enter((money(),), cost(10))
    for _ in range(3):
        one.engine.settle(hold, cost(4), time.time())
    assert await one.purse() == (4, 0)


async def test_a_refund_is_as_if_the_call_had_never_been(one: Process) -> None:
    gates = (rate(limit=1), money())
    one.engine.refund(await one.enter(gates, cost(10)), time.time())
    await one.told()
    assert isinstance(await one.admit(gates, cost(10)), Hold)
    assert await one.purse() == (0, 10)


async def test_a_rate_says_what_is_left_and_when_it_opens_again(one: Process) -> None:
    gates = (rate(limit=2), rate("tokens", 1000))
    first = await one.enter(gates, cost(0, 300, 100))
    assert [(level.gate.measure, level.left) for level in first.levels] == [("requests", 1), ("tokens", 600)]
    assert all(59 < level.reset_s <= 60 for level in first.levels)
    await one.enter(gates, cost(0))
    refused = await one.admit(gates, cost(0))
    assert isinstance(refused, Refused)
    assert refused.gate is gates[0]
    assert refused.retry_after_s is not None and 55 < refused.retry_after_s <= 60
    assert [level.left for level in refused.levels] == [0, 600]


async def test_what_can_never_fit_is_told_so(one: Process) -> None:
    for gate in (rate("tokens", 10), money(limit=10), slots(0)):
        refused = await one.admit((gate,), cost(11, 11))
        assert isinstance(refused, Refused)
        assert (refused.retry_after_s, refused.is_held) == (None, False)


async def test_a_purse_that_ends_says_when(one: Process) -> None:
    end = time.time() + 500
    refused = await one.admit(
        (money(limit=10, until=end), money("m:money:total", 10, until=end - 100)), cost(10)
    )
    assert isinstance(refused, Hold)
    one.settle(refused, cost(10))
    refused = await one.admit(
        (money(limit=10, until=end), money("m:money:total", 10, until=end - 100)), cost(1)
    )
    assert isinstance(refused, Refused)
    assert refused.gate.key == "b1:money:total"
    assert refused.retry_after_s is not None and 490 < refused.retry_after_s <= 500


async def test_a_soft_gate_counts_and_refuses_nobody(one: Process) -> None:
    gates = (money(limit=5, hard=False),)
    one.settle(await one.enter(gates, cost(4)), cost(4))
    one.settle(await one.enter(gates, cost(40)), cost(40))
    assert await one.purse() == (44, 0)


async def test_sums_are_exact_where_floats_are_not(one: Process) -> None:
    limit = 2**62 + 3
    gate = money(limit=limit)
    for part in (2**61 + 1, 2**61 - 1, 2):
        one.engine.spend([(gate.key, part, None)])
    await one.told()
    assert await one.purse(gate.key) == (2**62 + 2, 0)
    refused = await one.admit((gate,), cost(2))
    assert isinstance(refused, Refused) and refused.left == 1
    assert isinstance(await one.admit((gate,), cost(1)), Hold)
    assert isinstance(await one.admit((gate,), cost(1)), Refused)


async def test_keys_may_hold_whatever_users_are_called(one: Process) -> None:
    for user in ("ann ; b", "a\r\nb", "{x}", "ü:1", "1 2 3", "*"):
        gates = (money(f"b1:money:{user}:total"), slots(key=f"l1:slots:{user}"), rate(key=f"l1:r:{user}"))
        one.settle(await one.enter(gates, cost(9)), cost(5))
        assert await one.purse(f"b1:money:{user}:total") == (5, 0)


async def test_two_processes_never_pass_a_budget_and_can_use_all_of_it(one: Process, other: Process) -> None:
    gates = (money(limit=20 * NANO),)
    spent = 0

    async def call(process: Process, number: int) -> None:
        nonlocal spent
        found = await process.engine.admit_later(f"req-{number}", gates, cost(NANO), 30, time.time)
        if isinstance(found, Hold):
            held = await process.engine.taken("b1:money:total")
            assert held <= 20 * NANO
            await asyncio.sleep(0.002)
            process.settle(found, cost(NANO // 2))
            spent += NANO // 2
        else:
            assert not found.is_held

    await asyncio.gather(*(call((one, other)[number % 2], number) for number in range(300)))
    await one.told()
    await other.told()
    assert await one.purse() == (spent, 0)
    assert 19 * NANO < spent <= 20 * NANO


async def test_slots_are_counted_over_processes(one: Process, other: Process) -> None:
    first = await one.enter((slots(2),), cost(0))
    await other.enter((slots(2),), cost(0))
    refused = await other.admit((slots(2),), cost(0))
    assert isinstance(refused, Refused) and refused.retry_after_s == 1.0 and not refused.is_held
    one.settle(first, cost(0))
    await one.told()
    await other.enter((slots(2),), cost(0))


async def test_who_waits_is_let_in_when_another_process_gives_back(one: Process, other: Process) -> None:
    gates = (money(limit=10),)
    hold = await other.enter(gates, cost(10))
    refused = await one.admit(gates, cost(10))
    assert isinstance(refused, Refused) and refused.is_held
    waiting = asyncio.create_task(one.engine.admit_later("late", gates, cost(5), 30, time.time))
    await until(lambda: one.engine.waiting == 1)
    other.settle(hold, cost(2))
    assert isinstance(await waiting, Hold)
    assert one.engine.waiting == 0


async def test_who_waits_is_let_in_first_come_first_in(one: Process) -> None:
    gates, order = (money(limit=10),), list[int]()
    holds = [await one.enter(gates, cost(10))]

    async def wait(number: int) -> None:
        found = await one.engine.admit_later(f"req-{number}", gates, cost(10), 30, time.time)
        assert isinstance(found, Hold)
        order.append(number)
        one.settle(found, cost(0))

    tasks = list[Any]()
    for number in range(10):
        tasks.append(asyncio.create_task(wait(number)))
        await until(lambda count=number + 1: one.engine.waiting == count)
    late = await one.admit(gates, cost(10))
    assert isinstance(late, Refused) and late.is_held, "nobody overtakes those in line"
    one.settle(holds.pop(), cost(0))
    await asyncio.gather(*tasks)
    assert order == list(range(10))


async def test_who_waits_for_nothing_hears_so_at_once_and_else_in_time(one: Process) -> None:
    gates = (money(limit=10),)
    hold = await one.enter(gates, cost(6))
    async with asyncio.timeout(30):
        refused = await one.engine.admit_later("never", gates, cost(11), 3600, time.time)
    assert isinstance(refused, Refused) and not refused.is_held
    refused = await one.engine.admit_later("late", gates, cost(5), 0.1, time.time)
    assert isinstance(refused, Refused) and refused.is_held
    waiting = asyncio.create_task(one.engine.admit_later("full", gates, cost(5), 30, time.time))
    await until(lambda: one.engine.waiting == 1)
    one.settle(hold, cost(6))
    refused = await waiting
    assert isinstance(refused, Refused) and not refused.is_held, "what was held has been spent"


async def test_who_comes_behind_others_hears_what_is_left(one: Process) -> None:
    hold = await one.enter((money(limit=10),), cost(6))
    waiting = asyncio.create_task(one.engine.admit_later("first", (money(limit=10),), cost(5), 30, time.time))
    await until(lambda: one.engine.waiting == 1)
    behind = await one.admit((money(limit=10),), cost(2))
    assert isinstance(behind, Refused) and (behind.is_held, behind.left) == (True, 4)
    behind = await one.admit((money(limit=8),), cost(2))
    assert isinstance(behind, Refused) and (behind.is_held, behind.left) == (True, 2)
    one.settle(hold, cost(0))
    assert isinstance(await waiting, Hold)


async def test_a_cancelled_admission_gives_back_what_it_took(one: Process) -> None:
    gates = (money(), slots(), rate(limit=100))
    for ticks in range(12):
        task = asyncio.create_task(one.admit(gates, cost(10)))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        found = await asyncio.gather(task, return_exceptions=True)
        if isinstance(found[0], Hold):
            one.engine.refund(found[0], time.time())
    async with asyncio.timeout(30):
        while await one.purse() != (0, 0):
            await asyncio.sleep(0.005)
    hold = await one.enter(gates, cost(10))
    assert hold.levels[0].left == 99


async def test_cancelled_who_waits_leaves_the_line(one: Process) -> None:
    gates = (money(limit=10),)
    hold = await one.enter(gates, cost(10))
    first = asyncio.create_task(one.engine.admit_later("first", gates, cost(10), 30, time.time))
    await until(lambda: one.engine.waiting == 1)
    second = asyncio.create_task(one.engine.admit_later("second", gates, cost(10), 30, time.time))
    await until(lambda: one.engine.waiting == 2)
    first.cancel()
    one.settle(hold, cost(0))
    assert isinstance(await second, Hold)
    assert one.engine.waiting == 0


async def test_what_a_purse_begins_with_is_not_made_less(one: Process, other: Process) -> None:
    one.settle(await one.enter((money(),), cost(30)), cost(30))
    await one.told()
    await other.engine.load({"b1:money:total": 20, "b2:money:20261101": 70})
    await one.engine.load({"b1:money:total": 20, "b2:money:20261101": 70})
    assert await other.purse() == (30, 0)
    assert await other.purse("b2:money:20261101") == (70, 0)


async def test_purses_of_a_window_are_forgotten_a_day_after_it_and_others_are_kept(
    one: Process, redis_client: Any, redis_prefix: str
) -> None:
    end = time.time() + 3600
    gates = (money("day:money:20261121", until=end), money("all:money:total"), rate())
    one.settle(await one.enter(gates, cost(30)), cost(30))
    one.engine.spend([("late:money:20261120", 5, end)])
    await one.told()
    lives = {}
    async for key in redis_client.scan_iter(match=f"*{redis_prefix}*"):
        lives[key.split(":", 2)[-1]] = await redis_client.ttl(key)
    for name in ("p:day:money:20261121", "p:late:money:20261120"):
        assert 24 * 3600 < lives[name] <= 25 * 3600
    assert lives["p:all:money:total"] == -1
    assert 0 < lives["r:l1:requests"] <= 61


async def test_a_process_that_ends_leaves_nothing_under_way(
    one: Process, redis_url: str, redis_prefix: str, db: Database, tmp_path: Path
) -> None:
    async with running(Process(redis(redis_url, redis_prefix), db, tmp_path / "more")) as third:
        third.settle(await third.enter((money(), slots(1)), cost(30)), cost(20))
        await third.enter((slots(5, "left"),), cost(0))
    assert await one.purse() == (20, 0)
    await one.enter((slots(1), slots(1, "left")), cost(0))


async def test_scripts_that_redis_forgot_cost_no_call(
    redis_server: Server, db: Database, tmp_path: Path
) -> None:
    from redis.asyncio import Redis

    settings = redis(redis_server.url, "xr_test")  # all who share a server would lose their scripts
    async with (
        running(Process(settings, db, tmp_path / "journals")) as one,
        Redis.from_url(redis_server.url) as client,
    ):
        hold = await one.enter((money(),), cost(30))
        await client.script_flush()
        holds = await asyncio.gather(*(one.enter((money(),), cost(10)) for _ in range(20)))
        for each in (hold, *holds):
            one.settle(each, cost(1))
        await one.told()
        assert await one.purse() == (21, 0)
        assert one.engine.turned_away == 0


async def test_answers_show_no_password() -> None:
    settings = redis("redis://user:hunter2@127.0.0.1:1/0", "x")
    assert "hunter2" not in repr(settings)
    from xroute.store.dial import Address

    address = Address(settings.url)
    assert "hunter2" not in repr(address) + address.shown


def test_a_url_that_is_none_is_a_config_error_without_its_text() -> None:
    from xroute.errors import ConfigError
    from xroute.store.dial import Address

    with pytest.raises(ConfigError) as caught:
        Address(redis("http://user:hunter2@host", "x").url)
    assert "hunter2" not in str(caught.value)
    assert "redis://" in str(caught.value)


async def test_a_call_without_gates_asks_nobody(one: Process) -> None:
    hold = await one.enter((), cost(10))
    one.settle(hold, cost(10))
    assert hold.is_settled


def gates_of(number: int) -> tuple[Gate, ...]:
    return (money(f"b{number}:money:total"),)


async def test_gates_that_nobody_asked_for_lately_are_written_again(one: Process) -> None:
    from xroute.store import admission

    for number in range(admission.MOST + 10):
        one.engine._writing.of(gates_of(number))
    assert len(one.engine._writing._known) == admission.MOST
    one.settle(await one.enter(gates_of(0), cost(3)), cost(2))
    assert await one.purse("b0:money:total") == (2, 0)
