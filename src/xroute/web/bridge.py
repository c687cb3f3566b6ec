"""Runs the management API behind the edge."""

from collections.abc import Awaitable, Callable

from xroute.web.asgi import AsgiReply, Message, Receive, Scope, Send, read_body
from xroute.web.edge import Request

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Bridge:
    """The application is made at its first request: importing FastAPI takes half a second."""

    def __init__(self, make: Callable[[], App], max_body: int) -> None:
        self._make = make
        self._max_body = max_body
        self._app: App | None = None

    async def handle(self, request: Request, reply: AsgiReply) -> None:
        """One request, read whole within the body limit, and answered whole."""
        if self._app is None:
            self._app = self._make()
        body = await read_body(request.headers, request.receive, self._max_body)
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

        scope = {**request.scope, "state": {"principal": request.principal}}
        await self._app(scope, receive, send)
        kept = [(name, value) for name, value in started["headers"] if name.lower() != b"content-length"]
        kept.append((b"x-request-id", reply.request_id.encode()))
        await reply.answer_as(started["status"], kept, b"".join(parts))
