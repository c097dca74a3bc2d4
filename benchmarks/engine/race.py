"""One contender, once over a course: start it, watch its committed position, stop it, check its answer.

Timed is from the first look at which anything is committed to the first look at which all is; what was committed at
that first look does not count as done. So nobody's start counts, and everybody is measured by the same watch.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]
from confluent_kafka import Consumer, KafkaException, TopicPartition

from benchmarks.engine.broker import remove_topics
from benchmarks.engine.contenders import Entry
from benchmarks.engine.course import Course
from deploy import children
from deploy.logs import reason_of_death
from deploy.topics import partition_counts
from schemas.errors import OutsideError, UnreachableError

Running = Sequence[tuple[children.Command, subprocess.Popen[bytes]]]

LOOK_EVERY_S = 0.05
ANSWER_S = 10.0
PATIENCE_S = 90.0
STOP_WITHIN_S = 15.0


@dataclass(frozen=True)
class Look:
    """What is seen at one moment.

    Attributes:
        committed: Uploads before the committed positions.
        cpu_s: Seconds of processor that the contender's processes have used, and the broker's (None: not ours).
        machine_cpu_s: Seconds of processor that all processes of the machine have used.
    """

    at_s: float
    committed: int
    cpu_s: float
    broker_cpu_s: float | None
    machine_cpu_s: float


@dataclass(frozen=True)
class Lap:
    """One timed run.

    Attributes:
        uploads: Committed between the first and the last look.
        other_cpu_s: Seconds of processor that neither contender nor broker have used: what disturbed them.
        wrong: What is wrong with the answer; empty for a right one.
    """

    uploads: int
    seconds: float
    cpu_s: float
    broker_cpu_s: float | None
    other_cpu_s: float
    wrong: list[str]

    @property
    def uploads_per_s(self) -> float | None:
        """Speed; None when the load was committed in one go, so that there is nothing to time."""
        return self.uploads / self.seconds if self.uploads and self.seconds else None


def lap(first: Look, last: Look, wrong: list[str]) -> Lap:
    """What lies between two looks."""
    broker_cpu_s = (
        None if last.broker_cpu_s is None or first.broker_cpu_s is None else last.broker_cpu_s - first.broker_cpu_s
    )
    cpu_s = last.cpu_s - first.cpu_s
    other_cpu_s = last.machine_cpu_s - first.machine_cpu_s - cpu_s - (broker_cpu_s or 0.0)
    return Lap(
        last.committed - first.committed, last.at_s - first.at_s, cpu_s, broker_cpu_s, max(0.0, other_cpu_s), wrong
    )


def race(course: Course, entry: Entry, say: Callable[[str], None]) -> Lap:
    """One run of a contender.

    Raises:
        OutsideError: one of its processes ended before all was done, or nothing moves for `PATIENCE_S`.
    """
    with running(entry, course.broker.kafka) as processes:
        with closing(Watch(course, entry.name, [process.pid for _, process in processes])) as watch:
            first, last = watched(watch, course, processes, say)
        children.stop(processes, STOP_WITHIN_S)
        say("checking the answer")
        return lap(first, last, entry.wrong())


@contextmanager
def running(entry: Entry, kafka: str) -> Iterator[list[tuple[children.Command, subprocess.Popen[bytes]]]]:
    """A contender's processes; they and the topics of its own are gone afterwards."""
    processes: list[tuple[children.Command, subprocess.Popen[bytes]]] = []
    try:
        for command in entry.commands:
            processes.append((command, children.start(command)))  # noqa: PERF401  (those started are to be stopped)
        yield processes
    finally:
        children.stop(processes, STOP_WITHIN_S)
        remove_topics(kafka, [name for name in partition_counts(kafka) if entry.name in name])


class Watch:
    """Looks at a group's committed positions, and at the processor time of processes."""

    def __init__(self, course: Course, group: str, pids: Sequence[int]) -> None:
        # Not read_committed: that would wait for a transaction under way, which is not what is asked.
        settings: dict[str, str | bool] = {
            "bootstrap.servers": course.broker.kafka,
            "group.id": group,
            "isolation.level": "read_uncommitted",
        }
        self._consumer = Consumer(settings)
        self._places = [TopicPartition(course.topic, number) for number in range(course.load.partitions)]
        self._contender = [psutil.Process(pid) for pid in pids]
        self._broker = None if course.broker.pid is None else psutil.Process(course.broker.pid)

    def look(self) -> Look:
        """What there is to see now."""
        committed = sum(max(0, place.offset) for place in self._positions())
        broker_cpu_s = None if self._broker is None else _cpu_s(self._broker)
        return Look(time.monotonic(), committed, sum(map(_cpu_s, self._contender)), broker_cpu_s, _machine_cpu_s())

    def wait_until_ready(self) -> None:
        """Wait until every partition has a position, if only its beginning: a stream worker shows it once it is open.

        Raises:
            OutsideError: that takes longer than `PATIENCE_S`.
        """
        give_up_s = time.monotonic() + PATIENCE_S
        while any(place.offset < 0 for place in self._positions()):
            if time.monotonic() > give_up_s:
                raise OutsideError(f"the stream worker is not ready after {PATIENCE_S:.0f} s")
            time.sleep(LOOK_EVERY_S)

    def _positions(self) -> list[TopicPartition]:
        """Asked again for a while: a new group has no coordinator yet."""
        give_up_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self._consumer.committed(self._places, timeout=ANSWER_S)
            except KafkaException as error:
                if time.monotonic() > give_up_s:
                    raise UnreachableError(f"Kafka does not tell positions: {error.args[0].str()}") from error
            time.sleep(LOOK_EVERY_S)

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()


def _cpu_s(process: psutil.Process) -> float:
    spent = process.cpu_times()  # also of one that has ended, as long as nobody asked for its exit code
    return float(spent.user + spent.system)


def _machine_cpu_s() -> float:
    spent = psutil.cpu_times()
    return float(spent.user + spent.system + spent.nice)


def watched(watch: Watch, course: Course, processes: Running, say: Callable[[str], None]) -> tuple[Look, Look]:
    """The first look at which anything is committed, and the first at which all is.

    Raises:
        OutsideError: see `race`.
    """
    total = course.load.uploads
    first: Look | None = None
    moved = watch.look()
    while True:
        now = watch.look()
        if now.committed and first is None:
            first = now
        if first is not None and now.committed >= total:
            return first, now
        if now.committed > moved.committed:
            moved = now
            say(f"{now.committed:,} of {total:,} uploads")
        for command, process in processes:
            if process.poll() is not None:
                reason = reason_of_death(command.log)
                raise OutsideError(f"{command.name} ended with exit code {process.returncode}: {reason}")
        if now.at_s - moved.at_s > PATIENCE_S:
            reason = reason_of_death(*(command.log for command, _ in processes))
            raise OutsideError(
                f"{processes[0][0].name} stands still at {now.committed:,} of {total:,} uploads: {reason}"
            )
        time.sleep(LOOK_EVERY_S)
