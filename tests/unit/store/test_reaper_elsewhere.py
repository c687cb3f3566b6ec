"""Calls of processes on other machines: taken for lost, and corrected when the truth comes."""

import asyncio

import pytest
from tests.unit.store import paid
from tests.unit.store.paid import began, ended, unmetered

from xroute.store import statements
from xroute.store.audit import SYSTEM
from xroute.store.journal import Journal
from xroute.store.ledger import Ledger
from xroute.store.reaper import Reaper, lose
from xroute.store.statements import Away
from xroute.store.writer import Writer

MIB = 1024 * 1024


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "journals"


async def calls(db):
    return await paid.rows(db, "SELECT id, outcome, charged_nano FROM calls ORDER BY id")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def elsewhere(database, folder, *records):
    """A process of another machine, with what it has written to the database so far."""
    journal = Journal(folder / "elsewhere", MIB)
    writer = Writer(database, journal)
    for each in records:
        journal.held(each)
    await writer.turn()
    return journal, writer


async def test_a_process_elsewhere_that_shows_no_life_for_a_minute_is_taken_for_dead(database, folder):
    call, clock = began(1, held=1000), Clock()
    journal, writer = await elsewhere(database, folder, call)
    looker = Reaper(database, folder, "jrn_own", "input", clock=clock)
    assert await looker.look() == 0
    clock.now += 59
    assert await looker.look() == 0
    clock.now += 2
    assert await looker.look() == 1
    assert await calls(database) == [(call.id, "lost", 100)]
    assert await paid.accounts(database) == {"credit": -100, "usage": 100}
    clock.now += 100
    assert await looker.look() == 0
    await writer.stop()
    journal.close()


async def test_a_process_elsewhere_that_shows_life_is_left_alone(database, folder):
    call, clock = began(1, held=1000), Clock()
    journal, writer = await elsewhere(database, folder, call)
    looker = Reaper(database, folder, "jrn_own", "input", clock=clock)
    for _ in range(10):
        clock.now += 20
        async with database.write() as connection:
            await connection.exec_driver_sql("UPDATE journals SET seen = seen + 1")
        assert await looker.look() == 0
    await writer.stop()
    journal.close()


async def test_after_an_outage_of_the_database_everybody_has_a_minute_again(database, folder, monkeypatch):
    call, clock = began(1, held=1000), Clock()
    journal, writer = await elsewhere(database, folder, call)
    looker = Reaper(database, folder, "jrn_own", "input", clock=clock)
    await looker.look()

    async def away(*_args):
        raise Away("gone")

    monkeypatch.setattr(statements.Channel, "run", away)
    clock.now += 300
    assert await looker.look() == 0
    monkeypatch.undo()
    assert await looker.look() == 0
    assert await calls(database) == []
    await writer.stop()
    journal.close()


@pytest.mark.parametrize("true", [0, 40, 100, 3000])
async def test_the_truth_takes_the_place_of_the_guess(database, folder, true):
    call = began(1, held=1000, user="ann", tags={"team": "x"})
    journal, writer = await elsewhere(database, folder, call)
    await lose(database, journal.id, "input")
    assert await paid.accounts(database) == {"credit": -100, "usage": 100}
    journal.settled(ended(call, true))
    await writer.turn()
    assert await calls(database) == [(call.id, "completed", true)]
    adjusted = {"adjusted": true - 100} if true != 100 else {}
    credit = {"credit": -true} if true else {}
    assert await paid.accounts(database) == {"usage": 100, **credit, **adjusted}
    purses = await paid.purses(database)
    assert (purses["bud_1:money:20241004"], purses["credit:ws_a"]) == (true, true)
    assert (purses["lim_1:requests:20241004"], purses["lim_1:tokens:20241004"]) == (1, 15)
    for table in ("hourly", "daily", "tagged", "ended"):
        asked = f"SELECT calls, errors, tokens_in, tokens_out, charged_nano FROM {table}"
        assert await paid.rows(database, asked) == [(1, 0, 10, 5, true)]
    assert await paid.rows(database, "SELECT id FROM holds") == []
    assert await Ledger(database).verify() == []
    await writer.stop()
    journal.close()


async def test_the_truth_about_a_call_that_was_refunded_meanwhile_leaves_no_profit(database, folder):
    call = began(1, held=1000)
    await paid.open_workspace(database)
    journal, writer = await elsewhere(database, folder, call)
    await lose(database, journal.id, "input")
    ledger = Ledger(database)
    await ledger.refund(SYSTEM, "ws_a", call.id)
    assert (await paid.accounts(database)).get("credit", 0) == 0
    journal.settled(ended(call, 30))
    await writer.turn()
    assert (await paid.accounts(database)).get("credit", 0) == 0  # 30 were charged, and given back
    assert await ledger.verify() == []
    await writer.stop()
    journal.close()


async def test_a_lost_call_of_an_unmetered_workspace_is_corrected_too(database, folder):
    call = unmetered(began(1, held=1000))
    journal, writer = await elsewhere(database, folder, call)
    await lose(database, journal.id, "held")
    journal.settled(unmetered(ended(call, 30)))
    await writer.turn()
    assert await paid.accounts(database) == {"credit": -30, "usage": 1000, "adjusted": -970}
    assert await Ledger(database).verify() == []
    await writer.stop()
    journal.close()


async def test_two_who_settle_the_same_lost_calls_do_it_once(database, folder):
    journal, writer = await elsewhere(database, folder, *(began(number, held=100) for number in range(20)))
    await asyncio.gather(*(lose(database, journal.id, "held") for _ in range(4)))
    assert await paid.accounts(database) == {"credit": -2000, "usage": 2000}
    assert len(await calls(database)) == 20
    await writer.stop()
    journal.close()


async def test_a_call_ends_while_it_is_being_lost_and_counts_once(database, folder):
    for number in range(8):
        call = began(number, held=100)
        journal, writer = await elsewhere(database, folder, call)
        journal.settled(ended(call, 30))
        await asyncio.gather(lose(database, journal.id, "held"), writer.turn())
        while writer.lag:
            await writer.turn()
        await writer.stop()
        journal.close()
    assert {outcome for _, outcome, _ in await calls(database)} == {"completed"}
    assert (await paid.accounts(database))["credit"] == -240
    assert (await paid.purses(database))["credit:ws_a"] == 240
    assert await Ledger(database).verify() == []


async def test_a_hold_of_a_call_that_counts_already_only_gives_back(database, folder):
    call = began(1, held=1000)
    journal, writer = await elsewhere(database, folder)
    journal.settled(ended(call, 30))
    await writer.turn()
    other, late = await elsewhere(database, folder, call)  # as no gateway does it
    assert (await paid.accounts(database))["held"] == 1000
    assert await lose(database, other.id, "held") == 0
    assert await calls(database) == [(call.id, "completed", 30)]
    assert await paid.accounts(database) == {"credit": -30, "usage": 30}
    assert await paid.rows(database, "SELECT id FROM holds") == []
    for each in (writer, late):
        await each.stop()
    journal.close()
    other.close()
