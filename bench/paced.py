"""An upstream that writes each chunk of a stream on its own: `python -m bench.paced PORT`.

Each chunk is one write, so it reaches the one under test as a segment of its own, which nginx does not
do with a file. `GET /control?interval=0.005&chunks=200` sets the pace of streams that begin later, and
answers with the counts so far.
"""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

import uvloop

from bench.spoken import DIALECTS, Spoken
from bench.ways import provider

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def framed(data: bytes) -> bytes:
    """One piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Framed:
    """A dialect's stream as pieces of a chunked body."""

    def __init__(self, spoken: Spoken) -> None:
        self.first = HEAD + (framed(spoken.first) if spoken.first else b"")
        self.chunks = [framed(chunk) for chunk in spoken.chunks]
        self.last = framed(spoken.last) + b"0\r\n\r\n"


STREAMS = {provider(dialect, "paced"): Framed(spoken) for dialect, spoken in DIALECTS.items()}


class Pace:
    """What new streams are like, and what was written so far."""

    def __init__(self) -> None:
        self.interval_s = 0.005
        self.chunks = 200
        self.written = 0
        self.open = 0


class Stream(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pace: Pace) -> None:
        self._loop = loop
        self._pace = pace
        self._held = b""
        self._left = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """A client is there."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A request, or a part of it."""
        self._held += data
        head, mark, rest = self._held.partition(b"\r\n\r\n")
        if not mark or len(rest) < _length(head):
            return
        self._held = b""
        self._answer(urlsplit(head.split(b" ", 2)[1].decode()))

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._pace.open -= 1

    def _answer(self, url) -> None:
        if url.path == "/control":
            self._control(parse_qs(url.query))
            return
        self._stream = STREAMS[url.path.split("/", 2)[1]]
        self._pace.open += 1
        self._left = self._pace.chunks
        self._interval_s = self._pace.interval_s
        self._transport.write(self._stream.first)
        self._timer = self._loop.call_later(self._interval_s, self._tick)

    def _tick(self) -> None:
        if self._left:
            self._left -= 1
            self._pace.written += 1
            chunks = self._stream.chunks
            self._transport.write(chunks[-1 - self._left % len(chunks)])
            self._timer = self._loop.call_later(self._interval_s, self._tick)
        else:
            self._timer = None
            self._pace.open -= 1
            self._transport.write(self._stream.last)

    def _control(self, query: dict[str, list[str]]) -> None:
        pace = self._pace
        pace.interval_s = float(query.get("interval", [pace.interval_s])[0])
        pace.chunks = int(query.get("chunks", [pace.chunks])[0])
        body = json.dumps({"written": pace.written, "open": pace.open}).encode()
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


async def main() -> None:
    """Serves until the process is ended."""
    loop = asyncio.get_running_loop()
    pace = Pace()
    server = await loop.create_server(lambda: Stream(loop, pace), "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
