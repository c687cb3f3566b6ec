import asyncio
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from tests.unit.store import paid
from tests.unit.store.paid import began, ended, unmetered

from xroute.store import lock, reaper, statements
from xroute.store.journal import Journal
from xroute.store.ledger import Ledger
from xroute.store.reaper import Reaper, adopt, lost, retire
from xroute.store.statements import Away
from xroute.store.writer import Writer
from xroute.wire.usage import Usage

MIB = 1024 * 1024


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "journals"


def crashed(folder, *records, settled=()):
    """What a process leaves that was killed: its files, and no lock."""
    journal = Journal(folder, MIB)
    for each in records:
        journal.held(each)
    for each in settled:
        journal.settled(each)
    journal.close()
    return journal


async def calls(db):
    return await paid.rows(db, "SELECT id, outcome, charged_nano FROM calls ORDER BY id")


# What a lost call is settled for


def test_a_lost_call_is_free_if_so_configured():
    found = lost(began(1, held=1000), "free")
    assert (found.outcome, found.charged_nano, found.usage) == ("lost", 0, None)
    assert [amount for _, amount, _ in found.charges] == [0, 0, 1, 0]


def test_a_lost_call_costs_its_input_if_so_configured():
    found = lost(began(1, held=1000), "input")
    assert (found.charged_nano, found.usage) == (100, Usage(100, 0, estimated=True))
    assert [amount for _, amount, _ in found.charges] == [100, 100, 1, 100]


def test_a_lost_call_costs_all_that_was_held_if_so_configured():
    found = lost(began(1, held=1000), "held")
    assert (found.charged_nano, found.usage) == (1000, Usage(100, 900, estimated=True))
    assert [amount for _, amount, _ in found.charges] == [1000, 1000, 1, 1000]


def test_a_lost_call_with_a_credential_of_the_workspace_costs_its_budget_and_not_its_credit():
    call = began(1, held=1000, charged_nano=0)
    call.charges[0] = ("credit:ws_a", 0, None)
    for policy, worth in (("free", 0), ("input", 100), ("held", 1000)):
        found = lost(call, policy)
        assert found.charged_nano == 0
        assert [amount for _, amount, _ in found.charges][:2] == [0, worth]


def test_a_lost_call_of_an_unmetered_workspace_is_charged_alike():
    call = unmetered(began(1, held=1000))
    assert [lost(call, policy).charged_nano for policy in ("free", "input", "held")] == [0, 100, 1000]


def test_a_lost_call_that_no_money_was_held_for_costs_its_input_and_a_soft_budget_counts_it():
    call = unmetered(began(1, held=1000, held_nano=0))
    call.charges = [("bud_soft:money:total", 0, None), ("lim_1:tokens:20241004", 1000, 1.8e9)]
    for policy, worth in (("free", 0), ("input", 100), ("held", 100)):
        found = lost(call, policy)
        assert (found.charged_nano, found.charges[0][1]) == (worth, worth)


def test_no_lost_call_is_charged_more_than_was_held():
    call = began(1, held=50, charged_nano=80)
    assert lost(call, "input").charged_nano == 50
    assert lost(call, "input").charges[:2] == [
        ("credit:ws_a", 50, paid.FOREVER),
        (call.charges[1][0], 50, 1.8e9),
    ]


def test_a_lost_call_whose_price_is_not_known_costs_what_was_held_for_it_or_stays_unknown():
    call = began(1, held=1000, cost_nano=None, charged_nano=None)
    assert [lost(call, policy).charged_nano for policy in ("free", "input", "held")] == [0, 0, 1000]
    call = unmetered(call)
    assert [lost(call, policy).charged_nano for policy in ("free", "input", "held")] == [0, None, None]


# Journals of this machine


async def test_what_a_dead_process_settled_is_applied_and_what_it_held_is_lost(database, folder):
    first, second = began(1, held=1000), began(2, held=500)
    journal = crashed(folder, first, second, settled=[ended(first, 770)])
    told = []
    assert await adopt(database, folder, "input", told.extend) == 1
    assert await calls(database) == [(first.id, "completed", 770), (second.id, "lost", 50)]
    assert await paid.accounts(database) == {"credit": -820, "usage": 820}
    assert (await paid.purses(database))["bud_1:money:20241004"] == 820
    assert (await paid.purses(database))["lim_1:requests:20241004"] == 2
    assert await paid.rows(database, "SELECT id FROM holds") == []
    ((ended_at, applied),) = await paid.rows(database, "SELECT ended, applied FROM journals")
    assert ended_at > 0
    assert applied == 3
    assert [(each.id, each.charged_nano) for each in told] == [(first.id, 770), (second.id, 50)]
    assert not journal.folder.exists()
    assert await adopt(database, folder, "input") == 0
    assert await Ledger(database).verify() == []


async def test_a_journal_that_is_adopted_half_way_is_adopted_to_its_end(database, folder, monkeypatch):
    held = [began(number, held=100) for number in range(6)]
    settled = [ended(call, 40) for call in held[:3]]
    journal = Journal(folder, MIB)
    writer = Writer(database, journal, most=4)
    for call in held:
        journal.held(call)
    await writer.turn()
    for call in settled:
        journal.settled(call)
    journal.close()  # killed, with three lines that were not applied
    await writer._channel.close()

    real, steps = statements.Channel.run, []
    for fail_at in range(1, 7):

        async def run(self, work, fail_at=fail_at):
            steps.append(1)
            if len(steps) == fail_at:
                raise Away("gone")
            return await real(self, work)

        steps.clear()
        monkeypatch.setattr(statements.Channel, "run", run)
        with pytest.raises(Away):
            await adopt(database, folder, "input")
            raise Away("it came through before")
    monkeypatch.undo()
    await adopt(database, folder, "input")
    assert await paid.accounts(database) == {"credit": -150, "usage": 150}
    assert sorted(outcome for _, outcome, _ in await calls(database)) == ["completed"] * 3 + ["lost"] * 3
    assert await Ledger(database).verify() == []
    assert not journal.folder.exists()


