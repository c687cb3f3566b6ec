"""Calls that go on without their client: bounded in number, each with its events for who comes back."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from xroute.errors import CallError, RateLimited, ServerError
from xroute.gateway.reply import Headers

log = logging.getLogger("xroute.web")

MOST = 256  # calls under way
MAX_BYTES = 64 * 1024 * 1024  # of all events that are kept


class Reel:
    """A gateway.reply.Reply that keeps the events of a stream; the n-th one has the sequence number n."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.started = self.last_write = time.monotonic()
        self.opened = False
        self.writing_since = 0.0
        self.events: list[bytes] = []
        self.size = 0
        self.ended = False
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Reel {self.request_id}: {len(self.events)} events, {'ended' if self.ended else 'open'}>"

    def drop(self) -> None:
        """There is no client to give up."""

    def nudge(self, data: bytes) -> None:
        """Nobody listens to comments."""

    async def answer(
        self, status: int, headers: Headers, body: bytes, media: str = "application/json"
    ) -> None:
        """The answer is kept as a response: nothing to do."""

    async def open(self, headers: Headers) -> None:
        self.opened = True

    async def write(self, data: bytes) -> None:
        self.add(data)

    def add(self, data: bytes) -> None:
        """More events."""
        self.last_write = time.monotonic()
        self.events += [event + b"\n\n" for event in data.split(b"\n\n")[:-1]]
        self.size += len(data)
        self._wake()

    async def end(self) -> None:
        self.close()

    def close(self) -> None:
        """No more events."""
        self.ended = True
        self._wake()

    async def change(self, timeout_s: float) -> bool:
        """Waits for more; False when the time is over first."""
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Background:
    """The calls of a process that run in the background, by the id of their response."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._reels: OrderedDict[str, Reel] = OrderedDict()
        self._stopping = False

    def __repr__(self) -> str:
        return f"<Background, {len(self._tasks)} calls under way>"

    def room(self) -> None:
        """RateLimited where no more calls can be taken."""
        if len(self._tasks) >= self._most:
            raise RateLimited(
                f"There are {self._most} calls in the background already.", code="too_many_background_calls"
            )

    def start(
        self,
        id_: str,
        reel: Reel,
        work: Callable[[], Awaitable[None]],
        failed: Callable[[CallError], None],
    ) -> None:
        """Runs `work`; `failed` is told of an error."""
        self._reels[id_] = reel
        task = asyncio.ensure_future(_run(work, failed))
        self._tasks[id_] = task
        task.add_done_callback(lambda done: self._done(id_, reel, done, failed))

    def is_running(self, id_: str) -> bool:
        """Whether a response is being made."""
        return id_ in self._tasks

    def reel(self, id_: str) -> Reel | None:
        """The events of a response, while they are kept."""
        return self._reels.get(id_)

    async def cancel(self, id_: str) -> None:
        """Ends a call; returns when it has ended."""
        if task := self._tasks.get(id_):
            task.cancel()
            await asyncio.wait([task])

    async def close(self) -> None:
        """Ends every call; their responses are told as failed, for nobody will go on with them."""
        self._stopping = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
            await asyncio.sleep(0)  # what is called at their end runs in the loop's next round

    def forget(self, id_: str) -> None:
        """Gives up the events of a response."""
        self._reels.pop(id_, None)

    def _done(
        self, id_: str, reel: Reel, task: "asyncio.Task[None]", failed: Callable[[CallError], None]
    ) -> None:
        del self._tasks[id_]
        reel.close()
        if task.cancelled():
            if self._stopping:
                failed(ServerError("The server was stopped before this response was complete."))
        elif (error := task.exception()) is not None:
            # The runner of background work: a fault of ours is logged whole and told without detail.
            log.error("%s: a call in the background failed", reel.request_id, exc_info=error)
            failed(ServerError())
        self._shrink()

    def _shrink(self) -> None:
        """The oldest events go where there are too many; those of calls under way stay."""
        size = sum(reel.size for reel in self._reels.values())
        for id_ in [id_ for id_ in self._reels if id_ not in self._tasks]:
            if size <= MAX_BYTES and len(self._reels) <= self._most:
                return
            size -= self._reels.pop(id_).size


async def _run(work: Callable[[], Awaitable[None]], failed: Callable[[CallError], None]) -> None:
    try:
        await work()
    except CallError as error:
        failed(error)
