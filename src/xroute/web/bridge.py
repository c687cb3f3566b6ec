"""Runs the management API behind the edge, which has decided by then who may do what."""

from collections.abc import Awaitable, Callable

from xroute.web.asgi import AsgiReply, Message, Receive, Scope, Send
from xroute.web.body import read_body
from xroute.web.edge import Request

App = Callable[[Scope, Receive, Send], Awaitable[None]]

SAFE = frozenset({"GET", "HEAD"})  # methods that change nothing
PRIVATE = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]


class Bridge:
    """The application is made at its first request: importing FastAPI takes half a second."""

    def __init__(
        self, make: Callable[[], App], max_body: int, changed: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """`changed` is awaited after each write, before its answer: who made a key may use it at once."""
        self._changed = changed
        self._make = make
        self._max_body = max_body
        self._app: App | None = None

    async def handle(self, request: Request, reply: AsgiReply) -> None:
        """One request, read whole within the body limit; answered whole, or as a stream where it is one."""
        if self._app is None:
            self._app = self._make()
        body = await read_body(request.headers, request.client, self._max_body)
        incoming: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        answer = _Answer(reply)

        async def receive() -> Message:
            return incoming.pop() if incoming else await request.client.receive()

        await self._app(_scope(request, reply), receive, answer.send)
        if self._changed is not None and request.scope["method"] not in SAFE:
            await self._changed()
        await answer.finish()


class _Answer:
    """What the application sends, passed on with a length where it comes in one piece.

    Such an answer waits for the application's end: one that fails says so twice, and the edge knows better.
    """

    def __init__(self, reply: AsgiReply) -> None:
        self._reply = reply
        self._status = 500
        self._headers: list[tuple[bytes, bytes]] = []
        self._streams = False
        self._body = b""

    async def send(self, message: Message) -> None:
        reply = self._reply
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [*message["headers"], *PRIVATE, (b"x-request-id", reply.request_id.encode())]
            return
        part: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        if more and not self._streams:
            self._streams = True
            await reply.open_as(self._status, self._headers)
        if not self._streams:
            self._body = part
            return
        if part:
            await reply.write(part)
        if not more:
            await reply.end()

    async def finish(self) -> None:
        """Sends what came in one piece."""
        if not self._streams:
            kept = [(name, value) for name, value in self._headers if name.lower() != b"content-length"]
            await self._reply.answer_as(self._status, kept, self._body)


def _scope(request: Request, reply: AsgiReply) -> Scope:
    """The scope for FastAPI: HEAD is GET there, and its answer's body ends at the server."""
    method = request.scope["method"]
    state = {
        "actor": request.actor,
        "who": request.who,
        "route": request.route,
        "request_id": reply.request_id,
    }
    return {**request.scope, "method": "GET" if method == "HEAD" else method, "state": state}
