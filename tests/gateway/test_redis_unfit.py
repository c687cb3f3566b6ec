"""A Redis that cannot be used, or not for this: what is said of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.processes import Process, money, redis, running
from tests.redises import Server, until

from xroute.errors import Unavailable
from xroute.limits.gate import Amounts
from xroute.store.db import Database

Start = Callable[..., Any]


def cost(nano: int) -> Amounts:
    return Amounts(1, 10, 10, nano, nano)


async def test_a_redis_that_is_away_at_the_start_is_found_later(
    start_process: Start, redis_server: Server
) -> None:
    redis_server.kill()
    process = await start_process()
    assert process.engine.state.startswith("down since")
    with pytest.raises(Unavailable):
        await process.admit((money(),), cost(5))
    redis_server.start()
    await process.up()
    process.settle(await process.enter((money(),), cost(5)), cost(5))
    assert await process.purse() == (5, 0)


async def test_a_redis_that_may_forget_is_complained_about_once(
    start_process: Start, redis_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    redis_server.kill()
    redis_server.start("--save", "", "--maxmemory-policy", "allkeys-lru")
    process = await start_process()
    process.cut()
    await process.up()
    said = [line for line in caplog.messages if "maxmemory-policy allkeys-lru" in line]
    assert len(said) == 1 and "noeviction" in said[0]


async def test_a_redis_that_is_full_is_one_that_cannot_be_used(
    start_process: Start, redis_server: Server
) -> None:
    redis_server.kill()
    redis_server.start("--save", "", "--maxmemory", "1mb")
    process = await start_process()
    await until(lambda: "OOM" in process.engine.state)
    with pytest.raises(Unavailable):
        await process.admit((money(),), cost(5))


async def test_a_wrong_password_is_said_without_it(
    start_process: Start,
    redis_server: Server,
    shared_db: Database,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    redis_server.kill()
    redis_server.start("--save", "", "--requirepass", "right")
    url = redis_server.url.replace("redis://", "redis://:hunter2@")
    async with running(Process(redis(url, "xr_outage"), shared_db, tmp_path / "other")) as process:
        await until(lambda: "password" in process.engine.state)
        assert "hunter2" not in process.engine.state + caplog.text + repr(process.engine)
