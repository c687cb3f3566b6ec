"""A timer that is cheap to set and to clear again, for limits that nearly never pass."""

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls `ring` once the time set last has passed and was not cleared.

    The loop's timer is left running when the alarm is cleared, and only looked at when it fires: a
    connection that carries thousands of short calls sets the loop's timer once a minute.
    """

    __slots__ = ("_deadline", "_loop", "_ring", "_timer", "delay_s", "stage")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self.delay_s = 0.0  # as it was set last
        self.stage = ""
        self._loop = loop
        self._ring = ring
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, delay_s: float, stage: str = "") -> None:
        """Ring in `delay_s` seconds instead of whenever it was to ring before; `stage` is what waits."""
        self.delay_s, self.stage = delay_s, stage
        self._deadline = deadline = self._loop.time() + delay_s
        timer = self._timer
        if timer is None or timer.when() > deadline:
            if timer is not None:
                timer.cancel()
            self._timer = self._loop.call_at(deadline, self._fire)

    def clear(self) -> None:
        """Do not ring."""
        self._deadline = None

    def drop(self) -> None:
        """Do not ring, and let go of the loop's timer: this alarm has served."""
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._fire)
            return
        self._deadline = None
        self._ring()
