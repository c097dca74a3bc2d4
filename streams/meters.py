"""The numbers of a worker in Prometheus' form; `streams.metrics` is the list of them.

Counters and histograms are fed once per checkpoint, never per upload; gauges are worked out when somebody asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter

import prometheus_client as prometheus
import pyarrow.compute as pc
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from schemas.failures import Reason
from streams.batch import Outputs
from streams.metrics import BY_NAME, METRICS, CounterName, GaugeName, HistogramName

Gauge = tuple[GaugeName, tuple[str, ...], float]
"""A gauge, its labels' values in the order of the list, its value."""


@dataclass
class Tally:
    """What was taken in of one partition since its last commit."""

    uploads: int = 0
    accepted: int = 0
    refused: Counter[Reason] = field(default_factory=Counter)
    example: dict[Reason, int] = field(default_factory=dict)
    readings: int = 0
    session_versions: int = 0
    transaction_bytes: int = 0
    oldest_received_at_ms: int | None = None
    newest_received_at_ms: int | None = None

    def add(self, uploads: int, received_at_ms: tuple[int, int] | None, outputs: Outputs) -> None:
        """Count a run by what came of it; `example` keeps an offset per reason.

        Args:
            received_at_ms: When Kafka took in the first and the last of them.
        """
        self.uploads += uploads
        self.accepted += int(pc.sum(pc.equal(outputs.receipts.column("outcome"), "accepted")).as_py() or 0)
        self.readings += outputs.readings.num_rows
        self.session_versions += len(outputs.sessions)
        self.refused.update(map(attrgetter("reason"), outputs.failed))
        self.example.update(map(attrgetter("reason", "offset"), outputs.failed))
        if received_at_ms is not None:
            oldest_ms, self.newest_received_at_ms = received_at_ms
            if self.oldest_received_at_ms is None:
                self.oldest_received_at_ms = oldest_ms

    @property
    def failed(self) -> int:
        """Refused uploads."""
        return self.refused.total()

    @property
    def duplicates(self) -> int:
        """Uploads that had been taken in before."""
        return self.uploads - self.accepted - self.failed


class Meters:
    """Counters and histograms of one worker, in a registry of their own. Safe to use from several threads."""

    def __init__(self) -> None:
        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]  # doubles the text and says little
        self._registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self._registry)
        self._counters = {
            metric.name: prometheus.Counter(metric.name, metric.meaning, metric.labels, registry=self._registry)
            for metric in METRICS
            if metric.kind == "counter"
        }
        self._histograms = {
            metric.name: prometheus.Histogram(
                metric.name, metric.meaning, metric.labels, buckets=metric.buckets, registry=self._registry
            )
            for metric in METRICS
            if metric.kind == "histogram"
        }

    def add(self, name: CounterName, amount: float = 1, labels: tuple[str, ...] = ()) -> None:
        """Count; labels in the order of the list."""
        counter = self._counters[name]
        (counter.labels(*labels) if labels else counter).inc(amount)

    def observe(self, name: HistogramName, value: float, labels: tuple[str, ...] = ()) -> None:
        """Add a value to a histogram."""
        histogram = self._histograms[name]
        (histogram.labels(*labels) if labels else histogram).observe(value)

    def checkpoint(self, topic: str, partition: int, tally: Tally, seconds: float) -> None:
        """Count what a checkpoint committed."""
        outcomes = {"accepted": tally.accepted, "duplicate": tally.duplicates, "failed": tally.failed}
        for outcome, count in outcomes.items():
            self.add("vaxel_uploads_total", count, (topic, str(partition), outcome))
        for reason, count in tally.refused.items():
            self.add("vaxel_refused_total", count, (topic, reason))
        self.add("vaxel_readings_total", tally.readings, (topic,))
        self.add("vaxel_session_versions_total", tally.session_versions, (topic,))
        self.add("vaxel_transaction_bytes_total", tally.transaction_bytes, (topic,))
        self.observe("vaxel_checkpoint_seconds", seconds, (topic,))
        self.observe("vaxel_checkpoint_uploads", tally.uploads, (topic,))

    def text(self, gauges: Iterable[Gauge]) -> bytes:
        """All metrics as Prometheus reads them."""
        once = prometheus.CollectorRegistry()
        once.register(_Gauges(list(gauges)))
        return prometheus.generate_latest(self._registry) + prometheus.generate_latest(once)


class _Gauges(Collector):
    """Values known at one moment."""

    def __init__(self, values: list[Gauge]) -> None:
        self._values = values

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families: dict[GaugeName, GaugeMetricFamily] = {}
        for name, labels, value in self._values:
            if name not in families:
                families[name] = GaugeMetricFamily(name, BY_NAME[name].meaning, labels=BY_NAME[name].labels)
            assert len(labels) == len(BY_NAME[name].labels), name
            families[name].add_metric(labels, value)
        yield from families.values()
