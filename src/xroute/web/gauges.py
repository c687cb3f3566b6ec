"""What /metrics shows of the parts that outlive a call: how they are, and how far behind."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from xroute.limits.memory import Memory
from xroute.web.start import Parts

WELL = "up"


class PartGauges(Collector):
    """Read when somebody asks: nothing is counted twice."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """The samples as they are now."""
        parts = self._parts
        up = GaugeMetricFamily("xroute_part_up", "1 for a part that is well", labels=["part"])
        for name, state in parts.states().items():
            up.add_metric([name], float(state == WELL))
        yield up
        yield GaugeMetricFamily("xroute_keys", "Keys that are known", len(parts.directory))
        yield GaugeMetricFamily(
            "xroute_journal_lag_lines", "Lines of the journal that the database has not got", parts.writer.lag
        )
        yield CounterMetricFamily(
            "xroute_journal_lost_calls", "Ended calls that could not be written down", parts.journal.lost
        )
        yield CounterMetricFamily(
            "xroute_journal_refused_lines", "Lines that the database does not take", parts.writer.refused
        )
        yield CounterMetricFamily(
            "xroute_chore_failures", "Failures of what runs in the background", parts.chores.failures
        )
        yield from self._of_engine()

    def _of_engine(self) -> Iterator[Metric]:
        engine, shared = self._parts.engine, self._parts.shared
        if isinstance(engine, Memory):
            yield GaugeMetricFamily("xroute_limit_counters", "Counters of limits", engine.size)
            yield GaugeMetricFamily("xroute_waiting_calls", "Calls that wait for held money", engine.waiting)
            yield CounterMetricFamily(
                "xroute_limit_counters_forgotten", "Counters dropped in their window", engine.forgotten
            )
        if shared is not None:
            yield GaugeMetricFamily("xroute_waiting_calls", "Calls that wait for held money", shared.waiting)
            yield CounterMetricFamily(
                "xroute_unchecked_calls", "Calls let in while Redis was away", shared.unchecked
            )
            yield CounterMetricFamily(
                "xroute_turned_away_calls", "Calls refused while Redis was away", shared.turned_away
            )
