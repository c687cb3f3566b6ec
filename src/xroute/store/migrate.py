"""The schema of a database: made where there is none, brought up where it is older."""

import logging
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
    text,
)

from xroute.errors import ConfigError
from xroute.store import tables
from xroute.store.db import AWAY, Database, why

log = logging.getLogger("xroute.store")

HEAD = "0001"  # the revision that tables.py is
FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x78726F757465  # "xroute": PostgreSQL's advisory lock while a schema is changed

version = Table(  # as Alembic makes it, without its import
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


async def ready(db: Database) -> None:
    """The schema is what this release needs. ConfigError where the database cannot be used or is newer.

    Several processes may start at once: one works, the others wait for it.
    """
    try:
        if await revision(db) != HEAD:
            await _advance(db)
    except AWAY as error:
        raise ConfigError(f"cannot use the database {db.address.shown}: {why(error)}") from error


async def revision(db: Database) -> str:
    """The revision that the schema is at; "" = there is none."""
    async with db.read() as connection:
        return await connection.run_sync(_revision)


async def _advance(db: Database) -> None:
    """Makes or changes the schema: all of it, or nothing."""
    patient = db.patient()  # the others wait as long as it takes
    try:
        async with patient.engine.connect() as connection:
            if db.is_sqlite:
                # a table that is rebuilt may be named by others; this has no effect in a transaction
                await connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
                await connection.rollback()
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            await connection.run_sync(_change)
            await connection.commit()
    finally:
        await patient.close()


def _change(connection: Connection) -> None:
    found = _revision(connection)
    if not found:
        _create(connection)
    elif found != HEAD:
        _upgrade(connection, found)


def _create(connection: Connection) -> None:
    if strange := sorted(set(inspect(connection).get_table_names()) & set(tables.metadata.tables)):
        names = ", ".join(strange)
        raise ConfigError(
            f"the database has tables that xroute did not make ({names}): give it one of its own"
        )
    tables.metadata.create_all(connection)
    _stamp(connection)


def _upgrade(connection: Connection, found: str) -> None:
    if not any((FOLDER / "versions").glob(f"{found}_*.py")):
        raise ConfigError(
            f"the database was made by a later release of xroute (its revision is {found}, "
            f"this release's {HEAD}): start that release, or restore a backup from before it"
        )
    log.info("the database is upgraded from revision %s to %s", found, HEAD)
    run(connection)
    _check(connection)
    log.info("the database is at revision %s", HEAD)


def run(connection: Connection) -> None:
    """Every migration that the database has not seen yet."""
    from alembic import command, config  # 0.2 s, for the one start that needs it

    settings = config.Config()  # no file: what lies in the working directory is not ours
    settings.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    settings.attributes["connection"] = connection
    command.upgrade(settings, HEAD)


def _check(connection: Connection) -> None:
    """What PostgreSQL checks by itself."""
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise ConfigError("the upgrade of the database would have lost rows: it is left as it was")


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table(version.name):
        return ""
    return connection.execute(select(version.c.version_num)).scalar_one_or_none() or ""


def _stamp(connection: Connection) -> None:
    version.create(connection)
    connection.execute(insert(version).values(version_num=HEAD))
