"""Payments by card, automatic top-ups, Stripe's events, invoices, vouchers and alerts."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field

from xroute.errors import NotFound
from xroute.store.billing import Billing
from xroute.store.invoice_pdf import as_pdf
from xroute.store.invoices import Invoice, as_csv
from xroute.store.notices import Alert
from xroute.store.payments import Payments
from xroute.store.topups import PER_DAY, TopUps
from xroute.web.api.context import ActorOf, ServicesOf, WorkspaceOf
from xroute.web.api.shapes import (
    PAGE,
    Body,
    Cursor,
    Limit,
    Moment,
    Usd,
    from_moment,
    from_usd,
    moment,
    page,
    usd,
)

OFF = "Paying by card is not set up here: the installation's config needs `stripe`."


def _billing(services: ServicesOf) -> Billing:
    return services.billing


def _payments(services: ServicesOf) -> Payments:
    if services.billing.payments is None:
        raise NotFound(OFF, code="payments_off")
    return services.billing.payments


def _topups(services: ServicesOf) -> TopUps:
    if services.billing.topups is None:
        raise NotFound(OFF, code="payments_off")
    return services.billing.topups


BillingOf = Annotated[Billing, Depends(_billing)]
PaymentsOf = Annotated[Payments, Depends(_payments)]
TopUpsOf = Annotated[TopUps, Depends(_topups)]


class CheckoutBody(Body):
    """What is to be paid."""

    amount_usd: Usd
    save_card: bool = Field(default=False, description="Keep the card at Stripe for automatic top-ups.")


class TopUpBody(Body):
    """When the saved card is charged, and how much."""

    below_usd: Usd = Field(description="A balance below it is topped up.")
    amount_usd: Usd
    per_day: int = Field(default=PER_DAY, ge=1, le=100, description="Charges within 24 hours at the most.")


class LowBody(Body):
    """When somebody is told."""

    below_usd: Usd | None = Field(description="A balance below it is told; null = never.")


class VoucherBody(Body):
    """A voucher to make."""

    amount_usd: Usd
    uses: int = Field(default=1, strict=True, description="By so many workspaces, once each.")
    expires: Moment | None = Field(default=None, description="When nobody can redeem it any more.")
    credit_days: int | None = Field(
        default=None, strict=True, description="How long the credit lasts; null = for ever."
    )


class CodeBody(Body):
    """A voucher's code."""

    code: Annotated[str, Field(min_length=1, max_length=200)]


def router() -> APIRouter:
    """The routes about money that comes in, and about what is told of it."""
    routes = APIRouter(prefix="/api/v1", tags=["billing"])
    routes.post("/billing/checkout", status_code=201)(checkout)
    routes.get("/billing/payments")(payments)
    routes.get("/billing/topup")(topup)
    routes.put("/billing/topup")(set_topup)
    routes.delete("/billing/topup")(clear_topup)
    routes.put("/billing/low-balance")(set_low)
    routes.post("/stripe/webhook")(webhook)
    routes.get("/invoices")(invoices)
    routes.get("/invoices/{month}", response_model=None)(invoice)
    routes.get("/vouchers")(vouchers)
    routes.post("/vouchers", status_code=201)(create_voucher)
    routes.delete("/vouchers/{id}")(revoke_voucher)
    routes.post("/vouchers/redeem", status_code=201)(redeem)
    routes.get("/alerts")(alerts)
    routes.post("/alerts/{id}/seen")(see)
    return routes


async def checkout(
    body: CheckoutBody, actor: ActorOf, workspace: WorkspaceOf, services: ServicesOf, paying: PaymentsOf
) -> dict[str, Any]:
    """A page of Stripe's to pay on; the credit is there when Stripe has said that it was paid."""
    settings = services.settings
    base = settings.public_url or f"http://{settings.host}:{settings.port}"
    nano = from_usd(body.amount_usd)
    return await paying.checkout(actor, workspace, nano, base.rstrip("/"), saves=body.save_card)


async def payments(
    workspace: WorkspaceOf, paying: PaymentsOf, limit: Limit = PAGE, cursor: Cursor | None = None
) -> Any:
    """The workspace's payments."""
    found = await paying.list(workspace, limit, cursor)
    return page([_payment(row) for row in found.data], found.next)


async def topup(workspace: WorkspaceOf, topups: TopUpsOf) -> dict[str, Any]:
    """The rule for automatic top-ups; `below_usd` null = off."""
    return _rule(await topups.rule(workspace))


async def set_topup(
    body: TopUpBody, actor: ActorOf, workspace: WorkspaceOf, topups: TopUpsOf
) -> dict[str, Any]:
    """Charges the saved card whenever the balance is below a mark."""
    below, amount = from_usd(body.below_usd), from_usd(body.amount_usd)
    return _rule(await topups.set_rule(actor, workspace, below, amount, body.per_day))


async def clear_topup(actor: ActorOf, workspace: WorkspaceOf, topups: TopUpsOf) -> dict[str, Any]:
    """Ends automatic top-ups and forgets the card."""
    return _rule(await topups.clear_rule(actor, workspace))


async def set_low(
    body: LowBody, actor: ActorOf, workspace: WorkspaceOf, billing: BillingOf
) -> dict[str, Any]:
    """Owners and who pays are told of a balance below a mark, by an alert."""
    nano = None if body.below_usd is None else from_usd(body.below_usd)
    await billing.notices.set_low(actor, workspace, nano)
    return {"below_usd": None if nano is None else usd(nano)}


