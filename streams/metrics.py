"""The one list of what a stream worker measures of itself, and its page in the documentation. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

CounterName = Literal[
    "vaxel_uploads_total",
    "vaxel_refused_total",
    "vaxel_readings_total",
    "vaxel_session_versions_total",
    "vaxel_transaction_bytes_total",
    "vaxel_seeks_again_total",
    "vaxel_rebalances_total",
    "vaxel_observation_faults_total",
]
HistogramName = Literal["vaxel_checkpoint_seconds", "vaxel_checkpoint_uploads", "vaxel_recovery_seconds"]
GaugeName = Literal[
    "vaxel_lag_records",
    "vaxel_lag_seconds",
    "vaxel_position",
    "vaxel_refused_share",
    "vaxel_devices",
    "vaxel_state_rows",
    "vaxel_state_bytes",
    "vaxel_buffered_bytes",
    "vaxel_healthy",
    "vaxel_worker_info",
]
Label = Literal["topic", "partition", "outcome", "reason", "store", "version"]


@dataclass(frozen=True)
class Metric:
    """One row of the list. The name ends in the unit, as Prometheus wants it: `_seconds`, `_bytes`, `_total`.

    Attributes:
        buckets: Upper bounds of a histogram, ascending.
    """

    name: CounterName | HistogramName | GaugeName
    meaning: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def kind(self) -> Literal["counter", "histogram", "gauge"]:
        """What Prometheus calls it."""
        if self.name in get_args(CounterName):
            return "counter"
        return "histogram" if self.buckets else "gauge"


_OWN: tuple[Label, ...] = ("topic", "partition")
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

METRICS: tuple[Metric, ...] = (
    Metric(
        "vaxel_uploads_total",
        "Uploads committed, by what became of them: accepted, duplicate or failed.",
        ("topic", "partition", "outcome"),
    ),
    Metric("vaxel_refused_total", "Failed uploads, by reason.", ("topic", "reason")),
    Metric("vaxel_readings_total", "Readings of accepted uploads.", ("topic",)),
    Metric("vaxel_session_versions_total", "Session versions written.", ("topic",)),
    Metric("vaxel_transaction_bytes_total", "Bytes written in transactions: outputs, state, position.", ("topic",)),
    Metric(
        "vaxel_checkpoint_seconds",
        "Time that a checkpoint took, commit of the transaction included.",
        ("topic",),
        _SECONDS,
    ),
    Metric(
        "vaxel_checkpoint_uploads",
        "Uploads in a checkpoint.",
        ("topic",),
        (1, 10, 100, 1_000, 5_000, 10_000, 20_000, 50_000, 100_000),
    ),
    Metric(
        "vaxel_recovery_seconds",
        "Time from being given a partition to having its state; the count is that of the recoveries.",
        ("topic",),
        _SECONDS,
    ),
    Metric(
        "vaxel_seeks_again_total",
        "Runs that did not follow what was taken in, so that the input was sought again.",
        ("topic",),
    ),
    Metric("vaxel_rebalances_total", "Times that the group shared out its partitions anew."),
    Metric("vaxel_observation_faults_total", "Faults of the metrics and logs themselves."),
    Metric("vaxel_lag_records", "Records between the committed position and the end of the partition.", _OWN),
    Metric(
        "vaxel_lag_seconds",
        "How long ago Kafka received the oldest upload that is not committed yet; 0 when none waits.",
        _OWN,
    ),
    Metric("vaxel_position", "The committed position: next offset to take in.", _OWN),
    Metric("vaxel_refused_share", "Share of failed uploads among the worker's newest 10,000 or so, 0 to 1."),
    Metric("vaxel_devices", "Devices remembered.", _OWN),
    Metric("vaxel_state_rows", "Rows of state in use.", ("topic", "partition", "store")),
    Metric(
        "vaxel_state_bytes", "Memory of the state's columns, room to grow included.", ("topic", "partition", "store")
    ),
    Metric("vaxel_buffered_bytes", "Bytes fetched and not taken in yet.", ()),
    Metric("vaxel_healthy", "1 while /health is green, else 0."),
    Metric("vaxel_worker_info", "Always 1; says which version runs.", ("version",)),
)
BY_NAME = {metric.name: metric for metric in METRICS}


def as_markdown(metrics: Mapping[str, Metric] | None = None) -> str:
    """The list as the first section of `docs/metrics.md`."""
    rows = "\n".join(
        f"| `{metric.name}` | {metric.kind} | {', '.join(metric.labels)} | {metric.meaning} |"
        for metric in (metrics or BY_NAME).values()
    )
    return _PAGE.format(rows=rows)


_PAGE = """# Metrics of a stream worker

Made from the list in `streams/metrics.py`; after a change: `python -m vaxel.metrics_page > docs/metrics.md`.

`vaxel worker --http-port PORT` serves them at `/metrics`. A process counts from zero, and what it counts is committed:
Prometheus' `rate()` and `increase()` see restarts. Beside these there is what Prometheus' client tells of any process:
`process_resident_memory_bytes`, `process_cpu_seconds_total`, `process_open_fds`, `process_start_time_seconds`.

| name | kind | labels | meaning |
|---|---|---|---|
{rows}

`vaxel_lag_seconds` goes by Kafka's clock (`received_at_ms`), not by the devices': a shoe that comes home after two days
uploads two days, and a device's clock may be wrong by a day, neither of which says that the stream is behind.
How often workers were started again is the supervisor's to say: `changes(process_start_time_seconds[1h])`.
"""
