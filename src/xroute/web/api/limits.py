"""/api/v1/limits: rates, concurrency and caps, of a workspace, project, member, key or end user."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from xroute.errors import InvalidRequest
from xroute.store.bounds import EACH, Subject
from xroute.web.api.bounding import Limit as Shown
from xroute.web.api.bounding import LimitFields, Place, Scope, shown_limit
from xroute.web.api.context import ActorOf, WorkspaceOf
from xroute.web.api.shapes import PAGE, Cursor, Limit
from xroute.web.api.tenants import TenancyOf

OfScope = Annotated[Scope | None, Query(description="Only those of this kind of subject.")]
OfSubject = Annotated[str | None, Query(max_length=200, description="Only those of this subject.")]


class NewLimit(Place, LimitFields):
    """A limit that is to be made."""


class Limits(BaseModel):
    """A page of limits."""

    data: list[Shown]
    next: str | None


def router() -> APIRouter:
    """The routes about limits."""
    routes = APIRouter(prefix="/api/v1/limits", tags=["limits"])
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
) -> Limits:
    """Limits, the newest first."""
    found = await tenancy.limits.page(workspace, limit, cursor, scope or "", subject or "")
    return Limits(data=[shown_limit(row) for row in found.data], next=found.next)


async def create(actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, body: NewLimit) -> Shown:
    """Limits something; calls have to pass it at once, in every process within a second."""
    subject = subject_of(workspace, body)
    row = await tenancy.limits.create(actor, subject, body.columns())
    await tenancy.directory.refresh()
    return shown_limit(row)


async def one(workspace: WorkspaceOf, tenancy: TenancyOf, id: str) -> Shown:
    """One limit."""
    return shown_limit(await tenancy.limits.find(workspace, id))


async def change(
    actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, id: str, body: LimitFields
) -> Shown:
    """Sets what is given; null lifts a figure."""
    row = await tenancy.limits.change(actor, workspace, id, body.columns())
    await tenancy.directory.refresh()
    return shown_limit(row)


async def remove(actor: ActorOf, workspace: WorkspaceOf, tenancy: TenancyOf, id: str) -> None:
    """Lifts a limit."""
    await tenancy.limits.remove(actor, workspace, id)
    await tenancy.directory.refresh()


def subject_of(workspace: str, place: Place) -> Subject:
    """What a body means; InvalidRequest where it says too little or too much."""
    subject: Any = place.subject
    if place.within is not None and (place.scope != "user" or subject != EACH):
        text = "`within` is for each end user: with scope `user` and subject `*`."
        raise InvalidRequest(text, param="within", code="invalid_value")
    if place.scope == "workspace":
        if subject not in (None, workspace):
            raise InvalidRequest("`subject` is another workspace.", param="subject", code="invalid_value")
        return Subject(workspace, "workspace", workspace)
    if subject is None:
        raise InvalidRequest("`subject` is missing.", param="subject", code="missing_field")
    if place.scope == "user":
        if subject.startswith(EACH) and subject != EACH:
            text = "`subject`: a user's name cannot begin with `*`."
            raise InvalidRequest(text, param="subject", code="invalid_value")
        return Subject(workspace, "user", EACH + (place.within or "") if subject == EACH else subject)
    return Subject(workspace, place.scope, subject)