async def webhook(request: Request, paying: PaymentsOf) -> dict[str, str]:
    """Events of Stripe, which has to have signed them; each counts once."""
    return {"result": await paying.receive(await request.body(), request.headers.get("stripe-signature", ""))}


async def invoices(workspace: WorkspaceOf, billing: BillingOf) -> Any:
    """The months that have an invoice, the newest first."""
    return page([{"month": month} for month in await billing.invoices.months(workspace)], None)


async def invoice(
    month: Annotated[str, Path(max_length=10)],
    workspace: WorkspaceOf,
    billing: BillingOf,
    format: Annotated[Literal["json", "csv", "pdf"], Query(description="How it is written.")] = "json",
) -> Response | dict[str, Any]:
    """The invoice of a month; of the one under way, what it is so far."""
    found = await billing.invoices.of(workspace, month)
    if format == "json":
        return _invoice(found)
    name = {"content-disposition": f'attachment; filename="invoice-{found.number}.{format}"'}
    if format == "csv":
        return Response(as_csv(found), media_type="text/csv", headers=name)
    data = await asyncio.to_thread(as_pdf, found)  # a tenth of a second and more
    return Response(data, media_type="application/pdf", headers=name)


async def vouchers(billing: BillingOf, limit: Limit = PAGE, cursor: Cursor | None = None) -> Any:
    """Every voucher, used up ones included."""
    found = await billing.vouchers.list(limit, cursor)
    return page([_voucher(row) for row in found.data], found.next)


async def create_voucher(body: VoucherBody, actor: ActorOf, billing: BillingOf) -> dict[str, Any]:
    """A new voucher. `code` is in this answer and nowhere else."""
    nano, expires = from_usd(body.amount_usd), from_moment(body.expires)
    row, code = await billing.vouchers.create(actor, nano, body.uses, expires, body.credit_days)
    return _voucher(row) | {"code": code}


async def revoke_voucher(id: str, actor: ActorOf, billing: BillingOf) -> dict[str, Any]:
    """From now on nobody can redeem it."""
    return _voucher(await billing.vouchers.revoke(actor, id))


async def redeem(
    body: CodeBody, actor: ActorOf, workspace: WorkspaceOf, billing: BillingOf
) -> dict[str, Any]:
    """Turns a code into credit, once."""
    found = await billing.vouchers.redeem(actor, workspace, body.code)
    return {
        "voucher": found["voucher"],
        "amount_usd": usd(found["nano"]),
        "expires": moment(found["expires"]),
    }


async def alerts(
    workspace: WorkspaceOf,
    billing: BillingOf,
    limit: Limit = PAGE,
    cursor: Annotated[int | None, Query(ge=1, lt=2**63, description="`next` of the page before.")] = None,
    unseen: Annotated[bool, Query(description="Only those that nobody has seen.")] = False,
) -> Any:
    """The workspace's alerts, the newest first."""
    found = await billing.notices.page(workspace, limit + 1, cursor, unseen=unseen)
    more = str(found[limit - 1].id) if len(found) > limit else None
    return page([_alert(each) for each in found[:limit]], more)


async def see(
    id: Annotated[int, Path(ge=1, le=2**53)], actor: ActorOf, workspace: WorkspaceOf, billing: BillingOf
) -> dict[str, Any]:
    """Marks an alert as seen."""
    return _alert(await billing.notices.see(actor, workspace, id))


def _payment(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "amount_usd": usd(row["nano"]),
        "returned_usd": usd(row["returned_nano"]),
        "state": row["state"],
        "automatic": row["automatic"],
        "by": row["by"],
        "created": moment(row["created"]),
        "changed": moment(row["changed"]),
    }


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    below, amount = rule["below_nano"], rule["amount_nano"]
    return {
        "below_usd": None if below is None else usd(below),
        "amount_usd": None if amount is None else usd(amount),
        "per_day": rule["per_day"],
        "has_card": rule["has_card"],
    }


def _voucher(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "shown": row["shown"],
        "amount_usd": usd(row["nano"]),
        "uses": row["uses"],
        "expires": moment(row["expires"]),
        "credit_days": row["credit_days"],
        "by": row["by"],
        "created": moment(row["created"]),
    }


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "at": moment(alert.at),
        "kind": alert.kind,
        "text": alert.text,
        "seen": moment(alert.seen),
    }


def _invoice(found: Invoice) -> dict[str, Any]:
    return {
        "number": found.number,
        "workspace": found.workspace,
        "name": found.name,
        "month": found.month,
        "final": found.is_final,
        "opening_usd": usd(found.opening_nano),
        "movements": [
            {"at": moment(each.at), "kind": each.kind, "note": each.note, "amount_usd": usd(each.nano)}
            for each in found.movements
        ],
        "usage": [
            {
                "project": use.project,
                "model": use.model,
                "calls": use.calls,
                "tokens_in": use.tokens_in,
                "tokens_out": use.tokens_out,
                "amount_usd": usd(use.nano),
            }
            for use in found.uses
        ],
        "usage_usd": usd(found.usage_nano),
        "turn_usd": usd(found.turn_nano),
        "refunds_usd": usd(found.refunds_nano),
        "closing_usd": usd(found.closing_nano),
    }
