"""/api/v1/me: who one is here, one's password and sessions."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from xroute.errors import InvalidRequest, NotFound
from xroute.web.api.auth import CodeBody
from xroute.web.api.context import ActorOf
from xroute.web.api.people import Called, Mail, Password, PersonOf, PersonsOf, shown
from xroute.web.api.shapes import Body
from xroute.web.mail import MailFailed


class MeBody(Body):
    """What one may say of oneself. Another mail needs the password, if there is one."""

    name: Called | None = None
    email: Mail | None = None
    password: Password | None = None


class PasswordBody(Body):
    """Another password; `current` where there is one."""

    current: Password | None = None
    password: Password


def router() -> APIRouter:
    """The routes of whoever has signed in, in no workspace or in any."""
    routes = APIRouter(prefix="/api/v1/me", tags=["me"])
    routes.get("")(me)
    routes.patch("")(change)
    routes.put("/password", status_code=204)(set_password)
    routes.get("/sessions")(sessions)
    routes.delete("/sessions", status_code=204)(end_others)
    routes.delete("/sessions/{id}", status_code=204)(end)
    routes.post("/invitations")(accept)
    routes.post("/verification", status_code=202)(ask_verification)
    routes.put("/verification", status_code=204)(verify)
    return routes


async def me(actor: ActorOf, persons: PersonsOf) -> dict[str, Any]:
    """Who one is, and where one may act. Programs have no user and no memberships."""
    told: dict[str, Any] = {
        "kind": actor.kind,
        "id": actor.id,
        "name": actor.name,
        "operator": actor.operator,
        "workspace": actor.workspace,
        "role": actor.role,
        "user": None,
        "memberships": [],
    }
    if actor.user:
        told["user"] = shown(await persons.people.user(actor.user))
        told["memberships"] = [asdict(each) for each in await persons.people.memberships(actor.user)]
    return told


async def change(body: MeBody, person: PersonOf, persons: PersonsOf) -> dict[str, Any]:
    """Another name or mail address."""
    if body.email is not None and body.email != person.name:
        persons.tries.mail.take(person.user)
        await persons.sign_in.set_email(person, body.password, body.email)
    if body.name is not None:
        await persons.people.rename(person, body.name)
    return shown(await persons.people.user(person.user))


async def set_password(body: PasswordBody, person: PersonOf, persons: PersonsOf) -> None:
    """Another password. Every other session ends."""
    persons.tries.mail.take(person.user)
    await persons.sign_in.set_password(person, body.current, body.password, person.session)


async def sessions(person: PersonOf, persons: PersonsOf) -> dict[str, Any]:
    """Where one is signed in, the one used last first."""
    rows = await persons.sessions.of(person.user)
    return {"data": [shown(row) | {"current": row["id"] == person.session} for row in rows], "next": None}


async def end_others(person: PersonOf, persons: PersonsOf) -> None:
    """Ends every session but this one."""
    async with persons.db.write() as connection:
        await persons.sessions.end_others(connection, person.user, person.session)


async def end(id: str, person: PersonOf, persons: PersonsOf) -> None:
    """Ends one session."""
    if not await persons.sessions.end(person.user, id):
        raise NotFound(f"There is no session {id[:100]!r}.", code="session_not_found")


async def accept(body: CodeBody, person: PersonOf, persons: PersonsOf) -> dict[str, str]:
    """Accepts an invitation as who one is."""
    return {"workspace": await persons.invitations.accept_as(person, body.code)}


async def ask_verification(person: PersonOf, persons: PersonsOf) -> dict[str, str]:
    """Mails a link that shows that the mail address is one's own."""
    persons.tries.letters.take(person.name)
    code = await persons.sign_in.verify_link(person.user)
    try:
        await persons.mailer.send(person.name, *persons.letters.verify(code))
    except MailFailed as error:
        raise InvalidRequest(f"The mail could not be sent: {error}.", code="mail_failed") from error
    return {"message": f"A link is on its way to {person.name}."}


async def verify(body: CodeBody, person: PersonOf, persons: PersonsOf) -> None:
    """Shows, by the code of that mail, that the mail address is one's own."""
    await persons.sign_in.verify(person.user, body.code)
