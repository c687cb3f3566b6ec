"""/api/v1/tokens: what programs use this API with."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from xroute.web.api.context import ActorOf, WorkspaceOf
from xroute.web.api.people import Called, PersonsOf, shown
from xroute.web.api.shapes import PAGE, Body, Cursor, Limit, Moment, from_moment

Role = Literal["owner", "admin", "developer", "viewer", "billing"]


class TokenBody(Body):
    """A token of this workspace."""

    name: Called
    role: Role = "developer"
    expires: Moment | None = None


class OperatorTokenBody(Body):
    """A token of the whole installation."""

    name: Called
    expires: Annotated[Moment | None, Field(description="When it ends; null = never.")] = None


def router() -> APIRouter:
    """The routes about tokens."""
    routes = APIRouter(prefix="/api/v1", tags=["tokens"])
    routes.get("/tokens")(tokens)
    routes.post("/tokens", status_code=201)(create)
    routes.delete("/tokens/{id}")(revoke)
    routes.get("/installation/tokens")(operator_tokens)
    routes.post("/installation/tokens", status_code=201)(create_operator)
    routes.delete("/installation/tokens/{id}")(revoke_operator)
    return routes


async def tokens(
    workspace: WorkspaceOf, persons: PersonsOf, limit: Limit = PAGE, cursor: Cursor | None = None
) -> dict[str, Any]:
    """The workspace's tokens, revoked ones included."""
    found = await persons.tokens.list(workspace, limit, cursor)
    return {"data": [shown(row) for row in found.data], "next": found.next}


async def create(
    body: TokenBody, actor: ActorOf, workspace: WorkspaceOf, persons: PersonsOf
) -> dict[str, Any]:
    """A new token. `token` is in this answer and nowhere else."""
    row, token = await persons.tokens.create(
        actor, body.name, body.role, workspace, from_moment(body.expires)
    )
    return shown(row) | {"token": token}


async def revoke(id: str, actor: ActorOf, workspace: WorkspaceOf, persons: PersonsOf) -> dict[str, Any]:
    """From now on it lets nobody in."""
    return shown(await persons.tokens.revoke(actor, workspace, id))


async def operator_tokens(
    persons: PersonsOf, limit: Limit = PAGE, cursor: Cursor | None = None
) -> dict[str, Any]:
    """The installation's tokens."""
    found = await persons.tokens.list(None, limit, cursor)
    return {"data": [shown(row) for row in found.data], "next": found.next}


async def create_operator(body: OperatorTokenBody, actor: ActorOf, persons: PersonsOf) -> dict[str, Any]:
    """A new token that may do everything, in every workspace."""
    row, token = await persons.tokens.create(actor, body.name, "operator", None, from_moment(body.expires))
    return shown(row) | {"token": token}


async def revoke_operator(id: str, actor: ActorOf, persons: PersonsOf) -> dict[str, Any]:
    """From now on it lets nobody in."""
    return shown(await persons.tokens.revoke(actor, None, id))
