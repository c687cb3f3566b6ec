"""/api/v1/auth/oidc: signing in by another issuer."""

import logging
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from xroute.errors import CallError, InvalidRequest, NotFound, Unavailable
from xroute.web.api.people import PersonsOf, VisitorOf, put_cookie
from xroute.web.asgi import RequestHeaders
from xroute.web.fetch import FetchFailed
from xroute.web.oidc import Begun, Issuer
from xroute.web.persons import Persons
from xroute.web.reception import cookie

log = logging.getLogger("xroute.web")

COOKIE = "xroute_oidc"
PATH = "/api/v1/auth/oidc"
LASTS_S = 600  # as long as somebody may take at the issuer

Sent = Annotated[str, Query(max_length=4096)]


def router() -> APIRouter:
    """The routes about other issuers."""
    routes = APIRouter(prefix=PATH, tags=["sign-in"])
    routes.get("")(issuers)
    routes.get("/{name}")(begin)
    routes.get("/{name}/callback")(finish)
    return routes


async def issuers(persons: PersonsOf) -> dict[str, Any]:
    """By whom one may sign in."""
    return {"data": [{"name": name, "path": f"{PATH}/{name}"} for name in persons.issuers], "next": None}


async def begin(name: str, persons: PersonsOf, visitor: VisitorOf, to: Sent = "/") -> Response:
    """Sends the browser to the issuer. `to` is the path to come back to in the end."""
    persons.tries.address.take(visitor.address)
    issuer = _issuer(persons, name)
    begun = Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))
    try:
        there = await issuer.begin(begun)
    except FetchFailed as error:
        raise _away(issuer, error) from error
    kept = {"name": name, "state": begun.state, "nonce": begun.nonce, "verifier": begun.verifier}
    response = RedirectResponse(there, 303)
    _put(response, persons, persons.seal.close(kept | {"to": _local(to)}, LASTS_S), LASTS_S)
    return response


async def finish(
    name: str,
    request: Request,
    persons: PersonsOf,
    visitor: VisitorOf,
    state: Sent = "",
    code: Sent = "",
    error: Sent = "",
    iss: Sent | None = None,
) -> Response:
    """Where the issuer sends the browser back to. Sets the cookie `xroute_session`."""
    persons.tries.address.take(visitor.address)
    issuer = _issuer(persons, name)
    kept = persons.seal.open(cookie(RequestHeaders(dict(request.scope["headers"])), COOKIE) or "")
    if kept is None or kept["name"] != name or not _is_same(kept["state"], state):
        raise InvalidRequest(
            "This is not the end of a sign-in that this browser began in the last ten minutes. Begin again.",
            code="wrong_state",
        )
    await persons.identities.use_up(state)
    if error or not code:
        raise InvalidRequest("The issuer has let nobody in.", code="issuer_refused")
    begun = Begun(kept["state"], kept["nonce"], kept["verifier"])
    try:
        identity = await issuer.finish(begun, code, iss)
    except FetchFailed as failed:
        raise _away(issuer, failed) from failed
    signed_in = await persons.identities.sign_in(identity, issuer.settings, visitor)
    response = RedirectResponse(kept["to"], 303, {"referrer-policy": "no-referrer"})
    put_cookie(response, persons, signed_in)
    _put(response, persons, "", 0)
    return response


def _issuer(persons: Persons, name: str) -> Issuer:
    if (issuer := persons.issuers.get(name)) is None:
        raise NotFound(f"Nobody signs in by {name[:100]!r} here.", code="issuer_not_found")
    return issuer


def _is_same(ours: str, given: str) -> bool:
    return secrets.compare_digest(ours.encode(), given.encode())


def _put(response: Response, persons: Persons, value: str, lasts_s: int) -> None:
    response.set_cookie(
        COOKIE,
        value,
        max_age=lasts_s,
        path=PATH,
        secure=persons.letters.base.startswith("https:"),
        httponly=True,
        samesite="lax",  # the issuer's link back is followed with it, another site's form is not
    )


def _local(to: str) -> str:
    """A path of ours, and nowhere else: `//host` and `/\\host` are other places for a browser."""
    is_path = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable() and to.isascii()
    return to if is_path and "\\" not in to else "/"


def _away(issuer: Issuer, error: FetchFailed) -> CallError:
    log.warning("sign-in by %s: %s", issuer.name, error)
    return Unavailable(
        f"{issuer.name} cannot be asked now. Try again, or sign in another way.",
        code="issuer_unavailable",
        retry_after_s=10.0,
    )
