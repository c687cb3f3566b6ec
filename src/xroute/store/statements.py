"""Work on the database as a generator of statements, so that one text serves both databases' drivers.

A work yields steps and is sent the rows of each. SQLAlchemy's own execution costs more than all else that is
done for a call, so this goes around it: on PostgreSQL new rows go in by COPY. Texts are written with `?`, and
with two words that the databases spell differently: IN_LIST (of a JSON array) and FOR_UPDATE.

On SQLite a work runs in the event loop's own thread, bit by bit. In another one it takes twice as long, and
calls in the meantime take a sixth longer: each time that Python's lock goes from one thread to the other, all
that Python works with has to go from one core to the other. What may wait for another process or for the disk
is done in the connection's thread: to begin a transaction, and to commit it.
"""

import asyncio
import sqlite3
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, count, islice
from typing import Any, TypeVar, cast

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import XrouteError
from xroute.store.db import AWAY, Database, why

Row = Sequence[Any]
Rows = Sequence[Row]
T = TypeVar("T")
_OF_VALUES = ("22", "23")  # classes of SQLSTATE: data exception, integrity constraint violation
AT_ONCE = 32  # rows of an INSERT on SQLite
LEAST_S = 0.0005  # that a work runs before others have their turn
SHARE = 0.25  # of the time that their turn takes: enough to keep up with as many calls as there can be
# Without an adapter Python's driver looks for one in two places for each NULL, in the time of ten numbers.
sqlite3.register_adapter(type(None), lambda none: none)
Work = Generator["Query | Many | Insert | Pause", Rows, T]


class Refused(XrouteError):
    """The database does not take a row."""


class Away(XrouteError):
    """The database cannot be used now."""


@dataclass(frozen=True, slots=True)
class Query:
    """One statement, and its rows if it gives some."""

    text: str
    values: Row = ()


@dataclass(frozen=True, slots=True)
class Many:
    """One statement for each row of values."""

    text: str
    rows: Rows


@dataclass(frozen=True, slots=True)
class Insert:
    """New rows; `clash` is the ON CONFLICT clause where some may be there already."""

    table: str
    columns: tuple[str, ...]
    rows: Iterable[Row]
    clash: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """Others may have their turn now."""


def listed(values: Iterable[str]) -> str:
    """The value for an IN_LIST, in a fixed order."""
    return orjson.dumps(sorted(values)).decode()


