"""/api/v1/budgets: how much a workspace, project, member, key or end user may spend, and has spent."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from xroute.config.accounts import Window, Zone
from xroute.errors import InvalidRequest
from xroute.store import purse
from xroute.web.api.bounding import (
    Budget,
    BudgetFields,
    Pattern,
    Percent,
    Place,
    budget_columns,
    shown_budgets,
    top,
)
from xroute.web.api.context import ActorOf, WorkspaceOf
from xroute.web.api.limits import OfScope, OfSubject, subject_of
from xroute.web.api.shapes import PAGE, Body, Cursor, Limit, Usd
from xroute.web.api.tenants import TenancyOf


class NewBudget(Place, BudgetFields):
    """A budget that is to be made."""


class BudgetChange(Body):
    """What is to be different. Another window, time zone or model counts anew from calls."""

    usd: Usd | None = None
    window: Window | None = None
    tz: Zone | None = None
    hard: bool | None = None
    alerts: list[Percent] | None = Field(default=None, max_length=20)
    model: Pattern | None = None


class Budgets(BaseModel):
    """A page of budgets."""

    data: list[Budget]
    next: str | None


def router() -> APIRouter:
    """The routes about budgets."""
    routes = APIRouter(prefix="/api/v1/budgets", tags=["budgets"])
    routes.get("")(listed)
    routes.post("", status_code=201)(create)
    routes.get("/{id}")(one)
    routes.patch("/{id}")(change)
    routes.delete("/{id}", status_code=204)(remove)
    return routes


async def listed(
    workspace: WorkspaceOf,
    tenancy: TenancyOf,
    scope: OfScope = None,
    subject: OfSubject = None,
    limit: Limit = PAGE,
    cursor: Cursor | None = None,
) -> Budgets:
    """Budgets with what is spent of them, the newest first."""
    found = await tenancy.budgets.page(workspace, limit, cursor, scope or "", subject or "")
    return Budgets(data=await shown_budgets(tenancy, found.data), next=found.next)


async def create(actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, body: NewBudget) -> Budget:
    """Sets a budget. It begins with what was spent in its window before."""
    row = await tenancy.budgets.create(actor, subject_of(workspace, body), body.columns())
    await tenancy.directory.refresh()
    return await _shown(tenancy, row)


async def one(workspace: WorkspaceOf, tenancy: TenancyOf, id: str) -> Budget:
    """One budget; where each end user has their own, with those that have spent most."""
    return await _shown(tenancy, await tenancy.budgets.find(workspace, id))


async def change(
    actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, id: str, body: BudgetChange
) -> Budget:
    """Sets what is given."""
    if empty := [name for name, value in body.given().items() if value is None]:
        raise InvalidRequest(f"`{empty[0]}` cannot be null.", param=empty[0], code="invalid_value")
    row = await tenancy.budgets.change(actor, workspace, id, budget_columns(body))
    await tenancy.directory.refresh()
    return await _shown(tenancy, row)


async def remove(actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, id: str) -> None:
    """Lifts a budget, and forgets what was spent of it."""
    await tenancy.budgets.remove(actor, workspace, id)
    await tenancy.directory.refresh()


async def _shown(tenancy: TenancyOf, row: dict[str, Any]) -> Budget:
    (shown,) = await shown_budgets(tenancy, [row])
    if purse.is_each(row):
        shown.users = await top(tenancy, row)
    return shown
