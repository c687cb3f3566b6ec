"""Shapes of people, and what their routes share: mail addresses, the cookie, and where a caller is."""

import re
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from pydantic import AfterValidator, Field, StringConstraints

from xroute.errors import PermissionDenied
from xroute.store.audit import Actor
from xroute.store.passwords import MOST
from xroute.store.sign_in import SignedIn, Visitor
from xroute.web.api.context import ActorOf
from xroute.web.api.services import Services
from xroute.web.api.shapes import Name, moment
from xroute.web.asgi import RequestHeaders
from xroute.web.persons import Persons
from xroute.web.reception import COOKIE

_MAIL = re.compile(r"[^\s@<>(),;:\\\"\[\]]{1,64}@[^\s@<>(),;:\\\"\[\]]{1,190}")
TIMES = ("created", "expires", "accepted", "revoked", "used", "seen", "signed_in", "verified", "at")


def _mail(value: str) -> str:
    value = value.strip().lower()
    if not (value.isprintable() and _MAIL.fullmatch(value)):
        raise ValueError("is no mail address")
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("has a character that cannot be printed")
    return value


Mail = Annotated[str, Field(max_length=254), AfterValidator(_mail)]
Called = Annotated[Name, AfterValidator(_printable)]
Password = Annotated[str, StringConstraints(strip_whitespace=False, min_length=1, max_length=MOST)]
Code = Annotated[str, Field(min_length=1, max_length=200)]


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its times as the API writes them."""
    return {name: moment(value) if name in TIMES else value for name, value in row.items()}


def _persons(request: Request) -> Persons:
    services: Services = request.app.state.services
    return services.persons


def _visitor(request: Request) -> Visitor:
    headers = RequestHeaders(dict(request.scope["headers"]))
    address = _persons(request).peers.address(request.scope, headers)
    return Visitor(address, headers.get("user-agent") or "", request.scope["state"]["request_id"])


def _person(actor: ActorOf) -> Actor:
    if not actor.user:
        raise PermissionDenied("This is for people who have signed in, not for tokens.", code="not_a_person")
    return actor


PersonsOf = Annotated[Persons, Depends(_persons)]
VisitorOf = Annotated[Visitor, Depends(_visitor)]  # where a request comes from
PersonOf = Annotated[Actor, Depends(_person)]  # who acts, and is no program


def put_cookie(response: Response, persons: Persons, begun: SignedIn) -> None:
    """The session's cookie. Other sites' pages make no browser send it, but for links that are followed."""
    response.set_cookie(
        COOKIE,
        begun.token,
        max_age=persons.sessions.lasts_s,
        path="/",
        secure=persons.letters.base.startswith("https:"),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, persons: Persons) -> None:
    """Tells the browser to forget it."""
    response.delete_cookie(
        COOKIE, path="/", secure=persons.letters.base.startswith("https:"), httponly=True, samesite="lax"
    )
