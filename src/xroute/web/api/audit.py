"""/api/v1/audit: who changed what, from what to what, and from where."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from xroute.store import audit
from xroute.web.api.context import ServicesOf, WorkspaceOf
from xroute.web.api.shapes import PAGE, Cursor, Limit, Moment, from_moment, moment

Word = Annotated[str | None, Query(max_length=200)]
Action = Annotated[str | None, Query(max_length=100, description="`key.create`, or `key.` for all.")]


def _wanted(
    actor: Word = None,
    action: Action = None,
    target: Word = None,
    since: Moment | None = None,
    until: Moment | None = None,
) -> audit.Wanted:
    return audit.Wanted(actor, action, target, from_moment(since), from_moment(until))


WantedOf = Annotated[audit.Wanted, Depends(_wanted)]


def router() -> APIRouter:
    """The routes about the audit log."""
    routes = APIRouter(prefix="/api/v1", tags=["audit"])
    routes.get("/audit")(of_workspace)
    routes.get("/installation/audit")(of_everything)
    return routes


async def of_workspace(
    workspace: WorkspaceOf,
    services: ServicesOf,
    wanted: WantedOf,
    limit: Limit = PAGE,
    cursor: Cursor | None = None,
) -> dict[str, Any]:
    """The changes in a workspace, the newest first."""
    return await _page(services, wanted, workspace, limit, cursor)


async def of_everything(
    services: ServicesOf, wanted: WantedOf, limit: Limit = PAGE, cursor: Cursor | None = None
) -> dict[str, Any]:
    """Every change in the installation, the newest first."""
    return await _page(services, wanted, None, limit, cursor)


async def _page(
    services: ServicesOf, wanted: audit.Wanted, workspace: str | None, limit: int, cursor: str | None
) -> dict[str, Any]:
    async with services.db.read() as connection:
        found = await audit.lines(connection, wanted, workspace, limit, cursor)
    return {"data": [row | {"at": moment(row["at"])} for row in found.data], "next": found.next}
