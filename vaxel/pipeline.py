"""Runs workers and the lake sink together, until told to stop or until all that was published has reached the lake."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import OutsideError, UsageError
from vaxel.gauge import Gauge
from vaxel.progress import Counts
from vaxel.supervisor import Supervisor

LOOK_EVERY_S = 0.5
IDLE_LOOKS = 2
PATIENCE_S = 60.0
"""How long looks may fail where somebody waits for the end; as long as the sink's own patience."""


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
def alone(data_dir: Path) -> Iterator[None]:
    """While it lasts, no other `vaxel run` works in this data directory. The system drops the lock with the process.

    Raises:
        UsageError: another one does.
        OutsideError: the directory cannot be written.
    """
    lock = data_dir.absolute() / "run.lock"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = lock.open("ab")
    except OSError as error:
        raise OutsideError(f"cannot write to {lock.parent}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another vaxel run works in {lock.parent}: its workers have the same slots. Stop it first"
            ) from None
        yield


@contextmanager
def pipeline(
    data_dir: Path, workers: int, tell: Callable[[str], None], wait: Callable[[], None] | None = None
) -> Iterator[Supervisor]:
    """Relay, workers, desk and lake sink as child processes, stopped at the end however it comes.

    Args:
        wait: Called when the relay has begun; workers begin after it, since consents decide about what they take in.
        tell: Gets a line for each of them that ended and is started again.
    """
    supervisor = Supervisor(data_dir.absolute() / "logs", tell)
    where = ("--data-dir", str(data_dir.absolute()))
    try:
        supervisor.start("relay", "relay", *where)
        if wait is not None:
            wait()
        for slot in range(workers):
            supervisor.start(f"worker-{slot}", "worker", "--slot", str(slot), *where)
        supervisor.start("desk-0", "desk", *where)
        supervisor.start("sink-lake", "sink", "lake", *where)
        yield supervisor
    finally:
        supervisor.stop()


def watch(
    supervisor: Supervisor,
    gauge: Gauge,
    *,
    until_idle: bool,
    is_stopped: Callable[[], bool],
    show: Callable[[Progress], None],
) -> Progress:
    """Look at the pipeline again and again, starting again what ended; returns the last look.

    Whoever works is stopped by what their supervisor finds alone. A look that fails is told and tried again.

    Args:
        until_idle: Return once everything published before this call has reached the lake.
        is_stopped: Return as soon as this says so.
    Raises:
        OutsideError: a system does not answer at the start; with `until_idle`, or for longer than `PATIENCE_S`.
        DecisionError: a person has to decide.
    """
    began_s = time.monotonic()
    progress = Progress(0, Counts(), 0, 0.0)
    published = gauge.ends()
    idle_looks = 0
    failing_since_s: float | None = None
    while not is_stopped():
        supervisor.tend()
        try:
            ends = published if until_idle else gauge.ends()
            waiting, counts = gauge.waiting(ends), gauge.counts()
            # Asking how far behind takes longer than all the rest: not while one can see the lake grow.
            is_quiet = until_idle and waiting == 0 and counts == progress.counts
            behind = gauge.behind(ends) if is_quiet else 1
        except OutsideError as error:
            gauge.forget()
            if failing_since_s is None:
                failing_since_s = time.monotonic()
                supervisor.tell(f"{error}; it is asked again")
            elif until_idle and time.monotonic() - failing_since_s > PATIENCE_S:
                raise
            idle_looks = 0
        else:
            failing_since_s = None
            progress = Progress(waiting, counts or Counts(), supervisor.restarts, time.monotonic() - began_s)
            show(progress)
            # Kafka calls a transaction committed a moment before it shows all of it to readers.
            idle_looks = 0 if behind else idle_looks + 1
            if idle_looks == IDLE_LOOKS:
                return progress
        time.sleep(LOOK_EVERY_S)
    return progress
