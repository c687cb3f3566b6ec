"""What adds up until a window ends, and what is under way at once."""

from collections import deque
from typing import Any, Protocol

NEVER = float("inf")
SOON_S = 1.0  # when to ask again for what calls under way have: when they end nobody knows


class Counter(Protocol):
    """One counter, whatever it counts. Amounts are whole numbers, times unix seconds."""

    plans: int  # that count here: see limits.plans

    def has_room(self, amount: int, limit: int, now: float) -> bool:
        """Whether so much more stays within the limit; nothing always does."""
        ...

    def take(self, amount: int, now: float) -> None:
        """Counts, whether it fits or not."""
        ...

    def settle(self, held: int, actual: int, taken_s: float, now: float) -> None:
        """Puts the truth in the place of what was taken at `taken_s`."""
        ...

    def left(self, limit: int, now: float) -> int:
        """What may still be taken, 0 at the least."""
        ...

    def retry_after_s(self, amount: int, limit: int, now: float) -> float | None:
        """Seconds after which so much may fit; None: waiting does not help."""
        ...

    def is_idle(self, now: float) -> bool:
        """Whether nothing is lost when the counter is."""
        ...


class Purse:
    """What is spent of a limit in one window, and what calls under way hold of it."""

    __slots__ = ("held", "line", "plans", "spent", "until")

    def __init__(self, until: float, spent: int = 0) -> None:
        self.spent = spent
        self.held = 0
        self.until = until
        self.plans = 0
        self.line: deque[Any] | None = None  # who waits for what is held: limits.line.Waiting

    def __repr__(self) -> str:
        return f"Purse({self.spent} spent, {self.held} held)"

    def has_room(self, amount: int, limit: int, now: float) -> bool:
        return self.spent + self.held + amount <= limit or not amount

    def take(self, amount: int, now: float) -> None:
        self.held += amount

    def settle(self, held: int, actual: int, taken_s: float, now: float) -> None:
        self.held -= held
        self.spent += actual

    def left(self, limit: int, now: float) -> int:
        return max(limit - self.spent - self.held, 0)

    def retry_after_s(self, amount: int, limit: int, now: float) -> float | None:
        """Until the next window, whose purse is another one."""
        return max(self.until - now, 0.0) if amount <= limit and self.until < NEVER else None

    def is_idle(self, now: float) -> bool:
        return not self.held and (not self.spent or now >= self.until)


class Slots:
    """How many calls are under way."""

    __slots__ = ("plans", "used")

    def __init__(self) -> None:
        self.used = 0
        self.plans = 0

    def __repr__(self) -> str:
        return f"Slots({self.used} used)"

    def has_room(self, amount: int, limit: int, now: float) -> bool:
        return self.used + amount <= limit

    def take(self, amount: int, now: float) -> None:
        self.used += amount

    def settle(self, held: int, actual: int, taken_s: float, now: float) -> None:
        self.used -= held

    def left(self, limit: int, now: float) -> int:
        return max(limit - self.used, 0)

    def retry_after_s(self, amount: int, limit: int, now: float) -> float | None:
        return SOON_S if amount <= limit else None

    def is_idle(self, now: float) -> bool:
        return not self.used
