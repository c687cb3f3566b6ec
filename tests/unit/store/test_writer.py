import orjson
import pytest
from tests.redises import until
from tests.unit.store import paid
from tests.unit.store.paid import began, ended, unmetered
from tests.unit.store.records import record

from xroute.store import lines, statements, tables
from xroute.store.journal import Journal
from xroute.store.ledger import Ledger
from xroute.store.statements import Away
from xroute.store.writer import Writer
from xroute.wire.record import Try
from xroute.wire.usage import Usage

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


async def test_a_call_held_and_settled_in_one_batch_is_in_every_table_once(database, journal, writer):
    call = began(1, held=1000)
    journal.priced("prc_1", {"input": 3})
    journal.held(call)
    journal.settled(ended(call, 770, price="prc_1"))
    await writer.turn()
    assert (writer.state, writer.lag, writer.applied) == ("up", 0, 3)
    assert await calls(database) == [(call.id, "completed", 770)]
    assert await paid.entries(database) == [
        ("hold", "credit", "held", 1000),
        ("settle", "held", "usage", 770),
        ("release", "held", "credit", 230),
    ]
    assert await paid.accounts(database) == {"credit": -770, "usage": 770}
    assert await paid.purses(database) == {
        "credit:ws_a": 770,
        "bud_1:money:20241004": 770,
        "lim_1:requests:20241004": 1,
        "lim_1:tokens:20241004": 15,
    }
    assert await paid.rows(database, "SELECT calls, charged_nano FROM hourly") == [(1, 770)]
    assert await paid.rows(database, "SELECT calls, charged_nano FROM daily") == [(1, 770)]
    assert await paid.rows(database, "SELECT id FROM prices") == [("prc_1",)]
    assert await paid.rows(database, "SELECT id FROM holds") == []
    assert await Ledger(database).verify() == []


async def test_every_field_of_a_call_is_kept(database, journal, writer):
    attempts = [Try("d", "p", "m", "c", 1, 2, 3, "timeout", 504, "u", Usage(1, 2), None)]
    usage = Usage(
        1, 2, 3, 4, reasoning=5, audio_in=6, audio_out=7, image_in=8, image_out=9, estimated=True
    )  # fmt: skip
    call = record(
        3, member="mem", user="ann", session="s", tags={"team": "x"}, surface="openai", operation="chat",
        asked="gpt", stream=True, error_type="server", finish="stop", usage=usage, cost_nano=None, price="p",
        charged_nano=None, byok=True, held_nano=5, attempts=attempts, ttft_ms=None,
    )  # fmt: skip
    journal.settled(call)
    await writer.turn()
    names = [column.name for column in tables.calls.columns]
    async with database.read() as connection:
        row = (await connection.execute(tables.calls.select())).one()
    found = dict(zip(names, row, strict=True))
    assert found.pop("tags") == '{"team":"x"}'
    assert lines.read_attempts(found.pop("attempts")) == orjson.loads(orjson.dumps(attempts))
    assert (found.pop("day"), found.pop("tries")) == (20_000, 1)
    tokens = {"tokens_in": 1, "tokens_out": 2, "cached": 3, "cache_write": 4, "reasoning": 5}
    tokens |= {"audio_in": 6, "audio_out": 7, "image_in": 8, "image_out": 9, "estimated": True}
    assert {name: found.pop(name) for name in tokens} == tokens
    assert found == {name: getattr(call, name) for name in found}


async def test_a_call_without_a_user_its_tags_and_attempts_is_kept(database, journal, writer):
    journal.settled(record(1, attempts=[], usage=None))
    await writer.turn()
    assert await paid.rows(database, "SELECT tags, attempts, tries, tokens_in FROM calls") == [
        ("", "[]", 0, 0)
    ]


async def test_a_call_that_is_still_under_way_is_in_holds_until_it_ends(database, journal, writer):
    call = began(1, held=1000)
    journal.held(call)
    await writer.turn()
    assert await paid.rows(database, "SELECT id, journal, nano, ended FROM holds") == [
        (call.id, journal.id, 1000, None)
    ]
    assert await paid.accounts(database) == {"credit": -1000, "held": 1000}
    assert await Ledger(database).verify() == []
    journal.settled(ended(call, 1300))
    await writer.turn()
    assert await paid.rows(database, "SELECT id FROM holds") == []
    assert await paid.entries(database) == [
        ("hold", "credit", "held", 1000),
        ("hold", "credit", "held", 300),
        ("settle", "held", "usage", 1300),
    ]
    assert await paid.accounts(database) == {"credit": -1300, "usage": 1300}
    assert await Ledger(database).verify() == []


