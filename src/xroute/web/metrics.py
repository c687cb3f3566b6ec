"""GET /metrics: what the process has done, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from xroute.gateway.fleet import Fleet
from xroute.store.bodies import Bodies
from xroute.web.asgi import AsgiReply
from xroute.web.edge import Request
from xroute.web.tallies import Tallies

STATES = {"closed": 0, "half_open": 1, "open": 2}


class Metrics:
    """Counters of one process; `record` is told of every settled call."""

    def __init__(self, fleet: Fleet, clock: Callable[[], float], streams: Callable[[], int]) -> None:
        self._fleet = fleet
        self._clock = clock
        self._streams_now = streams
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        tallies = Tallies()
        self.registry.register(tallies)
        self.record = tallies.record
        self._open = Gauge("xroute_open_streams", "Streams under way", registry=self.registry)
        self._breakers = Gauge(
            "xroute_breaker_state", "0 closed, 1 half-open, 2 open", ("deployment",), registry=self.registry
        )
        self._kept = Gauge(
            "xroute_bodies", "Calls whose bodies were to be kept", ("fate",), registry=self.registry
        )
        self.bodies: Bodies | None = None

    async def show(self, request: Request, reply: AsgiReply) -> None:
        """GET /metrics."""
        now = self._clock()
        self._open.set(self._streams_now())
        for deployment in self._fleet.made():
            self._breakers.labels(deployment.id).set(STATES[deployment.health.breaker.state(now)])
        if self.bodies is not None:
            for fate in ("written", "dropped", "lost"):
                self._kept.labels(fate).set(getattr(self.bodies, fate))
        await reply.answer_as(
            200, [(b"content-type", CONTENT_TYPE_LATEST.encode())], generate_latest(self.registry)
        )
