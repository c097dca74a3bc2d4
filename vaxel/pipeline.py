"""Runs workers and the lake sink together, until told to stop or until all that was published has reached the lake."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vaxel.progress import Counts, Intake, lake_counts
from vaxel.settings import Addresses
from vaxel.supervisor import Supervisor

LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Progress:
    """A look at the pipeline.

    Attributes:
        waiting: Published uploads that no worker has committed yet.
        counts: What the lake holds.
        restarts: How often a process was started again.
    """

    waiting: int
    counts: Counts
    restarts: int
    seconds: float


@contextmanager
def pipeline(data_dir: Path, workers: int) -> Iterator[Supervisor]:
    """Workers and a lake sink as child processes, stopped at the end however it comes."""
    supervisor = Supervisor(data_dir.absolute() / "logs")
    where = ("--data-dir", str(data_dir.absolute()))
    try:
        for slot in range(workers):
            supervisor.start(f"worker-{slot}", "worker", "--slot", str(slot), *where)
        supervisor.start("sink-lake", "sink", "lake", *where)
        yield supervisor
    finally:
        supervisor.stop()


def watch(
    supervisor: Supervisor, addresses: Addresses, *, until_idle: bool, show: Callable[[Progress], None]
) -> Progress:
    """Look at the pipeline again and again, starting again what ended.

    Args:
        until_idle: Return once everything published before this call has reached the lake; else only an exception,
            such as KeyboardInterrupt, ends it.
    """
    from sinks.lake.connection import exists, open_reader  # noqa: PLC0415
    from sinks.lake.lag import lag  # noqa: PLC0415

    intake = Intake(addresses.kafka)
    published = intake.ends()
    began_s = time.monotonic()
    lake = None
    try:
        while True:
            supervisor.tend()
            if lake is None and exists(addresses.catalog):
                lake = open_reader(addresses.catalog, addresses.lake_files)
            waiting = intake.remaining(published if until_idle else intake.ends())
            counts = lake_counts(lake) if lake is not None else Counts()
            progress = Progress(waiting, counts, supervisor.restarts, time.monotonic() - began_s)
            show(progress)
            if until_idle and lake is not None and waiting == 0 and lag_is_zero(lag, addresses):
                counts = lake_counts(lake)
                return Progress(0, counts, supervisor.restarts, time.monotonic() - began_s)
            time.sleep(LOOK_EVERY_S)
    finally:
        intake.close()
        if lake is not None:
            lake.close()


def lag_is_zero(lag: Callable[[str, str, str], int], addresses: Addresses) -> bool:
    """Whether the lake holds every committed record of its topics."""
    return lag(addresses.kafka, addresses.catalog, addresses.lake_files) == 0
