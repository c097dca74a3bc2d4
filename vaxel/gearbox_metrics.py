"""What the gearbox tells of itself to Prometheus: the list of its metrics, and its page in the documentation."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Final

from schemas.errors import OutsideError
from sinks.records.gear.figures import WAITING, Breaker
from sinks.records.gear.places import Clock, Places
from vaxel.gearbox_figures import Intake, Standing, intake, ledger_figures
from vaxel.observed import Gauge, Health, Meters, Metric, as_markdown, observed
from vaxel.settings import addresses

HOST = "127.0.0.1"

COUNT_EVERY = timedelta(seconds=60)
"""What came in is counted so often at most: it takes a scan of the lake's uploads."""

METRICS: Final = (
    Metric(
        "vaxel_gearbox_open_changes",
        "gauge",
        f"Changes that are planned and not written yet, by what they wait for: {', '.join(WAITING)}.",
        ("flow", "waiting"),
    ),
    Metric("vaxel_gearbox_open_sets", "gauge", "Change sets of which something may still be written.", ("flow",)),
    Metric(
        "vaxel_gearbox_oldest_open_seconds",
        "gauge",
        "How long ago the oldest set with open changes was planned; 0 when none is open.",
        ("flow",),
    ),
    Metric(
        "vaxel_gearbox_planned_timestamp_seconds",
        "gauge",
        "When a set of the flow was last planned; absent before. A plan that finds no difference keeps no set.",
        ("flow",),
    ),
    Metric(
        "vaxel_gearbox_field_age_seconds",
        "gauge",
        "How long ago the field of the flow that is written least was last written; absent before the first write.",
        ("flow",),
    ),
    Metric(
        "vaxel_gearbox_facts_age_seconds",
        "gauge",
        "How old the facts are that the flow's oldest field was written from; absent when that snapshot has expired.",
        ("flow",),
    ),
    Metric("vaxel_gearbox_written_rows", "gauge", "Rows written, ever.", ("system",)),
    Metric(
        "vaxel_gearbox_conflicts",
        "gauge",
        "Changes sent and not written, ever: the row was no longer as planned, or the system refused.",
        ("system",),
    ),
    Metric(
        "vaxel_gearbox_breaker",
        "gauge",
        "Whether the system is called: 0 yes (closed), 1 on trial (half open), 2 no (open).",
        ("system",),
    ),
    Metric(
        "vaxel_gearbox_uploads_per_row",
        "gauge",
        "The gear ratio: accepted uploads in the lake for each row written; absent before the first row.",
        ("system",),
    ),
    Metric("vaxel_gearbox_freezes", "gauge", "Freezes in force; system `*` is all of them.", ("system",)),
)
BREAKERS: Final[dict[Breaker, float]] = {"closed": 0.0, "half_open": 1.0, "open": 2.0}


def gauges(standing: Standing) -> Iterator[Gauge]:
    """All values of one instant, in the order of the list as far as they are known."""
    yield from _of_flows(standing)
    for system in standing.figures.systems:
        label = (system.system,)
        yield "vaxel_gearbox_written_rows", label, system.rows_written
        yield "vaxel_gearbox_conflicts", label, system.left_out
        yield "vaxel_gearbox_breaker", label, BREAKERS[system.breaker]
        ratio = standing.uploads_per_row(system.rows_written)
        if ratio is not None:
            yield "vaxel_gearbox_uploads_per_row", label, ratio
    in_force = [freeze for freeze in standing.figures.freezes if freeze.starts_at <= standing.at]
    for name in sorted({freeze.system for freeze in in_force}):
        yield "vaxel_gearbox_freezes", (name,), sum(freeze.system == name for freeze in in_force)


def _of_flows(standing: Standing) -> Iterator[Gauge]:
    for flow in standing.figures.flows:
        for waiting in WAITING:
            yield "vaxel_gearbox_open_changes", (flow.flow, waiting), flow.open[waiting]
        label = (flow.flow,)
        yield "vaxel_gearbox_open_sets", label, flow.open_sets
        age_s = 0.0 if flow.oldest_at is None else (standing.at - flow.oldest_at).total_seconds()
        yield "vaxel_gearbox_oldest_open_seconds", label, age_s
        if flow.planned_at is not None:
            yield "vaxel_gearbox_planned_timestamp_seconds", label, flow.planned_at.timestamp()
        fields = [field for field in standing.figures.fields if field.flow == flow.flow]
        for name, times in (
            ("vaxel_gearbox_field_age_seconds", [field.written_at for field in fields]),
            ("vaxel_gearbox_facts_age_seconds", [standing.facts_at(field) for field in fields]),
        ):
            known = [at for at in times if at is not None]
            if known:
                yield name, label, (standing.at - min(known)).total_seconds()


class GearMeters:
    """What a gearbox serves; asks ledger and lake when it is asked, from any thread."""

    def __init__(self, places: Places, lake_files: str, clock: Clock) -> None:
        self._places = places
        self._lake_files = lake_files
        self._clock = clock
        self._meters = Meters(METRICS)
        self._lock = Lock()
        self._intake: Intake | None = None
        self._counted_at: datetime | None = None

    def text(self) -> bytes:
        """All metrics as Prometheus reads them.

        Raises:
            UnreachableError: The ledger does not answer.
        """
        now = self._clock.now()
        standing = Standing(now, ledger_figures(self._places, now), self._came_in(now))
        return self._meters.text(gauges(standing))

    def health(self) -> Health:
        """Red when the ledger does not answer, or a record system is not called."""
        try:
            found = ledger_figures(self._places, self._clock.now())
        except OutsideError as error:
            return Health((str(error),))
        problems = [
            f"{system.system} is not called"
            + (f" until {system.retry_at}" if system.retry_at is not None else "")
            + f": {system.breaker_reason}"
            for system in found.systems
            if system.breaker == "open"
        ]
        return Health(tuple(problems), {"breakers": {system.system: system.breaker for system in found.systems}})

    def _came_in(self, now: datetime) -> Intake | None:
        """What the lake held a while ago; None until it has answered once."""
        with self._lock:
            if self._counted_at is None or now - self._counted_at >= COUNT_EVERY:
                self._counted_at = now
                with suppress(OutsideError):  # the ledger's figures are worth telling without it
                    self._intake = intake(self._places.catalog, self._lake_files)
            return self._intake


@contextmanager
def serving(places: Places, data_dir: Path, port: int | None) -> Iterator[None]:
    """Serves `/metrics` and `/health` on loopback while inside, and says where on stderr.

    Args:
        data_dir: Of the local stack, where the address of the lake's files is not set.
        port: 0: a free one; None: nothing is served.
    Raises:
        OutsideError: The port is taken.
    """
    if port is None:
        yield
        return
    chosen = port or _free_port()
    meters = GearMeters(places, addresses(os.environ, data_dir).lake_files, Clock())
    with observed(HOST, chosen, meters.text, meters.health):
        print(f"metrics: http://{HOST}:{chosen}/metrics", file=sys.stderr, flush=True)  # noqa: T201
        yield


def _free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def section() -> str:
    """The part of `docs/metrics.md` about the gearbox."""
    return _SECTION.format(table=as_markdown(METRICS))


_SECTION = """
# Metrics of the gearbox

Made from the list in `vaxel/gearbox_metrics.py`. `vaxel gearbox run --metrics-port PORT` serves them at `/metrics`. The
values come from the ledger when somebody asks, so all gearboxes of one ledger tell the same; uploads in the lake are
counted once a minute. `vaxel gearbox status` shows them as tables.
`/health` is red, with status 503, when the ledger does not answer or a record system is not called.

{table}
"""
