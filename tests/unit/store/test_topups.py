"""Automatic top-ups: the card is charged once for what is due, whatever breaks in between."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from tests.fixtures.stripe import SECRET, FakeStripe, event, serving

from xroute.config.accounts import StripeSettings
from xroute.config.secret import Secret
from xroute.errors import InvalidRequest, NotFound
from xroute.money.nano import PER_DOLLAR
from xroute.store.audit import Actor
from xroute.store.db import Database
from xroute.store.ledger import Ledger
from xroute.store.payments import Payments
from xroute.store.stripe_api import StripeApi
from xroute.store.tables import accounts, alerts, payments, workspaces
from xroute.store.topups import AGAIN_MS, DAY_MS, GIVE_UP_MS, STUCK_MS, TopUps

WHO = Actor("user", id="u", user="u", workspace="ws_1", role="owner")
LOW = {"below_nano": 10 * PER_DOLLAR, "amount_nano": 50 * PER_DOLLAR, "per_day": 2, "customer": "cus_1"}


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture(scope="module")
def _wire() -> Iterator[FakeStripe]:
    with serving() as fake:
        yield fake


@pytest.fixture
def stripe(_wire: FakeStripe) -> FakeStripe:
    _wire.asked.clear()
    _wire.intents.clear()
    _wire.mute = 0
    return _wire


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def paying(database: Database, stripe: FakeStripe, clock: Clock) -> Payments:
    return Payments(database, Ledger(database, clock), api(stripe.url), 5 * PER_DOLLAR, clock)


@pytest.fixture
async def topups(database: Database, stripe: FakeStripe, clock: Clock, paying: Payments) -> TopUps:
    """Of a workspace with nothing, whose card pm_ok is charged $50 below $10."""
    async with database.write() as connection:
        for id_, rule in (("ws_main", None), ("ws_1", {**LOW, "method": "pm_ok"})):
            row: dict[str, Any] = {"id": id_, "name": id_, "slug": id_, "plan": "prepaid", "created": 0}
            await connection.execute(insert(workspaces).values(**row | ({"topup": rule} if rule else {})))
    return TopUps(database, paying, api(stripe.url), 5 * PER_DOLLAR, clock)


def api(url: str) -> StripeApi:
    given = {"secret_key": Secret("sk_test_1"), "webhook_secret": Secret(SECRET), "api_base": url}
    return StripeApi(StripeSettings(**given))


async def card(db: Database, method: str, **more: Any) -> None:
    async with db.write() as connection:
        rule = {**LOW, "method": method, **more}
        await connection.execute(update(workspaces).where(workspaces.c.id == "ws_1").values(topup=rule))


async def spend(db: Database, nano: int) -> None:
    await Ledger(db).adjust(WHO, "ws_1", -nano, ref=f"spent-{nano}-{len(await states(db))}", note="spent")


async def rows(db: Database, query: Any) -> list[Any]:
    async with db.read() as connection:
        return list((await connection.execute(query)).all())


async def balance(db: Database) -> int:
    mine = (accounts.c.workspace == "ws_1") & (accounts.c.account == "credit")
    found = await rows(db, select(accounts.c.nano).where(mine))
    return found[0][0] if found else 0


async def states(db: Database) -> list[str]:
    return [row[0] for row in await rows(db, select(payments.c.state).order_by(payments.c.created))]


def charges(stripe: FakeStripe) -> int:
    """How many different charges Stripe has made: those with one key are one."""
    return len({key for path, _, key in stripe.asked if path == "/v1/payment_intents"})


async def test_a_balance_below_its_mark_is_topped_up(topups: TopUps, stripe: FakeStripe, database: Database):
    assert await topups.look() == 1
    assert (await balance(database), await states(database)) == (50 * PER_DOLLAR, ["paid"])
    ((_, form, _),) = stripe.asked
    assert (form["amount"], form["off_session"], form["confirm"]) == ("5000", "true", "true")
    assert (form["customer"], form["payment_method"]) == ("cus_1", "pm_ok")
    assert await topups.look() == 0  # there is enough now


async def test_what_is_held_for_calls_under_way_is_not_spent(topups: TopUps, database: Database):
    async with database.write() as connection:
        row = {"workspace": "ws_1", "account": "held", "nano": 10 * PER_DOLLAR}
        await connection.execute(insert(accounts).values(**row))
    assert await topups.look() == 0


async def test_many_processes_at_once_charge_the_card_once(
    topups: TopUps, stripe: FakeStripe, database: Database
):
    await asyncio.gather(*(topups.look() for _ in range(8)))
    assert (charges(stripe), await balance(database)) == (1, 50 * PER_DOLLAR)


async def test_its_event_does_not_credit_it_again(
    topups: TopUps, stripe: FakeStripe, database: Database, paying: Payments
):
    await topups.look()
    (intent,) = stripe.intents.values()
    assert (
        await paying.receive(*stripe.signed(event("payment_intent.succeeded", intent, "evt_1"))) == "applied"
    )
    assert await balance(database) == 50 * PER_DOLLAR


async def test_there_are_no_more_a_day_than_the_rule_says(
    topups: TopUps, stripe: FakeStripe, database: Database, clock: Clock
):
    for _ in range(4):
        await topups.look()
        await spend(database, 48 * PER_DOLLAR)
    assert (charges(stripe), await states(database)) == (2, ["paid", "paid"])
    ((kind, text),) = await rows(database, select(alerts.c.kind, alerts.c.text))
    assert kind == "topup"
    assert "2 automatic top-ups were made within a day" in text
    clock.now += DAY_MS + 1
    assert await topups.look() == 1


@pytest.mark.parametrize(("method", "said"), [("pm_declined", "declined"), ("pm_sca", "owner's consent")])
async def test_a_card_that_is_refused_is_told_and_left_alone_for_an_hour(
    topups: TopUps, stripe: FakeStripe, database: Database, clock: Clock, method: str, said: str
):
    await card(database, method)
    for _ in range(3):
        await topups.look()
    assert (charges(stripe), await states(database), await balance(database)) == (1, ["failed"], 0)
    ((text,),) = await rows(database, select(alerts.c.text))
    assert text.startswith("The automatic top-up of $50 failed: ")
    assert said in text
    await card(database, "pm_ok")
    clock.now += AGAIN_MS + 1
    assert await topups.look() == 1
    assert await balance(database) == 50 * PER_DOLLAR


async def test_without_an_answer_the_same_charge_is_asked_for_again(
    topups: TopUps, stripe: FakeStripe, database: Database, clock: Clock
):
    stripe.mute = 3  # it charges, and nobody hears of it
    assert await topups.look() == 1
    assert (await states(database), await balance(database)) == (["open"], 0)
    assert await topups.look() == 0  # one at a time
    clock.now += STUCK_MS + 1
    await topups.look()
    assert (await states(database), await balance(database)) == (["paid"], 50 * PER_DOLLAR)
    assert (charges(stripe), len(stripe.intents)) == (1, 1)


async def test_a_payment_of_a_process_that_died_is_charged_by_another(
    topups: TopUps, stripe: FakeStripe, database: Database, clock: Clock
):
    """It had written the payment down and asked nobody yet."""
    row = {"id": "pay_left", "workspace": "ws_1", "method": "stripe", "nano": 50 * PER_DOLLAR}
    row |= {"state": "open", "automatic": True, "created": clock.now, "changed": clock.now}
    async with database.write() as connection:
        await connection.execute(insert(payments).values(**row))
    clock.now += STUCK_MS + 1
    await asyncio.gather(*(topups.look() for _ in range(4)))
    assert (charges(stripe), await balance(database)) == (1, 50 * PER_DOLLAR)


async def test_what_stays_without_an_answer_for_a_day_is_given_up_and_told(
    topups: TopUps, stripe: FakeStripe, database: Database, clock: Clock
):
    stripe.mute = 10**6
    await topups.look()
    clock.now += GIVE_UP_MS + STUCK_MS
    await topups._resume()
    assert await states(database) == ["failed"]
    assert "Look there whether the card was charged" in (await rows(database, select(alerts.c.text)))[0][0]


async def test_a_charge_under_way_is_looked_up_where_its_event_is_lost(
    topups: TopUps, stripe: FakeStripe, database: Database, clock: Clock
):
    await card(database, "pm_slow")
    await topups.look()
    assert (await states(database), await balance(database)) == (["open"], 0)
    (intent,) = stripe.intents.values()
    intent["status"] = "succeeded"
    clock.now += STUCK_MS + 1
    await topups.look()
    assert (await states(database), await balance(database)) == (["paid"], 50 * PER_DOLLAR)
    assert charges(stripe) == 1


async def test_a_rule_is_set_shown_and_cleared(topups: TopUps, database: Database):
    shown = await topups.set_rule(WHO, "ws_1", 1 * PER_DOLLAR, 20 * PER_DOLLAR, 5)
    assert shown == {
        "below_nano": PER_DOLLAR,
        "amount_nano": 20 * PER_DOLLAR,
        "per_day": 5,
        "has_card": True,
    }
    assert await topups.rule("ws_1") == shown
    assert (await topups.clear_rule(WHO, "ws_1"))["below_nano"] is None
    assert await topups.look() == 0
    with pytest.raises(NotFound):
        await topups.clear_rule(WHO, "ws_1")


async def test_without_a_saved_card_there_is_no_rule(topups: TopUps):
    with pytest.raises(InvalidRequest, match="No card is saved"):
        await topups.set_rule(WHO, "ws_main", PER_DOLLAR, 20 * PER_DOLLAR)


@pytest.mark.parametrize(
    ("field", "below", "amount", "per_day"),
    [
        ("below_usd", -1, 20 * PER_DOLLAR, 1),
        ("amount_usd", 0, 20 * PER_DOLLAR + 1, 1),
        ("amount_usd", 0, PER_DOLLAR, 1),
        ("per_day", 0, 20 * PER_DOLLAR, 0),
    ],
)
async def test_a_rule_that_cannot_be_is_told(
    topups: TopUps, field: str, below: int, amount: int, per_day: int
):
    with pytest.raises(InvalidRequest) as caught:
        await topups.set_rule(WHO, "ws_1", below, amount, per_day)
    assert caught.value.param == field


async def test_a_closed_workspace_is_not_charged(topups: TopUps, database: Database):
    async with database.write() as connection:
        await connection.execute(update(workspaces).values(closed=1))
    assert await topups.look() == 0