async def test_a_call_that_costs_nothing_gives_everything_back(database, journal, writer):
    call = began(1, held=1000)
    journal.held(call)
    await writer.turn()
    journal.settled(ended(call, 0, outcome="failed"))
    await writer.turn()
    assert await paid.entries(database) == [
        ("hold", "credit", "held", 1000),
        ("release", "held", "credit", 1000),
    ]
    assert await paid.accounts(database) == {}
    assert await calls(database) == [(call.id, "failed", 0)]


async def test_an_unmetered_call_is_settled_without_a_hold(database, journal, writer):
    call = unmetered(began(1))
    journal.held(call)
    await writer.turn()
    assert await paid.rows(database, "SELECT nano FROM holds") == [(0,)]
    journal.settled(unmetered(ended(call, 770)))
    await writer.turn()
    assert await paid.entries(database) == [("settle", "credit", "usage", 770)]
    assert await paid.rows(database, "SELECT id FROM holds") == []
    assert await Ledger(database).verify() == []


async def test_a_metered_call_whose_hold_could_not_be_written_down_is_charged_all_the_same(
    database, journal, writer
):
    journal.settled(ended(began(1), 500))
    await writer.turn()
    assert await paid.accounts(database) == {"credit": -500, "usage": 500}
    assert await Ledger(database).verify() == []


async def test_a_price_that_is_not_known_leaves_no_entry(database, journal, writer):
    call = unmetered(began(1))
    journal.settled(unmetered(ended(call, 0, cost_nano=None, charged_nano=None)))
    await writer.turn()
    assert await paid.entries(database) == []
    assert await calls(database) == [(call.id, "completed", None)]


async def test_a_record_that_comes_twice_counts_once(database, journal, writer):
    call = began(1)
    journal.held(call)
    journal.settled(ended(call, 700))
    journal.settled(ended(call, 700))
    journal.settled(ended(began(2), 40))
    await writer.turn()
    journal.settled(ended(call, 700))
    journal.held(call)
    await writer.turn()
    assert (writer.lag, writer.refused) == (0, 0)
    assert await calls(database) == [(call.id, "completed", 700), (began(2).id, "completed", 40)]
    assert await paid.accounts(database) == {"credit": -740, "usage": 740}
    assert (await paid.purses(database))["bud_1:money:20241004"] == 740
    assert await Ledger(database).verify() == []


async def test_many_batches_make_the_same_as_one(database, journal):
    for number in range(60):
        call = began(number, held=100 + number)
        journal.held(call)
        journal.settled(ended(call, 3 * number))
    writer = Writer(database, journal, most=7)
    await writer.turn()
    assert writer.lag == 0
    assert await paid.accounts(database) == {"credit": -3 * 1770, "usage": 3 * 1770}
    assert (await paid.purses(database))["credit:ws_a"] == 3 * 1770
    assert await Ledger(database).verify() == []
    await writer.stop()


# The life of a writer


async def test_a_started_writer_writes_by_itself_and_shows_that_it_lives(database, journal):
    writer = Writer(database, journal, interval_s=0.005)
    writer.start()
    journal.settled(ended(began(1), 10))
    await until(lambda: not writer.lag)
    ((id_, host, pid, seen),) = await paid.rows(database, "SELECT id, host, pid, seen FROM journals")
    assert (id_, bool(host), pid > 0, seen > 0) == (journal.id, True, True, True)
    journal.settled(ended(began(2), 10))
    await writer.stop()
    assert len(await calls(database)) == 2


async def test_a_flush_says_whether_all_is_written(database, journal, monkeypatch):
    writer = Writer(database, journal)
    journal.settled(ended(began(1), 10))
    assert await writer.flush()

    async def away(*_args):
        raise Away("gone")

    monkeypatch.setattr(statements.Channel, "run", away)
    journal.settled(ended(began(2), 10))
    assert not await writer.flush(0.05)
    monkeypatch.undo()
    assert await writer.flush()
    await writer.stop()


