"""How long rows are kept: partitions of calls by day on PostgreSQL, and what is removed when it is old.

Roll-ups, the ledger and the audit log stay for ever.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Column, ColumnElement, Table, delete, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.store import calls, tables
from xroute.store.db import Database
from xroute.store.shelf import KEEP_S

DAY_MS = 24 * 3600 * 1000
AHEAD = 7  # days that have a partition before they begin
SAMPLE = 1000  # rows of each index that SQLite looks at
CHUNK = 5000  # rows that are deleted in one transaction
LOCK = 0x78726F757466  # PostgreSQL's advisory lock while partitions are made or dropped
LOCK_WAIT = "3s"  # calls under way come first: the next look makes or drops what this one could not
OVER: tuple[tuple[Column[int], int], ...] = (  # so many days after this time nobody reads the row any more
    (tables.changes.c.at, 1),
    (tables.sessions.c.expires, 1),
    (tables.links.c.expires, 1),
    (tables.purses.c.until, 1),
    (tables.responses.c.created, KEEP_S // (24 * 3600)),
)

_PARTITIONS = text(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
    "WHERE inhparent = 'calls'::regclass AND relname LIKE 'calls\\_2%'"
)
_DEFAULT_DAYS = text("SELECT DISTINCT day FROM calls_default")


async def sweep(db: Database, now_ms: int, days: int) -> None:
    """What is to be done once an hour, by any process: partitions for the next days, and old rows gone.

    `days` is how long single calls are kept. Raises what the database raises; the next sweep goes on.
    """
    today = now_ms // DAY_MS
    if not db.is_sqlite:
        async with db.write() as connection:
            await _alone(connection)
            late = (await connection.execute(_DEFAULT_DAYS)).scalars().all()
            await ensure_partitions(connection, {*late, *range(today, today + AHEAD + 1)})
        await _drop_partitions(db, today - days)
    await _delete(db, tables.calls, calls.of_all(None, (today - days) * DAY_MS))
    for column, age in OVER:
        await _delete(db, column.table, column < now_ms - age * DAY_MS)
    if db.is_sqlite:
        await _learn(db)


async def ensure_partitions(connection: AsyncConnection, days: Iterable[int]) -> None:
    """A partition of `calls` for each of these days since 1970; rows that came before it move into it."""
    there = set((await connection.execute(_PARTITIONS)).scalars())
    missing = [(day, name) for day in sorted(set(days)) if (name := partition(day)) not in there]
    if missing:
        await connection.exec_driver_sql(_HALT)
    for day, name in missing:
        for line in _MAKE:
            await connection.exec_driver_sql(line.format(name=name, day=int(day), next=int(day) + 1))


# Writers wait, readers do not: a row that came between the move and the attaching would forbid the latter.
_HALT = "LOCK TABLE calls_default IN SHARE ROW EXCLUSIVE MODE"
# A table of its own first: attaching it takes a weaker lock than making it within `calls`, and its CHECK
# spares PostgreSQL reading it. (https://www.postgresql.org/docs/18/ddl-partitioning.html, read 2026-11-21)
_MAKE = (
    "CREATE TABLE {name} (LIKE calls INCLUDING DEFAULTS INCLUDING CONSTRAINTS, "
    "CONSTRAINT {name}_day CHECK (day >= {day} AND day < {next}))",
    "WITH moved AS (DELETE FROM calls_default WHERE day = {day} RETURNING *) "
    "INSERT INTO {name} SELECT * FROM moved",
    "ALTER TABLE calls ATTACH PARTITION {name} FOR VALUES FROM ({day}) TO ({next})",
    "ALTER TABLE {name} DROP CONSTRAINT {name}_day",
)


def partition(day: int) -> str:
    """The name of a day's table: calls_2026_11_21."""
    return f"calls_{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day):%Y_%m_%d}"


async def _alone(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")


async def _drop_partitions(db: Database, before: int) -> None:
    """Days before this one; each in a transaction of its own, as it keeps everybody else out."""
    last = partition(before)
    async with db.read() as connection:
        there = (await connection.execute(_PARTITIONS)).scalars().all()
    for name in sorted(name for name in there if name < last):
        async with db.write() as connection:
            await _alone(connection)
            await connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")


async def _learn(db: Database) -> None:
    """SQLite plans by what it was told of its tables; PostgreSQL looks by itself."""
    async with db.write() as connection:
        await connection.exec_driver_sql(f"PRAGMA analysis_limit = {SAMPLE}")
        await connection.exec_driver_sql("ANALYZE")


async def _delete(db: Database, table: Table, old: ColumnElement[bool]) -> None:
    """In small transactions, so that the writer waits for none of them long."""
    key = tuple_(*table.primary_key)
    some = select(*table.primary_key).where(old).limit(CHUNK)
    while True:
        async with db.write() as connection:
            gone = await connection.execute(delete(table).where(key.in_(some)))
        if gone.rowcount < CHUNK:
            return
