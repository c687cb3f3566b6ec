"""Migrations: from every released schema, with data in it, to what tables.py says, on both databases."""

import asyncio
import json
import shutil
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, Table, inspect, select, text
from tests import schemas

from xroute.errors import ConfigError
from xroute.store import migrate, tables
from xroute.store.db import Database

RELEASED = sorted(path.name for path in schemas.FOLDER.iterdir())
NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade():
    with op.batch_alter_table("workspaces") as batch:
        batch.add_column(sa.Column("motto", sa.Text, nullable=False, server_default="none"))
        batch.alter_column("name", nullable=True)
    {more}
"""


@pytest.fixture
async def empty(empty_url):
    db = Database(empty_url)
    yield db
    await db.close()


async def shape(db: Database) -> dict[str, Any]:
    """All that the database says of its tables."""

    def look(connection: Connection) -> dict[str, Any]:
        found = inspect(connection)
        return {
            name: {
                "columns": [
                    (column["name"], str(column["type"]), column["nullable"], column["default"])
                    for column in found.get_columns(name)
                ],
                "key": found.get_pk_constraint(name),
                "indexes": sorted(str(_plain(index)) for index in found.get_indexes(name)),
                "unique": sorted(found.get_unique_constraints(name), key=str),
                "foreign": sorted(found.get_foreign_keys(name), key=str),
            }
            for name in found.get_table_names()
        }

    async with db.read() as connection:
        return await connection.run_sync(look)


def _plain(index: Any) -> dict[str, Any]:
    """A condition is an object of its own each time."""
    return index | {"dialect_options": {k: str(v) for k, v in index.get("dialect_options", {}).items()}}


async def fill(db: Database, release: str) -> dict[str, list[dict[str, Any]]]:
    """Makes the schema of a release with its rows; the rows."""
    folder = schemas.FOLDER / release
    script = (folder / f"{'sqlite' if db.is_sqlite else 'postgresql'}.sql").read_text("utf-8")
    rows = json.loads((folder / "data.json").read_text("utf-8"), object_hook=_bytes)

    def work(connection: Connection) -> None:
        for statement in filter(str.strip, script.split(";\n")):
            connection.exec_driver_sql(statement)
        migrate.version.create(connection)
        connection.execute(migrate.version.insert().values(version_num=release))
        for name, some in rows.items():
            connection.execute(Table(name, MetaData(), autoload_with=connection).insert(), some)

    async with db.write() as connection:
        await connection.run_sync(work)
    return rows


def _bytes(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value["hex"]) if set(value) == {"hex"} else value


async def kept(db: Database, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Every value is there as it was, as far as it still has a column."""

    def work(connection: Connection) -> None:
        for name, some in rows.items():
            table = Table(name, MetaData(), autoload_with=connection)
            there = [dict(row) for row in connection.execute(select(table)).mappings()]
            for row in some:
                assert any(row.items() <= other.items() for other in there), (name, row, there)

    async with db.read() as connection:
        await connection.run_sync(work)


async def test_the_migrations_make_the_tables_that_tables_py_says(empty):
    async with empty.write() as connection:
        await connection.run_sync(migrate.run)
    migrated = await shape(empty)
    async with empty.write() as connection:
        for name in reversed(list(migrated)):
            await connection.execute(text(f"DROP TABLE {name}" + ("" if empty.is_sqlite else " CASCADE")))
    await migrate.ready(empty)
    assert migrated == await shape(empty), "write a migration: src/xroute/store/migrations/README.md"
    assert set(tables.metadata.tables) < set(migrated)


def test_the_first_revision_is_what_is_frozen():
    for kind in schemas.URLS:
        ours = (migrate.FOLDER / "versions" / f"0001_{kind}.sql").read_text("utf-8")
        assert ours == (schemas.FOLDER / "0001" / f"{kind}.sql").read_text("utf-8")


