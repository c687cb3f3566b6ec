"""/api/v1/signup and /api/v1/auth: signing up, in and out, and what to do with a lost password."""

from functools import partial
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from xroute.errors import PermissionDenied
from xroute.web.api.people import (
    Called,
    Code,
    Mail,
    Password,
    PersonOf,
    PersonsOf,
    VisitorOf,
    drop_cookie,
    put_cookie,
)
from xroute.web.api.shapes import Body
from xroute.web.persons import Persons


class SignUpBody(Body):
    """Who signs up."""

    email: Mail
    password: Password
    name: Called
    workspace: Called


class SignInBody(Body):
    """Who signs in."""

    email: Mail
    password: Password


class MailBody(Body):
    """Whom it is about."""

    email: Mail


class CodeBody(Body):
    """What a link brought."""

    code: Code


class ResetBody(Body):
    """A new password, by a link."""

    code: Code
    password: Password


class AcceptBody(Body):
    """Who accepts an invitation: with the password of the account they have, or of the one they get."""

    code: Code
    password: Password
    name: Called = ""


def router() -> APIRouter:
    """The routes of whoever has not signed in yet."""
    routes = APIRouter(prefix="/api/v1", tags=["sign-in"])
    routes.post("/signup", status_code=201)(sign_up)
    routes.post("/auth/sign-in")(sign_in)
    routes.post("/auth/sign-out", status_code=204)(sign_out)
    routes.get("/auth/link/{code}")(by_link)
    routes.post("/auth/forgot", status_code=202)(forgot)
    routes.post("/auth/reset")(reset)
    routes.post("/auth/invitation/look")(look)
    routes.post("/auth/invitation")(accept)
    return routes


async def sign_up(
    body: SignUpBody, persons: PersonsOf, visitor: VisitorOf, response: Response
) -> dict[str, Any]:
    """A user and a prepaid workspace of their own, which has no credit yet."""
    if persons.settings.sign_in.signup != "open":
        raise PermissionDenied(
            "Nobody signs up here by themselves: have yourself invited.", code="signup_closed"
        )
    persons.tries.fresh.take(visitor.address)
    begun, workspace = await persons.sign_up.sign_up(
        body.email, body.password, body.name, body.workspace, visitor
    )
    put_cookie(response, persons, begun)
    if persons.mailer:
        persons.mailer.post(body.email, partial(_verification, persons, begun.user))
    return {"user": begun.user, "email": begun.email, "workspace": workspace}


async def _verification(persons: Persons, user: str) -> tuple[str, str]:
    return persons.letters.verify(await persons.sign_in.verify_link(user))


async def sign_in(
    body: SignInBody, persons: PersonsOf, visitor: VisitorOf, response: Response
) -> dict[str, Any]:
    """Sets the cookie `xroute_session`."""
    persons.tries.address.take(visitor.address)
    persons.tries.mail.take(body.email)
    begun = await persons.sign_in.password(body.email, body.password, visitor)
    put_cookie(response, persons, begun)
    return {"user": begun.user, "email": begun.email}


async def sign_out(person: PersonOf, persons: PersonsOf, response: Response) -> None:
    """Ends this session."""
    await persons.sessions.end(person.user, person.session)
    drop_cookie(response, persons)


async def by_link(code: Code, persons: PersonsOf, visitor: VisitorOf) -> Response:
    """Signs in by a link that works once. A browser is sent on to the first page."""
    persons.tries.address.take(visitor.address)
    begun = await persons.sign_in.by_link(code, visitor)
    # 303, and to a path: what the request says of its host is not believed
    response = RedirectResponse("/", 303, {"referrer-policy": "no-referrer"})
    put_cookie(response, persons, begun)
    return response


async def forgot(body: MailBody, persons: PersonsOf, visitor: VisitorOf) -> dict[str, str]:
    """Mails a link to set a new password with. The answer is the same whether anybody has that mail."""
    persons.tries.address.take(visitor.address)
    persons.tries.letters.take(body.email)
    if not persons.mailer:
        return {"message": "No mail can be sent from here. Ask an admin of your workspace for a link."}
    # Somebody is looked for after the answer, whose time then tells nothing either.
    persons.mailer.post(body.email, partial(_reset, persons, body.email))
    return {"message": "If somebody here has this mail address, a link is on its way to it."}


async def _reset(persons: Persons, email: str) -> tuple[str, str] | None:
    code = await persons.sign_in.forgot(email)
    return None if code is None else persons.letters.reset(code)


async def reset(
    body: ResetBody, persons: PersonsOf, visitor: VisitorOf, response: Response
) -> dict[str, Any]:
    """Sets a new password by a link, ends every session and begins one."""
    persons.tries.address.take(visitor.address)
    begun = await persons.sign_in.reset(body.code, body.password, visitor)
    put_cookie(response, persons, begun)
    return {"user": begun.user, "email": begun.email}


async def look(body: CodeBody, persons: PersonsOf, visitor: VisitorOf) -> dict[str, Any]:
    """What an invitation is to."""
    persons.tries.address.take(visitor.address)
    return await persons.invitations.look(body.code)


async def accept(
    body: AcceptBody, persons: PersonsOf, visitor: VisitorOf, response: Response
) -> dict[str, Any]:
    """Accepts an invitation, and signs in."""
    persons.tries.address.take(visitor.address)
    persons.tries.mail.take((await persons.invitations.look(body.code))["email"])
    begun, workspace = await persons.invitations.accept(body.code, body.password, body.name, visitor)
    put_cookie(response, persons, begun)
    return {"user": begun.user, "email": begun.email, "workspace": workspace}
