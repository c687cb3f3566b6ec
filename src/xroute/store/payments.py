"""Payments: what is asked of Stripe, and what its signed events do to the ledger.

Every event counts once: its id is written down in the transaction of what it changes. An event is only
believed as far as our own row of the payment agrees.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from sqlalchemy import Row, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import InvalidRequest, ProviderUnavailable
from xroute.money.nano import PER_DOLLAR, as_text
from xroute.store import audit, ids
from xroute.store.audit import SYSTEM, Actor
from xroute.store.db import Database, now_ms
from xroute.store.ledger import Ledger
from xroute.store.notices import raise_alert
from xroute.store.page import Page, page
from xroute.store.stripe_api import OURS, Intent, StripeApi
from xroute.store.tables import payments, webhooks, workspaces
from xroute.store.workspaces import MAIN

log = logging.getLogger("xroute.store")

CENT: Final = PER_DOLLAR // 100  # nano-dollars
MOST_NANO: Final = 999_999 * PER_DOLLAR  # Stripe takes eight digits

Handler = Callable[["Payments", AsyncConnection, dict[str, Any], str], Awaitable[bool]]


class Payments:
    """Top-ups by card."""

    def __init__(
        self,
        db: Database,
        ledger: Ledger,
        api: StripeApi,
        min_nano: int,
        now: Callable[[], int] = now_ms,
    ) -> None:
        self._db = db
        self._ledger = ledger
        self._api = api
        self._min_nano = min_nano
        self._now = now
        self.events: Counter[str] = Counter()  # by what became of them: applied, repeated, ignored, refused

    async def checkout(
        self, actor: Actor, workspace: str, nano: int, base_url: str, *, saves: bool
    ) -> dict[str, Any]:
        """{id, url}: a page of Stripe's to pay so much on. InvalidRequest for an amount it cannot take."""
        self._check(nano)
        row = new_payment(workspace, nano, actor.user or actor.name, self._now())
        async with self._db.write() as connection:
            await connection.execute(insert(payments).values(**row))
            await audit.note(connection, actor, "payment.create", row["id"], None, row, workspace=workspace)
            customer = await self._customer(connection, workspace)
        returns = f"{base_url}/?paid={row['id']}", f"{base_url}/?unpaid={row['id']}"
        try:
            made = await self._api.page(row["id"], nano // CENT, customer, returns, saves=saves)
        except ProviderUnavailable:
            await self._set(row["id"], state="failed")
            raise
        await self._set(row["id"], session=made.session)
        return {"id": row["id"], "url": made.url}

    def _check(self, nano: int) -> None:
        if nano % CENT:
            raise InvalidRequest(
                "`amount_usd` must be whole cents.", param="amount_usd", code="invalid_value"
            )
        if not self._min_nano <= nano <= MOST_NANO:
            raise InvalidRequest(
                f"`amount_usd` must be {as_text(self._min_nano)} to {as_text(MOST_NANO)}.",
                param="amount_usd",
                code="invalid_value",
            )

    async def list(self, workspace: str, limit: int, cursor: str | None) -> Page:
        """A workspace's payments, the newest first."""
        asked = select(payments).where(payments.c.workspace == workspace)
        async with self._db.read() as connection:
            return await page(connection, asked, payments, limit, cursor, shown)

    async def receive(self, body: bytes, signature: str) -> str:
        """Deals with one event; returns what became of it. InvalidRequest where Stripe did not sign it."""
        try:
            event = self._api.event(body, signature)
        except InvalidRequest:
            self.events["refused"] += 1
            raise
        id_, kind = str(event.get("id", "")), str(event.get("type", ""))
        data: Any = event.get("data")
        found: Any = cast("dict[str, Any]", data).get("object") if isinstance(data, dict) else None
        if not id_ or not isinstance(found, dict):
            raise InvalidRequest("This is no event.", code="event_invalid")
        done = await self._apply(id_, kind, cast("dict[str, Any]", found))
        self.events[done] += 1
        log.info("event %s (%s) of Stripe: %s", id_, kind, done)
        return done

    async def _apply(self, id_: str, kind: str, found: dict[str, Any]) -> str:
        async with self._db.write() as connection:
            into = sqlite_insert if connection.dialect.name == "sqlite" else postgres_insert
            seen = into(webhooks).values(id=id_, kind=kind, at=self._now()).on_conflict_do_nothing()
            if not (await connection.execute(seen)).rowcount:
                return "repeated"
            handler = HANDLERS.get(kind)
            is_ours = handler is not None and await handler(self, connection, found, id_)
        return "applied" if is_ours else "ignored"

    async def credit(
        self, connection: AsyncConnection, row: Row[Any], cents: int, currency: str, intent: str | None
    ) -> None:
        """Puts a payment into the ledger, once, if it is what our row says."""
        if row.state in ("paid", "refunded"):
            return
        if (cents * CENT, currency.lower()) != (row.nano, "usd"):
            await self._mismatch(connection, row, cents, currency)
            return
        state = "refunded" if row.returned_nano >= row.nano else "paid"  # a refund may be told first
        await self._change(connection, row.id, state=state, intent=intent or row.intent)
        await self._ledger.topup(
            SYSTEM,
            row.workspace,
            row.nano,
            ref=f"payment:{row.id}",
            note=f"paid by card, {row.id}",
            connection=connection,
        )

    async def fail(self, connection: AsyncConnection, row: Row[Any], why: str) -> None:
        """Ends a payment that brought no money; of an automatic one people are told."""
        if row.state != "open":
            return
        await self._change(connection, row.id, state="failed")
        if row.automatic:
            text = f"The automatic top-up of ${as_text(row.nano)} failed: {why}"
            await raise_alert(connection, row.workspace, "topup", f"topup:{row.id}", text)

    async def settle(self, connection: AsyncConnection, row: Row[Any], intent: Intent) -> None:
        """What an intent's status means for our payment."""
        if intent.status == "succeeded":
            await self.credit(connection, row, intent.cents, intent.currency, intent.id)
        elif intent.status == "processing":
            await self._change(connection, row.id, intent=intent.id)
        else:
            await self._change(connection, row.id, intent=intent.id)
            await self.fail(connection, row, f"Stripe says {intent.status.replace('_', ' ')}.")

    async def find(self, connection: AsyncConnection, found: dict[str, Any]) -> Row[Any] | None:
        """Our row of what an event is about, locked; None where it is not ours."""
        metadata: Any = found.get("metadata") or {}
        intent = _id(found if found.get("object") == "payment_intent" else found.get("payment_intent"))
        ours = cast("dict[str, Any]", metadata).get(OURS) or found.get("client_reference_id")
        for column, value in ((payments.c.id, ours), (payments.c.intent, intent)):
            if isinstance(value, str) and value:
                asked = select(payments).where(column == value).with_for_update()
                if (row := (await connection.execute(asked)).one_or_none()) is not None:
                    return row
        return None

    async def take_back(
        self, connection: AsyncConnection, row: Row[Any], nano: int, ref: str, note: str
    ) -> None:
        """Takes money out of the workspace's credit, or with a negative amount puts it back."""
        await self._ledger.adjust(
            SYSTEM, row.workspace, -nano, ref=ref, note=f"{note}, {row.id}", connection=connection
        )

    async def returned(self, connection: AsyncConnection, row: Row[Any], nano: int) -> None:
        """Notes how much of a payment was refunded in all."""
        is_paid = row.state in ("paid", "refunded")
        state = ("refunded" if nano >= row.nano else "paid") if is_paid else row.state
        await self._change(connection, row.id, returned_nano=nano, state=state)

    async def save_card(self, connection: AsyncConnection, row: Row[Any], customer: str, method: str) -> None:
        """Keeps Stripe's ids of a card for automatic top-ups; the card itself is at Stripe alone."""
        mine = workspaces.c.id == row.workspace
        asked = select(workspaces.c.topup).where(mine).with_for_update()
        old: dict[str, Any] = (await connection.execute(asked)).scalar_one() or {}
        new = {**old, "customer": customer, "method": method}
        await connection.execute(update(workspaces).where(mine).values(topup=new))
        await audit.note(connection, SYSTEM, "topup.card", row.workspace, workspace=row.workspace)

    async def _customer(self, connection: AsyncConnection, workspace: str) -> str:
        asked = select(workspaces.c.topup).where(workspaces.c.id == workspace)
        rule: dict[str, Any] = (await connection.execute(asked)).scalar_one() or {}
        return rule.get("customer", "")

    async def _mismatch(self, connection: AsyncConnection, row: Row[Any], cents: int, currency: str) -> None:
        text = (
            f"Stripe reports {cents} cents ({currency}) for payment {row.id} of ${as_text(row.nano)}: "
            "nothing was credited. Compare it in Stripe's dashboard."
        )
        log.error("%s", text)
        await self._change(connection, row.id, state="failed")
        await raise_alert(connection, MAIN, "payment", f"payment:{row.id}:mismatch", text)

    async def _set(self, id_: str, **values: Any) -> None:
        async with self._db.write() as connection:
            await self._change(connection, id_, **values)

    async def _change(self, connection: AsyncConnection, id_: str, **values: Any) -> None:
        changed = update(payments).where(payments.c.id == id_).values(**values, changed=self._now())
        await connection.execute(changed)


def new_payment(workspace: str, nano: int, by: str, now: int) -> dict[str, Any]:
    """A payment that was asked for."""
    return {
        "id": ids.new("pay"),
        "workspace": workspace,
        "method": "stripe",
        "nano": nano,
        "state": "open",
        "by": by,
        "created": now,
        "changed": now,
    }


def shown(row: Any) -> dict[str, Any]:
    """A row for people."""
    names = ("id", "nano", "returned_nano", "state", "automatic", "by", "created", "changed")
    return {name: getattr(row, name) for name in names}


def _id(value: Any) -> str | None:
    """An id that Stripe sends as it is, or with the object around it."""
    if isinstance(value, dict):
        value = cast("dict[str, Any]", value).get("id")
    return value if isinstance(value, str) else None


def _cents(found: dict[str, Any], name: str) -> int:
    value = found.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRequest(f"The event has no {name}.", code="event_invalid")
    return value


# Events of https://docs.stripe.com/api/events/types (read 2026-11-21). Each returns whether it is ours.


async def _session_done(us: Payments, connection: AsyncConnection, found: dict[str, Any], event: str) -> bool:
    row = await us.find(connection, found)
    if row is not None and found.get("payment_status") == "paid":  # else the bank has not said yes yet
        cents, currency = _cents(found, "amount_total"), str(found.get("currency"))
        await us.credit(connection, row, cents, currency, _id(found.get("payment_intent")))
    return row is not None


async def _session_failed(
    us: Payments, connection: AsyncConnection, found: dict[str, Any], event: str
) -> bool:
    row = await us.find(connection, found)
    if row is not None:
        await us.fail(connection, row, "the page was not paid on")
    return row is not None


async def _intent_done(us: Payments, connection: AsyncConnection, found: dict[str, Any], event: str) -> bool:
    row = await us.find(connection, found)
    if row is None:
        return False
    cents = _cents(found, "amount_received" if "amount_received" in found else "amount")
    await us.credit(connection, row, cents, str(found.get("currency")), _id(found))
    customer, method = _id(found.get("customer")), _id(found.get("payment_method"))
    if found.get("setup_future_usage") == "off_session" and customer and method:
        await us.save_card(connection, row, customer, method)
    return True


async def _intent_failed(
    us: Payments, connection: AsyncConnection, found: dict[str, Any], event: str
) -> bool:
    row = await us.find(connection, found)
    if row is not None and row.automatic:  # on a page people may try another card
        error: Any = found.get("last_payment_error") or {}
        text = str(cast("dict[str, Any]", error).get("message") or "The card was declined.")
        await us.fail(connection, row, text[:300])
    return row is not None


async def _refunded(us: Payments, connection: AsyncConnection, found: dict[str, Any], event: str) -> bool:
    row = await us.find(connection, found)
    if row is None:
        return False
    total = _cents(found, "amount_refunded") * CENT  # of all refunds so far; events may come in any order
    if total > row.returned_nano:
        await us.take_back(connection, row, total - row.returned_nano, f"stripe:{event}", "refunded")
        await us.returned(connection, row, total)
    return True


async def _refund_failed(
    us: Payments, connection: AsyncConnection, found: dict[str, Any], event: str
) -> bool:
    row = await us.find(connection, found)
    if row is None:
        return False
    nano = min(_cents(found, "amount") * CENT, row.returned_nano)
    if nano:
        await us.take_back(connection, row, -nano, f"stripe:{event}", "a refund failed")
        await us.returned(connection, row, row.returned_nano - nano)
    return True


async def _disputed(us: Payments, connection: AsyncConnection, found: dict[str, Any], event: str) -> bool:
    row = await us.find(connection, found)
    if row is None:
        return False
    nano, dispute = _cents(found, "amount") * CENT, _id(found) or event
    await us.take_back(connection, row, nano, f"dispute:{dispute}:withdrawn", "disputed")
    text = f"The payment {row.id} is disputed at the bank: ${as_text(nano)} were taken back."
    await raise_alert(connection, row.workspace, "payment", f"dispute:{dispute}", text)
    return True


async def _dispute_won(us: Payments, connection: AsyncConnection, found: dict[str, Any], event: str) -> bool:
    row = await us.find(connection, found)
    if row is None:
        return False
    nano, dispute = _cents(found, "amount") * CENT, _id(found) or event
    await us.take_back(connection, row, -nano, f"dispute:{dispute}:reinstated", "a dispute was won")
    return True


HANDLERS: Final[dict[str, Handler]] = {
    "checkout.session.completed": _session_done,
    "checkout.session.async_payment_succeeded": _session_done,
    "checkout.session.async_payment_failed": _session_failed,
    "checkout.session.expired": _session_failed,
    "payment_intent.succeeded": _intent_done,
    "payment_intent.payment_failed": _intent_failed,
    "charge.refunded": _refunded,
    "refund.failed": _refund_failed,
    "charge.dispute.funds_withdrawn": _disputed,
    "charge.dispute.funds_reinstated": _dispute_won,
}