@pytest.mark.parametrize("release", RELEASED)
async def test_an_older_database_is_upgraded_with_all_that_is_in_it(empty, release):
    rows = await fill(empty, release)
    await migrate.ready(empty)
    assert await migrate.revision(empty) == migrate.HEAD
    await kept(empty, rows)


@pytest.fixture
def later(tmp_path, monkeypatch):
    """A release with one more revision; the function takes what else that does."""

    def make(more: str = "") -> None:
        folder = tmp_path / "migrations"
        shutil.copytree(migrate.FOLDER, folder)
        (folder / "versions" / "9999_motto.py").write_text(NEXT.format(head=migrate.HEAD, more=more))
        monkeypatch.setattr(migrate, "FOLDER", folder)
        monkeypatch.setattr(migrate, "HEAD", "9999")

    return make


async def test_a_table_that_others_name_is_rebuilt_and_loses_nothing(empty, later):
    rows = await fill(empty, RELEASED[-1])
    later()
    await migrate.ready(empty)
    await kept(empty, rows)
    assert "motto" in [column[0] for column in (await shape(empty))["workspaces"]["columns"]]
    async with empty.read() as connection:
        assert (await connection.execute(text("SELECT motto FROM workspaces"))).scalars().all() == [
            "none"
        ] * 2
        if empty.is_sqlite:
            assert (await connection.execute(text("PRAGMA foreign_keys"))).scalar_one() == 1


async def test_an_upgrade_that_fails_leaves_everything_as_it_was(empty, later):
    rows = await fill(empty, RELEASED[-1])
    before = await shape(empty)
    later('op.execute("SELECT * FROM nowhere")')
    with pytest.raises(ConfigError, match="nowhere"):
        await migrate.ready(empty)
    assert await shape(empty) == before
    await kept(empty, rows)


async def test_several_processes_upgrade_it_once(empty, empty_url, later):
    await fill(empty, RELEASED[-1])
    later()
    others = [Database(empty_url) for _ in range(4)]
    await asyncio.gather(*(migrate.ready(db) for db in others))
    for db in others:
        assert await migrate.revision(db) == "9999"
        await db.close()


async def test_several_processes_make_a_fresh_one_once(empty_url):
    others = [Database(empty_url) for _ in range(5)]
    await asyncio.gather(*(migrate.ready(db) for db in others))
    for db in others:
        assert await migrate.revision(db) == migrate.HEAD
        await db.close()


async def test_a_database_of_a_later_release_is_left_alone(database):
    async with database.write() as connection:
        await connection.execute(migrate.version.update().values(version_num="9000"))
    with pytest.raises(ConfigError, match=r"later release of xroute .its revision is 9000"):
        await migrate.ready(database)


async def test_tables_of_somebody_else_are_left_alone(empty):
    async with empty.write() as connection:
        await connection.execute(text("CREATE TABLE users (a INTEGER)"))
    with pytest.raises(ConfigError, match=r"tables that xroute did not make .users.: give it one of its own"):
        await migrate.ready(empty)


async def test_what_lies_in_the_working_directory_is_not_read(empty, later, tmp_path, monkeypatch):
    await fill(empty, RELEASED[-1])
    later()
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = elsewhere\n")
    (tmp_path / "pyproject.toml").write_text('[tool.alembic]\nscript_location = "elsewhere"\n')
    monkeypatch.chdir(tmp_path)
    await migrate.ready(empty)
    assert await migrate.revision(empty) == "9999"


def test_a_start_that_changes_nothing_does_not_import_alembic(sqlite_url):
    code = (
        "import asyncio, sys\n"
        "from xroute.store.db import Database\n"
        "from xroute.store.migrate import ready\n"
        f"for _ in range(2): asyncio.run(ready(Database({sqlite_url!r})))\n"
        "print('alembic' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_code_names_the_last_revision():
    assert max(path.name[:4] for path in (migrate.FOLDER / "versions").glob("*.py")) == migrate.HEAD
