"""/api/v1/installation/users: everybody of the installation, for who runs it."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from xroute.store.db import now_ms
from xroute.web.api.context import ActorOf
from xroute.web.api.members import External, send_reset
from xroute.web.api.people import Called, PersonsOf, shown
from xroute.web.api.shapes import PAGE, Body, Cursor, Limit


class UserBody(Body):
    """What an operator may change of a user."""

    name: Called = ""
    operator: Annotated[bool, Field(description="Runs the installation: every workspace.")] = False
    disabled: Annotated[bool, Field(description="May not get in, nor use keys.")] = False
    verified: Annotated[bool, Field(description="The mail is theirs: issuers may sign them in.")] = False
    external_id: External | None = None


def router() -> APIRouter:
    """The routes about users."""
    routes = APIRouter(prefix="/api/v1/installation/users", tags=["users"])
    routes.get("")(users)
    routes.get("/{id}")(user)
    routes.patch("/{id}")(change)
    routes.post("/{id}/reset")(reset)
    return routes


async def users(persons: PersonsOf, limit: Limit = PAGE, cursor: Cursor | None = None) -> dict[str, Any]:
    """Everybody."""
    found = await persons.people.users(limit, cursor)
    return {"data": [shown(row) for row in found.data], "next": found.next}


async def user(id: str, persons: PersonsOf) -> dict[str, Any]:
    """One user."""
    return shown(await persons.people.user(id))


async def change(id: str, body: UserBody, actor: ActorOf, persons: PersonsOf) -> dict[str, Any]:
    """Changes a user. Who is disabled is out at once."""
    changes = body.given()
    if "verified" in changes:
        changes["verified"] = now_ms() if changes["verified"] else None
    return shown(await persons.people.change_user(actor, id, changes))


async def reset(id: str, actor: ActorOf, persons: PersonsOf) -> dict[str, Any]:
    """Lets a user set a new password: by mail, or by the link in this answer where no mail can be sent."""
    found = await persons.people.user(id)
    return await send_reset(actor, persons, id, found["email"])