class Channel:
    """A connection that is kept for one work after another, and replaced when one of them fails.

    `db.write` takes ten times as long to begin and end a transaction on SQLite as the transaction itself.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._connection: AsyncConnection | None = None

    async def run(self, work: Work[T]) -> T:
        """Does a work in one transaction. What it returns is true once this returns.

        Raises Refused, when nothing has changed, or Away, when that is not sure.
        """
        driver: Any = None
        try:
            driver = await self._driver()
            if not self._db.is_sqlite:
                async with driver.transaction():
                    return await _on_postgres(driver, work)
            async with self._db.turn:
                return await _on_sqlite(driver, work)
        except asyncio.CancelledError:
            if not self._db.is_sqlite:  # which has rolled back
                await self._discard()
            raise
        except _unfit() as error:
            if driver is None or (not self._db.is_sqlite and driver.is_closed()):
                await self._discard()  # it is the connection that is unfit, and no row
                raise Away(why(error)) from error
            raise Refused(f"{type(error).__name__}: {why(error)}") from error
        except _driver_errors(self._db) as error:
            if str(getattr(error, "sqlstate", ""))[:2] in _OF_VALUES:
                raise Refused(why(error)) from error
            await self._discard()
            raise Away(why(error)) from error

    async def close(self) -> None:
        """Gives the connection back; the next work gets another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _driver(self) -> Any:
        if self._connection is None:
            self._connection = await self._db.engine.connect()
        return (await self._connection.get_raw_connection()).driver_connection

    async def _discard(self) -> None:
        """What is wrong with a connection may stay wrong."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.invalidate()
            await connection.close()
        except _driver_errors(self._db):
            return  # it was broken already


async def run(db: Database, work: Work[T]) -> T:
    """Does one work as `Channel.run` does."""
    channel = Channel(db)
    try:
        return await channel.run(work)
    finally:
        await channel.close()


async def _on_sqlite(driver: Any, work: Work[T]) -> T:
    if driver._connection is None:
        raise ConnectionError("it is closed")
    connection: sqlite3.Connection = driver._conn
    # aiosqlite has no public way to run something on its thread that is none of its methods
    in_thread = driver._execute
    try:
        await in_thread(connection.execute, "BEGIN IMMEDIATE")
        result = await _steps(connection, work)
        await in_thread(connection.execute, "COMMIT")
    except BaseException:
        await in_thread(connection.rollback)
        raise
    return result


def _unfit() -> tuple[type[Exception], ...]:
    """What is raised for values that no column takes, and for a record that is none."""
    of_values = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError)
    return (*of_values, ValueError, TypeError, LookupError, ArithmeticError, AssertionError, AttributeError)


def _driver_errors(db: Database) -> tuple[type[Exception], ...]:
    if db.is_sqlite:
        return (*AWAY, sqlite3.Error)
    import asyncpg  # only where there is a PostgreSQL

    # the last is what a connection says whose end comes while it begins a transaction
    return (*AWAY, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class _Turns:
    """When others have theirs: a work of many small steps leaves them most of the time."""

    def __init__(self) -> None:
        self._until = time.perf_counter() + LEAST_S

    async def give(self) -> None:
        began = time.perf_counter()
        if began < self._until:
            return
        await asyncio.sleep(0)
        now = time.perf_counter()
        self._until = now + max(LEAST_S, (now - began) * SHARE)


async def _steps(connection: sqlite3.Connection, work: Work[T]) -> T:
    turns, rows = _Turns(), list[Row]()
    try:
        step = next(work)
        while True:
            rows = []
            match step:
                case Query():
                    rows = connection.execute(_sqlite(step.text), step.values).fetchall()
                case Many():
                    connection.executemany(_sqlite(step.text), step.rows)
                case Insert():
                    for some in _cut(step.rows):
                        text = _insert(step.table, step.columns, step.clash, len(some))
                        connection.execute(text, _flat(some))
                        await turns.give()
                case Pause():
                    pass
            await turns.give()
            step = work.send(rows)
    except StopIteration as end:
        return cast(T, end.value)


def _cut(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows for an INSERT each, in counts that are powers of two, so that few statements serve all of them."""
    left = iter(rows)
    while some := list(islice(left, AT_ONCE)):
        start = 0
        while count_ := len(some) - start:
            taken = 1 << count_.bit_length() - 1
            yield some[start : start + taken]
            start += taken


def _flat(rows: list[Row]) -> list[Any]:
    """The values of rows, one after the other; flags as numbers, for which no adapter is looked for."""
    found = list(chain.from_iterable(rows))
    width = len(rows[0])
    for place, value in enumerate(rows[0]):
        if type(value) is bool:
            found[place::width] = map(int, found[place::width])
    return found


async def _on_postgres(connection: Any, work: Work[T]) -> T:
    rows: Rows = []
    try:
        step = next(work)
        while True:
            match step:
                case Query():
                    rows = await connection.fetch(_postgres(step.text), *step.values)
                case Many():
                    await connection.executemany(_postgres(step.text), step.rows)
                    rows = []
                case Insert(clash=""):
                    await connection.copy_records_to_table(
                        step.table, records=step.rows, columns=step.columns
                    )
                    rows = []
                case Insert():
                    text = _insert(step.table, step.columns, step.clash, 1)
                    await connection.executemany(_postgres(text), step.rows)
                    rows = []
                case Pause():
                    await asyncio.sleep(0)
                    rows = []
            step = work.send(rows)
    except StopIteration as end:
        return cast(T, end.value)


@cache
def _sqlite(text: str) -> str:
    return text.replace("IN_LIST", "IN (SELECT value FROM json_each(?))").replace("FOR_UPDATE", "")


@cache
def _postgres(text: str) -> str:
    text = text.replace("IN_LIST", "IN (SELECT json_array_elements_text(?::json))")
    numbers = count(1)
    parts = text.replace("FOR_UPDATE", "FOR NO KEY UPDATE").split("?")
    return "".join([parts[0], *(f"${next(numbers)}{part}" for part in parts[1:])])


@cache
def _insert(table: str, columns: tuple[str, ...], clash: str, rows: int) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({names}) VALUES {', '.join([row] * rows)} {clash}"  # noqa: S608
