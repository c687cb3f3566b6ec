"""The first thing a request meets: the route, who may use it, and the last resort for what goes wrong."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from xroute.dialects.openai.surface import refuse as openai_refusal
from xroute.errors import CallError, InvalidRequest, MethodNotAllowed, NotFound, ServerError
from xroute.web.asgi import AsgiReply, ClientGone, Receive, RequestHeaders, Scope, Send, SendFailed
from xroute.web.auth import Keyring, Principal
from xroute.web.failures import refuse

log = logging.getLogger("xroute.web")

PREFIXES = ("/openai/v1/", "/anthropic/v1/")  # the same surface under another address

Access = Literal["public", "key"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request on its way to a handler."""

    scope: Scope
    headers: RequestHeaders
    receive: Receive
    argument: str  # what followed a route that ends in "/"
    principal: Principal | None  # None on a public route


Handler = Callable[[Request, AsgiReply], Awaitable[None]]
Refusal = Callable[[CallError, str], bytes]  # (what is wrong, the request's id) -> the body


@dataclass(frozen=True, slots=True)
class Route:
    """A path, who may use it, and who answers. A path that ends in "/" takes what follows as argument."""

    method: str
    path: str
    access: Access
    handler: Handler
    refusal: Refusal = openai_refusal  # the shape of an error answer there


class Edge:
    """Dispatches on the raw path. What is not in the table does not exist: default-deny."""

    def __init__(self, routes: Iterable[Route], keyring: Keyring) -> None:
        self._keyring = keyring
        self._exact: dict[str, dict[str, Route]] = {}
        self._open: dict[str, dict[str, Route]] = {}
        for route in routes:
            table = self._open if route.path.endswith("/") else self._exact
            table.setdefault(route.path, {})[route.method] = route

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, whatever happens."""
        reply = AsgiReply(send)
        method, path = scope["method"], scope["path"]
        refusal = openai_refusal
        try:
            methods, argument = self._find(path)
            refusal = _common(methods)
            route = _route(methods, method, path)
            refusal = route.refusal
            headers = RequestHeaders(scope["headers"])
            principal = self._keyring.find(headers) if route.access == "key" else None
            await route.handler(Request(scope, headers, receive, argument, principal), reply)
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
            if not reply.gone:  # the server is stopping
                raise
            log.info("%s: the client went away", reply.request_id)
        except SendFailed:
            log.info("%s: the client went away before its answer", reply.request_id)
        except Exception:
            if reply.gone:
                return
            # The request boundary: a fault of ours is logged whole and told without detail.
            log.exception("%s %s %s failed", reply.request_id, method, path)
            if not reply.opened:
                await refuse(reply, ServerError(), refusal)
        finally:
            reply.unwatch()

    def _find(self, path: str) -> tuple[dict[str, Route], str]:
        """(what stands at a path, what follows an open one); raises NotFound."""
        if path.startswith(PREFIXES):
            path = path[path.index("/", 1) :]
        if (methods := self._exact.get(path)) is not None:
            return methods, ""
        for prefix, table in self._open.items():
            if path.startswith(prefix) and len(path) > len(prefix):
                return table, path[len(prefix) :]
        raise NotFound(f"There is nothing at {path[:200]}.", code="unknown_url")


def _common(methods: dict[str, Route]) -> Refusal:
    """The shape of errors at a path, OpenAI's where several APIs share it."""
    first, *others = methods.values()
    return openai_refusal if any(each.refusal is not first.refusal for each in others) else first.refusal


def _route(methods: dict[str, Route], method: str, path: str) -> Route:
    if (route := methods.get("GET" if method == "HEAD" else method)) is not None:
        return route
    allowed = [*methods, "HEAD"] if "GET" in methods else list(methods)
    raise MethodNotAllowed(
        f"{path[:200]} takes {', '.join(allowed)}, not {method[:20]}.",
        code="method_not_allowed",
        metadata={"allowed": allowed},
    )
