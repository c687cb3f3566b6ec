"""/api/v1/members and /api/v1/invitations: who is in a workspace, and who may come in."""

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from xroute.store.audit import Actor
from xroute.web.api.context import ActorOf, WorkspaceOf
from xroute.web.api.people import Mail, PersonsOf, shown
from xroute.web.api.shapes import PAGE, Body, Cursor, Limit
from xroute.web.mail import MailFailed
from xroute.web.persons import Persons

Role = Literal["owner", "admin", "developer", "viewer", "billing"]
External = Annotated[str, Field(min_length=1, max_length=200)]


class MemberBody(Body):
    """What may be changed of a member. `external_id` is what a directory (SCIM) calls them."""

    role: Role = "viewer"
    external_id: External | None = None


class InvitationBody(Body):
    """Whom to invite, and as what."""

    email: Mail
    role: Role = "developer"


def router() -> APIRouter:
    """The routes about a workspace's people."""
    routes = APIRouter(prefix="/api/v1", tags=["members"])
    routes.get("/members")(members)
    routes.get("/members/{id}")(member)
    routes.patch("/members/{id}")(change)
    routes.delete("/members/{id}", status_code=204)(remove)
    routes.post("/members/{id}/reset")(reset)
    routes.get("/invitations")(invitations)
    routes.post("/invitations", status_code=201)(invite)
    routes.delete("/invitations/{id}", status_code=204)(revoke)
    return routes


async def members(
    workspace: WorkspaceOf, persons: PersonsOf, limit: Limit = PAGE, cursor: Cursor | None = None
) -> dict[str, Any]:
    """Who is in the workspace."""
    found = await persons.people.members(workspace, limit, cursor)
    return {"data": [shown(row) for row in found.data], "next": found.next}


async def member(id: str, workspace: WorkspaceOf, persons: PersonsOf) -> dict[str, Any]:
    """One member."""
    return shown(await persons.people.member(workspace, id))


async def change(
    id: str, body: MemberBody, actor: ActorOf, workspace: WorkspaceOf, persons: PersonsOf
) -> dict[str, Any]:
    """Another role, or another id in somebody else's directory."""
    return shown(await persons.people.change(actor, workspace, id, body.given()))


async def remove(id: str, actor: ActorOf, workspace: WorkspaceOf, persons: PersonsOf) -> None:
    """They are out at once: keys and tokens of theirs here stop working."""
    await persons.people.remove(actor, workspace, id)


async def reset(id: str, actor: ActorOf, workspace: WorkspaceOf, persons: PersonsOf) -> dict[str, Any]:
    """Lets a member set a new password: by mail, or by the link in this answer where no mail can be sent.

    Whoever has the link is them, so it is made for those alone who are in this workspace and no other.
    """
    if persons.mailer:
        found = await persons.people.member(workspace, id)
    else:
        found = await persons.people.own_member(actor, workspace, id)
    return await send_reset(actor, persons, found["user"], found["email"])


async def send_reset(actor: Actor, persons: Persons, user: str, email: str) -> dict[str, Any]:
    """Mails a reset link, or shows it."""
    if persons.mailer:
        persons.tries.letters.take(email)
        letter = persons.letters.reset(await persons.sign_in.reset_link(actor, user, "reset"))
        persons.mailer.post(email, partial(_written, letter))
        return {"mailed": True, "link": None, "code": None}
    code = await persons.sign_in.reset_link(actor, user, "handed")
    return {"mailed": False, "link": persons.letters.reset_link(code), "code": code}


async def _written(letter: tuple[str, str]) -> tuple[str, str]:
    return letter


async def invitations(
    workspace: WorkspaceOf, persons: PersonsOf, limit: Limit = PAGE, cursor: Cursor | None = None
) -> dict[str, Any]:
    """Those that nobody has accepted yet."""
    found = await persons.invitations.list(workspace, limit, cursor)
    return {"data": [shown(row) for row in found.data], "next": found.next}


async def invite(
    body: InvitationBody, actor: ActorOf, workspace: WorkspaceOf, persons: PersonsOf
) -> dict[str, Any]:
    """Invites somebody by mail; without a mail server, or where it fails, the link is in this answer."""
    problem = None
    if persons.mailer:
        persons.tries.invitations.take(workspace)
        persons.tries.letters.take(body.email)
        row, code = await persons.invitations.create(actor, workspace, body.email, body.role, is_mailed=True)
        try:
            await persons.mailer.send(body.email, *persons.letters.invitation(code, actor.name, body.role))
            return shown(row) | {"mailed": True, "problem": None, "link": None, "code": None}
        except MailFailed as error:
            problem = f"the mail could not be sent: {error}"
    row, code = await persons.invitations.create(actor, workspace, body.email, body.role, is_mailed=False)
    link = persons.letters.invitation_link(code)
    return shown(row) | {"mailed": False, "problem": problem, "link": link, "code": code}


async def revoke(id: str, actor: ActorOf, workspace: WorkspaceOf, persons: PersonsOf) -> None:
    """Nobody gets in with it any more."""
    await persons.invitations.revoke(actor, workspace, id)
