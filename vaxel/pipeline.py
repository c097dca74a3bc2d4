"""Runs workers and the lake sink together, until told to stop or until all that was published has reached the lake."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vaxel.progress import Counts, Intake, lake_counts, lake_if_made
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
def pipeline(data_dir: Path, workers: int, tell: Callable[[str], None]) -> Iterator[Supervisor]:
    """Workers and a lake sink as child processes, stopped at the end however it comes.

    Args:
        tell: Gets a line for each of them that ended and is started again.
    """
    supervisor = Supervisor(data_dir.absolute() / "logs", tell)
    where = ("--data-dir", str(data_dir.absolute()))
    try:
        for slot in range(workers):
            supervisor.start(f"worker-{slot}", "worker", "--slot", str(slot), *where)
        supervisor.start("sink-lake", "sink", "lake", *where)
        yield supervisor
    finally:
        supervisor.stop()


def watch(
    supervisor: Supervisor,
    addresses: Addresses,
    *,
    until_idle: bool,
    is_stopped: Callable[[], bool],
    show: Callable[[Progress], None],
) -> Progress:
    """Look at the pipeline again and again, starting again what ended; returns the last look.

    Args:
        until_idle: Return once everything published before this call has reached the lake.
        is_stopped: Return as soon as this says so.
    """
    intake = Intake(addresses.kafka)
    began_s = time.monotonic()
    progress = Progress(0, Counts(), 0, 0.0)
    lake = None
    try:
        published = intake.ends()
        while not is_stopped():
            supervisor.tend()
            if lake is None:
                lake = lake_if_made(addresses)
            waiting = intake.remaining(published if until_idle else intake.ends())
            counts = lake_counts(lake) if lake is not None else Counts()
            # Asking for the lag takes longer than all the rest: not while one can see the lake grow.
            is_quiet = lake is not None and waiting == 0 and counts == progress.counts
            progress = Progress(waiting, counts, supervisor.restarts, time.monotonic() - began_s)
            show(progress)
            if until_idle and lake is not None and is_quiet and _lag(addresses) == 0:
                return replace(progress, counts=lake_counts(lake))
            time.sleep(LOOK_EVERY_S)
        return progress
    finally:
        intake.close()
        if lake is not None:
            lake.close()


def _lag(addresses: Addresses) -> int:
    from sinks.lake.lag import lag  # noqa: PLC0415

    return lag(addresses.kafka, addresses.catalog, addresses.lake_files)
