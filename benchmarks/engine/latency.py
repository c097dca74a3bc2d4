"""How long it takes from an upload in Kafka to the wash cycle that it ends, in the hands of a reader.

Uploads come at a steady pace from a process of its own. Each wash cycle's closing version names the instant at which
Kafka took in the upload that ended it; a reader that sees only what is committed notes when it holds that version.
Broker, worker, sender and reader share one machine, hence one clock.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from uuid import uuid4

import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.engine.broker import Broker, remove_topics
from benchmarks.engine.contenders import sessions_topic, vaxel
from benchmarks.engine.course import Course, input_topic
from benchmarks.engine.load import LOADS
from benchmarks.engine.race import STOP_WITHIN_S, Running, Watch, running, watched
from deploy import children
from deploy.children import Command
from deploy.logs import reason_of_death
from schemas.errors import OutsideError

WARM_UP_S = 8.0
"""Uploads of the first seconds do not count: the worker has taken in none before."""
READ_WITHIN_S = 15.0


@dataclass(frozen=True)
class Latency:
    """What a reader waited for closed wash cycles.

    Attributes:
        wanted_per_s, held_per_s: Uploads a second that were to be sent, and that were.
        cycles: How many were timed.
        wrong: What is wrong with the answer; empty for a right one.
    """

    load: str
    wanted_per_s: float
    held_per_s: float
    cycles: int
    p50_ms: float | None
    p99_ms: float | None
    highest_ms: float | None
    wrong: list[str]


def measured_latency(
    broker: Broker, name: str, uploads_per_s: float, seconds: float, devices: int, partitions: int,
    say: Callable[[str], None],
) -> Latency:  # fmt: skip
    """Latency of one worker at that load, in the `seconds` after the warm-up.

    Raises:
        OutsideError: worker, sender or broker failed.
    """
    load = LOADS[name](int(uploads_per_s * (WARM_UP_S + seconds)), devices, partitions)
    course = Course(broker, load, input_topic(broker, load), load.truth(), value_bytes=0)
    entry = vaxel(workers=1).enter(course)
    ended = sum(cycle.ended for cycle in course.truth.cycles.values())
    try:
        with running(entry, broker.kafka) as workers:
            reader = Reader(broker.kafka, sessions_topic(entry.name), partitions)
            held_per_s = _sent(course, workers, uploads_per_s, say)
            reader.wait_for(ended)
            children.stop(workers, STOP_WITHIN_S)
            say("checking the answer")
            return summed_up(name, uploads_per_s, held_per_s, reader.stop(), entry.wrong())
    finally:
        if broker.pid is None:
            remove_topics(broker.kafka, [course.topic])


def summed_up(
    load: str, wanted_per_s: float, held_per_s: float, seen: list[tuple[float, float]], wrong: list[str]
) -> Latency:
    """Percentiles of what was seen after the warm-up.

    Args:
        seen: When Kafka took the upload in and when the reader held the cycle, in ms since 1970, of each closed cycle.
    """
    first_ms = min((taken_ms for taken_ms, _ in seen), default=0.0)
    waits_ms = [held_ms - taken_ms for taken_ms, held_ms in seen if taken_ms >= first_ms + WARM_UP_S * 1000]
    if not waits_ms:
        return Latency(load, wanted_per_s, held_per_s, 0, None, None, None, wrong)
    p50_ms, p99_ms, highest_ms = (float(value) for value in np.percentile(waits_ms, [50, 99, 100]))
    return Latency(load, wanted_per_s, held_per_s, len(waits_ms), p50_ms, p99_ms, highest_ms, wrong)


def _sent(
    course: Course, workers: Running, uploads_per_s: float,
    say: Callable[[str], None],
) -> float:  # fmt: skip
    """Send everything and wait until it is committed; uploads a second that the sender managed."""
    load, folder = course.load, course.broker.folder
    name = f"bench-pace-{uuid4().hex[:8]}"
    result = folder / f"{name}.json"
    sizes = (load.name, str(load.uploads), str(load.devices), str(load.partitions))
    program = (sys.executable, "-m", "benchmarks.engine.pace_process")
    arguments = (*program, course.broker.kafka, course.topic, *sizes, str(uploads_per_s), str(result))
    command = Command(name, arguments, folder / f"{name}.log", workers[0][0].stop_signal)
    with closing(Watch(course, workers[0][0].name, [process.pid for _, process in workers])) as watch:
        watch.wait_until_ready()
        sender = [(command, children.start(command))]
        try:
            watched(watch, course, workers, say)
            if sender[0][1].wait(READ_WITHIN_S) != 0:
                raise OutsideError(f"the sender failed: {reason_of_death(command.log)}")
        finally:
            children.stop(sender, STOP_WITHIN_S)
    return float(load.uploads / json.loads(result.read_text())["seconds"])


class Reader:
    """Notes when it holds each closed wash cycle, in a thread of its own."""

    def __init__(self, kafka: str, topic: str, partitions: int) -> None:
        settings: dict[str, str | bool] = {
            "bootstrap.servers": kafka,
            "group.id": f"bench-reader-{uuid4().hex}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
        self._consumer = Consumer(settings)
        self._consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)])
        self._seen: list[tuple[float, float]] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait_for(self, cycles: int) -> None:
        """Wait until that many have been seen, or no longer than they may take; the check tells what is missing."""
        deadline_s = time.monotonic() + READ_WITHIN_S
        while len(self._seen) < cycles and time.monotonic() < deadline_s:
            time.sleep(0.05)

    def stop(self) -> list[tuple[float, float]]:
        """When Kafka took the upload in and when it was held, in ms since 1970, of each closed cycle."""
        self._is_over.set()
        self._thread.join()
        self._consumer.close()
        return self._seen

    def _read(self) -> None:
        while not self._is_over.is_set():
            message = self._consumer.poll(0.1)
            if message is None or message.error() is not None:
                continue
            held_ms = time.time() * 1000  # noqa: TID251  (a shell: the wait itself is what is measured)
            cycle = json.loads(message.value() or b"")
            if cycle["status"] == "closed":
                self._seen.append((float(cycle["known_at_ms"]), held_ms))
