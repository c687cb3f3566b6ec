"""Who acts in the management API: a management token, the config's, or somebody who has signed in."""

import hashlib
import hmac
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from xroute.config.secret import Secret
from xroute.errors import Authentication, CallError, InvalidRequest, NotFound, PermissionDenied
from xroute.store.audit import Actor
from xroute.store.people import People
from xroute.store.roles import OPERATOR
from xroute.store.sessions import Session, Sessions
from xroute.store.tokens import PREFIX, Tokens
from xroute.web.access import ANYONE, Access
from xroute.web.access import OPERATOR as OPERATORS
from xroute.web.asgi import RequestHeaders, Scope
from xroute.web.peer import Peers

COOKIE = "xroute_session"
CSRF = "x-xroute-csrf"  # a page of another origin cannot send a header of this name without being allowed to
WORKSPACE = "x-xroute-workspace"
MAIN = "ws_main"  # where who runs the installation acts, if they name no other
SAFE = frozenset({"GET", "HEAD"})
MAX_TOKEN = 512


class Reception:
    """Decides on the request's head alone."""

    def __init__(
        self,
        people: People,
        sessions: Sessions,
        tokens: Tokens,
        peers: Peers,
        admin_token: Secret | None = None,
        public_url: str | None = None,
    ) -> None:
        self._people = people
        self._sessions = sessions
        self._tokens = tokens
        self._peers = peers
        self._admin = _digest(admin_token.reveal()) if admin_token and admin_token.reveal() else None
        self._origin = _origin(public_url) if public_url else None

    async def admit(self, scope: Scope, headers: RequestHeaders, access: Access, request_id: str) -> Actor:
        """Raises Authentication, PermissionDenied, or NotFound for a workspace that is not theirs."""
        actor = await self._actor(scope, headers, access)
        if not access & _roles(actor):
            raise _refusal(actor, access)
        return replace(actor, address=self._peers.address(scope, headers), request_id=request_id)

    async def _actor(self, scope: Scope, headers: RequestHeaders, access: Access) -> Actor:
        wanted = _wanted(scope, headers)
        value = headers.get("authorization")
        if value is None:
            return await self._person(scope, headers, access, wanted)
        scheme, _, token = value.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not 0 < len(token) <= MAX_TOKEN:
            raise _nobody()
        if self._admin is not None and hmac.compare_digest(_digest(token), self._admin):
            workspace = await self._any(wanted, access)
            return Actor("admin_token", "admin_token", "admin token", workspace, "owner", True)
        found = await self._tokens.find(token) if token.startswith(PREFIX) else None
        if found is None:
            raise Authentication("This management token is not known here.", code="invalid_token")
        if found.role == OPERATOR:
            workspace = await self._any(wanted, access)
            return Actor("token", found.id, found.name, workspace, "owner", True)
        assert found.workspace is not None
        if wanted is not None and await self._people.workspace(wanted) != found.workspace:
            raise _no_workspace(wanted)
        return Actor("token", found.id, found.name, found.workspace, found.role)

    async def _person(
        self, scope: Scope, headers: RequestHeaders, access: Access, wanted: str | None
    ) -> Actor:
        token = cookie(headers, COOKIE)
        if token is None:
            raise _nobody()
        if scope["method"] not in SAFE:
            self._check_origin(headers)
        session = await self._sessions.find(token)
        if session is None:
            raise Authentication("This sign-in has ended. Sign in again.", code="session_ended")
        return await self._placed(session, access, wanted)

    async def _placed(self, session: Session, access: Access, wanted: str | None) -> Actor:
        """Somebody who has signed in, in the workspace they name or the one they have."""
        person = Actor(
            "user", session.user, session.email, user=session.user, session=session.id,
            operator=session.operator, role="owner" if session.operator else "",
        )  # fmt: skip
        places = await self._people.memberships(session.user, wanted, 2)
        if len(places) == 1:
            place = places[0]
            role = person.role or place.role
            return replace(person, workspace=place.workspace, role=role, member=place.member)
        if session.operator:
            return replace(person, workspace=await self._any(wanted, access))
        if wanted is not None:
            raise _no_workspace(wanted)
        if access is not ANYONE and access is not OPERATORS:
            raise _which() if places else _no_place()
        return person

    async def _any(self, wanted: str | None, access: Access) -> str | None:
        """The workspace that who runs the installation acts in."""
        if wanted is None:
            return None if access is ANYONE or access is OPERATORS else MAIN
        found = await self._people.workspace(wanted)
        if found is None:
            raise _no_workspace(wanted)
        return found

    def _check_origin(self, headers: RequestHeaders) -> None:
        """A browser sends its cookie along whoever asks; this is how another site's page is told apart."""
        if headers.get(CSRF) == "1":
            return
        given = _origin(headers.get("origin") or "")
        if self._origin is not None:
            same = given == self._origin
        else:
            same = given is not None and given[1] == (headers.get("host") or "").lower()
        if not same:
            raise PermissionDenied(
                f"This came from another site's page, or with no sign that it did not: send `{CSRF}: 1`.",
                code="csrf",
            )


def cookie(headers: RequestHeaders, name: str) -> str | None:
    """A cookie's value; of several of one name the first, which is the one for the longest path."""
    for part in (headers.get("cookie") or "").split(";"):
        given, _, value = part.strip().partition("=")
        if given == name and 0 < len(value) <= MAX_TOKEN * 4:
            return value
    return None


def _wanted(scope: Scope, headers: RequestHeaders) -> str | None:
    """The workspace that the request names."""
    query: bytes = scope.get("query_string", b"")
    asked = parse_qs(query.decode("latin-1")).get("workspace") if b"workspace=" in query else None
    wanted = headers.get(WORKSPACE) or (asked[-1] if asked else None)
    if wanted is not None and not (len(wanted) <= 100 and wanted.isascii() and wanted.isprintable()):
        raise _no_workspace(wanted)
    return wanted


def _roles(actor: Actor) -> frozenset[str]:
    """Every word of the table that is about them."""
    if actor.operator:
        return frozenset({"signed_in", "operator", "owner"})
    return frozenset({"signed_in", actor.role})


def _refusal(actor: Actor, access: Access) -> CallError:
    needed = " or ".join(sorted(access))
    role = f"your role here is {actor.role}" if actor.role else "you have none here"
    return PermissionDenied(
        f"This needs the role {needed}: {role}.", code="role_missing", metadata={"needs": sorted(access)}
    )


def _origin(url: str) -> tuple[str, str] | None:
    """(scheme, host and port) in lower case."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return (parts.scheme.lower(), parts.netloc.lower()) if parts.scheme and parts.netloc else None


def _digest(token: str) -> bytes:
    """Of one length whatever the token's, so that a comparison tells nothing of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _nobody() -> Authentication:
    return Authentication(
        "Say who you are: sign in, or send a management token as `Authorization: Bearer xrt-...`.",
        code="missing_token",
    )


def _no_workspace(wanted: str) -> NotFound:
    return NotFound(f"There is no workspace {wanted[:100]!r}.", code="workspace_not_found")


def _no_place() -> PermissionDenied:
    return PermissionDenied(
        "You are in no workspace: make one, or have yourself invited.", code="no_workspace"
    )


def _which() -> InvalidRequest:
    return InvalidRequest(
        f"You are in several workspaces. Say which one is meant: `{WORKSPACE}: <id or short name>`.",
        code="workspace_missing",
    )
