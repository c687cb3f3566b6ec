"""A circuit breaker: stops sending to what fails, and lets one call through to see if it is back.

    closed     calls pass; opens after `consecutive` failures in a row, or at `error_rate` over a window
    open       no calls until `until`; each opening in a row doubles the cooldown
    half-open  `until` has passed: one call passes as a probe; its end closes or opens again

A pause is an opening that the provider asked for (Retry-After): a call that began before it and ends well
does not end it. A slow answer is not a failure. Times are seconds of any monotonic clock, given as arguments.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When to open, and for how long."""

    window_s: float = 30.0
    min_calls: int = 10  # calls in the window before the error rate counts
    error_rate: float = 0.5
    consecutive: int = 5
    cooldown_s: float = 5.0
    max_cooldown_s: float = 120.0


NEVER = float("-inf")
MAX_KEPT = 1000  # calls remembered of a window, so that memory is bounded at any rate


class Breaker:
    """State of one deployment or credential."""

    __slots__ = (
        "_bad",
        "_calls",
        "_in_row",
        "_opened",
        "_probe",
        "_rules",
        "_since",
        "asked",
        "reason",
        "until",
    )

    def __init__(self, rules: BreakerRules) -> None:
        self._rules = rules
        self._calls: deque[float] = deque(maxlen=MAX_KEPT)  # when each ended; `_seen` drops what is old
        self._bad: deque[float] = deque(maxlen=MAX_KEPT)  # those of them that failed
        self._in_row = 0
        self._opened = 0  # openings in a row
        self._probe = NEVER  # when a probe began
        self._since = NEVER  # when it opened last
        self.asked = 0.0  # the provider asked for a pause until then
        self.until = 0.0  # open until then; 0 = closed
        self.reason = ""

    def state(self, now: float) -> State:
        if not self.until:
            return "closed"
        return "open" if now < self.until else "half_open"

    def allows(self, now: float) -> bool:
        """Whether a call may pass: closed, or half-open with no probe under way."""
        if not self.until:
            return True
        return now >= self.until and now - self._probe >= self._rules.cooldown_s

    def begin(self, now: float) -> None:
        """A call passes; in the half-open state it is the probe."""
        if self.until and now >= self.until:
            self._probe = now

    def success(self, now: float, began: float | None = None) -> None:
        """A call ended well: closes, but for a pause that the provider asked for.

        A call that began before the breaker opened says nothing of now, so it changes nothing.
        """
        if self.until:
            if began is not None and began < self._since:
                return
            if now >= self.asked:
                self._close()
        self._in_row = self._opened = 0
        self._calls.append(now)

    def failure(self, now: float, reason: str, began: float | None = None) -> None:
        """A call failed: opens when the rules say so; not for one that began before it opened."""
        if self.until and began is not None and began < self._since:
            return
        self._in_row += 1
        self._calls.append(now)
        self._bad.append(now)
        calls, bad = self._seen(now)
        too_many = calls >= self._rules.min_calls and bad >= self._rules.error_rate * calls
        if now < self.until:
            return  # a last resort that failed: nothing new
        if self.until or self._in_row >= self._rules.consecutive or too_many:
            self.open(now, self._cooldown(), reason)

    def pause(self, now: float, for_s: float, reason: str) -> None:
        """Opens for a time that the provider named, such as Retry-After; never shortens."""
        self.asked = max(self.asked, now + for_s)
        self.open(now, for_s, reason)

    def open(self, now: float, for_s: float, reason: str) -> None:
        """Opens for so long; never shortens. The reason is that of whoever opened it longest."""
        if now >= self.until:
            self._opened += 1
            self._since = now
        if now + for_s >= self.until:
            self.until, self.reason = now + for_s, reason
        self._probe = NEVER

    def _cooldown(self) -> float:
        return min(self._rules.cooldown_s * 2 ** min(self._opened, 20), self._rules.max_cooldown_s)

    def _close(self) -> None:
        self.until = self.asked = 0.0
        self._probe = NEVER
        self.reason = ""
        self._calls.clear()
        self._bad.clear()

    def _seen(self, now: float) -> tuple[int, int]:
        """(the calls of the window, those of them that failed) as the last of them ends."""
        calls, bad, window_s = self._calls, self._bad, self._rules.window_s
        while now - calls[0] > window_s:
            calls.popleft()
        while bad and bad[0] < calls[0]:
            bad.popleft()
        return len(calls), len(bad)

    def __repr__(self) -> str:
        calls, bad = self._seen(self._calls[-1]) if self._calls else (0, 0)
        return f"Breaker({calls} calls, {bad} bad, {self._in_row} in a row, until {self.until:g})"
