"""What comes into the database through crashes, a database that is away, and rows that it does not take."""

import asyncio
import logging
import re
import sqlite3

import orjson
import pytest
from sqlalchemy import text
from tests.redises import until
from tests.unit.store import paid
from tests.unit.store.paid import began, ended

from xroute.store import apply, replay, statements, tables
from xroute.store import writer as writing
from xroute.store.db import Database
from xroute.store.journal import Journal
from xroute.store.ledger import Ledger
from xroute.store.statements import Away
from xroute.store.writer import Writer

MIB = 1024 * 1024


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "journals", 64 * MIB)
    yield made
    made.close()


@pytest.fixture
async def writer(database, journal):
    made = Writer(database, journal)
    yield made
    await made.stop(0)


async def calls(db):
    return await paid.rows(db, "SELECT id, outcome, charged_nano FROM calls ORDER BY id")


async def test_a_batch_that_fails_half_way_leaves_nothing_and_is_done_again(database, journal, monkeypatch):
    writer = Writer(database, journal)
    journal.settled(ended(began(1), 700))
    real = apply.rollups.sums

    def fail(*_args):
        raise ConnectionError("the line is cut")

    monkeypatch.setattr(apply.rollups, "sums", fail)
    await writer.turn()
    assert "the line is cut" in writer.state
    assert writer.lag == 1
    assert await calls(database) == []
    assert await paid.accounts(database) == {}
    assert await paid.rows(database, "SELECT applied FROM journals") == [(0,)]
    monkeypatch.setattr(apply.rollups, "sums", real)
    await writer.turn()
    assert (writer.state, writer.lag) == ("up", 0)
    assert await paid.accounts(database) == {"credit": -700, "usage": 700}
    await writer.stop()


async def test_an_answer_that_is_lost_after_the_commit_counts_once(database, journal, monkeypatch):
    writer = Writer(database, journal)
    journal.settled(ended(began(1), 700))
    real = statements.Channel.run

    async def commit_and_fail(self, work):
        await real(self, work)
        raise Away("the line is cut")

    await writer.turn()  # the journal is known there
    journal.settled(ended(began(2), 50))
    monkeypatch.setattr(statements.Channel, "run", commit_and_fail)
    await writer.turn()
    assert writer.state.startswith("down")
    monkeypatch.undo()
    journal.settled(ended(began(3), 5))
    await writer.turn()
    assert (writer.state, writer.lag) == ("up", 0)
    assert await paid.accounts(database) == {"credit": -755, "usage": 755}
    assert len(await calls(database)) == 3
    await writer.stop()


async def test_a_writer_that_is_cancelled_within_a_batch_loses_and_doubles_nothing(database, journal):
    for number in range(300):
        journal.settled(ended(began(number), 10))
    for delay in (0, *(step / 1000 for step in range(1, 13))):
        writer = Writer(database, journal, most=50)
        task = asyncio.create_task(writer.turn())
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await writer._channel.close()
    writer = Writer(database, journal)
    assert await writer.flush()
    assert await paid.accounts(database) == {"credit": -3000, "usage": 3000}
    assert len(await calls(database)) == 300
    await writer.stop()


async def test_two_who_apply_one_journal_count_every_line_once(database, journal):
    writers = [Writer(database, journal, most=5) for _ in range(3)]
    for number in range(60):
        journal.settled(ended(began(number), 10))
    while any(writer.lag for writer in writers):
        await asyncio.gather(*(writer.turn() for writer in writers))
    assert await paid.accounts(database) == {"credit": -600, "usage": 600}
    assert len(await calls(database)) == 60
    for writer in writers:
        await writer.stop()


async def test_writers_of_several_processes_add_up(database, tmp_path):
    journals = [Journal(tmp_path / "journals", MIB) for _ in range(4)]
    writers = [Writer(database, journal, most=9) for journal in journals]
    for number in range(80):
        call = began(number, held=50, workspace=f"ws_{number % 3}")
        journals[number % 4].held(call)
        journals[number % 4].settled(ended(call, 10))
    while any(writer.lag for writer in writers):
        await asyncio.gather(*(writer.turn() for writer in writers))
    assert sum([(await paid.accounts(database, f"ws_{each}"))["usage"] for each in range(3)]) == 800
    assert await Ledger(database).verify() == []
    for journal, writer in zip(journals, writers, strict=True):
        await writer.stop()
        journal.close()


async def test_while_the_database_is_away_lines_stay_and_calls_do_not_wait(tmp_path, journal, caplog):
    path = tmp_path / "gone" / "xroute.sqlite3"
    db = Database(f"sqlite:///{path}")
    writer = Writer(db, journal, interval_s=0.001)
    writer.start()
    with caplog.at_level(logging.ERROR):
        for number in range(20):
            journal.settled(ended(began(number), 1))
        await until(lambda: "no such table" in writer.state)
        await asyncio.sleep(0.05)  # it tries again, and says no more of it
    assert writer.lag == 20
    assert len([1 for each in caplog.records if "takes no records" in each.message]) == 1
    connection = sqlite3.connect(path)
    with connection:
        for table in tables.metadata.sorted_tables:
            from sqlalchemy.schema import CreateTable

            connection.execute(str(CreateTable(table).compile(dialect=db.engine.dialect)))
    connection.close()
    assert await writer.flush()
    await writer.turn()
    assert writer.state == "up"
    assert len(await calls(db)) == 20
    await writer.stop()
    await db.close()


