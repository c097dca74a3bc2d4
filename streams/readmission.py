"""Back through the door: repaired uploads go to the topic they came to first, as their devices had sent them.

In          uploads that are fit, and the folder of their repair
Out         records of telemetry topics: key device_id, header `schemas.failures.REPAIRED_HEADER`
Guarantee   what Kafka has acknowledged is written down, and not sent again; whatever is sent again has the device
            and number it had, so the stream counts it once (the second is a duplicate, or a failed event: `readmit`)
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
from schemas.topics import GIVE_UP_AFTER_MS, TELEMETRY, TELEMETRY_PRODUCER
from streams.crash_points import crash_point
from streams.repair import Fit
from streams.repair_folder import Acknowledgements, RepairFolder
from streams.repair_rule import AS_IS

_LOG = logging.getLogger(__name__)

ANSWER_WITHIN_S = 8.0
"""How long the broker may take to say hello."""

WRITTEN_DOWN_AT_ONCE = 1_000
WRITTEN_DOWN_AFTER_S = 1.0
"""Or sooner: a slow replay may take hours for a thousand."""

_SERVE_EVERY = 100


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
    config: dict[str, Any] = {**TELEMETRY_PRODUCER, **kafka, "logger": _LOG}
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
    A crash between the two leaves those of the last `WRITTEN_DOWN_AFTER_S`, `WRITTEN_DOWN_AT_ONCE` at most, and
    whatever is under way unwritten: they are sent again next time unless the lake has them by then. None of them
    counts twice: to the stream the second is a duplicate while its number is in the window of its device's newest
    ones (`streams.dedupe`), and beyond it a failed event, `late`, whose number the lake holds as accepted.

    Args:
        per_second: Highest rate of uploads; None: as fast as Kafka takes them.
    Raises:
        UnreachableError: an upload was not acknowledged in time, and may or may not be in Kafka.
    """
    with folder.acknowledgements() as acknowledgements:
        reports = _Reports(acknowledgements)
        counts, errors, started_s = reports.counts, reports.errors, time.monotonic()
        try:
            for fit in fits:
                if stop.is_set() or errors:
                    break
                try:
                    _hand_over(producer, fit, _named(fit, folder), reports.take)  # 1
                except KafkaException as error:  # for good: idempotence is lost, or another took this producer's place
                    errors.append(error.args[0])
                    break
                counts.sent += 1
                if counts.sent % _SERVE_EVERY == 0 or reports.is_time():
                    producer.poll(0)
                    on_progress(counts)
                reports.write_down_what_is_due()  # 2
                if per_second is not None:
                    _wait(producer, reports, started_s + counts.sent / per_second, stop)
        finally:
            producer.flush(GIVE_UP_AFTER_MS / 1000 + 5)  # 1
            crash_point("streams.before-acknowledged")
            reports.write_down()  # 2
    if errors:
        raise UnreachableError(
            f"Kafka stopped acknowledging: {errors[0].str()}. {counts.acknowledged} of {counts.sent} uploads were "
            "acknowledged; the others may or may not have arrived. The same call again sends them: none counts twice"
        )
    return counts


class _Reports:
    """What Kafka says of the uploads that were handed to it; what it has acknowledged goes to the folder."""

    def __init__(self, acknowledgements: Acknowledgements) -> None:
        self.counts, self.errors = Readmitted(), list[KafkaError]()
        self._acknowledgements, self._waiting = acknowledgements, list[str]()
        self._written_s = time.monotonic()

    def take(self, place: str, error: KafkaError | None) -> None:
        """Kafka's answer for the upload of that place."""
        if error is None:
            self.counts.acknowledged += 1
            self._waiting.append(place)
        else:
            self.errors.append(error)

    def is_time(self) -> bool:
        """Whether the last writing was a while ago."""
        return time.monotonic() >= self._written_s + WRITTEN_DOWN_AFTER_S

    def write_down_what_is_due(self) -> None:
        if len(self._waiting) >= WRITTEN_DOWN_AT_ONCE or self.is_time():
            self.write_down()

    def write_down(self) -> None:
        """On disk when this returns."""
        if self._waiting:
            self._acknowledgements.write(self._waiting)
            self._waiting.clear()
        self._written_s = time.monotonic()


def _named(fit: Fit, folder: RepairFolder) -> str:
    """The repair that the upload's header names: the one that rewrote it, also where it comes back as it is."""
    return fit.held.repair or AS_IS if folder.name == AS_IS else folder.name


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


def _wait(producer: Producer, reports: _Reports, until_s: float, stop: Event) -> None:
    while (left_s := until_s - time.monotonic()) > 0.001 and not stop.is_set():
        producer.poll(min(left_s, 0.2))
        reports.write_down_what_is_due()
