"""What a process does again and again beside its calls: one task each, which no failure ends."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

log = logging.getLogger("xroute")

Work = Callable[[], Awaitable[Any]]


class Chores:
    """The tasks of a process. The last resort for what goes wrong in the background is here."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.failures = 0

    def every(self, seconds: float, name: str, work: Work, *, first_s: float | None = None) -> None:
        """Does it after each pause of so many seconds; the first one may be another."""
        self._tasks[name] = asyncio.create_task(self._again(seconds, name, work, first_s), name=name)

    async def close(self) -> None:
        """Ends them all, wherever they are."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    async def _again(self, seconds: float, name: str, work: Work, first_s: float | None) -> None:
        await asyncio.sleep(seconds if first_s is None else first_s)
        while True:
            try:
                await work()
            except Exception:
                # The background-task runner: logged whole, and tried again at its time.
                self.failures += 1
                log.exception("%s failed; it is tried again in %g s", name, seconds)
            await asyncio.sleep(seconds)
