"""The simulator's state: how many requests came, when it started, which faults it met."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator

import orjson

from xroute.sim import failures
from xroute.sim.ask import SimRequest
from xroute.sim.plan import Profile
from xroute.sim.script import is_completion, scene
from xroute.sim.served import Served
from xroute.sim.steps import Step


class Service:
    """Numbers the requests and keeps the time for `script`; both carriers share it.

    `served` writes down what is sent.
    """

    def __init__(self, profile: Profile, now: Callable[[], float], served: Served | None = None) -> None:
        self.profile = profile
        self.now = now
        self._served = served
        self.started = now()
        self.requests = 0
        self.completions = 0
        self.open = 0  # answers under way
        self.faults: Counter[str] = Counter()

    def elapsed(self) -> float:
        """Seconds since the start, the time that windows are written in."""
        return self.now() - self.started

    def begin(self, request: SimRequest) -> Iterator[Step]:
        """The steps of the next request."""
        if request.path == "/sim/stats":
            return iter(failures.whole(200, orjson.dumps(self.stats())))
        self.requests += 1
        counted = is_completion(request)
        self.completions += counted
        found = scene(request, self.profile, self.completions if counted else 0, self.elapsed())
        if found.fault:
            self.faults[found.fault.kind] += 1
        if self._served is None or found.promise is None:
            return found.steps
        return self._served.follow(found.promise, found.steps)

    def leave(self, steps: Iterator[Step]) -> None:
        """The client of an answer has gone before its end."""
        if isinstance(steps, Generator):
            steps.close()

    def stats(self) -> dict[str, object]:
        """What `GET /sim/stats` shows."""
        return {
            "requests": self.requests,
            "completions": self.completions,
            "open": self.open,
            "faults": dict(self.faults),
            "uptime_s": round(self.elapsed(), 3),
        }
