"""Paying by card: Stripe's events do to the ledger what they say, once, in whatever order they come."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update
from tests.fixtures.stripe import SECRET, FakeStripe, event, serving

from xroute.config.accounts import StripeSettings
from xroute.config.secret import Secret
from xroute.errors import ConfigError, InvalidRequest, ProviderUnavailable
from xroute.money.nano import PER_DOLLAR
from xroute.store.audit import Actor
from xroute.store.db import Database
from xroute.store.ledger import Ledger
from xroute.store.payments import Payments
from xroute.store.stripe_api import StripeApi
from xroute.store.tables import accounts, alerts, entries, payments, webhooks, workspaces

WHO = Actor("user", id="usr_1", user="usr_1", name="a@b.c", workspace="ws_1", role="owner")
BASE = "https://llm.example.com"
_numbers = itertools.count()


def settings(url: str, **more: Any) -> StripeSettings:
    given = {"secret_key": Secret("sk_test_1"), "webhook_secret": Secret(SECRET), "api_base": url}
    return StripeSettings(**{**given, **more})


@pytest.fixture(scope="module")
def _wire() -> Iterator[FakeStripe]:
    with serving() as fake:
        yield fake


@pytest.fixture
def stripe(_wire: FakeStripe) -> FakeStripe:
    _wire.asked.clear()
    _wire.mute = 0
    return _wire


@pytest.fixture
async def paying(database: Database, stripe: FakeStripe) -> Payments:
    async with database.write() as connection:
        for id_, slug in (("ws_main", "main"), ("ws_1", "one"), ("ws_2", "two")):
            row = {"id": id_, "name": slug, "slug": slug, "plan": "prepaid", "created": 0}
            await connection.execute(insert(workspaces).values(**row))
    return Payments(database, Ledger(database), StripeApi(settings(stripe.url)), 5 * PER_DOLLAR)


async def balance(db: Database, workspace: str = "ws_1") -> int:
    asked = select(accounts.c.nano).where(accounts.c.workspace == workspace, accounts.c.account == "credit")
    async with db.read() as connection:
        return (await connection.execute(asked)).scalar_one_or_none() or 0


async def rows(db: Database, query: Any) -> list[Any]:
    async with db.read() as connection:
        return list((await connection.execute(query)).all())


async def state(db: Database, id_: str) -> str:
    ((found,),) = await rows(db, select(payments.c.state).where(payments.c.id == id_))
    return found


async def send(paying: Payments, stripe: FakeStripe, kind: str, found: dict[str, Any], id_: str = "") -> str:
    id_ = id_ or f"evt_{next(_numbers)}"
    return await paying.receive(*stripe.signed(event(kind, found, id_)))


def session(payment: str, cents: int = 2000, **more: Any) -> dict[str, Any]:
    given = {"object": "checkout.session", "client_reference_id": payment, "amount_total": cents}
    given |= {"currency": "usd", "payment_status": "paid", "payment_intent": f"pi_{payment}"}
    return {**given, **more}


def charge(payment: str, refunded: int) -> dict[str, Any]:
    return {
        "object": "charge",
        "payment_intent": f"pi_{payment}",
        "amount_refunded": refunded,
        "metadata": {},
    }


def dispute(payment: str, cents: int, id_: str = "dp_1") -> dict[str, Any]:
    return {"id": id_, "object": "dispute", "payment_intent": f"pi_{payment}", "amount": cents}


async def asked_for(paying: Payments, dollars: int = 20) -> str:
    return (await paying.checkout(WHO, "ws_1", dollars * PER_DOLLAR, BASE, saves=False))["id"]


async def paid(paying: Payments, stripe: FakeStripe, dollars: int = 20) -> str:
    id_ = await asked_for(paying, dollars)
    await send(paying, stripe, "checkout.session.completed", session(id_, dollars * 100))
    return id_


async def test_a_checkout_is_a_page_of_stripes_for_exactly_that_amount(
    paying: Payments, stripe: FakeStripe, database: Database
):
    made = await paying.checkout(WHO, "ws_1", 20_010_000_000, BASE, saves=True)
    assert made["url"].startswith("https://checkout.stripe.com/")
    ((path, form, key),) = stripe.asked
    assert path == "/v1/checkout/sessions"
    assert form["line_items[0][price_data][unit_amount]"] == "2001"
    assert form["payment_intent_data[metadata][xroute_payment]"] == made["id"]
    assert form["payment_intent_data[setup_future_usage]"] == "off_session"
    assert form["success_url"] == f"{BASE}/?paid={made['id']}"
    assert key == f"{made['id']}:page"
    assert (await state(database, made["id"]), await balance(database)) == ("open", 0)


@pytest.mark.parametrize("nano", [1, PER_DOLLAR, 20_005_000_000, 2_000_000 * PER_DOLLAR])
async def test_an_amount_that_stripe_cannot_take_is_refused_before_it_is_asked(
    paying: Payments, stripe: FakeStripe, nano: int
):
    with pytest.raises(InvalidRequest, match="amount_usd"):
        await paying.checkout(WHO, "ws_1", nano, BASE, saves=False)
    assert stripe.asked == []


async def test_without_stripe_a_checkout_is_a_clear_error_and_no_open_payment(
    database: Database, paying: Payments
):
    api = StripeApi(settings("http://127.0.0.1:9"))
    away = Payments(database, Ledger(database), api, 0)
    with pytest.raises(ProviderUnavailable, match="Nothing was charged; try again"):
        await away.checkout(WHO, "ws_1", 5 * PER_DOLLAR, BASE, saves=False)
    assert await rows(database, select(payments.c.state)) == [("failed",)]


async def test_a_paid_session_is_credited(paying: Payments, stripe: FakeStripe, database: Database):
    id_ = await paid(paying, stripe)
    assert (await balance(database), await state(database, id_)) == (20 * PER_DOLLAR, "paid")
    ((kind, debit, nano),) = await rows(database, select(entries.c.kind, entries.c.debit, entries.c.nano))
    assert (kind, debit, nano) == ("topup", "funding", 20 * PER_DOLLAR)


async def test_an_event_that_comes_again_counts_once(
    paying: Payments, stripe: FakeStripe, database: Database
):
    id_ = await asked_for(paying)
    for expected in ("applied", "repeated", "repeated"):
        found = await send(paying, stripe, "checkout.session.completed", session(id_), "evt_same")
        assert found == expected
    assert await balance(database) == 20 * PER_DOLLAR
    assert paying.events == {"applied": 1, "repeated": 2}


async def test_many_copies_of_an_event_at_once_count_once(
    paying: Payments, stripe: FakeStripe, database: Database
):
    id_ = await asked_for(paying)
    signed = stripe.signed(event("checkout.session.completed", session(id_), "evt_crowd"))
    results = await asyncio.gather(*(paying.receive(*signed) for _ in range(12)))
    assert sorted(results) == ["applied", *["repeated"] * 11]
    assert await balance(database) == 20 * PER_DOLLAR


async def test_two_different_events_about_one_payment_credit_it_once(
    paying: Payments, stripe: FakeStripe, database: Database
):
    id_ = await asked_for(paying)
    intent = {"object": "payment_intent", "id": f"pi_{id_}", "metadata": {"xroute_payment": id_}}
    intent |= {"amount_received": 2000, "currency": "usd"}
    signed = [
        stripe.signed(event("checkout.session.completed", session(id_), "evt_a")),
        stripe.signed(event("payment_intent.succeeded", intent, "evt_b")),
    ]
    assert await asyncio.gather(*(paying.receive(*each) for each in signed)) == ["applied", "applied"]
    assert await balance(database) == 20 * PER_DOLLAR


async def test_a_session_that_is_complete_and_not_paid_yet_credits_nothing(
    paying: Payments, stripe: FakeStripe, database: Database
):
    id_ = await asked_for(paying)
    waiting = session(id_, payment_status="unpaid")
    await send(paying, stripe, "checkout.session.completed", waiting)
    assert await balance(database) == 0
    await send(paying, stripe, "checkout.session.async_payment_succeeded", session(id_))
    assert await balance(database) == 20 * PER_DOLLAR


@pytest.mark.parametrize("wrong", [{"amount_total": 2001}, {"currency": "eur"}, {"amount_total": 200_000}])
async def test_an_amount_that_is_not_what_was_asked_for_is_not_credited_and_told(
    paying: Payments, stripe: FakeStripe, database: Database, wrong: dict[str, Any]
):
    id_ = await asked_for(paying)
    await send(paying, stripe, "checkout.session.completed", session(id_, **wrong))
    assert (await balance(database), await state(database, id_)) == (0, "failed")
    ((kind, text),) = await rows(database, select(alerts.c.kind, alerts.c.text))
    assert kind == "payment"
    assert "nothing was credited" in text


async def test_refunds_take_out_what_was_given_back_in_whatever_order_they_come(
    paying: Payments, stripe: FakeStripe, database: Database
):
    id_ = await paid(paying, stripe)
    for total in (500, 1500, 1000, 1500):  # 1000 was sent before 1500, and comes after it
        await send(paying, stripe, "charge.refunded", charge(id_, total))
    assert (await balance(database), await state(database, id_)) == (5 * PER_DOLLAR, "paid")
    await send(paying, stripe, "charge.refunded", charge(id_, 2000))
    assert (await balance(database), await state(database, id_)) == (0, "refunded")


async def test_a_refund_that_failed_is_put_back(paying: Payments, stripe: FakeStripe, database: Database):
    id_ = await paid(paying, stripe)
    await send(paying, stripe, "charge.refunded", charge(id_, 2000))
    refund = {"id": "re_1", "object": "refund", "payment_intent": f"pi_{id_}", "amount": 2000}
    await send(paying, stripe, "refund.failed", refund)
    assert (await balance(database), await state(database, id_)) == (20 * PER_DOLLAR, "paid")
    await send(paying, stripe, "charge.refunded", charge(id_, 2000))
    assert (await balance(database), await state(database, id_)) == (0, "refunded")


async def test_a_refund_that_is_told_before_its_payment_comes_out_even(
    paying: Payments, stripe: FakeStripe, database: Database
):
    id_ = await asked_for(paying)
    early = {**charge(id_, 2000), "metadata": {"xroute_payment": id_}}
    await send(paying, stripe, "charge.refunded", early)
    assert await balance(database) == -20 * PER_DOLLAR
    await send(paying, stripe, "checkout.session.completed", session(id_))
    assert (await balance(database), await state(database, id_)) == (0, "refunded")


async def test_a_dispute_takes_the_money_and_gives_it_back_when_it_is_won(
    paying: Payments, stripe: FakeStripe, database: Database
):
    id_ = await paid(paying, stripe)
    await send(paying, stripe, "charge.dispute.funds_withdrawn", dispute(id_, 2000))
    assert await balance(database) == 0
    assert "disputed at the bank" in (await rows(database, select(alerts.c.text)))[0][0]
    await send(paying, stripe, "charge.dispute.funds_reinstated", dispute(id_, 2000))
    assert await balance(database) == 20 * PER_DOLLAR


async def test_a_dispute_may_leave_less_than_nothing(
    paying: Payments, stripe: FakeStripe, database: Database
):
    id_ = await paid(paying, stripe)
    await Ledger(database).adjust(WHO, "ws_1", -15 * PER_DOLLAR, ref="spent", note="spent")
    await send(paying, stripe, "charge.dispute.funds_withdrawn", dispute(id_, 2000))
    assert await balance(database) == -15 * PER_DOLLAR


async def test_a_card_that_was_saved_is_kept_as_stripes_ids_alone(
    paying: Payments, stripe: FakeStripe, database: Database
):
    id_ = await asked_for(paying)
    intent = {"object": "payment_intent", "id": f"pi_{id_}", "metadata": {"xroute_payment": id_}}
    intent |= {"amount_received": 2000, "currency": "usd", "setup_future_usage": "off_session"}
    await send(
        paying, stripe, "payment_intent.succeeded", {**intent, "customer": "cus_1", "payment_method": "pm_1"}
    )
    ((rule,),) = await rows(database, select(workspaces.c.topup).where(workspaces.c.id == "ws_1"))
    assert rule == {"customer": "cus_1", "method": "pm_1"}


async def test_a_page_that_was_left_is_a_failed_payment_without_an_alert(
    paying: Payments, stripe: FakeStripe, database: Database
):
    id_ = await asked_for(paying)
    await send(paying, stripe, "checkout.session.expired", session(id_, payment_status="unpaid"))
    assert await state(database, id_) == "failed"
    assert await rows(database, select(alerts.c.id)) == []


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("customer.created", {"object": "customer", "id": "cus_9"}),
        ("checkout.session.completed", session("pay_of_another_shop")),
        ("charge.refunded", charge("unknown", 5)),
        ("payment_intent.succeeded", {"object": "payment_intent", "id": "pi_9", "metadata": {}}),
    ],
)
async def test_what_is_not_ours_is_answered_counted_and_changes_nothing(
    paying: Payments, stripe: FakeStripe, database: Database, kind: str, found: dict[str, Any]
):
    assert await send(paying, stripe, kind, found) == "ignored"
    assert paying.events["ignored"] == 1
    assert await rows(database, select(func.count()).select_from(entries)) == [(0,)]
    assert await rows(database, select(webhooks.c.kind)) == [(kind,)]


async def test_what_stripe_did_not_sign_changes_nothing(
    paying: Payments, stripe: FakeStripe, database: Database
):
    id_ = await asked_for(paying)
    body, signature = stripe.signed(event("checkout.session.completed", session(id_), "evt_forged"))
    old = stripe.signed({"id": "evt_old"}, at=int(time.time()) - 301)
    other = stripe.signed(event("checkout.session.completed", session(id_), "evt_x"), secret="whsec_other")
    empty = stripe.signed(event("checkout.session.completed", session(id_), "evt_x"), secret="")
    for wrong in (
        (body, ""),
        (body, "t=1,v1=00"),
        (body, "nonsense"),
        (body.replace(b"2000", b"9000"), signature),
        (b"\xff\xfe", signature),
        old,
        other,
        empty,
    ):
        with pytest.raises(InvalidRequest) as caught:
            await paying.receive(*wrong)
        assert caught.value.code == "signature_invalid"
    assert (await balance(database), paying.events["refused"]) == (0, 8)


@pytest.mark.parametrize(
    "text", ["[]", '"x"', "{}", '{"id": "evt_1", "type": "a"}', '{"id": "e", "data": 5}']
)
async def test_a_signed_event_of_another_form_is_refused(paying: Payments, stripe: FakeStripe, text: str):
    from stripe import WebhookSignature

    with pytest.raises(InvalidRequest, match="no event"):
        await paying.receive(text.encode(), WebhookSignature.generate_signature_header(text, SECRET))


async def test_an_event_whose_transaction_failed_counts_when_it_comes_again(
    paying: Payments, stripe: FakeStripe, database: Database
):
    id_ = await asked_for(paying)
    broken = session(id_)
    del broken["amount_total"]
    with pytest.raises(InvalidRequest, match="amount_total"):
        await send(paying, stripe, "checkout.session.completed", broken, "evt_again")
    assert await send(paying, stripe, "checkout.session.completed", session(id_), "evt_again") == "applied"
    assert await balance(database) == 20 * PER_DOLLAR


async def test_payments_are_listed_for_their_workspace_alone(paying: Payments, stripe: FakeStripe):
    id_ = await paid(paying, stripe)
    (row,) = (await paying.list("ws_1", 10, None)).data
    assert (row["id"], row["state"], row["nano"]) == (id_, "paid", 20 * PER_DOLLAR)
    assert (await paying.list("ws_2", 10, None)).data == []


def test_without_the_signing_secret_nothing_starts():
    given = settings("http://127.0.0.1:9")
    object.__setattr__(given, "webhook_secret", Secret("  "))
    with pytest.raises(ConfigError, match=r"stripe\.webhook_secret: is missing"):
        StripeApi(given)
    with pytest.raises(ValueError, match="webhook_secret"):
        StripeSettings.model_validate({"secret_key": "sk_test"})
    with pytest.raises(ValueError, match="is empty"):
        StripeSettings.model_validate({"secret_key": "sk_test", "webhook_secret": ""})


def test_no_secret_is_in_what_is_printed():
    assert "sk_test" not in repr(StripeApi(settings("http://127.0.0.1:9")))


async def test_the_row_is_there_before_stripe_can_speak_of_it(
    paying: Payments, stripe: FakeStripe, database: Database
):
    """An event may be faster than the answer to the request that it comes from."""
    async with database.write() as connection:
        await connection.execute(update(workspaces).values(name="x"))  # no other work is under way
    stripe.mute = 3  # the library tries again twice
    with pytest.raises(ProviderUnavailable):
        await paying.checkout(WHO, "ws_1", 20 * PER_DOLLAR, BASE, saves=False)
    ((id_,),) = await rows(database, select(payments.c.id))
    await send(paying, stripe, "checkout.session.completed", session(id_))
    assert await balance(database) == 20 * PER_DOLLAR
