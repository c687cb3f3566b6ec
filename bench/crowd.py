"""Many open streams at once, and what they cost in memory."""

import asyncio
from dataclasses import dataclass

from bench.load import Ask

RAMP_PER_S = 500  # streams begun per second
WANTED = 2  # chunks that each stream must have brought before it counts as open


class _Stream(asyncio.Protocol):
    """One client of the crowd."""

    def __init__(self, request: bytes, mark: bytes) -> None:
        self._request = request
        self._mark = mark
        self.chunks = 0
        self.lost = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.chunks += data.count(self._mark)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many streams were asked for, how many were flowing together, and the memory then."""

    asked: int
    flowing: int
    rss_mb: float
    cpu_share: float  # of one core, while they flow


async def gather(ask: Ask, count: int, measure, hold_s: float) -> Crowd:
    """Opens `count` streams and holds them; `measure` gives (CPU seconds, MB) of the one under test."""
    loop = asyncio.get_running_loop()
    request = ask.encode()
    streams: list[_Stream] = []
    for number in range(count):
        _, stream = await loop.create_connection(
            lambda: _Stream(request, b"chat.completion.chunk"), "127.0.0.1", ask.port
        )
        streams.append(stream)
        if number % (RAMP_PER_S // 20) == 0:
            await asyncio.sleep(0.05)
    deadline = loop.time() + 15
    while loop.time() < deadline and any(s.chunks < WANTED and not s.lost for s in streams):
        await asyncio.sleep(0.1)
    cpu, _ = measure()
    began = loop.time()
    await asyncio.sleep(hold_s)
    end, rss = measure()
    flowing = sum(s.chunks >= WANTED and not s.lost for s in streams)
    seconds = loop.time() - began
    for stream in streams:
        stream.close()
    await asyncio.sleep(0.5)
    return Crowd(count, flowing, rss, (end - cpu) / seconds)
