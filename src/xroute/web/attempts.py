"""How often something may be tried, per caller and per whom it is about: passwords are guessed by trying."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from xroute.errors import RateLimited
from xroute.limits.rate import Rate

MOST = 20_000  # subjects that are remembered; the one that was seen longest ago is forgotten first


class Attempts:
    """At most `limit` in any `period_s` seconds for each subject. Kept in this process alone."""

    def __init__(
        self, limit: int, period_s: float, clock: Callable[[], float] = time.time, most: int = MOST
    ) -> None:
        self._limit = limit
        self._period_s = period_s
        self._clock = clock
        self._most = most
        self._rates: OrderedDict[str, Rate] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rates)

    def take(self, subject: str) -> None:
        """Counts one; RateLimited, with the seconds to wait, where it is one too many."""
        now = self._clock()
        rate = self._rates.get(subject) or self._rates.setdefault(subject, Rate(self._period_s))
        self._rates.move_to_end(subject)
        if len(self._rates) > self._most:
            self._rates.popitem(last=False)
        if not rate.has_room(1, self._limit, now):
            after_s = rate.retry_after_s(1, self._limit, now) or self._period_s
            raise RateLimited(
                f"Too many attempts. Try again in {math.ceil(after_s)} s.",
                code="too_many_attempts",
                retry_after_s=after_s,
            )
        rate.take(1, now)
