"""Retention: old calls go, by partition or in small steps, and no call is refused for its day."""

import pytest
from sqlalchemy import func, insert, select, text
from tests.unit.store.calls import DAY_MS, call

from xroute.store import retention, tables
from xroute.store.db import Database

TODAY = 20_778
NOW = TODAY * DAY_MS + 1234


async def put(db: Database, *days: int) -> None:
    rows = [call(number, day * DAY_MS + number) for number, day in enumerate(days)]
    async with db.write() as connection:
        space = {"id": "ws_a", "name": "a", "slug": "a", "created": 1}
        await connection.execute(insert(tables.workspaces), [space])
        await connection.execute(insert(tables.calls), rows)


async def days_of(db: Database, table: str = "calls") -> list[int]:
    async with db.read() as connection:
        return list((await connection.execute(text(f"SELECT day FROM {table} ORDER BY day"))).scalars())


async def test_calls_older_than_the_retention_go_and_roll_ups_stay(database, monkeypatch):
    monkeypatch.setattr(retention, "CHUNK", 2)
    await put(database, *[TODAY - 100] * 5, TODAY - 91, TODAY - 90, TODAY, TODAY + 3)
    async with database.write() as connection:
        row = {"workspace": "ws_a", "day": TODAY - 100, "user": "ann", "calls": 5}
        await connection.execute(insert(tables.ended), [row])
    await retention.sweep(database, NOW, days=90)
    assert await days_of(database) == [TODAY - 90, TODAY, TODAY + 3]
    async with database.read() as connection:
        assert (await connection.execute(select(func.sum(tables.ended.c.calls)))).scalar_one() == 5


async def test_what_nobody_reads_any_more_goes(database):
    async with database.write() as connection:
        for age in (0, 2 * DAY_MS):
            await connection.execute(insert(tables.changes).values(at=NOW - age, table="keys", row=str(age)))
            await connection.execute(insert(tables.purses).values(key=f"a:{age}", until=NOW - age))
        await connection.execute(insert(tables.purses).values(key="credit:ws_a", until=None))
        kept = {"owner": "me", "previous": "", "process": "", "size": 4, "response": b"{}", "input": b"[]"}
        old = [{"id": "new", "created": NOW - 29 * DAY_MS}, {"id": "old", "created": NOW - 31 * DAY_MS}]
        await connection.execute(insert(tables.responses), [kept | each for each in old])
    await retention.sweep(database, NOW, days=90)
    async with database.read() as connection:
        changes = (await connection.execute(select(tables.changes.c.row))).scalars().all()
        responses = (await connection.execute(select(tables.responses.c.id))).scalars().all()
        purses = (await connection.execute(select(tables.purses.c.key))).scalars().all()
    assert (changes, responses) == (["0"], ["new"])
    assert sorted(purses) == ["a:0", "credit:ws_a"]


async def test_what_is_deleted_from_sqlite_is_overwritten(sqlite_ready):
    db = Database(sqlite_ready)
    secret = b"a prompt that nobody may read again " * 500
    kept = {"owner": "me", "id": "r", "previous": "", "process": "", "size": 4, "input": b"[]"}
    async with db.write() as connection:
        await connection.execute(insert(tables.responses), [kept | {"created": 1, "response": secret}])
    await retention.sweep(db, NOW, days=90)
    await db.close()  # the journal goes into the file
    assert b"nobody may read" not in db.address.path.read_bytes()


@pytest.fixture
async def postgres(request):
    db = Database(request.getfixturevalue("postgres_url"))
    from xroute.store.migrate import ready

    await ready(db)
    yield db
    await db.close()


async def partitions(db: Database) -> set[str]:
    async with db.read() as connection:
        return set((await connection.execute(retention._PARTITIONS)).scalars())


async def test_each_day_has_a_partition_before_it_begins(postgres):
    await retention.sweep(postgres, NOW, days=90)
    expected = {retention.partition(day) for day in range(TODAY, TODAY + retention.AHEAD + 1)}
    assert await partitions(postgres) == expected
    assert "calls_2026_11_21" in expected
    await put(postgres, TODAY)
    assert await days_of(postgres, "calls_2026_11_21") == [TODAY]


async def test_a_day_without_a_partition_is_taken_and_moves_when_it_gets_one(postgres):
    await put(postgres, TODAY, TODAY, TODAY + 100)
    assert await days_of(postgres, "calls_default") == [TODAY, TODAY, TODAY + 100]
    await retention.sweep(postgres, NOW, days=90)
    assert await days_of(postgres, "calls_default") == []
    assert await days_of(postgres) == [TODAY, TODAY, TODAY + 100]
    assert await days_of(postgres, retention.partition(TODAY)) == [TODAY, TODAY]


async def test_a_day_gets_its_partition_while_calls_of_it_are_being_written(postgres):
    import asyncio

    await put(postgres, TODAY)
    async with postgres.engine.connect() as connection:
        await connection.execute(insert(tables.calls), [call(7, TODAY * DAY_MS + 7)])
        sweeping = asyncio.create_task(retention.sweep(postgres, NOW, days=90))
        await asyncio.sleep(0.5)  # it waits for this transaction
        await connection.commit()
    await sweeping
    assert await days_of(postgres, retention.partition(TODAY)) == [TODAY, TODAY]


async def test_old_partitions_are_dropped_whole(postgres):
    await retention.sweep(postgres, NOW, days=90)
    await put(postgres, TODAY, TODAY + 1)
    await retention.sweep(postgres, NOW + 91 * DAY_MS, days=90)
    assert await days_of(postgres) == [TODAY + 1]
    assert retention.partition(TODAY) not in await partitions(postgres)


async def test_two_processes_may_sweep_at_once(postgres):
    import asyncio

    other = Database(postgres.address.dsn)
    await put(postgres, TODAY, TODAY - 200)
    await asyncio.gather(*(retention.sweep(db, NOW, days=90) for db in (postgres, other, postgres, other)))
    await other.close()
    assert await days_of(postgres) == [TODAY]


async def test_a_partition_has_the_indexes_and_the_key_of_the_whole(postgres):
    await retention.sweep(postgres, NOW, days=90)
    query = text("SELECT count(*) FROM pg_indexes WHERE tablename = :name")
    async with postgres.read() as connection:
        one = (await connection.execute(query, {"name": retention.partition(TODAY)})).scalar_one()
        whole = (await connection.execute(query, {"name": "calls"})).scalar_one()
    assert one == whole > 1
