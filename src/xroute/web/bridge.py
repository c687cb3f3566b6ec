"""Runs an ASGI application, the management API, behind the RSGI edge."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from xroute.web.edge import Request
from xroute.web.rsgi import RsgiReply, read_body

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class Bridge:
    """The application is made at its first request: importing FastAPI takes half a second."""

    def __init__(self, make: Callable[[], App], max_body: int) -> None:
        self._make = make
        self._max_body = max_body
        self._app: App | None = None

    async def handle(self, request: Request, reply: RsgiReply) -> None:
        """One request, read whole and answered whole."""
        if self._app is None:
            self._app = self._make()
        body = await read_body(request.scope, request.proto, self._max_body)
        incoming: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        started: Message = {}
        parts: list[bytes] = []

        async def receive() -> Message:
            return incoming.pop() if incoming else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            else:
                parts.append(message.get("body", b""))

        await self._app(_scope(request), receive, send)
        headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in started["headers"]]
        reply.answer_as(started["status"], [("x-request-id", reply.request_id), *headers], b"".join(parts))


def _scope(request: Request) -> Message:
    scope = request.scope
    client, _, port = scope.client.rpartition(":")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": scope.http_version,
        "method": scope.method,
        "scheme": scope.scheme,
        "path": unquote(scope.path),
        "raw_path": scope.path.encode(),
        "query_string": scope.query_string.encode("latin-1"),
        "root_path": "",
        "headers": [(n.encode("latin-1"), v.encode("latin-1")) for n, v in scope.headers.items()],
        "client": (client, int(port) if port.isdigit() else 0),
        "server": None,
        "state": {"principal": request.principal},
    }