async def test_a_living_process_is_left_alone(database, folder):
    journal = Journal(folder, MIB)
    journal.held(began(1))
    assert await adopt(database, folder, "held") == 0
    assert await calls(database) == []
    journal.close()


async def test_of_two_who_adopt_at_once_one_does_it(database, folder):
    for number in range(5):
        crashed(folder, began(number, held=100))
    counts = await asyncio.gather(*(adopt(database, folder, "held") for _ in range(3)))
    assert sum(counts) == 5
    assert await paid.accounts(database) == {"credit": -500, "usage": 500}
    assert await Ledger(database).verify() == []


async def test_a_journal_without_a_whole_line_is_removed(database, folder):
    journal = crashed(folder, began(1))
    (path,) = journal.folder.glob("*.jsonl")
    head, line = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(head + line[:-5])
    assert await adopt(database, folder, "input") == 1
    assert await calls(database) == []
    assert not journal.folder.exists()


async def test_a_process_that_ends_in_peace_leaves_no_journal(database, folder):
    journal = Journal(folder, MIB)
    writer = Writer(database, journal)
    call = began(1)
    journal.held(call)
    journal.settled(ended(call))
    assert await writer.stop()
    assert await retire(database, journal)
    assert list(folder.iterdir()) == []
    ((ended_at,),) = await paid.rows(database, "SELECT ended FROM journals")
    assert ended_at > 0
    assert await calls(database) == [(call.id, "completed", 770)]


async def test_a_process_that_ends_under_a_call_or_without_the_database_leaves_its_journal(
    database, folder, monkeypatch
):
    busy, alone = Journal(folder, MIB), Journal(folder, MIB)
    busy.held(began(1, held=100))
    assert await Writer(database, busy).stop()
    assert not await retire(database, busy)
    with monkeypatch.context() as patch:

        async def away(*_args):
            raise Away("gone")

        patch.setattr(statements.Channel, "run", away)
        assert not await retire(database, alone)
    assert await adopt(database, folder, "held") == 2
    assert await calls(database) == [(began(1).id, "lost", 100)]


async def test_an_empty_folder_and_one_that_is_not_there_are_nothing_to_adopt(database, folder):
    assert await adopt(database, folder, "input") == 0
    (folder / "jrn_half").mkdir(parents=True)
    assert await adopt(database, folder, "input") == 0
    assert list(folder.iterdir()) == []


async def test_more_calls_are_lost_than_fit_one_transaction(database, folder, monkeypatch):
    monkeypatch.setattr(reaper, "MOST", 7)
    crashed(folder, *(began(number, held=100) for number in range(30)))
    await adopt(database, folder, "held")
    assert await paid.accounts(database) == {"credit": -3000, "usage": 3000}
    assert len(await calls(database)) == 30


async def test_a_killed_process_leaves_exactly_what_it_wrote(database, database_url, folder):
    script = """
        import asyncio, sys
        from pathlib import Path
        from tests.unit.store.paid import began, ended
        from xroute.store.db import Database
        from xroute.store.journal import Journal
        from xroute.store.writer import Writer

        async def main():
            db, journal = Database(sys.argv[2]), Journal(Path(sys.argv[1]), 1 << 30)
            writer = Writer(db, journal, interval_s=0.003)
            writer.start()
            for number in range(10**9):
                call = began(number, held=100)
                journal.held(call)
                if number % 10:
                    journal.settled(ended(call, 30))
                    print(f"settled {number}", flush=True)
                else:
                    print(f"held {number}", flush=True)
                await asyncio.sleep(0)

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(folder), database_url]
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(500)]
            process.send_signal(signal.SIGKILL)
            said += process.stdout.read().splitlines(keepends=True)
        await adopt(database, folder, "held")
        settled = {
            int(line.split()[1]) for line in said if line.startswith("settled") and line.endswith("\n")
        }
        held = {int(line.split()[1]) for line in said if line.startswith("held") and line.endswith("\n")}
        found = {id_: (outcome, nano) for id_, outcome, nano in await calls(database)}
        for number in settled:
            assert found.pop(began(number).id) == ("completed", 30)
        for number in held:
            assert found.pop(began(number).id) == ("lost", 100)
        assert len(found) <= 1  # of which it died before it could say so
        assert await Ledger(database).verify() == []
        async with database.write() as connection:
            for table in ("calls", "entries", "accounts", "purses", "hourly", "daily"):
                await connection.exec_driver_sql(f"DELETE FROM {table}")


async def test_a_folder_that_cannot_be_read_is_logged_and_tried_again(database, folder, caplog, monkeypatch):
    crashed(folder, began(1, held=100))

    def fail(*_args):
        raise OSError(5, os.strerror(5))

    looker = Reaper(database, folder, "jrn_own", "held")
    monkeypatch.setattr(lock.os, "open", fail)
    assert await looker.look() == 0
    assert "cannot be read" in caplog.text
    monkeypatch.undo()
    assert await looker.look() == 1