async def test_applied_files_are_deleted_and_memory_is_given_free(database, tmp_path):
    journal = Journal(tmp_path / "journals", MIB, segment_bytes=3000)
    writer = Writer(database, journal)
    for number in range(100):
        journal.settled(ended(began(number), 1))
    assert len(list(journal.folder.glob("*.jsonl"))) > 5
    await writer.turn()
    assert len(list(journal.folder.glob("*.jsonl"))) == 1
    assert "0 in memory" in repr(journal)
    await writer.stop()
    journal.close()


async def test_a_backlog_that_memory_does_not_hold_is_written_from_the_files(database, tmp_path):
    journal = Journal(tmp_path / "journals", 8 * MIB, segment_bytes=20_000, kept=10)
    for number in range(300):
        call = began(number, held=20)
        journal.held(call)
        journal.settled(ended(call, 10))
    writer = Writer(database, journal, most=64)
    await writer.turn()
    assert writer.lag == 0
    assert await paid.accounts(database) == {"credit": -3000, "usage": 3000}
    await writer.stop()
    journal.close()


# Grants and alerts


async def test_what_is_spent_comes_out_of_the_grant_that_ends_first(database, journal, writer):
    await paid.open_workspace(database)
    async with database.write() as connection:
        for id_, nano, expires in (("g_never", 100, None), ("g_late", 100, 10**15), ("g_soon", 100, 10**14)):
            row = {"id": id_, "workspace": "ws_a", "nano": nano, "left_nano": nano, "created": 1}
            await connection.execute(tables.grants.insert().values(**row, expires=expires))
    journal.settled(ended(began(1), 150))
    await writer.turn()
    left = "SELECT id, left_nano FROM grants ORDER BY id"
    assert await paid.rows(database, left) == [("g_late", 50), ("g_never", 100), ("g_soon", 0)]
    journal.settled(ended(began(2), 500))
    await writer.turn()
    assert await paid.rows(database, left) == [("g_late", 0), ("g_never", 0), ("g_soon", 0)]


async def test_a_budget_alerts_once_at_each_threshold(database, journal, writer):
    await paid.open_workspace(database)
    budget = {"id": "bud_1", "workspace": "ws_a", "scope": "key", "subject": "key_a", "nano": 1000}
    key = {"id": "key_a", "workspace": "ws_a", "name": "bench", "shown": "xr-", "hash": "h", "created": 1}
    async with database.write() as connection:
        await connection.execute(tables.keys.insert().values(**key))
        values = {"window": "day", "alerts": [50, 80, 100], "created": 1}
        await connection.execute(tables.budgets.insert().values(**budget, **values))
    for number, charged in enumerate((400, 450, 10, 400)):
        journal.settled(ended(began(number), charged))
        await writer.turn()
    found = await paid.rows(database, "SELECT workspace, kind, ref, text FROM alerts ORDER BY id")
    purse = "bud_1:money:20241004"
    assert [(each[0], each[1], each[2]) for each in found] == [
        ("ws_a", "budget", f"{purse}:50"),
        ("ws_a", "budget", f"{purse}:80"),
        ("ws_a", "budget", f"{purse}:100"),
    ]
    assert found[1][3] == "80% of the budget of key bench is spent: $0.00000085 of $0.000001 a day"


async def test_low_credit_is_told_once_until_more_is_added(database, journal, writer):
    from xroute.store.audit import SYSTEM

    await paid.open_workspace(database, low_nano=100)
    ledger = Ledger(database)
    await ledger.topup(SYSTEM, "ws_a", 1000, ref="1")
    for number, charged in enumerate((850, 60, 10)):
        journal.settled(ended(began(number), charged))
        await writer.turn()
    texts = "SELECT text FROM alerts ORDER BY id"
    told = "The credit of workspace ws-a is $0.00000009, below $0.0000001"
    assert await paid.rows(database, texts) == [(told,)]
    await ledger.topup(SYSTEM, "ws_a", 1000, ref="2")
    journal.settled(ended(began(8), 50))
    await writer.turn()
    assert len(await paid.rows(database, texts)) == 1
    journal.settled(ended(began(9), 1000))
    await writer.turn()
    assert len(await paid.rows(database, texts)) == 2
