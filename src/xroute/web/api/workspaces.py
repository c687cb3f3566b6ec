"""/api/v1/workspaces: tenants. Members see theirs; operators make, price and close them."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from xroute.config.accounts import Plan
from xroute.errors import InvalidRequest, PermissionDenied
from xroute.store import terms
from xroute.store.audit import Actor
from xroute.store.bounds import Row
from xroute.store.workspaces import not_found
from xroute.web.api.context import ActorOf
from xroute.web.api.shapes import PAGE, Body, Cursor, Exact, Name, Usd, from_usd, moment, usd
from xroute.web.api.shapes import Limit as Rows
from xroute.web.api.tenants import TenancyOf, terms_told
from xroute.web.tenancy import Tenancy

PPM = 1_000_000
PRICED = ("plan", "credit_line_usd", "markup")  # what operators say
Markup = Annotated[
    Decimal,
    Exact,
    Field(gt=0, le=100, decimal_places=6, allow_inf_nan=False),
]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]


class NewWorkspace(Body):
    """A workspace that is to be made."""

    slug: Slug = Field(description="Its short name.")
    name: Name | None = None
    plan: Plan = Field(
        default="unmetered", description="`prepaid` spends credits, `postpaid` goes below zero."
    )
    credit_line_usd: Usd = Field(default=Decimal(0), description="How far below zero it may go.")
    markup: Markup = Field(
        default=Decimal(1), description="Price for it, as a multiple of ours: 1.1 is ten percent more."
    )


class WorkspaceChange(Body):
    """What is to be different: the name by an owner, the rest by who runs the installation."""

    name: Name | None = None
    plan: Plan | None = None
    credit_line_usd: Usd | None = None
    markup: Markup | None = None


class Workspace(BaseModel):
    """A workspace as it is shown."""

    id: str
    slug: str
    name: str
    plan: Plan
    credit_line_usd: float
    markup: float
    created: str
    closed: str | None
    managed: bool = Field(description="Declared in the config, and changed there.")


class Workspaces(BaseModel):
    """A page of workspaces."""

    data: list[Workspace]
    next: str | None


def router() -> APIRouter:
    """The routes about workspaces."""
    routes = APIRouter(prefix="/api/v1/workspaces", tags=["workspaces"])
    routes.get("")(listed)
    routes.post("", status_code=201)(create)
    routes.get("/{id}")(one)
    routes.patch("/{id}")(change)
    routes.post("/{id}/close")(close)
    routes.post("/{id}/open")(reopen)
    return routes


async def listed(
    actor: ActorOf, tenancy: TenancyOf, limit: Rows = PAGE, cursor: Cursor | None = None
) -> Workspaces:
    """Your workspaces, the newest first; all of them for who runs the installation."""
    found = await tenancy.workspaces.page(actor, limit, cursor)
    return Workspaces(data=[_shown(row) for row in found.data], next=found.next)


async def create(actor: ActorOf, tenancy: TenancyOf, body: NewWorkspace) -> Workspace:
    """Makes a workspace with nobody in it yet."""
    return await _done(tenancy, await tenancy.workspaces.create(actor, _columns(body)))


async def one(actor: ActorOf, tenancy: TenancyOf, id: str) -> Workspace:
    """One workspace, by its id or slug."""
    return _shown(await tenancy.workspaces.find(actor, id))


async def change(actor: ActorOf, tenancy: TenancyOf, id: str, body: WorkspaceChange) -> Workspace:
    """Changes what is given. What is used from now on has the new price; what was used keeps its own."""
    row = await tenancy.workspaces.find(actor, id)
    _check(actor, row, body)
    return await _done(tenancy, await tenancy.workspaces.change(actor, row["id"], _columns(body)))


async def close(actor: ActorOf, tenancy: TenancyOf, id: str) -> Workspace:
    """Its keys stop at once, and nobody gets in any more. Nothing is deleted."""
    row = await tenancy.workspaces.find(actor, id)
    return await _done(tenancy, await tenancy.workspaces.close(actor, row["id"]))


async def reopen(actor: ActorOf, tenancy: TenancyOf, id: str) -> Workspace:
    """Takes up a closed workspace again."""
    row = await tenancy.workspaces.find(actor, id)
    return await _done(tenancy, await tenancy.workspaces.open(actor, row["id"]))


def _check(actor: Actor, row: Row, body: WorkspaceChange) -> None:
    """Raises where the actor may not say this."""
    if not actor.operator:
        if row["id"] != actor.workspace:  # a member there, and owner here
            raise not_found()
        if told := [name for name in PRICED if name in body.model_fields_set]:
            text = f"`{told[0]}` is said by who runs the installation."
            raise PermissionDenied(text, param=told[0], code="operators_only")
    if empty := [name for name, value in body.given().items() if value is None]:
        raise InvalidRequest(f"`{empty[0]}` cannot be null.", param=empty[0], code="invalid_value")


def _columns(body: NewWorkspace | WorkspaceChange) -> Row:
    """What was sent, as columns of table `workspaces`."""
    given = body.given()
    values: Row = {name: given[name] for name in ("slug", "plan") if name in given}
    if given.get("name") is not None:
        with terms_told():
            values["name"] = terms.name("name", given["name"])
    if "credit_line_usd" in given:
        values["credit_line_nano"] = from_usd(given["credit_line_usd"])
    if "markup" in given:
        values["markup_ppm"] = int(given["markup"] * PPM)
    return values


async def _done(tenancy: Tenancy, row: Row) -> Workspace:
    await tenancy.directory.refresh()
    return _shown(row)


def _shown(row: Row) -> Workspace:
    return Workspace(
        **{name: row[name] for name in ("id", "slug", "name", "plan", "managed")},
        credit_line_usd=usd(row["credit_line_nano"]),
        markup=row["markup_ppm"] / PPM,
        created=moment(row["created"]) or "",
        closed=moment(row["closed"]),
    )
