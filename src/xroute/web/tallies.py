"""What is counted of every settled call, and shown to Prometheus when it asks.

Whole numbers of our own: the counters of prometheus_client take five times as long, for each call.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from operator import add
from typing import Self

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

    def __iadd__(self, other: Self) -> Self:
        self.counts = list(map(add, self.counts, other.counts))
        self.sum_ms += other.sum_ms
        return self

    def add_to(self, family: HistogramMetricFamily, labels: list[str]) -> None:
        """Buckets as Prometheus has them: each with all before it."""
        buckets, total = list[tuple[str, float]](), 0
        for upper, count in zip((*SECONDS, float("inf")), self.counts, strict=True):
            total += count
            buckets.append(("+Inf" if upper == float("inf") else str(float(upper)), total))
        family.add_metric(labels, buckets, self.sum_ms / 1000)


class Tally:
    """Calls with the same provider, model and outcome."""

    __slots__ = ("began", "lasted", "nano", "tokens_in", "tokens_out", "tries", "unpriced", "used")

    def __init__(self) -> None:
        self.lasted, self.began = Spread(), Spread()
        self.tries = self.used = self.tokens_in = self.tokens_out = self.nano = self.unpriced = 0


class Tallies(Collector):
    """Counters of one process; `record` is told of every settled call.

    A model that nobody served is no label.
    """

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str, str], Tally] = defaultdict(Tally)

    def record(self, s: Record) -> None:
        """Counts one settled call."""
        provider, usage = s.provider, s.usage
        tally = self._tallies[provider, s.model if provider else "", s.outcome]
        tally.tries += len(s.attempts)
        tally.lasted.note(s.duration_ms)
        if s.ttft_ms is not None:
            tally.began.note(s.ttft_ms)
        if usage is None or not provider:
            return
        tally.used += 1
        tally.tokens_in += usage.input
        tally.tokens_out += usage.output
        if s.cost_nano is None:
            tally.unpriced += 1
        else:
            tally.nano += s.cost_nano

    def collect(self) -> Iterator[Metric]:
        """The samples as they are now."""
        calls = CounterMetricFamily(
            "xroute_calls", "Calls by how they ended", labels=["provider", "model", "outcome"]
        )
        for labels, tally in self._tallies.items():
            calls.add_metric(labels, sum(tally.lasted.counts))
        yield calls
        tries = sum(tally.tries for tally in self._tallies.values())
        yield CounterMetricFamily("xroute_attempts", "Attempts made for calls", tries)
        yield from self._of_models()
        lasted, began = defaultdict[str, Spread](Spread), defaultdict[str, Spread](Spread)
        for (provider, *_), tally in self._tallies.items():
            lasted[provider] += tally.lasted
            if any(tally.began.counts):
                began[provider] += tally.began
        yield _family("xroute_call_seconds", "Duration of calls", lasted)
        yield _family("xroute_first_token_seconds", "Time to first token of streams", began)

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
            if tally.used > tally.unpriced:  # shown, never counted with: the ledger has whole nano-dollars
                cost.add_metric(labels, tally.nano / 1e9)
            if tally.unpriced:
                unpriced.add_metric(labels, tally.unpriced)
        yield from (tokens, cost, unpriced)

    def _by_model(self) -> dict[tuple[str, str], Tally]:
        found: dict[tuple[str, str], Tally] = defaultdict(Tally)
        for (provider, model, _), tally in self._tallies.items():
            if tally.used:
                total = found[provider, model]
                for name in ("used", "tokens_in", "tokens_out", "nano", "unpriced"):
                    setattr(total, name, getattr(total, name) + getattr(tally, name))
        return found


def _family(name: str, text: str, spreads: Mapping[str, Spread]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=["provider"])
    for provider, spread in spreads.items():
        spread.add_to(family, [provider])
    return family