async def test_a_connection_that_dies_is_replaced(database, journal, writer):
    if database.is_sqlite:
        pytest.skip("a file has no connection to cut")
    journal.settled(ended(began(1), 1))
    await writer.turn()
    await cut(database)
    journal.settled(ended(began(2), 1))
    await writer.turn()
    assert writer.state.startswith("down")
    await writer.turn()
    assert (writer.state, writer.lag) == ("up", 0)
    assert len(await calls(database)) == 2


async def cut(db):
    """Ends every other connection to the database."""
    async with db.write() as connection:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        await connection.execute(
            text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        )


async def test_a_database_that_was_set_back_is_told_and_no_line_blocks(database, journal, caplog):
    writer = Writer(database, journal)
    for number in range(3):
        journal.settled(ended(began(number), 1))
    await writer.turn()
    async with database.write() as connection:
        await connection.execute(text("UPDATE journals SET applied = 1"))
    journal.settled(ended(began(9), 1))
    with caplog.at_level(logging.ERROR):
        while writer.lag:
            await writer.turn()
    assert "was set back" in caplog.text
    assert len(await calls(database)) == 4
    await writer.stop()


# Rows that the database does not take


async def test_text_that_the_database_refuses_is_mended(database, journal, writer):
    for number in range(9):
        journal.settled(ended(began(number, user="a\0b" if number == 4 else "ann"), 10))
    journal.settled(ended(began(20, session="\ud800"), 10))
    await writer.turn()
    assert (writer.lag, writer.refused) == (0, 0)
    assert len(await calls(database)) == 10
    assert await paid.accounts(database) == {"credit": -100, "usage": 100}


async def test_a_row_that_cannot_be_mended_is_put_aside_and_blocks_nothing(database, journal, writer, caplog):
    for number in range(20):
        charged = -5 if number in (3, 11) else 10
        journal.settled(ended(began(number), charged))
    with caplog.at_level(logging.ERROR):
        await writer.turn()
    assert (writer.lag, writer.refused) == (0, 2)
    assert len(await calls(database)) == 18
    assert await paid.accounts(database) == {"credit": -180, "usage": 180}
    path = journal.folder.parent / replay.REFUSED
    kept = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert [(each["journal"], each["line"], each["kind"]) for each in kept] == [
        (journal.id, 4, "settled"),
        (journal.id, 12, "settled"),
    ]
    assert orjson.loads(kept[0]["data"])["charged_nano"] == -5
    assert path.stat().st_mode & 0o077 == 0
    assert caplog.text.count("is put aside") == 2
    assert await Ledger(database).verify() == []


async def test_a_damaged_line_is_put_aside(database, journal):
    journal.settled(ended(began(1), 10))
    journal.settled(ended(began(2), 10))
    (path,) = journal.folder.glob("*.jsonl")
    parts = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(parts[0] + b"\0\0\0\n" + parts[2])
    journal.close()

    other = replay.Replay(statements.Channel(database), _read_only(journal), "", 0)
    while await other.step(10):
        pass
    assert (other.applied, other.refused) == (2, 1)
    assert await calls(database) == [(began(2).id, "completed", 10)]
    await other._channel.close()


def _read_only(journal):
    from xroute.store.reaper import Orphan
    from xroute.store.segments import Segments

    return Orphan(journal.folder, None, Segments(journal.folder))


async def test_what_cannot_be_put_aside_is_kept_and_tried_again(database, journal):
    writer = Writer(database, journal)
    place = journal.folder.parent / replay.REFUSED
    place.mkdir()
    journal.settled(ended(began(1), -5))
    journal.settled(ended(began(2), 10))
    await writer.turn()
    assert "Is a directory" in writer.state
    assert writer.lag == 2
    place.rmdir()
    await writer.turn()
    assert (writer.state, writer.lag, writer.refused) == ("up", 0, 1)
    assert await paid.accounts(database) == {"credit": -10, "usage": 10}
    await writer.stop()


async def test_a_database_that_does_not_answer_is_told_before_its_time_is_over(
    database, writer, journal, monkeypatch
):
    monkeypatch.setattr(writing, "SILENT_S", 3600)
    await writer.turn()
    journal.settled(ended(began(1), 700))
    async with database.write() as other:  # nobody else writes meanwhile
        if not database.is_sqlite:
            await other.execute(text("LOCK TABLE journals"))
        turning = asyncio.create_task(writer.turn())
        await asyncio.sleep(0.1)
        assert writer.state == "up"
        monkeypatch.setattr(writing, "SILENT_S", 0.1)
        await until(lambda: writer.state != "up")
        assert re.fullmatch(r"down for \d+ s: no answer", writer.state)
    await turning
    assert (writer.state, writer.lag) == ("up", 0)


async def test_a_writer_that_fails_goes_on_and_says_so(database, journal, monkeypatch):
    writer = Writer(database, journal, interval_s=0.001)

    def fail(*_args):
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "take", fail, raising=False)
        writer.start()
        journal.settled(ended(began(1), 10))
        while writer.state == "up":
            await asyncio.sleep(0.001)
        assert "RuntimeError" in writer.state
    await until(lambda: writer.state == "up")
    assert (writer.state, writer.lag) == ("up", 0)
    await writer.stop()
