"""What is counted of every settled call, and shown to Prometheus when it asks.

Whole numbers of our own: the counters of prometheus_client take five times as long, for each call.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from xroute.wire.record import Record

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_UP_TO_MS = tuple(int(seconds * 1000) for seconds in SECONDS)


class Spread:
    """How many were up to so long, and all of their time."""

    __slots__ = ("counts", "sum_ms")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.sum_ms = 0

    def note(self, ms: int) -> None:
        self.counts[bisect_left(_UP_TO_MS, ms)] += 1
        self.sum_ms += ms

    def add_to(self, family: HistogramMetricFamily, labels: list[str]) -> None:
        """Buckets as Prometheus has them: each with all before it."""
        buckets, total = list[tuple[str, float]](), 0
        for upper, count in zip((*SECONDS, float("inf")), self.counts, strict=True):
            total += count
            buckets.append(("+Inf" if upper == float("inf") else str(float(upper)), total))
        family.add_metric(labels, buckets, self.sum_ms / 1000)


class Tally:
    """Calls with the same provider, model and outcome."""

    __slots__ = ("calls", "is_used", "nano", "priced", "tokens_in", "tokens_out", "unpriced")

    def __init__(self) -> None:
        self.calls = self.tokens_in = self.tokens_out = self.nano = self.priced = self.unpriced = 0
        self.is_used = False  # whether any was generated for


class Tallies(Collector):
    """Counters of one process; `record` is told of every settled call.

    A model that nobody served is no label.
    """

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str, str], Tally] = defaultdict(Tally)
        self._lasted: dict[str, Spread] = defaultdict(Spread)  # by provider
        self._began: dict[str, Spread] = defaultdict(Spread)
        self._tries = 0

    def record(self, s: Record) -> None:
        """Counts one settled call."""
        provider, usage = s.provider, s.usage
        tally = self._tallies[provider, s.model if provider else "", s.outcome]
        tally.calls += 1
        self._tries += len(s.attempts)
        self._lasted[provider].note(s.duration_ms)
        if s.ttft_ms is not None:
            self._began[provider].note(s.ttft_ms)
        if usage is None or not provider:
            return
        tally.is_used = True
        tally.tokens_in += usage.input
        tally.tokens_out += usage.output
        if s.cost_nano is None:
            tally.unpriced += 1
        else:
            tally.priced += 1
            tally.nano += s.cost_nano

    def collect(self) -> Iterator[Metric]:
        """The samples as they are now."""
        calls = CounterMetricFamily(
            "xroute_calls", "Calls by how they ended", labels=["provider", "model", "outcome"]
        )
        for labels, tally in self._tallies.items():
            calls.add_metric(labels, tally.calls)
        yield calls
        yield CounterMetricFamily("xroute_attempts", "Attempts made for calls", self._tries)
        yield from self._of_models()
        for name, text, spreads in (
            ("xroute_call_seconds", "Duration of calls", self._lasted),
            ("xroute_first_token_seconds", "Time to first token of streams", self._began),
        ):
            family = HistogramMetricFamily(name, text, labels=["provider"])
            for provider, spread in spreads.items():
                spread.add_to(family, [provider])
            yield family

    def _of_models(self) -> Iterator[Metric]:
        """What was used and what it cost, however the calls ended."""
        tokens = CounterMetricFamily("xroute_tokens", "Tokens", labels=["provider", "model", "kind"])
        cost = CounterMetricFamily(
            "xroute_cost_usd", "Cost where the price is known", labels=["provider", "model"]
        )
        unpriced = CounterMetricFamily(
            "xroute_unpriced_calls", "Calls whose price is not known", labels=["provider", "model"]
        )
        for labels, tally in self._by_model().items():
            tokens.add_metric([*labels, "input"], tally.tokens_in)
            tokens.add_metric([*labels, "output"], tally.tokens_out)
            if tally.priced:  # shown, never counted with: the ledger has whole nano-dollars
                cost.add_metric(labels, tally.nano / 1e9)
            if tally.unpriced:
                unpriced.add_metric(labels, tally.unpriced)
        yield from (tokens, cost, unpriced)

    def _by_model(self) -> dict[tuple[str, str], Tally]:
        found: dict[tuple[str, str], Tally] = defaultdict(Tally)
        for (provider, model, _), tally in self._tallies.items():
            if tally.is_used:
                total = found[provider, model]
                for name in ("tokens_in", "tokens_out", "nano", "priced", "unpriced"):
                    setattr(total, name, getattr(total, name) + getattr(tally, name))
        return found
