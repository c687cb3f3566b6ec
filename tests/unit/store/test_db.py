"""The database: transactions, files, and what happens when it cannot be used."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from xroute.errors import ConfigError
from xroute.store import migrate, tables
from xroute.store.db import AWAY, Database, now_ms, why

PRICE = insert(tables.prices).values(id="p", data={"a": 1}, first=1)
HELD = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute("BEGIN IMMEDIATE")
base.execute("INSERT INTO prices (id, data, first) VALUES ('other', '{}', 1)")
print("held", flush=True)
sys.stdin.read()
base.execute("COMMIT")
"""

VISITED = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1])
base.execute("SELECT * FROM prices").fetchall()
base.close()
"""


async def ids(db: Database) -> list[str]:
    async with db.read() as connection:
        return list((await connection.execute(select(tables.prices.c.id).order_by("id"))).scalars())


async def test_what_is_written_is_read(database):
    async with database.write() as connection:
        await connection.execute(PRICE)
    async with database.read() as connection:
        assert (await connection.execute(select(tables.prices.c.data))).scalar_one() == {"a": 1}


async def test_a_transaction_that_fails_or_is_cancelled_leaves_nothing(database):
    with pytest.raises(ZeroDivisionError):
        async with database.write() as connection:
            await connection.execute(PRICE)
            raise ZeroDivisionError

    async def never_ends() -> None:
        async with database.write() as connection:
            await connection.execute(PRICE)
            await asyncio.sleep(60)

    task = asyncio.create_task(never_ends())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ids(database) == []
    async with database.write() as connection:
        await connection.execute(PRICE)
    assert await ids(database) == ["p"]


async def test_many_writers_wait_for_each_other_and_none_is_lost(database):
    async def one(number: int) -> None:
        async with database.write() as connection:
            await connection.execute(insert(tables.prices).values(id=f"{number:02}", data={}, first=now_ms()))

    await asyncio.gather(*(one(number) for number in range(30)))
    assert len(await ids(database)) == 30


async def test_a_reader_is_not_kept_waiting_by_a_writer(database):
    async with database.write() as connection:
        await connection.execute(PRICE)
        assert await asyncio.wait_for(ids(database), 30) == []


async def test_another_processs_write_to_sqlite_is_waited_for(sqlite_url):
    db = Database(sqlite_url)
    await migrate.ready(db)
    other = subprocess.Popen(
        [sys.executable, "-c", HELD, str(db.address.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    async def write() -> None:
        async with db.write() as connection:
            await connection.execute(PRICE)

    with other:
        assert other.stdin is not None and other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert await ids(db) == []
        writing = asyncio.create_task(write())
        await asyncio.wait([writing], timeout=0.2)
        assert not writing.done()
        other.stdin.close()
        await writing
    assert await ids(db) == ["other", "p"]
    await db.close()


async def test_a_visitor_does_not_take_the_log_of_a_sqlite_that_is_in_use_with_it(sqlite_url):
    # Whoever closes the last connection removes the log: who uses the file must be seen to.
    db = Database(sqlite_url)
    await migrate.ready(db)
    try:
        for number in range(2):
            async with db.write() as connection:
                await connection.execute(insert(tables.prices).values(id=f"p{number}", data={}, first=1))
            visit = [sys.executable, "-c", VISITED, str(db.address.path)]
            await asyncio.to_thread(subprocess.run, visit, check=True)
            assert db.address.path.with_name(db.address.path.name + "-wal").exists()
        assert await ids(db) == ["p0", "p1"]
    finally:
        await db.close()


async def test_one_read_of_sqlite_sees_one_state(sqlite_url):
    db = Database(sqlite_url)
    await migrate.ready(db)
    async with db.read() as connection:
        count = text("SELECT count(*) FROM prices")
        assert (await connection.execute(count)).scalar_one() == 0
        async with db.write() as writer:
            await writer.execute(PRICE)
        assert (await connection.execute(count)).scalar_one() == 0
    assert await ids(db) == ["p"]
    await db.close()


async def test_the_file_is_its_owners_alone(tmp_path):
    db = Database(f"sqlite:///{tmp_path / 'state' / 'x.sqlite3'}")
    await migrate.ready(db)
    assert db.address.path.stat().st_mode & 0o777 == 0o600
    assert db.address.path.parent.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in db.address.path.parent.iterdir())
    await db.close()


def test_a_file_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot use the database .*file/x.sqlite3: .*state_dir"):
        Database(f"sqlite:///{tmp_path / 'file' / 'x.sqlite3'}")


async def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "x.sqlite3").write_text("no database at all, but a text of some length" * 10)
    db = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    assert "not a database" in await db.reachable()
    with pytest.raises(
        ConfigError, match=r"cannot use the database sqlite:.*x.sqlite3: file is not a database"
    ):
        await migrate.ready(db)
    await db.close()


async def test_a_database_that_answers_is_reachable(database):
    assert await database.reachable() == ""


async def test_a_connection_that_the_server_ended_is_made_anew(postgres_url):
    db = Database(postgres_url, pool=1)
    await migrate.ready(db)
    async with db.read() as connection:
        pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    other = Database(postgres_url)
    async with other.write() as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    assert await ids(db) == []
    await db.close()
    await other.close()


async def test_a_statement_that_takes_too_long_ends(postgres_url):
    db = Database(postgres_url, pool=1, statement_s=2)
    with pytest.raises(AWAY):
        async with db.write() as connection:
            await connection.execute(text("SELECT pg_sleep(30)"))
    assert await db.reachable() == ""
    await db.close()


async def test_the_pool_is_bounded_and_says_when_it_is_used_up(postgres_url, monkeypatch):
    monkeypatch.setattr("xroute.store.db.CONNECT_S", 1.5)
    monkeypatch.setattr("xroute.store.db.REACH_S", 30)
    db = Database(postgres_url, pool=1)
    async with db.read() as first:
        await first.execute(text("SELECT 1"))
        assert await db.reachable() == "every connection is in use"
    await db.close()


async def test_a_pooler_that_shares_connections_can_stand_in_between(postgres_url):
    db = Database(f"{postgres_url}{'&' if '?' in postgres_url else '?'}pgbouncer=true")
    await migrate.ready(db)
    async with db.write() as connection:
        await connection.execute(PRICE)
        held = (await connection.execute(text("SELECT count(*) FROM pg_prepared_statements"))).scalar_one()
    assert held == 0
    assert await ids(db) == ["p"]
    await db.close()


SSL_REQUEST = bytes.fromhex("0000000804d2162f")
REFUSED = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "u"\0\0'


class Speaker:
    """A server that speaks PostgreSQL's protocol up to the password, and refuses it."""

    def __init__(self) -> None:
        self.first: list[bytes] = []  # of each connection

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.first.append(begun := await reader.readexactly(8))
        if begun == SSL_REQUEST:
            writer.write(b"N")
            begun = await reader.read(8)
        if begun:
            await reader.readexactly(int.from_bytes(begun[:4], "big") - 8)
            writer.write(b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big"))
            await reader.read(1000)
            writer.write(b"E" + (len(REFUSED) + 4).to_bytes(4, "big") + REFUSED)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def speaking(speaker: Any) -> AsyncGenerator[str]:
    """Where a server listens, host and port."""
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        await speaker(reader, writer)

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with asyncio.timeout(30):
        await asyncio.gather(*talks)


async def test_a_wrong_password_is_said_and_not_shown():
    async with speaking(Speaker()) as place:
        db = Database(f"postgresql://u:hunter2@{place}/n?sslmode=disable")
        with pytest.raises(ConfigError) as caught:
            await migrate.ready(db)
    assert caught.value.message == (
        f'cannot use the database postgresql://{place}/n: password authentication failed for user "u"'
    )
    assert "hunter2" not in repr(db) + repr(caught.value) + repr(db.engine.url)


@pytest.mark.parametrize(
    ("mode", "asks", "error"),
    [("disable", False, "password"), ("prefer", True, "password"), ("require", True, "rejected SSL upgrade")],
)
async def test_tls_is_asked_for_as_the_url_says_and_not_given_up_where_it_is_required(mode, asks, error):
    speaker = Speaker()
    async with speaking(speaker) as place:
        db = Database(f"postgresql://u:p@{place}/n?sslmode={mode}&channel_binding=prefer")
        assert error in await db.reachable()
    assert (speaker.first[0] == SSL_REQUEST) is asks


async def test_a_server_that_says_nothing_is_not_waited_for_long():
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with speaking(silent) as place:
        db = Database(f"postgresql://u:p@{place}/n?connect_timeout=0.2")
        assert await db.reachable() == "no answer in time"
        with pytest.raises(
            ConfigError, match=r"cannot use the database postgresql://127.*: no answer in time"
        ):
            await migrate.ready(db)
        await db.close()


async def test_a_server_that_is_not_there_is_named():
    async with speaking(Speaker()) as place:
        pass
    db = Database(f"postgresql://u:hunter2@{place}/n")
    with pytest.raises(
        ConfigError, match=r"cannot use the database postgresql://127.*/n: Connection refused"
    ) as caught:
        await migrate.ready(db)
    assert "hunter2" not in caught.value.message


async def test_what_went_wrong_is_told_without_the_statement_and_its_values(database):
    with pytest.raises(AWAY) as caught:
        async with database.write() as connection:
            for _ in range(2):
                await connection.execute(insert(tables.prices).values(id="hunter2", data={}, first=1))
    assert "INSERT" not in why(caught.value)
    assert "hunter2" not in why(caught.value)
