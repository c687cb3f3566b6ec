"""What adds up until a window ends, and what is under way at once."""

from collections import deque
from typing import Any, Protocol

NEVER = float("inf")
SOON_S = 1.0  # when to ask again for what calls under way have: when they end nobody knows


class Counter(Protocol):
    """One counter, whatever it counts. Amounts are whole numbers, times unix seconds.

    What is taken is added to `used`, whether it fits or not. Of a purse and of slots nothing more is to be
    done, so that this is done where it is needed, without a call for each gate of each call.
    """

    used: int  # what counts against a limit
    plans: int  # that count here: see limits.plans

    def has_room(self, amount: int, limit: float, now: float) -> bool:
        """Whether so much more stays within the limit; nothing always does."""
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
    """What is spent of a limit in one window, and what calls under way hold of it: both are used."""

    __slots__ = ("line", "plans", "spent", "until", "used")

    def __init__(self, until: float, spent: int = 0) -> None:
        self.spent = self.used = spent
        self.until = until
        self.plans = 0
        self.line: deque[Any] | None = None  # who waits for what is held: limits.line.Waiting

    def __repr__(self) -> str:
        return f"Purse({self.spent} spent, {self.held} held)"

    @property
    def held(self) -> int:
        """By calls under way."""
        return self.used - self.spent

    def load(self, spent: int) -> None:
        """So much was spent before anything was counted here; what is counted is never made less."""
        more = max(spent - self.spent, 0)
        self.spent += more
        self.used += more

    def has_room(self, amount: int, limit: float, now: float) -> bool:
        return self.used + amount <= limit or not amount

    def left(self, limit: int, now: float) -> int:
        return max(limit - self.used, 0)

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

    def has_room(self, amount: int, limit: float, now: float) -> bool:
        return self.used + amount <= limit

    def left(self, limit: int, now: float) -> int:
        return max(limit - self.used, 0)

    def retry_after_s(self, amount: int, limit: int, now: float) -> float | None:
        return SOON_S if amount <= limit else None

    def is_idle(self, now: float) -> bool:
        return not self.used
