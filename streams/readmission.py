"""Back through the door: repaired uploads go to the topic they came to first, as their devices had sent them.

In          uploads that are fit, and the folder of their repair
Out         records of telemetry topics: key device_id, header `schemas.failures.REPAIRED_HEADER`
Guarantee   what Kafka has acknowledged is written down, and not sent again; whatever is sent again has the device
            and number it had, so the stream counts it once
On failure  Kafka out of reach, or not acknowledging: UnreachableError; what was acknowledged is written down
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.errors import UnreachableError, UsageError
from schemas.failures import REPAIRED_HEADER
from schemas.topics import TELEMETRY
from streams.crash_points import crash_point
from streams.repair import Fit
from streams.repair_folder import Acknowledgements, RepairFolder

_LOG = logging.getLogger(__name__)

ANSWER_WITHIN_S = 8.0
"""How long the broker may take to say hello."""

GIVE_UP_AFTER_MS = 60_000
"""How long a record may wait for its acknowledgement."""

WRITTEN_DOWN_AT_ONCE = 1_000
_SERVE_EVERY = 100

SETTINGS: Mapping[str, str | int | float | bool] = {
    "enable.idempotence": True,
    "acks": "all",
    "compression.type": "lz4",
    "linger.ms": 20,
    "partitioner": "murmur2_random",  # as devices' producers: an upload has to come back to its device's partition
    "queue.buffering.max.messages": 200_000,
    "queue.buffering.max.kbytes": 262_144,
    "delivery.timeout.ms": GIVE_UP_AFTER_MS,
}


@dataclass
class Readmitted:
    """How many uploads were handed to Kafka, and how many of them it has acknowledged."""

    sent: int = 0
    acknowledged: int = 0


Progress = Callable[[Readmitted], None]


def connect(kafka: Mapping[str, str]) -> Producer:
    """A producer whose broker answers and holds the telemetry topics.

    Args:
        kafka: `bootstrap.servers` and security settings, as librdkafka spells them.
    Raises:
        UnreachableError: no answer within `ANSWER_WITHIN_S`.
        UsageError: the topics are missing.
    """
    _LOG.addHandler(logging.NullHandler())  # what matters of librdkafka's log is in our errors
    config: dict[str, Any] = {**SETTINGS, **kafka, "logger": _LOG}
    producer = Producer(config)
    try:
        topics = producer.list_topics(timeout=ANSWER_WITHIN_S).topics
    except KafkaException as error:
        raise UnreachableError(
            f"Kafka does not answer at {kafka['bootstrap.servers']!r}: {error.args[0].str()}. "
            "Start the local stack with `vaxel up`, or set the address of your cluster"
        ) from error
    missing = [topic for topic in TELEMETRY if topic not in topics]
    if missing:
        raise UsageError(f"Kafka at {kafka['bootstrap.servers']!r} has no topic {', '.join(missing)}: run `vaxel up`")
    return producer


def readmit(
    fits: Iterable[Fit],
    producer: Producer,
    folder: RepairFolder,
    *,
    stop: Event,
    on_progress: Progress,
    per_second: float | None = None,
) -> Readmitted:
    """Send every upload, or as many as there are before `stop`; returns what Kafka acknowledged.

    Order of durable effects:
        1. uploads to Kafka
        2. Kafka's acknowledgements to the folder
    A crash between the two leaves up to `WRITTEN_DOWN_AT_ONCE` of them and whatever is under way unwritten: they are
    sent again next time unless the lake has them by then, and the stream takes them for duplicates.

    Args:
        per_second: Highest rate of uploads; None: as fast as Kafka takes them.
    Raises:
        UnreachableError: an upload was not acknowledged in time, and may or may not be in Kafka.
    """
    counts, errors, waiting = Readmitted(), list[KafkaError](), list[str]()

    def reported(place: str, error: KafkaError | None) -> None:
        if error is None:
            counts.acknowledged += 1
            waiting.append(place)
        else:
            errors.append(error)

    started_s = time.monotonic()
    with folder.acknowledgements() as acknowledgements:
        try:
            for fit in fits:
                if stop.is_set() or errors:
                    break
                try:
                    _hand_over(producer, fit, folder.name, reported)  # 1
                except KafkaException as error:  # for good: idempotence is lost, or another took this producer's place
                    errors.append(error.args[0])
                    break
                counts.sent += 1
                if counts.sent % _SERVE_EVERY == 0:
                    producer.poll(0)
                    on_progress(counts)
                if len(waiting) >= WRITTEN_DOWN_AT_ONCE:
                    _write_down(acknowledgements, waiting)  # 2
                if per_second is not None:
                    _wait(producer, started_s + counts.sent / per_second, stop)
        finally:
            producer.flush(GIVE_UP_AFTER_MS / 1000 + 5)  # 1
            crash_point("streams.before-acknowledged")
            _write_down(acknowledgements, waiting)  # 2
    if errors:
        raise UnreachableError(
            f"Kafka stopped acknowledging: {errors[0].str()}. {counts.acknowledged} of {counts.sent} uploads were "
            "acknowledged; the others may or may not have arrived. The same call again sends them: none counts twice"
        )
    return counts


def _write_down(acknowledgements: Acknowledgements, waiting: list[str]) -> None:
    acknowledgements.write(waiting)
    waiting.clear()


def _hand_over(producer: Producer, fit: Fit, repair: str, report: Callable[[str, KafkaError | None], None]) -> None:
    place = fit.held.place

    def delivered(error: KafkaError | None, _message: Message) -> None:
        report(place, error)

    while True:
        try:
            producer.produce(
                fit.held.topic,
                fit.value,
                fit.device_id,
                headers=[(REPAIRED_HEADER, repair.encode())],
                on_delivery=delivered,
            )
        except BufferError:
            producer.poll(0.1)
        else:
            return


def _wait(producer: Producer, until_s: float, stop: Event) -> None:
    while (left_s := until_s - time.monotonic()) > 0.001 and not stop.is_set():
        producer.poll(min(left_s, 0.2))
