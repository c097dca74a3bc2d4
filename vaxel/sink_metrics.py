"""What `vaxel sink lake` tells of itself: the list of its metrics, its health, and its page in the documentation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from sinks.lake.shares import Share
from sinks.lake.storing import Stored
from sinks.lake.watch import Watch
from vaxel.observed import Gauge, Health, Meters, Metric, as_markdown

IDLE_S = 60.0
"""Longest between two batches that are due. At rest, the answers of Kafka and the catalogue count as one of nothing,
every ten seconds."""

METRICS = (
    Metric("vaxel_lake_sink_rows_total", "counter", "Rows stored.", ("table",)),
    Metric(
        "vaxel_lake_sink_transaction_seconds",
        "histogram",
        "Time of a transaction, wait for its turn and lost attempts included; the count is that of transactions.",
        (),
        (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
    ),
    Metric(
        "vaxel_lake_sink_conflicts_total",
        "counter",
        "Attempts at a transaction lost to those of others: sinks that do not wait for their turn, maintenance.",
    ),
    Metric(
        "vaxel_lake_sink_interruptions_total",
        "counter",
        "Times that something stood in the way and was tried again: Kafka or the catalogue away, a share of nothing.",
    ),
    Metric("vaxel_lake_sink_held_rows", "gauge", "Rows read and not stored yet."),
    Metric("vaxel_lake_sink_held_bytes", "gauge", "Memory of these."),
    Metric(
        "vaxel_lake_sink_lag_records",
        "gauge",
        "Records of the share's partitions that the lake does not hold yet; one of readings has up to 100,000.",
        ("topic",),
    ),
    Metric(
        "vaxel_lake_sink_caught_up", "gauge", "1 while all that the share's partitions hold is in the lake, else 0."
    ),
    Metric(
        "vaxel_lake_sink_stored_timestamp_seconds", "gauge", "When the last transaction ended; absent before the first."
    ),
    Metric("vaxel_lake_sink_healthy", "gauge", "1 while /health is green, else 0."),
    Metric("vaxel_lake_sink_info", "gauge", "Always 1; says which version runs in which share.", ("version", "share")),
)


class SinkMeters:
    """The numbers of one sink; `stored` and `told` are for the sink to call, the rest for who asks, from any thread."""

    def __init__(
        self,
        share: Share,
        version: str,
        max_age_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,  # noqa: TID251  (Prometheus wants to know when)
    ) -> None:
        """Args: max_age_s: see `sink.Settings`."""
        self.watch = Watch(worked_s=clock())
        self._longest_s = IDLE_S + max_age_s
        self._share = share
        self._version = version
        self._clock = clock
        self._wall_clock = wall_clock
        self._meters = Meters(METRICS)
        self._stored_at_s: float | None = None

    def stored(self, stored: Stored) -> None:
        """Count a transaction."""
        for table, rows in stored.rows.items():
            self._meters.add("vaxel_lake_sink_rows_total", rows, (table,))
        self._meters.observe("vaxel_lake_sink_transaction_seconds", stored.took_s)
        self._meters.add("vaxel_lake_sink_conflicts_total", stored.conflicts)
        self._stored_at_s = self._wall_clock()

    def interrupted(self) -> None:
        """Count that something did not answer."""
        self._meters.add("vaxel_lake_sink_interruptions_total")

    def health(self) -> Health:
        """Red when nothing has been stored for IDLE_S, though there was something, or nobody could be asked."""
        silent_s = self._clock() - self.watch.worked_s
        problems = []
        if silent_s > self._longest_s:
            lasted = f"{silent_s:.0f} s, {self._longest_s:g} s at most"
            away = "Kafka, the catalogue or room for files was away"
            problems.append(f"Nothing could be stored for {lasted}: {away}, or a transaction lasts")
        sink = {"share": str(self._share), "version": self._version}
        partitions = self.watch.partitions
        lag = None if partitions is None else dict(sorted(self.watch.lag.items()))
        more = {"sink": sink, "silent_s": round(silent_s, 1), "partitions": partitions, "lag_records": lag}
        return Health(tuple(problems), more)

    def text(self) -> bytes:
        """All metrics as Prometheus reads them."""
        return self._meters.text(self._gauges())

    def _gauges(self) -> Iterable[Gauge]:
        watch = self.watch
        yield "vaxel_lake_sink_healthy", (), float(not self.health().problems)
        yield "vaxel_lake_sink_info", (self._version, str(self._share)), 1.0
        yield "vaxel_lake_sink_held_rows", (), watch.held_rows
        yield "vaxel_lake_sink_held_bytes", (), watch.held_bytes
        yield "vaxel_lake_sink_caught_up", (), float(watch.caught_up)
        for topic, records in sorted(watch.lag.items()):
            yield "vaxel_lake_sink_lag_records", (topic,), records
        if self._stored_at_s is not None:
            yield "vaxel_lake_sink_stored_timestamp_seconds", (), self._stored_at_s


def section() -> str:
    """The part of `docs/metrics.md` about the sink."""
    return _SECTION.format(table=as_markdown(METRICS))


_SECTION = """
# Metrics of the lake's sink

Made from the list in `vaxel/sink_metrics.py`. `vaxel sink lake --port PORT` serves them at `/metrics`, and `/health`
beside: red, with status 503, when for a minute (longer by --max-age-s) nothing was stored, unless there was nothing
to store and Kafka and the catalogue answered.

{table}
Lag counts offsets, those of transaction markers included, and is 0 once a partition has been read to its end and all
of that is in the lake. `/health` tells it for each topic of which the sink reads a partition, and `partitions`, how
many it reads: 0, and no topic, where its share has none; both are null until it has looked.
"""
