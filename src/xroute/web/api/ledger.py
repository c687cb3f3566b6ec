"""The ledger: every entry, the balance, and what operators put in and take out."""

import secrets
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from pydantic import Field
from sqlalchemy import select

from xroute.store.billing import Billing
from xroute.store.ledger import Entry
from xroute.store.postings import Kind
from xroute.store.tables import grants, workspaces
from xroute.web.api.context import ActorOf, ServicesOf, WorkspaceOf
from xroute.web.api.shapes import (
    LONGEST,
    PAGE,
    Body,
    Cursor,
    Exact,
    Limit,
    Moment,
    Text,
    Usd,
    from_moment,
    from_usd,
    moment,
    page,
    usd,
)


def _billing(services: ServicesOf) -> Billing:
    return services.billing


def _ref(
    idempotency_key: Annotated[
        str | None, Header(max_length=LONGEST, description="A repeated request with it counts once.")
    ] = None,
) -> str:
    return f"key:{idempotency_key}" if idempotency_key else f"api:{secrets.token_hex(12)}"


BillingOf = Annotated[Billing, Depends(_billing)]
RefOf = Annotated[str, Depends(_ref)]
SignedUsd = Annotated[
    Decimal,
    Exact,
    Field(ge=-1_000_000, le=1_000_000, max_digits=16, decimal_places=9, allow_inf_nan=False),
]


class TopUpBody(Body):
    """Money that came in."""

    amount_usd: Usd
    note: Text = ""


class GrantBody(Body):
    """Credit that nobody paid for."""

    amount_usd: Usd
    note: Text = ""
    expires: Moment | None = Field(default=None, description="When what is left of it ends; null = never.")


class AdjustBody(Body):
    """A correction."""

    amount_usd: SignedUsd = Field(description="Negative takes out, even below zero.")
    note: Text = ""


class RefundBody(Body):
    """What a call cost, to be given back."""

    call: Annotated[str, Field(min_length=1, max_length=LONGEST, description="The call's id.")]
    amount_usd: Usd | None = Field(default=None, description="null = all of it.")
    note: Text = ""


def router() -> APIRouter:
    """The routes about entries and balances."""
    routes = APIRouter(prefix="/api/v1", tags=["ledger"])
    routes.get("/ledger")(entries)
    routes.get("/credits")(credits_of)
    routes.post("/credits/topup", status_code=201)(topup)
    routes.post("/credits/grant", status_code=201)(grant)
    routes.post("/credits/adjust", status_code=201)(adjust)
    routes.post("/credits/refund", status_code=201)(refund)
    return routes


async def entries(
    workspace: WorkspaceOf,
    billing: BillingOf,
    limit: Limit = PAGE,
    cursor: Cursor | None = None,
    kind: Annotated[Kind | Literal[""], Query(description="Entries of this kind alone.")] = "",
    call: Annotated[str, Query(max_length=LONGEST, description="Entries of this call alone.")] = "",
) -> Any:
    """Every entry, the newest first. Each moves an amount from account `debit` to account `credit`."""
    found = await billing.ledger.entries(workspace, limit, cursor, kind, call)
    return page([_entry(each) for each in found.data], found.next)


async def credits_of(workspace: WorkspaceOf, services: ServicesOf, billing: BillingOf) -> dict[str, Any]:
    """What there is to spend, and credit that ends some day."""
    balance = await billing.ledger.balance(workspace)
    own = select(workspaces.c.plan, workspaces.c.credit_line_nano, workspaces.c.low_nano)
    lasting = select(grants).where(grants.c.workspace == workspace, grants.c.left_nano > 0)
    async with services.db.read() as connection:
        space = (await connection.execute(own.where(workspaces.c.id == workspace))).one()
        rows = (await connection.execute(lasting.order_by(grants.c.expires, grants.c.id))).all()
    return {
        "plan": space.plan,
        "balance_usd": usd(balance.nano),
        "held_usd": usd(balance.held),
        "credit_line_usd": usd(space.credit_line_nano),
        "used_usd": usd(balance.usage),
        "funded_usd": usd(balance.nano + balance.usage),
        "low_usd": None if space.low_nano is None else usd(space.low_nano),
        "grants": [
            {
                "id": row.id,
                "amount_usd": usd(row.nano),
                "left_usd": usd(row.left_nano),
                "expires": moment(row.expires),
                "note": row.note,
                "created": moment(row.created),
            }
            for row in rows
        ],
    }


async def topup(
    body: TopUpBody, actor: ActorOf, workspace: WorkspaceOf, billing: BillingOf, ref: RefOf
) -> dict[str, Any]:
    """Adds money that was paid."""
    nano = from_usd(body.amount_usd)
    return _entry(await billing.ledger.topup(actor, workspace, nano, ref=ref, note=body.note))


async def grant(
    body: GrantBody, actor: ActorOf, workspace: WorkspaceOf, billing: BillingOf, ref: RefOf
) -> dict[str, Any]:
    """Adds credit that nobody paid for, for ever or until it ends."""
    nano, expires = from_usd(body.amount_usd), from_moment(body.expires)
    ledger = billing.ledger
    return _entry(await ledger.grant(actor, workspace, nano, ref=ref, note=body.note, expires=expires))


async def adjust(
    body: AdjustBody, actor: ActorOf, workspace: WorkspaceOf, billing: BillingOf, ref: RefOf
) -> dict[str, Any]:
    """Corrects the balance."""
    nano = from_usd(body.amount_usd)
    return _entry(await billing.ledger.adjust(actor, workspace, nano, ref=ref, note=body.note))


async def refund(
    body: RefundBody, actor: ActorOf, workspace: WorkspaceOf, billing: BillingOf, ref: RefOf
) -> dict[str, Any]:
    """Gives back what a call was charged, or a part of it; never more than that in all."""
    nano = None if body.amount_usd is None else from_usd(body.amount_usd)
    ledger = billing.ledger
    return _entry(await ledger.refund(actor, workspace, body.call, nano, ref=ref, note=body.note))


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": moment(entry.at),
        "kind": entry.kind,
        "debit": entry.debit,
        "credit": entry.credit,
        "amount_usd": usd(entry.nano),
        "call": entry.call,
        "price": entry.price,
        "by": entry.by,
        "note": entry.note,
    }
