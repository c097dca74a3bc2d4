"""What a command at work tells over HTTP: `/metrics` for Prometheus and `/health`, from a thread of its own.

In:            GET requests; a list of metrics; two functions of the command.
Out:           text in Prometheus' form; 200 and green, or 503 and red with what is wrong.
Guarantee:     nothing that happens in here reaches the work: a fault while answering is a 500.
On failure:    an address that cannot be had is an error before the work begins.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import prometheus_client as prometheus
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from schemas.errors import OutsideError

Kind = Literal["counter", "histogram", "gauge"]
Gauge = tuple[str, tuple[str, ...], float]
"""A gauge, its labels' values in the order of the list, its value."""
ANSWER_WITHIN_S = 10.0
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Metric:
    """One row of a command's list. The name ends in the unit, as Prometheus wants it.

    Attributes:
        buckets: Upper bounds of a histogram, ascending.
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


@dataclass(frozen=True)
class Health:
    """The verdict: each problem is a sentence with numbers and seconds, no problem is green."""

    problems: tuple[str, ...] = ()
    more: Mapping[str, object] = field(default_factory=dict)
    """What else the answer tells, by name."""


class Meters:
    """Counters and histograms of a command, in a registry of their own. Safe to use from several threads."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]  # doubles the text and says little
        self._known = {metric.name: metric for metric in metrics}
        self._registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self._registry)
        self._counters = {
            metric.name: prometheus.Counter(metric.name, metric.meaning, metric.labels, registry=self._registry)
            for metric in metrics
            if metric.kind == "counter"
        }
        self._histograms = {
            metric.name: prometheus.Histogram(
                metric.name, metric.meaning, metric.labels, buckets=metric.buckets, registry=self._registry
            )
            for metric in metrics
            if metric.kind == "histogram"
        }

    def add(self, name: str, amount: float = 1, labels: tuple[str, ...] = ()) -> None:
        """Count; labels in the order of the list."""
        counter = self._counters[name]
        (counter.labels(*labels) if labels else counter).inc(amount)

    def observe(self, name: str, value: float) -> None:
        """Add a value to a histogram without labels."""
        self._histograms[name].observe(value)

    def text(self, gauges: Iterable[Gauge]) -> bytes:
        """All metrics as Prometheus reads them."""
        once = prometheus.CollectorRegistry()
        once.register(_Gauges(self._known, list(gauges)))
        return prometheus.generate_latest(self._registry) + prometheus.generate_latest(once)


class _Gauges(Collector):
    """Values known at one moment."""

    def __init__(self, known: Mapping[str, Metric], values: list[Gauge]) -> None:
        self._known = known
        self._values = values

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families: dict[str, GaugeMetricFamily] = {}
        for name, labels, value in self._values:
            metric = self._known[name]
            if name not in families:
                families[name] = GaugeMetricFamily(name, metric.meaning, labels=metric.labels)
            families[name].add_metric(labels, value)
        yield from families.values()


@contextmanager
def observed(host: str, port: int, metrics: Callable[[], bytes], health: Callable[[], Health]) -> Iterator[None]:
    """Serves while inside; port 0 is no server.

    Args:
        metrics, health: Called from threads of the server, several at a time.
    Raises:
        OutsideError: the address is taken, or not this machine's.
    """
    if not port:
        yield
        return
    with _listening(host, port, _handler(metrics, health)) as server:
        thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(ANSWER_WITHIN_S)


def _listening(host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            """Who asked has gone: nobody to tell."""

    try:
        return Server((host, port), handler)
    except OSError as error:
        # Python adds to the system's words; a name that cannot be resolved has words of its own.
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise OutsideError(f"cannot serve HTTP on {host}:{port}: {why}. Choose another --port") from error


def _handler(metrics: Callable[[], bytes], health: Callable[[], Health]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = ANSWER_WITHIN_S

        def do_GET(self) -> None:
            """The two pages, or 404 with their names."""
            try:
                status, kind, body = _answer(self.path.partition("?")[0], metrics, health)
            except Exception as error:  # whatever it is, the work goes on, and who asked learns of it
                status, kind, body = 500, "application/json", json.dumps({"error": repr(error)}).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Who asks is not logged."""

    return Handler


def _answer(path: str, metrics: Callable[[], bytes], health: Callable[[], Health]) -> tuple[int, str, bytes]:
    if path == "/metrics":
        return 200, PLAIN, metrics()
    if path == "/health":
        verdict = health()
        told = {"status": "red" if verdict.problems else "green", "problems": list(verdict.problems), **verdict.more}
        return 503 if verdict.problems else 200, "application/json", json.dumps(told).encode()
    return 404, "application/json", json.dumps({"error": "there are /metrics and /health"}).encode()


def as_markdown(metrics: Sequence[Metric]) -> str:
    """The list as a table for the documentation."""
    rows = "".join(
        f"| `{metric.name}` | {metric.kind} | {', '.join(metric.labels)} | {metric.meaning} |\n" for metric in metrics
    )
    return f"| name | kind | labels | meaning |\n|---|---|---|---|\n{rows}"
