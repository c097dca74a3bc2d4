"""The whole measurement: both loads, all contenders by turns, then latency and a second worker."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.engine.broker import Broker, measured_broker
from benchmarks.engine.contenders import (
    Contender,
    bare_reader,
    kafka_streams,
    stock_faust,
    vaxel,
)
from benchmarks.engine.course import Course, laid_out
from benchmarks.engine.jars import compiled_streams
from benchmarks.engine.latency import Latency, measured_latency
from benchmarks.engine.load import LOADS
from benchmarks.engine.race import Lap, race
from benchmarks.engine.shares import Share, shares

Say = Callable[[str], None]

VAXEL = vaxel(workers=1).name
STREAM_THREADS = (1, 2)
"""Kafka Streams runs with each; the better one is what it can do on this machine."""


SHARED_UPLOADS = 400_000
"""Of which the share of each step is told, with one reading; a fifth of it with 20."""


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        uploads: Of each load, by name.
        faust_uploads: Stock Faust gets so many of the same uploads: the speed matters, not the sum.
        workers: Also measure so many workers together; 1 for no such thing.
        latency_s: Seconds to measure latency for, at half of the speed found; 0 for not at all.
        kafka: A cluster without Växel's topics; None to start a broker.
    """

    uploads: dict[str, int]
    faust_uploads: int
    devices: int
    partitions: int
    runs: int
    workers: int
    latency_s: float
    kafka: str | None


@dataclass(frozen=True)
class Row:
    """One contender on one load.

    Attributes:
        load: Name of the load.
        uploads, upload_bytes: How many were there for it, and how large they are in the mean.
    """

    load: str
    readings_per_upload: int
    uploads: int
    upload_bytes: float
    contender: str
    work: str
    guarantee: str
    laps: list[Lap]

    @property
    def wrong(self) -> list[str]:
        """What was wrong in any of the runs."""
        return [sentence for lap in self.laps for sentence in lap.wrong]

    @property
    def speeds(self) -> list[float]:
        """Uploads a second of each run, slowest first; none if an answer is wrong."""
        if self.wrong:
            return []
        return sorted(lap.uploads_per_s for lap in self.laps if lap.uploads_per_s is not None)

    @property
    def median(self) -> float | None:
        """Uploads a second."""
        return statistics.median(self.speeds) if self.speeds else None

    @property
    def readings_per_s(self) -> float | None:
        """Readings a second, of the median run."""
        return None if self.median is None else self.median * self.readings_per_upload

    @property
    def cores(self) -> float | None:
        """Seconds of processor that the contender used per second, in the mean of its runs."""
        return _mean([lap.cpu_s / lap.seconds for lap in self.laps if lap.seconds])

    @property
    def broker_cores(self) -> float | None:
        """The same of the broker; None for one that is not ours."""
        return _mean(
            [lap.broker_cpu_s / lap.seconds for lap in self.laps if lap.seconds and lap.broker_cpu_s is not None]
        )

    @property
    def other_cores(self) -> float | None:
        """Seconds of processor per second that neither contender nor broker used."""
        return _mean([lap.other_cpu_s / lap.seconds for lap in self.laps if lap.seconds])

    @property
    def uploads_per_core(self) -> float | None:
        """Uploads per second of the contender's processor time."""
        if self.wrong:
            return None
        return _mean([lap.uploads / lap.cpu_s for lap in self.laps if lap.cpu_s])


@dataclass(frozen=True)
class Measured:
    """Everything that was found."""

    rows: list[Row]
    latencies: list[Latency]
    shares: list[Share] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether every answer was."""
        return not any(row.wrong for row in self.rows) and not any(latency.wrong for latency in self.latencies)


def measure(plan: Plan, say: Say) -> Measured:
    """Run the plan.

    Raises:
        VaxelError: a broker, a download or a contender failed.
    """
    with measured_broker(plan.kafka, plan.partitions, say) as broker:
        classpath = compiled_streams(broker.folder, say)
        rows: list[Row] = []
        latencies: list[Latency] = []
        contenders = [vaxel(workers=1), *(kafka_streams(threads, classpath) for threads in STREAM_THREADS)]
        if plan.workers > 1:
            contenders.append(vaxel(plan.workers))
        contenders.append(bare_reader())
        for name, uploads in plan.uploads.items():
            rows += _raced(broker, plan, name, uploads, contenders, say)
            rows += _raced(broker, plan, name, min(uploads, plan.faust_uploads), [stock_faust()], say)
            speed = next(row.median for row in rows if row.load == name and row.contender == VAXEL)
            if plan.latency_s and speed is not None:
                tell = _within(f"latency, {name}", say)
                found = measured_latency(broker, name, speed / 2, plan.latency_s, plan.devices, plan.partitions, tell)
                latencies.append(found)
    return Measured(rows, latencies, shares(min(SHARED_UPLOADS, plan.uploads["single"]), plan.devices, say))


def _raced(
    broker: Broker, plan: Plan, name: str, uploads: int, contenders: list[Contender], say: Say
) -> list[Row]:  # fmt: skip
    """All runs over one load, the contenders by turns, so that what changes on the machine meets them alike."""
    load = LOADS[name](uploads, plan.devices, plan.partitions)
    with laid_out(broker, load, say) as course:
        rows = [_row(course, contender) for contender in contenders]
        for number in range(plan.runs):
            for row, contender in zip(rows, contenders, strict=True):
                here = f"{name}, run {number + 1} of {plan.runs}, {contender.name}"
                lap = race(course, contender.enter(course), _within(here, say))
                row.laps.append(lap)
                speed = lap.uploads_per_s
                say(f"{here}: {'WRONG' if lap.wrong else 'done' if speed is None else f'{speed:,.0f} uploads/s'}")
        return rows


def _mean(values: list[float]) -> float | None:
    return statistics.mean(values) if values else None


def _within(here: str, say: Say) -> Say:
    return lambda line: say(f"{here}: {line}")


def _row(course: Course, contender: Contender) -> Row:
    load = course.load
    upload_bytes = course.value_bytes / load.uploads
    return Row(
        load.name, load.readings, load.uploads, upload_bytes, contender.name, contender.work, contender.guarantee, []
    )
