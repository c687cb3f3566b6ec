"""Work on the database as a generator of statements, so that one text serves both databases' drivers.

A work yields a `Query`, `Many` or `Insert` and is sent the rows of it. SQLAlchemy's own execution costs more
than all else that is done for a call, so this goes around it: on SQLite a whole work runs in one hop to the
connection's thread, on PostgreSQL new rows go in by COPY. Texts are written with `?`, and with two words that
the databases spell differently: IN_LIST (of a JSON array) and FOR_UPDATE.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, count
from typing import Any, TypeVar, cast

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import XrouteError
from xroute.store.db import AWAY, Database, why

Row = Sequence[Any]
Rows = Sequence[Row]
T = TypeVar("T")
_OF_VALUES = ("22", "23")  # classes of SQLSTATE: data exception, integrity constraint violation
AT_ONCE = 128  # rows of an INSERT on SQLite, of a table's most columns fewer than its 32,766 variables
# Without an adapter Python's driver looks for one in two places for each NULL, in the time of ten numbers.
sqlite3.register_adapter(type(None), lambda none: none)
Work = Generator["Query | Many | Insert", Rows, T]


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
    rows: Rows
    clash: str = ""


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
                return await _on_sqlite(driver, _transact, work)
        except asyncio.CancelledError:
            if not self._db.is_sqlite:  # whose thread ends what it has begun
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


async def _on_sqlite(driver: Any, does: Callable[[sqlite3.Connection, Work[T]], T], work: Work[T]) -> T:
    if driver._connection is None:
        raise ConnectionError("it is closed")
    # aiosqlite has no public way to run more than one statement on its thread at once
    return await driver._execute(does, driver._conn, work)


def _transact(connection: sqlite3.Connection, work: Work[T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = _steps(connection, work)
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
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


def _steps(connection: sqlite3.Connection, work: Work[T]) -> T:
    rows: Rows = []
    try:
        step = next(work)
        while True:
            match step:
                case Query():
                    rows = connection.execute(_sqlite(step.text), step.values).fetchall()
                case Many():
                    connection.executemany(_sqlite(step.text), step.rows)
                    rows = []
                case Insert():
                    _fill(connection, step)
                    rows = []
            step = work.send(rows)
    except StopIteration as end:
        return cast(T, end.value)


def _fill(connection: sqlite3.Connection, step: Insert) -> None:
    """Many rows by one statement, in counts that are powers of two so that few statements serve all of them.

    Python's lock is given away and asked for again some times for each statement (for each row of an
    executemany), and whoever answers calls in the meantime does not give it back at once.
    """
    start, left = 0, len(step.rows)
    while left:
        taken = min(1 << left.bit_length() - 1, AT_ONCE)
        some = step.rows[start : start + taken]
        statement = _insert(step.table, step.columns, step.clash, taken)
        connection.execute(statement, _flat(some))
        start, left = start + taken, left - taken


def _flat(rows: Rows) -> list[Any]:
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
