"""A timer that is cheap to set and to clear again, for limits that nearly never pass."""

import asyncio
from collections.abc import Callable
from math import inf


class Alarm:
    """Calls `ring` once the time set last has passed and was not cleared.

    The loop's timer is left running when the alarm is cleared, and only looked at when it fires: a
    connection that carries thousands of short calls sets the loop's timer once a minute.
    """

    __slots__ = ("_deadline", "_due", "_loop", "_ring", "_timer", "delay_s", "stage")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self.delay_s = 0.0  # as it was set last
        self.stage = ""
        self._loop = loop
        self._ring = ring
        self._deadline: float | None = None
        self._due = inf  # when the loop's timer fires
        self._timer: asyncio.TimerHandle | None = None

    def set(self, delay_s: float, stage: str = "") -> None:
        """Ring in `delay_s` seconds instead of whenever it was to ring before; `stage` is what waits."""
        self.delay_s, self.stage = delay_s, stage
        self._deadline = deadline = self._loop.time() + delay_s
        if deadline < self._due:
            self._begin(deadline)

    def clear(self) -> None:
        """Do not ring."""
        self._deadline = None

    def drop(self) -> None:
        """Do not ring, and let go of the loop's timer: this alarm has served."""
        self._deadline = None
        self._stop()

    def _begin(self, due: float) -> None:
        self._stop()
        self._due, self._timer = due, self._loop.call_at(due, self._fire)

    def _stop(self) -> None:
        timer, self._timer, self._due = self._timer, None, inf
        if timer is not None:
            timer.cancel()

    def _fire(self) -> None:
        self._timer, self._due = None, inf
        if self._deadline is None:
            return
        if self._loop.time() < self._deadline:
            self._begin(self._deadline)
            return
        self._deadline = None
        self._ring()
