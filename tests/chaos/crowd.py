"""Clients that call all at once, and write down what each of them saw."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import h11
from tests.chaos.site import ADMIN, MODEL, WORKSPACE

PATIENCE_S = 60.0


@dataclass(slots=True)
class Seen:
    """What one client saw of its call. `user` names the call in every record of it."""

    user: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    began: float = 0.0  # unix seconds
    took_s: float = 0.0
    is_whole: bool = False  # the answer is complete, as far as HTTP goes

    @property
    def id(self) -> str:
        return self.headers.get("x-request-id", "")

    @property
    def error(self) -> str:
        """The code or the type of the error that it was told, in whatever place."""
        for event in self._events():
            if found := event.get("error"):
                return found.get("code") or found["metadata"]["error_type"]
        return ""

    @property
    def is_answered(self) -> bool:
        """It has an answer with nothing missing."""
        done = b"data: [DONE]" in self.body or not self.headers.get("content-type", "").startswith(
            "text/event"
        )
        return self.status == 200 and self.is_whole and done and not self.error

    @property
    def usage(self) -> dict[str, Any]:
        """What it was told of tokens and cost."""
        return next((event["usage"] for event in reversed(self._events()) if event.get("usage")), {})

    @property
    def cost_nano(self) -> int | None:
        """What it was told that the call costs."""
        cost = self.usage.get("cost")
        return None if cost is None else round(cost * 1_000_000_000)

    def _events(self) -> list[dict[str, Any]]:
        if not self.body.startswith((b"data:", b":")):
            return [json.loads(self.body)] if self.is_whole and self.body else []
        lines = [line[6:] for line in self.body.split(b"\n") if line.startswith(b"data: {")]
        if not self.is_whole and lines and not self.body.endswith(b"\n"):
            lines.pop()
        return [json.loads(line) for line in lines]


@dataclass(slots=True)
class Crowd:
    """Calls one gateway with one key."""

    port: int
    key: str
    model: str = MODEL
    seen: list[Seen] = field(default_factory=list[Seen])

    async def call(
        self,
        user: str,
        *,
        tokens: int = 50,
        stream: bool = False,
        leave_after: int | None = None,
        patience_s: float = PATIENCE_S,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Seen:
        """One call to its end, or until so many bytes of its answer are in, or for so long. Never raises."""
        asked: dict[str, Any] = {"model": self.model, "max_tokens": tokens, "user": user, "stream": stream}
        asked |= {"messages": [{"role": "user", "content": f"Hello from {user}"}]}
        if stream:
            asked["stream_options"] = {"include_usage": True}
        found = Seen(user, began=time.time())
        self.seen.append(found)
        fields = {"authorization": f"Bearer {self.key}", **(headers or {})}
        try:
            async with asyncio.timeout(patience_s):
                body = json.dumps(asked | more).encode()
                await _exchange(self.port, "POST", "/v1/chat/completions", fields, body, found, leave_after)
        except (OSError, EOFError, TimeoutError, h11.RemoteProtocolError):
            found.is_whole = False
        found.took_s = time.time() - found.began
        return found


async def manage(port: int, method: str, path: str, body: Any = None) -> Any:
    """What the management API answers to its administrator; AssertionError for a refusal."""
    found = Seen("")
    data = b"" if body is None else json.dumps(body).encode()
    fields = {"authorization": f"Bearer {ADMIN}", "x-xroute-workspace": WORKSPACE}
    async with asyncio.timeout(PATIENCE_S):
        await _exchange(port, method, f"/api/v1/{path}", fields, data, found, None)
    assert found.status < 300, found.body
    return json.loads(found.body) if found.body else None


async def _exchange(
    port: int,
    method: str,
    path: str,
    fields: Mapping[str, str],
    body: bytes,
    found: Seen,
    leave_after: int | None,
) -> None:
    """One request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=1024 * 1024)
        head = {"host": "xroute", "content-type": "application/json", "connection": "close", **fields}
        head["content-length"] = str(len(body))
        request = h11.Request(method=method, target=path, headers=list(head.items()))
        writer.write(b"".join(filter(None, [http.send(each) for each in _events(request, body)])))
        await writer.drain()
        await _read(http, reader, found, leave_after)
    finally:
        writer.transport.abort()


def _events(request: h11.Request, body: bytes) -> list[h11.Event]:
    return [request, h11.Data(data=body), h11.EndOfMessage()] if body else [request, h11.EndOfMessage()]


async def _read(
    http: h11.Connection, reader: asyncio.StreamReader, found: Seen, leave_after: int | None
) -> None:
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Response):
            found.status = event.status_code
            found.headers = {name.decode(): value.decode() for name, value in event.headers}
        elif isinstance(event, h11.Data):
            found.body += event.data
            if leave_after is not None and len(found.body) >= leave_after:
                return
        elif isinstance(event, h11.EndOfMessage):
            found.is_whole = True
            return
        elif isinstance(event, h11.ConnectionClosed):
            return
