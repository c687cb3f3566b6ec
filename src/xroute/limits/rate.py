"""What has been taken in the last minute: never more than the limit in any sixty seconds.

What comes within a twelfth of the period is counted in one bucket, and a bucket is forgotten as a whole when
the newest of it is a period old. So at most fourteen buckets are kept, what counts too long is at most what
came in five of the sixty seconds, and nobody waits longer than a period.
"""

from collections import deque

BUCKETS = 12  # of a period
NEVER = float("inf")


class _Bucket:
    """What was taken from `begun` to `last`, before the open bucket began."""

    __slots__ = ("amount", "begun", "last")

    def __init__(self, begun: float, last: float, amount: int) -> None:
        self.begun = begun
        self.last = last
        self.amount = amount


class Rate:
    """A counter that slides. Times are unix seconds; a clock set back by more than a period empties it.

    The open bucket, in which is counted what is taken now, has all of `used` that is in no other. So who
    takes something adds it to `used`, and sets `last` where now is from that on and before `fresh`; else
    `advance` does what is to be done.
    """

    __slots__ = (
        "_begun", "_buckets", "_forgets", "_older", "_width", "fresh", "last", "period_s", "plans", "used",
    )  # fmt: skip

    def __init__(self, period_s: float) -> None:
        self.used = 0  # perhaps more than counts now: what is too old is forgotten when that matters
        self.plans = 0  # that count here: see limits.plans
        self.period_s = period_s
        self.last = -NEVER  # when something was taken
        self.fresh = (
            -NEVER
        )  # before then the open bucket takes all, and nothing is old enough to be forgotten
        self._width = period_s / BUCKETS
        self._begun = -NEVER  # of the open bucket
        self._buckets: deque[_Bucket] = deque()  # before it
        self._older = 0  # the sum of these
        self._forgets = NEVER  # before then nothing is old enough to be forgotten

    def __repr__(self) -> str:
        return f"Rate({self.used} in {self.period_s:g} s)"

    def has_room(self, amount: int, limit: float, now: float) -> bool:
        """Whether so much more stays within the limit. Who takes nothing is never in the way."""
        self.forget(now)
        return self.used + amount <= limit or not amount

    def take(self, amount: int, now: float) -> None:
        """Counts, whether it fits or not: what is too much keeps later calls waiting."""
        self.used += amount
        if self.last <= now < self.fresh:
            self.last = now
        else:
            self.advance(amount, now)

    def advance(self, amount: int, now: float) -> None:
        """What was just added to `used` is in the next bucket, or what is old is forgotten first."""
        self.used -= amount
        self.forget(now)
        if self._begun + self._width <= now:
            self._close(now)
        elif self.last < now:
            self.last = now
        self.fresh = min(self._begun + self._width, self._forgets)
        self.used += amount

    def settle(self, held: int, actual: int, taken_s: float, now: float) -> None:
        """Corrects what was taken at `taken_s`: less is given back there, more is taken now."""
        if actual > held:
            self.take(actual - held, now)
        elif taken_s >= self._begun:
            self.used -= min(held - actual, self.used - self._older)
        else:
            self._give_back(held - actual, taken_s)

    def left(self, limit: int, now: float) -> int:
        """What may still be taken, 0 at the least."""
        self.forget(now)
        return max(limit - self.used, 0)

    def reset_s(self, now: float) -> float:
        """Seconds until it is as if nothing had been taken."""
        return max(self.last + self.period_s - now, 0.0)

    def retry_after_s(self, amount: int, limit: int, now: float) -> float | None:
        """Seconds after which so much fits if nobody takes anything; None: it never does."""
        if amount > limit:
            return None
        self.forget(now)
        excess, after_s = self.used + amount - limit, 0.0
        for bucket in self._buckets:
            if excess <= 0:
                return after_s
            excess -= bucket.amount
            after_s = bucket.last + self.period_s - now
        return after_s if excess <= 0 else self.reset_s(now)

    def is_idle(self, now: float) -> bool:
        """Whether nothing is lost when the counter is."""
        self.forget(now)
        return self._begun == -NEVER

    def forget(self, now: float) -> None:
        """What is too old counts no more."""
        if self._begun <= now < self._forgets:
            return
        buckets, period_s = self._buckets, self.period_s
        is_set_back = now < self._begun - period_s
        while buckets and (is_set_back or buckets[0].last + period_s <= now):
            amount = buckets.popleft().amount
            self._older -= amount
            self.used -= amount
        if is_set_back or self.last + period_s <= now:
            self.used = 0
            self._begun = self.last = self.fresh = -NEVER
            self._forgets = NEVER
        else:
            self._forgets = (buckets[0].last if buckets else self.last) + period_s

    def _close(self, now: float) -> None:
        """Another bucket is open from now on."""
        if self._begun > -NEVER:
            self._buckets.append(_Bucket(self._begun, self.last, self.used - self._older))
            self._older = self.used
        self._begun = self.last = now
        self._forgets = min(self._forgets, now + self.period_s)

    def _give_back(self, amount: int, taken_s: float) -> None:
        for bucket in reversed(self._buckets):
            if bucket.begun <= taken_s:
                amount = min(amount, bucket.amount)
                bucket.amount -= amount
                self._older -= amount
                self.used -= amount
                return
