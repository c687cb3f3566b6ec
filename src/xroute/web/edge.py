"""The first thing a request meets: the route, who may use it, and the last resort for what goes wrong."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from xroute.dialects.openai.surface import refuse as openai_refusal
from xroute.errors import CallError, InvalidRequest, ServerError
from xroute.store.audit import Actor
from xroute.web.access import KEY, PUBLIC, TABLE, Access
from xroute.web.addresses import Addresses, choose
from xroute.web.asgi import AsgiReply, Client, Receive, RequestHeaders, Scope, Send, SendFailed, client_of
from xroute.web.auth import Keyring
from xroute.web.body import ClientGone
from xroute.web.failures import of_database, refuse
from xroute.wire.who import Who

log = logging.getLogger("xroute.web")

API = "/api/v1/"  # the management API, whose handlers stand behind the bridge


@dataclass(slots=True)  # not frozen, as one is made for each request
class Request:
    """One request on its way to a handler."""

    scope: Scope
    headers: RequestHeaders
    client: Client
    argument: str  # what followed a route that ends in "/"
    who: Who | None  # the client's key, where the route needs one
    actor: Actor | None = None  # who acts in the management API
    route: str = ""  # the line of the table that let it in


Handler = Callable[[Request, AsgiReply], Awaitable[None]]
Refusal = Callable[[CallError, str], bytes]  # (what is wrong, the request's id) -> the body


@dataclass(frozen=True, slots=True)
class Route:
    """A path and who answers there. A path that ends in "/" takes what follows as argument."""

    method: str
    path: str
    handler: Handler
    refusal: Refusal = openai_refusal  # the shape of an error answer there

    @property
    def line(self) -> str:
        """How the table of access calls it."""
        return f"{self.method} {self.path}"


class Admission(Protocol):
    """Lets people and their programs into the management API."""

    async def admit(self, scope: Scope, headers: RequestHeaders, access: Access, request_id: str) -> Actor:
        """Raises Authentication, PermissionDenied, or NotFound for a workspace that is not theirs."""
        ...


@dataclass(frozen=True, slots=True)
class Management:
    """The management API: every line of the table below /api/v1/ leads to its handler."""

    handler: Handler
    admission: Admission


@dataclass(frozen=True, slots=True)
class _Entry:
    """A route, and what is asked of it for each request."""

    handler: Handler
    refusal: Refusal
    line: str
    access: Access
    has_key: bool
    has_actor: bool


class Edge:
    """Dispatches on the raw path. What is not in the table does not exist: default-deny."""

    def __init__(
        self,
        routes: Iterable[Route],
        keyring: Keyring,
        management: Management | None = None,
        table: Mapping[str, Access] = TABLE,
    ) -> None:
        """KeyError for a route that the table does not have."""
        self._keyring = keyring
        self._admission = management.admission if management else None
        self._addresses = Addresses[_Entry]()
        self.routes = list(routes)
        if management:
            known = {route.line for route in self.routes}
            self.routes += [r for r in _managed(table, management.handler) if r.line not in known]
        for route in self.routes:
            access = table[route.line]
            has_key, has_actor = access is KEY, access is not KEY and access is not PUBLIC
            entry = _Entry(route.handler, route.refusal, route.line, access, has_key, has_actor)
            self._addresses.add(route.method, route.path, entry)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, whatever happens."""
        client = client_of(scope, receive, send)
        reply = AsgiReply(client)
        method, path = scope["method"], scope["path"]
        refusal = openai_refusal
        try:
            methods, argument = self._addresses.find(path)
            entry = methods.get(method)
            if entry is None:
                refusal = _common(methods)
                entry = choose(methods, method, path)
            refusal = entry.refusal
            headers = RequestHeaders(client.headers)
            who = self._keyring.find(headers, scope) if entry.has_key else None
            actor = await self._admit(scope, headers, entry.access, reply) if entry.has_actor else None
            request = Request(scope, headers, client, argument, who, actor, entry.line)
            await entry.handler(request, reply)
        except CallError as error:
            if error.status >= 500:
                log.warning("%s %s %s: %s", reply.request_id, method, path, error.message)
            await refuse(reply, error, refusal)
        except RecursionError:  # a request may be nested more deeply than its parser can walk
            log.warning("%s %s %s: nested too deeply", reply.request_id, method, path)
            if not reply.opened:
                deep = InvalidRequest("The request is nested too deeply.", code="invalid_json")
                await refuse(reply, deep, refusal)
        except ClientGone:
            log.info("%s: the request's body broke off", reply.request_id)
            # Whoever is gone will not read it; whoever sent a broken body should know why.
            broken = InvalidRequest("The request's body is not complete.", code="incomplete_body")
            await refuse(reply, broken, refusal)
        except asyncio.CancelledError:
            if not client.left:  # the server is stopping
                raise
            log.info("%s: the client went away", reply.request_id)
        except SendFailed:
            log.info("%s: the client went away before its answer", reply.request_id)
        except Exception as error:  # noqa: BLE001 - the last resort logs it
            if not client.left:
                await _last_resort(reply, error, refusal, f"{method} {path}")
        finally:
            client.unwatch()

    async def _admit(self, scope: Scope, headers: RequestHeaders, access: Access, reply: AsgiReply) -> Actor:
        assert self._admission is not None  # only the management API has lines of this kind
        return await self._admission.admit(scope, headers, access, reply.request_id)


async def _last_resort(reply: AsgiReply, error: Exception, refusal: Refusal, asked: str) -> None:
    """The request boundary: a fault of ours is logged whole and told without detail."""
    known = of_database(error)
    if known is None:
        log.error("%s %s failed", reply.request_id, asked, exc_info=error)
    if not reply.opened:
        await refuse(reply, known or ServerError(), refusal)


def _managed(table: Mapping[str, Access], handler: Handler) -> list[Route]:
    lines = (line.split(" ", 1) for line in table)
    return [Route(method, path, handler) for method, path in lines if path.startswith(API)]


def _common(methods: Mapping[str, _Entry]) -> Refusal:
    """The shape of errors at a path, OpenAI's where several APIs share it."""
    first, *others = [entry.refusal for entry in methods.values()]
    return openai_refusal if any(each is not first for each in others) else first
