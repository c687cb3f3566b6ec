"""Calls at a constant rate, and how long each takes: no call waits for another's answer."""

import asyncio
import time

from bench.load import Ask, is_whole

DRAIN_S = 5.0


class _Line(asyncio.Protocol):
    """One connection, with at most one call on it."""

    def __init__(self, client: "_Client") -> None:
        self._client = client
        self._held = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def send(self) -> None:
        self._held = b""
        self._sent = time.perf_counter()
        self.transport.write(self._client.request)

    def data_received(self, data: bytes) -> None:
        self._held += data
        if is_whole(self._held):
            self._client.done(self, time.perf_counter() - self._sent, self._held.startswith(b"HTTP/1.1 200"))


class _Client:
    def __init__(self, request: bytes) -> None:
        self.request = request
        self.idle: list[_Line] = []
        self.took: list[float] = []
        self.bad = 0

    def done(self, line: _Line, seconds: float, good: bool) -> None:
        self.idle.append(line)
        self.took.append(seconds)
        self.bad += not good


async def latencies(ask: Ask, per_s: int, seconds: float, lines: int = 64) -> list[float]:
    """Seconds that each call took, sorted; RuntimeError if one failed or the rate was not held."""
    loop = asyncio.get_running_loop()
    client = _Client(ask.encode())
    for _ in range(lines):
        _, line = await loop.create_connection(lambda: _Line(client), "127.0.0.1", ask.port)
        client.idle.append(line)
    sent, total, began = 0, int(per_s * seconds), loop.time()
    while sent < total:
        due = min(total, int((loop.time() - began) * per_s))
        while sent < due:
            if not client.idle:
                _, line = await loop.create_connection(lambda: _Line(client), "127.0.0.1", ask.port)
                client.idle.append(line)
            client.idle.pop().send()
            sent += 1
        await asyncio.sleep(max(0.0, began + (sent + 1) / per_s - loop.time()))
    end = loop.time() + DRAIN_S
    while len(client.took) < total and loop.time() < end:
        await asyncio.sleep(0.02)
    for line in client.idle:
        line.transport.abort()
    if client.bad or len(client.took) < total:
        raise RuntimeError(f"{client.bad} calls failed, {total - len(client.took)} of {total} had no answer")
    return sorted(client.took)


def percentile(ordered: list[float], share: float) -> float:
    """The value below which this share of a sorted list lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
