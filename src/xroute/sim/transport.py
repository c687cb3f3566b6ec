"""The simulator in this process: the gateway calls it as any provider, and there is no socket."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from xroute.errors import ConnectError, CutError, ProtocolError, TimedOut
from xroute.sim.ask import SimRequest
from xroute.sim.plan import Profile
from xroute.sim.steps import Bytes, Cut, End, Hang, Head, Reset, Step, Wait
from xroute.wire.http import Body, Exchange, Target, Timeouts

if TYPE_CHECKING:
    from xroute.sim.served import Served
    from xroute.sim.service import Service

Sleep = Callable[[float], Awaitable[None]]


class SimTransport:
    """A `wire.http.Transport` that plays the simulator's steps; a sleep must move the clock given with it."""

    def __init__(
        self,
        profile: Profile | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        served: "Served | None" = None,
    ) -> None:
        self._profile = profile or Profile()
        self._served = served
        self._now = now
        self._sleep = sleep

    @cached_property
    def service(self) -> "Service":
        """What answers; made for the first call."""
        # It speaks every dialect: to import them all takes longer than to start a gateway.
        from xroute.sim.service import Service

        return Service(self._profile, self._now, self._served)

    async def send(self, method: str, target: Target, body: Body, timeouts: Timeouts) -> Exchange:
        """One request. The path is what follows `sim:` in the target, or that of a whole URL."""
        headers = {name.lower(): value for name, value in target.headers}
        whole = body if isinstance(body, bytes) else b"".join(body)
        request = SimRequest(method, _path(target.url, method), headers, whole)
        exchange = SimExchange(self.service, request, self._sleep, timeouts)
        await exchange.open()
        return exchange

    async def close(self) -> None:
        """Nothing is kept open between exchanges."""


def _path(url: str, method: str) -> str:
    """The path with its query, which says how Gemini is to stream."""
    parts = urlsplit(url)
    if parts.query:
        return f"{parts.path}?{parts.query}"
    return parts.path or ("/v1/models" if method == "GET" else "/v1/chat/completions")


class SimExchange:
    """One answer under way; `open` brings its head."""

    def __init__(self, service: "Service", request: SimRequest, sleep: Sleep, timeouts: Timeouts) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._service = service
        self._sleep = sleep
        self._timeouts = timeouts
        self._steps: Iterator[Step] = service.begin(request)
        self._due = service.now()  # when the next step happens
        self._ended: Step | None = None
        service.open += 1

    async def open(self) -> None:
        """Waits for the head; ConnectError or TimedOut("first_byte") in its place."""
        try:
            step = await self._next("first_byte", self._timeouts.first_byte)
        except TimedOut:  # nobody holds this exchange yet, so nobody could close it
            self.close()
            raise
        if not isinstance(step, Head):
            raise ConnectError("the simulator reset the connection")
        self.status, self.headers = step.status, step.headers

    def whole(self, limit: int) -> bytes | None:
        """Never here at once."""
        return None

    async def read(self, limit: int) -> bytes:
        """The whole body."""
        parts: list[bytes] = []
        size = 0
        while data := await self.chunk(self._timeouts.between_chunks):
            size += len(data)
            if size > limit:
                self.close()
                raise ProtocolError(f"the answer is larger than {limit} bytes")
            parts.append(data)
        return b"".join(parts)

    async def chunk(self, timeout_s: float | None) -> bytes:
        """The next piece, b"" at the end."""
        if self._ended is None:
            step = await self._next("between_chunks", timeout_s)
            if isinstance(step, Bytes):
                return step.data
            if isinstance(step, Cut) and (data := step.data[: len(step.data) // 2]):
                return data
        if isinstance(self._ended, End):
            return b""
        raise CutError("the simulator ended the connection before its answer")

    def close(self) -> None:
        """Ends the exchange, wherever it stands."""
        self._end(Reset())

    async def _next(self, stage: str, limit_s: float | None) -> Step:
        """The next step but waits. Cancellation ends the exchange; a limit that passed does not."""
        try:
            step = await self._played(stage, limit_s)
        except asyncio.CancelledError:
            self.close()
            raise
        if isinstance(step, End | Reset | Cut):
            self._end(step)
        return step

    async def _played(self, stage: str, limit_s: float | None) -> Step:
        until = math.inf if limit_s is None else self._service.now() + limit_s
        waited = await self._wait(stage, until, limit_s)
        for step in self._steps:
            if isinstance(step, Hang | Wait):
                self._due += math.inf if isinstance(step, Hang) else step.seconds
                waited = await self._wait(stage, until, limit_s) or waited
                continue
            if not waited:
                await self._sleep(0)  # so that a long answer leaves the loop to others too
            return step
        return End()

    async def _wait(self, stage: str, until: float, limit_s: float | None) -> bool:
        now = self._service.now()
        if self._due <= now:
            return False
        if self._due > until:
            await self._sleep(until - now)
            raise TimedOut(stage, limit_s or 0.0)
        if self._due == math.inf:
            await asyncio.get_running_loop().create_future()
        await self._sleep(self._due - now)
        return True

    def _end(self, step: Step) -> None:
        if self._ended is None:
            self._ended = step
            self._service.open -= 1
            self._service.leave(self._steps)
