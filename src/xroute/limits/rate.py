"""What has been taken in the last minute: never more than the limit in any sixty seconds.

What comes within a twelfth of the period is counted in one bucket, and a bucket is forgotten as a whole when
the newest of it is a period old. So at most fourteen buckets are kept, what counts too long is at most what
came in five of the sixty seconds, and nobody waits longer than a period.
"""

from collections import deque

BUCKETS = 12  # of a period
NEVER = float("inf")


class _Bucket:
    """What was taken from `begun` to `last`."""

    __slots__ = ("amount", "begun", "last")

    def __init__(self, begun: float) -> None:
        self.begun = self.last = begun
        self.amount = 0


class Rate:
    """A counter that slides. Times are unix seconds; a clock set back by more than a period empties it."""

    __slots__ = ("_buckets", "_forgets", "_fresh", "_newest", "_period", "_width", "plans", "used")

    def __init__(self, period_s: float) -> None:
        self.used = 0  # perhaps more than counts now: what is too old is forgotten when that matters
        self.plans = 0  # that count here: see limits.plans
        self._period = period_s
        self._width = period_s / BUCKETS
        self._buckets: deque[_Bucket] = deque()
        self._newest = _Bucket(-NEVER)
        self._fresh = -NEVER  # before then the newest bucket takes all, and nothing is to be forgotten
        self._forgets = NEVER  # before then nothing is old enough to be forgotten

    def __repr__(self) -> str:
        return f"Rate({self.used} in {self._period:g} s)"

    def has_room(self, amount: int, limit: float, now: float) -> bool:
        """Whether so much more stays within the limit. Who takes nothing is never in the way."""
        self.forget(now)
        return self.used + amount <= limit or not amount

    def take(self, amount: int, now: float) -> None:
        """Counts, whether it fits or not: what is too much keeps later calls waiting."""
        self.used += amount
        self.note(amount, now)

    def note(self, amount: int, now: float) -> None:
        """What was added to `used` was taken now."""
        bucket = self._newest
        if not bucket.begun <= now < self._fresh:
            bucket = self._open(now)
        bucket.amount += amount
        if now > bucket.last:  # noqa: PLR1730 - a call of max() for each gate of each call costs more
            bucket.last = now

    def settle(self, held: int, actual: int, taken_s: float, now: float) -> None:
        """Corrects what was taken at `taken_s`: less is given back there, more is taken now."""
        if actual > held:
            self.take(actual - held, now)
        elif actual < held:
            self._give_back(held - actual, taken_s)

    def left(self, limit: int, now: float) -> int:
        """What may still be taken, 0 at the least."""
        self.forget(now)
        return max(limit - self.used, 0)

    def reset_s(self, now: float) -> float:
        """Seconds until it is as if nothing had been taken."""
        after_s = self._newest.last + self._period - now
        return after_s if after_s > 0 else 0.0

    def retry_after_s(self, amount: int, limit: int, now: float) -> float | None:
        """Seconds after which so much fits if nobody takes anything; None: it never does."""
        if amount > limit:
            return None
        self.forget(now)
        excess, after_s = self.used + amount - limit, 0.0
        for bucket in self._buckets:
            if excess <= 0:
                break
            excess -= bucket.amount
            after_s = bucket.last + self._period - now
        return after_s

    def is_idle(self, now: float) -> bool:
        """Whether nothing is lost when the counter is."""
        self.forget(now)
        return not self._buckets

    def forget(self, now: float) -> None:
        """What is too old counts no more."""
        if self._newest.begun <= now < self._forgets:
            return
        buckets, period = self._buckets, self._period
        is_set_back = now < self._newest.begun - period
        while buckets and (is_set_back or buckets[0].last + period <= now):
            self.used -= buckets.popleft().amount
        if buckets:
            self._forgets = buckets[0].last + period
        else:
            self._newest = _Bucket(-NEVER)
            self._fresh, self._forgets = -NEVER, NEVER

    def _open(self, now: float) -> _Bucket:
        """The bucket that counts what is taken now."""
        self.forget(now)
        bucket = self._newest
        if bucket.begun + self._width <= now:
            self._newest = bucket = _Bucket(now)
            self._buckets.append(bucket)
            self._forgets = min(self._forgets, now + self._period)
        self._fresh = min(bucket.begun + self._width, self._forgets)
        return bucket

    def _give_back(self, amount: int, taken_s: float) -> None:
        for bucket in reversed(self._buckets):
            if bucket.begun <= taken_s:
                amount = min(amount, bucket.amount)
                bucket.amount -= amount
                self.used -= amount
                return
