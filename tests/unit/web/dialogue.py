"""Scripted dialogues with the application: ASGI's own messages, no server and no socket."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

KEY = "sk-client-1"


@dataclass
class Answer:
    """What the application sent."""

    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> int:
        [start] = [m for m in self.messages if m["type"] == "http.response.start"]
        return start["status"]

    @property
    def headers(self) -> dict[str, str]:
        [start] = [m for m in self.messages if m["type"] == "http.response.start"]
        return {name.decode(): value.decode() for name, value in start["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.messages if m["type"] == "http.response.body")

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        return self.json["error"]


def request(method: str, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """An ASGI scope."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "replace"),
        "query_string": b"",
        "root_path": "",
        "headers": [(n.encode("latin-1"), v.encode("latin-1")) for n, v in (headers or {}).items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8790),
    }


async def ask(
    serve: Any,
    method: str,
    path: str,
    body: bytes | Iterable[bytes] = b"",
    *,
    key: str | None = KEY,
    leaves: bool = False,
    **headers: str,
) -> Answer:
    """One request whole, or in pieces; a client that `leaves` goes away after what it has said."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        named.setdefault("authorization", f"Bearer {key}")
    pieces = [body] if isinstance(body, bytes) else list(body)
    said = [
        {"type": "http.request", "body": piece, "more_body": leaves or place < len(pieces) - 1}
        for place, piece in enumerate(pieces)
    ]
    answer = Answer()

    async def receive() -> dict[str, Any]:
        if said:
            return said.pop(0)
        if not leaves:
            await asyncio.Event().wait()  # the client waits for its answer
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        answer.messages.append(message)

    await serve(request(method, path, named), receive, send)
    return answer
