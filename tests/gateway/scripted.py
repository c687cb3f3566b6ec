"""An upstream whose every byte the test decides, for what the simulator cannot do."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from tests.gateway.wires import SOON_S


@dataclass
class Seen:
    """One request as it came."""

    line: str
    headers: list[tuple[str, str]]
    body: dict[str, Any]
    at: float  # monotonic seconds
    raw: bytes = b""

    @property
    def names(self) -> dict[str, str]:
        return dict(self.headers)


class Visit:
    """One request under way, and the means to answer it."""

    def __init__(self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen = seen
        self._reader = reader
        self._writer = writer

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self._writer.write(part)
        await self._writer.drain()

    async def gone(self) -> None:
        """Until the gateway has ended the connection."""
        async with asyncio.timeout(SOON_S):
            try:
                assert await self._reader.read() == b""
            except ConnectionError:
                return

    def close(self) -> None:
        self._writer.close()


Script = Callable[[Visit], Awaitable[None]]


class Scripted:
    """The server: each request takes the next of `scripts`, the last one for all that follow."""

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.seen: list[Seen] = []
        self.ended: asyncio.Queue[float] = asyncio.Queue()  # when a watched connection was ended
        self.url = ""
        self._tasks: set[asyncio.Task[Any]] = set()

    def play(self, *scripts: Script | bytes) -> None:
        """What the next requests get."""
        self.scripts = [_script(each) for each in scripts]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while not writer.is_closing() and (seen := await _request(reader)):
                self.seen.append(seen)
                script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                await script(Visit(seen, reader, writer))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def scripting():
    """A scripted upstream on a free port."""
    upstream = Scripted()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, limit=64 * 1024 * 1024)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield upstream
    finally:
        server.close()
        await upstream.stop()


async def _request(reader: asyncio.StreamReader) -> Seen | None:
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    line, *rest = raw.decode("latin-1").split("\r\n")[:-2]
    headers = [(name.lower(), value.strip()) for name, _, value in (each.partition(":") for each in rest)]
    length = int(dict(headers).get("content-length", "0"))
    body = await reader.readexactly(length) if length else b"{}"
    read = orjson.loads(body) if body[:1] in b"{[" else {}
    return Seen(line, headers, read, time.monotonic(), body)


def _script(given: Script | bytes) -> Script:
    if not isinstance(given, bytes):
        return given

    async def send(visit: Visit) -> None:
        await visit.send(given)

    return send


def answer(body: Any, status: int = 200, **headers: str) -> bytes:
    """A whole answer."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    lines = {"content-type": "application/json", "content-length": str(len(raw))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    fields = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} X\r\n{fields}\r\n".encode("latin-1") + raw


def completion(text: str = "Hello", **more: Any) -> dict[str, Any]:
    """A `chat.completion`."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "up",
        "choices": [choice],
        "usage": usage,
    } | more


def error(status: int, message: str = "no", code: str | None = None, **headers: str) -> bytes:
    """An error as OpenAI writes it."""
    body = {"error": {"message": message, "type": "x", "param": None, "code": code}}
    return answer(body, status, **headers)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def chunked(data: bytes) -> bytes:
    """One chunk of HTTP's chunked coding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """One event of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "up", "choices": [choice]}
    return b"data: %b\n\n" % orjson.dumps(body | more)


def stream(*events: bytes) -> bytes:
    """A whole stream of these events."""
    return STREAM_HEAD + b"".join(map(chunked, events)) + STREAM_END


def words(*texts: str, usage: dict[str, Any] | None = None) -> list[bytes]:
    """The events of a good stream."""
    events = [event({"role": "assistant", "content": ""}), *(event({"content": text}) for text in texts)]
    events.append(event({}, "stop"))
    if usage:
        events.append(event({}, **{"choices": [], "usage": usage}))
    return [*events, DONE]
