"""Our side of a comparison, out of the database: which attempts are on a provider's bill."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import insert
from tests.unit.store.paid import open_workspace

from xroute.money.nano import PER_DOLLAR
from xroute.money.price import Price, Rates
from xroute.store.apply import call_row
from xroute.store.db import Database
from xroute.store.reconcile.drift import Attempted
from xroute.store.reconcile.ours import attempts
from xroute.store.tables import calls, prices
from xroute.wire.record import Record, Try
from xroute.wire.usage import Usage

DAY = date(2026, 11, 19)
NOON = int(datetime(2026, 11, 19, 12, tzinfo=UTC).timestamp() * 1000)
PRICE = Price(Rates(input=2 * PER_DOLLAR, output=8 * PER_DOLLAR), source="test")


def tried(provider: str = "openai", **more: Any) -> Try:
    given: dict[str, Any] = {"cost_nano": 2_000_000, "usage": Usage(input=1000), "duration_ms": 800}
    return Try("openai/gpt-4o@x", provider, "openai/gpt-4o", "cred", **{"began_ms": 5, **given, **more})


def record(id_: str, *tries: Try, **more: Any) -> Record:
    given: dict[str, Any] = {"model": "openai/gpt-4o", "outcome": "completed", "price": PRICE.id}
    given |= {"provider": tries[-1].provider if tries else "", "held_nano": 9_000_000}
    return Record(id_, more.pop("at", NOON), workspace="ws_main", attempts=list(tries), **{**given, **more})


async def read(db: Database, *records: Record, **more: Any) -> list[Attempted]:
    names = [column.name for column in calls.columns]
    await open_workspace(db, "ws_main")
    async with db.write() as connection:
        await connection.execute(insert(prices).values(id=PRICE.id, data=PRICE.data(), first=0))
        rows = [dict(zip(names, call_row(each), strict=True)) for each in records]
        await connection.execute(insert(calls), rows)
    found = attempts(db, ["openai"], DAY, DAY, more.pop("zone", "UTC"), **more)
    return sorted([each async for each in found], key=lambda each: (each.began, each.doubt))


async def test_an_attempt_has_its_tokens_its_cost_and_the_price_of_its_call(database: Database):
    (found,) = await read(database, record("a", tried(upstream_id="chatcmpl-1")))
    assert found.began == datetime(2026, 11, 19, 12, 0, 0, 5000, tzinfo=UTC)
    assert (found.ended - found.began).total_seconds() == 0.8
    assert (found.nano, found.tokens_in, found.ref, found.doubt) == (2_000_000, 1000, "chatcmpl-1", "")
    assert found.price == PRICE


async def test_an_attempt_counts_where_it_was_made_though_another_provider_answered(database: Database):
    first = tried(failure="timeout", cost_nano=0, usage=None)
    (found,) = await read(database, record("a", first, tried("groq")), record("b", tried("groq")))
    assert (found.doubt, found.nano, found.worst_nano) == ("retried", 0, 9_000_000)


async def test_an_error_of_the_provider_is_not_billed(database: Database):
    found = await read(database, record("a", tried(failure="rate_limited", status=429, cost_nano=0), tried()))
    assert [each.doubt for each in found] == ["", ""]


@pytest.mark.parametrize(
    ("outcome", "doubt"),
    [("client_gone", "client_gone"), ("upstream_cut", "cut"), ("timed_out", "cut"), ("lost", "lost")],
)
async def test_how_a_call_ended_says_what_is_in_doubt(database: Database, outcome: Any, doubt: str):
    (found,) = await read(database, record("a", tried(), outcome=outcome))
    assert found.doubt == doubt


async def test_without_a_hold_the_longest_answer_is_the_worst_case(database: Database):
    (found,) = await read(database, record("a", tried(), outcome="client_gone", held_nano=0))
    assert found.worst_nano == PRICE.most(1000, 16_384, PRICE.of_any(1000))


async def test_a_lost_call_that_nobody_knows_more_of_may_have_been_made_there(database: Database):
    (found,) = await read(database, record("a", outcome="lost", model="", asked="gpt-4o"))
    assert (found.model, found.nano, found.worst_nano, found.doubt) == ("gpt-4o", 0, 9_000_000, "lost")


async def test_a_workspaces_own_credential_is_on_another_bill(database: Database):
    assert len(await read(database, record("a", tried()), record("b", tried(), byok=True))) == 1


async def test_one_credentials_calls_can_be_picked_out(database: Database):
    other = tried()
    other.credential = "other"
    found = await read(database, record("a", tried()), record("b", other), credentials=["other"])
    assert len(found) == 1


async def test_days_are_read_with_those_beside_them(database: Database):
    """The comparison leaves out what is not of a day; it needs what ran over its edges."""
    hours = [-40, -11, 0, 11, 40]
    records = [record(f"r{hour}", tried(), at=NOON + hour * 3_600_000) for hour in hours]
    assert len(await read(database, *records)) == 3
