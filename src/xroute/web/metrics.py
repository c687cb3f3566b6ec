"""GET /metrics: what the process has done, for Prometheus."""

from collections.abc import Callable
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from xroute.gateway.fleet import Fleet
from xroute.gateway.settle import Settlement
from xroute.web.asgi import AsgiReply
from xroute.web.edge import Request

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
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
        labels = ("provider", "model", "outcome")
        self._calls = Counter("xroute_calls", "Calls by how they ended", labels, registry=self.registry)
        self._attempts = Counter("xroute_attempts", "Attempts made for calls", registry=self.registry)
        self._tokens = Counter(
            "xroute_tokens", "Tokens", ("provider", "model", "kind"), registry=self.registry
        )
        self._cost = Counter(
            "xroute_cost_usd", "Cost where the price is known", ("provider", "model"), registry=self.registry
        )
        self._unpriced = Counter(
            "xroute_unpriced_calls",
            "Calls whose price is not known",
            ("provider", "model"),
            registry=self.registry,
        )
        self._duration = Histogram(
            "xroute_call_seconds", "Duration of calls", ("provider",), buckets=SECONDS, registry=self.registry
        )
        self._ttft = Histogram(
            "xroute_first_token_seconds",
            "Time to first token of streams",
            ("provider",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._open = Gauge("xroute_open_streams", "Streams under way", registry=self.registry)
        self._breakers = Gauge(
            "xroute_breaker_state", "0 closed, 1 half-open, 2 open", ("deployment",), registry=self.registry
        )
        self._spent = lru_cache(maxsize=2048)(self._cost.labels)
        self._bound = lru_cache(maxsize=2048)(self._bind)

    def record(self, settlement: Settlement) -> None:
        """Counts one settled call."""
        s = settlement
        calls, tokens_in, tokens_out, duration = self._bound(s.provider, s.model, s.outcome)
        calls.inc()
        self._attempts.inc(s.attempts)
        duration.observe(s.duration_s)
        if s.ttft_s is not None:
            self._ttft.labels(s.provider).observe(s.ttft_s)
        if s.usage is None or not s.provider:
            return
        tokens_in.inc(s.usage.input)
        tokens_out.inc(s.usage.output)
        if s.cost_nano is None:
            self._unpriced.labels(s.provider, s.model).inc()
        else:
            self._spent(s.provider, s.model).inc(
                s.cost_nano / 1e9
            )  # shown, never counted with: the ledger has whole nano-dollars

    def _bind(self, provider: str, model: str, outcome: str):
        """The children of a label set, looked up once. A model that nobody served is no label."""
        model = model if provider else ""
        return (
            self._calls.labels(provider, model, outcome),
            self._tokens.labels(provider, model, "input"),
            self._tokens.labels(provider, model, "output"),
            self._duration.labels(provider),
        )

    async def show(self, request: Request, reply: AsgiReply) -> None:
        """GET /metrics."""
        now = self._clock()
        self._open.set(self._streams_now())
        for deployment in self._fleet.made():
            self._breakers.labels(deployment.id).set(STATES[deployment.health.breaker.state(now)])
        await reply.answer_as(
            200, [(b"content-type", CONTENT_TYPE_LATEST.encode())], generate_latest(self.registry)
        )
