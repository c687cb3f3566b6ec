"""The database: SQLite in a file, with one writer, or PostgreSQL through a bounded pool."""

import asyncio
import errno
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from xroute.errors import ConfigError
from xroute.store import address, tables

POOL = 8  # connections to PostgreSQL
READERS = 4  # threads that read SQLite
BUSY_MS = 10_000  # how long another process's write to SQLite is waited for
CONNECT_S = 10.0
STATEMENT_S = 60.0
REACH_S = 2.0
_PRAGMAS = (
    f"busy_timeout={BUSY_MS}",  # first: to set WAL takes a lock too
    "journal_mode=WAL",
    "synchronous=NORMAL",  # a crash of the machine may cost the last transactions, never the file
    "foreign_keys=ON",
    "secure_delete=ON",  # deleted prompts and secrets are overwritten
    f"journal_size_limit={64 * 1024 * 1024}",
)
AWAY = (DBAPIError, PoolTimeout, OSError)  # what is raised when the database cannot be used now


class Database:
    """`url` as users write it: `postgresql://user:password@host/name?sslmode=require`, `sqlite:////path`.

    ConfigError for one that cannot be used. Nothing is connected before the first transaction.
    """

    def __init__(self, url: str, pool: int = POOL, statement_s: float | None = STATEMENT_S) -> None:
        self._url = url
        self.address = address.parse(url)
        self.is_sqlite = self.address.is_sqlite
        self._lock = asyncio.Lock()
        if self.is_sqlite:
            self.engine = _sqlite(self.address.path)
        else:
            self.engine = _postgres(self.address, pool, statement_s)

    def __repr__(self) -> str:
        return f"<Database {self.address.shown}>"

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that changes something; with SQLite one at a time."""
        if not self.is_sqlite:
            async with self.engine.begin() as connection:
                yield connection
            return
        async with self._lock, self.engine.connect() as connection:
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                await connection.rollback()
                raise
            await connection.commit()

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that changes nothing; with SQLite all of it sees the same state."""
        async with self.engine.connect() as connection:
            if self.is_sqlite:
                await connection.exec_driver_sql("BEGIN")
            yield connection

    @property
    def turn(self) -> asyncio.Lock:
        """Held by who writes to SQLite."""
        return self._lock

    async def reachable(self) -> str:
        """Why the database does not answer now, in words without a secret; "" = it does."""
        try:
            async with asyncio.timeout(REACH_S), self.engine.connect() as connection:
                await connection.exec_driver_sql("SELECT 1")
        except AWAY as error:
            return why(error)
        return ""

    def patient(self) -> "Database":
        """The same, with one connection of its own whose statements may take as long as they need."""
        return Database(self._url, pool=1, statement_s=None)

    async def close(self) -> None:
        await self.engine.dispose()


def why(error: BaseException) -> str:
    """What is wrong, for a log or /readyz: no statement, no value, no password."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, PoolTimeout):
        return "every connection is in use"
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)
    inner = error.orig if isinstance(error, DBAPIError) else error
    return str(inner).partition("\n")[0][:200] or type(inner).__name__


async def note_change(connection: AsyncConnection, table: str, row: str) -> None:
    """Tells every process, when this transaction is through, to read a row again."""
    await connection.execute(insert(tables.changes).values(at=now_ms(), table=table, row=row))


async def lock_workspace(connection: AsyncConnection, workspace: str) -> bool:
    """Whether it is there. Who does this in other transactions waits until this one is through.

    It comes before all else, as everybody locks workspaces, grants and accounts in this order.
    """
    spaces = tables.workspaces.c
    asked = select(spaces.id).where(spaces.id == workspace).with_for_update(key_share=True)
    return (await connection.execute(asked)).first() is not None


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def _sqlite(path: Path) -> AsyncEngine:
    _private(path)
    # autocommit until a BEGIN of ours; aiosqlite gives each connection a thread
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        connect_args={"isolation_level": None},
        pool_size=READERS,
        max_overflow=READERS,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        for line in _PRAGMAS:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA {line}")
            cursor.close()

    return engine


def _private(path: Path) -> None:
    """Makes the file, for its owner alone: it holds who people are and what they asked.

    One that is there is not opened: to close it would end the locks that SQLite has on it in this process
    (https://sqlite.org/howtocorrupt.html, section 2.2, read 2026-11-21).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        elif not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise ConfigError(
            f"cannot use the database {path}: {error.strerror}. "
            "Set `database`, or state_dir (XROUTE_STATE_DIR)"
        ) from error


def _postgres(where: address.Address, pool: int, statement_s: float | None) -> AsyncEngine:
    arguments: dict[str, Any] = {"dsn": where.dsn, "timeout": where.connect_s or CONNECT_S}
    arguments |= {"command_timeout": statement_s, "async_creator_fn": _connect}
    if not where.is_caching:  # behind a pooler that hands each transaction another connection
        arguments |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
        arguments["prepared_statement_name_func"] = _unnamed
    return create_async_engine(
        "postgresql+asyncpg://",
        connect_args=arguments,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=CONNECT_S,
        pool_pre_ping=True,
        pool_recycle=1800,
    )


async def _connect(**arguments: Any) -> Any:
    """asyncpg's connection; ConnectionError for every reason that there is none."""
    import asyncpg  # only where there is a PostgreSQL

    try:
        return await asyncpg.connect(**arguments)  # pyright: ignore
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise ConnectionError(str(error)) from error


def _unnamed() -> str:
    return ""
