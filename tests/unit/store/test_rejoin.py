"""What counters in Redis are made from: the database and the journals."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update
from tests.processes import Process, money, redis, running
from tests.redises import Server, until

from xroute.limits.gate import Amounts
from xroute.store import member, rejoin, tables
from xroute.store.db import Database, now_ms
from xroute.store.lines import as_object
from xroute.store.migrate import ready
from xroute.store.rejoin import charged
from xroute.wire.record import Record

Begin = Callable[[], Any]
HOUR_MS = 3_600_000


def cost(nano: int) -> Amounts:
    return Amounts(1, 10, 10, nano, nano)


@pytest.fixture
async def begin(
    redis_url: str, redis_prefix: str, database: Database, tmp_path: Path
) -> AsyncGenerator[Begin]:
    """Starts processes."""
    async with AsyncExitStack() as stack:

        async def start() -> Process:
            process = Process(redis(redis_url, redis_prefix), database, tmp_path / "journals")
            return await stack.enter_async_context(running(process))

        yield start


async def put(database: Database, table: Any, *rows: dict[str, object]) -> None:
    async with database.write() as connection:
        await connection.execute(insert(table), list(rows))


async def test_counters_begin_with_what_the_database_says_was_spent(database: Database, begin: Begin) -> None:
    now = now_ms()
    await put(
        database,
        tables.purses,
        {"key": "b1:money:total", "spent": 2**60 + 1, "until": None},
        {"key": "b2:money:20261121", "spent": 7, "until": now + HOUR_MS},
        {"key": "b3:money:20261120", "spent": 9, "until": now - HOUR_MS},
        {"key": "b4:money:20261119", "spent": 8, "until": now - 25 * HOUR_MS},
        *({"key": f"many:{number}", "spent": number, "until": None} for number in range(2500)),
    )
    process = await begin()
    assert await process.purse("b1:money:total") == (2**60 + 1, 0)
    assert await process.purse("b2:money:20261121") == (7, 0)
    assert await process.purse("b3:money:20261120") == (9, 0), "a clock may be set back"
    assert await process.purse("b4:money:20261119") == (0, 0), "it is over"
    assert await process.purse("many:2499") == (2499, 0)


async def test_lines_that_the_database_has_are_not_counted_again_and_later_ones_are(
    database: Database, begin: Begin, redis_client: Any, redis_prefix: str
) -> None:
    process = await begin()
    for nano in (100, 20):
        process.settle(await process.enter((money(),), cost(nano)), cost(nano))
    await process.writer.flush()
    for nano in (3, 4):
        process.settle(await process.enter((money(),), cost(nano)), cost(nano))
    hold = await process.enter((money(),), cost(1000))
    await process.told()
    await redis_client.delete(f"{{{redis_prefix}}}:epoch")
    await until(lambda: process.engine.state != "up")
    await process.up()
    assert await process.purse() == (127, 1000)
    process.settle(hold, cost(500))
    assert await process.purse() == (627, 0)


async def test_a_process_that_joins_late_brings_what_it_settled_meanwhile(
    database: Database, begin: Begin, redis_client: Any, redis_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejoin, "AWAIT_MS", 100)
    one, late = await begin(), await begin()
    holds = [await late.enter((money(),), cost(10)) for _ in range(3)]
    await late.writer.flush()
    late.cut()
    late.engine._member._task.cancel()
    await asyncio.sleep(0)
    await redis_client.delete(f"{{{redis_prefix}}}:epoch")
    await until(lambda: one.engine.state != "up")
    await one.up()
    assert await one.purse() == (0, 0)
    late.settle(holds[0], cost(1))
    late.settle(holds[1], cost(2))
    await late.engine.start()
    await late.up()
    assert await one.purse() == (3, 10)


async def test_calls_that_were_settled_as_lost_count_once_however_often_they_are_told(
    database: Database, begin: Begin, redis_client: Any, redis_prefix: str
) -> None:
    process = await begin()
    charges: list[tuple[str, int, float | None]] = [("b1:money:total", 40, None)]
    record = Record("req-lost", now_ms(), charges=charges)
    hold = {"id": "req-lost", "journal": "jrn_x", "at": now_ms(), "data": as_object(record), "nano": 40}
    await put(database, tables.holds, hold)
    assert await process.engine.count_lost("jrn_x")
    assert await process.purse() == (0, 0), "it may come back"
    await put(database, tables.purses, {"key": "b1:money:total", "spent": 40, "until": None})
    async with database.write() as connection:
        await connection.execute(update(tables.holds).values(ended=now_ms()))
    for _ in range(2):
        assert await process.engine.count_lost("jrn_x")
        assert await process.purse() == (40, 0)
    await redis_client.delete(f"{{{redis_prefix}}}:epoch")
    await until(lambda: process.engine.state != "up")
    await process.up()
    assert await process.purse() == (40, 0)
    assert await process.engine.count_lost("jrn_x")
    assert await process.purse() == (40, 0), "the database had told it already"


async def lost_call(database: Database, journal: str, nano: int) -> None:
    """A call that the database has settled as lost."""
    record = Record("req-lost", now_ms(), charges=[("b1:money:total", nano, None)])
    row = {"id": "req-lost", "journal": journal, "at": now_ms(), "data": as_object(record), "nano": nano}
    await put(database, tables.holds, row | {"ended": now_ms()})
    await put(database, tables.purses, {"key": "b1:money:total", "spent": nano, "until": None})


async def test_what_was_guessed_of_a_call_counts_no_more_when_the_truth_is_known(
    database: Database, begin: Begin
) -> None:
    process = await begin()
    await lost_call(database, "jrn_x", 40)
    assert await process.engine.count_lost("jrn_x")
    await process.engine.check("jrn_x")
    assert await process.purse() == (40, 0), "that is all that is known"
    process.engine.spend([("b1:money:total", 70, None)])  # as its own process says when it comes back
    async with database.write() as connection:
        await connection.execute(delete(tables.holds))
        await connection.execute(update(tables.purses).values(spent=70))
    await process.told()
    await process.engine.check("jrn_x")
    await process.up()
    assert await process.purse() == (70, 0)
    rejoins = process.engine._member.rejoins
    await process.engine.check("jrn_x")
    assert process.engine._member.rejoins == rejoins, "once is enough"


async def test_a_process_that_only_the_database_has_lost_sight_of_counts_for_itself(
    database: Database, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await begin(), await begin()
    hold = await other.enter((money(),), cost(100))
    await lost_call(database, other.journal.id, 40)
    assert not await one.engine.count_lost(other.journal.id)
    assert await one.purse() == (0, 100)
    other.settle(hold, cost(70))
    assert await other.purse() == (70, 0)
    await other.die()
    monkeypatch.setattr(member, "SLOTS_MS", 50)
    await asyncio.sleep(0.1)
    await one.engine._member._beat()
    assert await one.engine.count_lost(other.journal.id)


async def test_a_new_budget_is_known_before_anybody_is_let_in_however_busy_redis_is(begin: Begin) -> None:
    process, is_over = await begin(), False

    async def work() -> None:
        while not is_over:
            process.settle(await process.enter((money(),), cost(10)), cost(1))

    tasks = [asyncio.create_task(work()) for _ in range(4)]
    async with asyncio.timeout(60):
        for number in range(20):
            await process.engine.load({f"new:money:{number}": number + 1})
            assert (await process.engine.purse(f"new:money:{number}")) == (number + 1, 0)
    is_over = True
    await asyncio.gather(*tasks)


async def test_what_is_left_of_earlier_counters_is_removed_and_nothing_else(
    begin: Begin, redis_client: Any, redis_prefix: str
) -> None:
    name = f"{{{redis_prefix}}}"
    await redis_client.mset({f"{name}x:key": 1, f"x{name}:key": 1, f"{name}:gone:p:b1": 1})
    process = await begin()
    process.settle(await process.enter((money(),), cost(10)), cost(1))
    await process.told()
    first = await redis_client.get(f"{name}:epoch")
    await redis_client.delete(f"{name}:epoch")
    await until(lambda: process.engine.state != "up")
    await process.up()

    async def left() -> set[str]:
        return {key async for key in redis_client.scan_iter(match=f"*{redis_prefix}*")}

    by = time.monotonic() + 30
    while any(f":{first}:" in key for key in await left()) and time.monotonic() < by:
        await asyncio.sleep(0.05)
    keys = await left()
    assert not [key for key in keys if f":{first}:" in key or ":gone:" in key]
    assert {f"{name}x:key", f"x{name}:key", f"{name}:epoch"} <= keys


class Lines:
    """A journal of which the first lines are gone."""

    id = "jrn_x"
    last = 9

    def take(self, after: int, most: int) -> list[Any]:
        return [(number, None) for number in range(max(after + 1, 5), 10)][:most]


async def test_a_journal_knows_whether_it_has_all_that_is_asked_for() -> None:
    assert (await charged(Lines(), 4, 9)).is_whole
    assert (await charged(Lines(), 4)).last == 9
    assert not (await charged(Lines(), 3, 9)).is_whole
    assert not (await charged(Lines(), 3)).is_whole
    assert (await charged(Lines(), 9)).is_whole
    assert (await charged(Lines(), 9, 9)).is_whole
    assert not (await charged(Lines(), 9, 11)).is_whole


async def test_a_cluster_says_where_the_counters_are(
    redis_program: str, sqlite_url: str, tmp_path: Path
) -> None:
    from redis.asyncio import Redis

    database = Database(sqlite_url)
    await ready(database)
    nodes = [Server(redis_program, tmp_path / name) for name in ("one", "two")]
    try:
        for node in nodes:
            node.folder.mkdir()
            node.start("--cluster-enabled", "yes", "--save", "")
        clients = [Redis.from_url(node.url) for node in nodes]
        await clients[1].execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        await clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[1].port)
        by = time.monotonic() + 30
        while b"cluster_state:ok" not in await clients[0].execute_command("CLUSTER", "INFO"):
            assert time.monotonic() < by, "the nodes did not meet"
            await asyncio.sleep(0.05)
        for client in clients:
            await client.aclose()
        async with running(Process(redis(nodes[0].url, "xr"), database, tmp_path / "journals")) as process:
            await process.up()
            process.settle(await process.enter((money(),), cost(10)), cost(1))
            assert await process.purse() == (1, 0)
            assert process.engine._member.address.shown.endswith(str(nodes[1].port))
    finally:
        await database.close()
        for node in nodes:
            node.kill()
