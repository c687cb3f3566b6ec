"""Processes are killed in the middle of their calls: Redis and the database agree to the nano-dollar."""

import asyncio
import random
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.processes import Process, money, redis, running, slots

from xroute.limits.gate import Amounts, Hold
from xroute.store import reaper, tables
from xroute.store.db import Database
from xroute.store.migrate import ready

KEYS = ("b1:money:total", "b2:money:total", "credit:ws_main")
GATES = tuple(
    (money(KEYS[0], 10**12), money(key, 10**12), slots(1000), slots(1000, f"s:{key}")) for key in KEYS[1:]
)
KILLS = 4


async def serve(url: str, prefix: str, database: str, folder: Path) -> None:
    """What a child does until it is killed: calls, under way for a while and settled."""
    process = Process(redis(url, prefix), Database(database), folder)
    await process.engine.start()
    process.writer.start()
    chance = random.Random()
    print("serving", flush=True)

    async def call(number: int) -> None:
        held = chance.randrange(1, 10**6)
        hold = await process.admit(
            chance.choice(GATES), Amounts(1, 0, 0, held, held), f"{process.journal.id}-{number}"
        )
        assert isinstance(hold, Hold)
        process.note(hold)
        await asyncio.sleep(chance.random() / 20)
        cost = chance.randrange(held)
        process.settle(hold, Amounts(1, 0, 0, cost, cost))

    async def work(numbers: range) -> None:
        for number in numbers:
            await call(number)

    await asyncio.gather(*(work(range(start, 10**9, 50)) for start in range(50)))


async def killed(arguments: list[str], after_s: float) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", f"from {__name__} import serve_in_child; serve_in_child()", *arguments,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    assert await child.stdout.readline() == b"serving\n"
    await asyncio.sleep(after_s)
    child.kill()
    await child.communicate()


def serve_in_child() -> None:
    url, prefix, database, folder = sys.argv[1:]
    asyncio.run(serve(url, prefix, database, Path(folder)))


@pytest.mark.parametrize("policy", ["input", "free"])
async def test_after_kills_redis_and_the_database_agree(
    redis_url: str, redis_prefix: str, sqlite_url: str, tmp_path: Path, policy: reaper.Policy
) -> None:
    db, folder = Database(sqlite_url), tmp_path / "journals"
    await ready(db)
    arguments = [redis_url, redis_prefix, sqlite_url, str(folder)]
    async with running(Process(redis(redis_url, redis_prefix), db, folder)) as alive:
        kills = (killed(arguments, 0.3 + 0.2 * number) for number in range(KILLS))
        await asyncio.gather(*kills)
        assert sum([(await alive.purse(key))[1] for key in KEYS]) > 0, "calls were under way"
        await reaper.adopt(db, folder, policy, tally=alive.engine)
        async with db.read() as connection:
            rows = (await connection.execute(select(tables.purses.c.key, tables.purses.c.spent))).all()
            calls = len((await connection.execute(select(tables.calls.c.id))).all())
        spent = {key: int(amount) for key, amount in rows}
        assert calls > 100
        for key in KEYS:
            assert await alive.purse(key) == (spent.get(key, 0), 0)
        hold = await alive.enter((slots(1), slots(1, f"s:{KEYS[1]}")), Amounts())
        alive.engine.refund(hold, time.time())
    await db.close()
