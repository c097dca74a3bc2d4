"""Deliveries to Kafka, and the truth of what it acknowledged.

In:            deliveries; Kafka's address and security settings.
Out:           records on telemetry.*, keyed by device; a truth folder.
Guarantee:     idempotent producer: each delivery is in Kafka once, in order of its device, but for lost ones, which are
               told to the truth only. The truth holds exactly the acknowledged ones, also after `stop` is set; a
               process killed outright leaves what it told until a second before.
On failure:    no broker at the start, or one that stays away: `UnreachableError`, after the truth is written.
               A truth that cannot be written: `OutsideError`, and no more records.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from producers.ledger import Ledger
from producers.truth_folder import TruthFolder, rows_of
from producers.uploads import Delivery
from schemas.errors import UnreachableError, UsageError
from schemas.fleet import FleetDevice, LifeEvent
from schemas.topics import GIVE_UP_AFTER_MS, TELEMETRY, TELEMETRY_PRODUCER
from schemas.truth import TrueCondition, TrueRecord, TrueSession, TrueTotal, TrueUpload

_LOG = logging.getLogger(__name__)

ANSWER_WITHIN_S = 8.0
"""How long the broker may take to say hello."""

_SERVE_EVERY = 100
_SERVE_EVERY_S = 0.2
_ROWS_PER_WRITE = 100_000
_WRITE_EVERY_S = 1.0

Progress = Callable[[Delivery, Ledger], None]


@dataclass(frozen=True)
class Pace:
    """How fast deliveries leave: as fast as Kafka takes them, or as the slower one of two limits says.

    Attributes:
        per_second: Highest rate of records.
        speed: How many times as fast as in real life simulated time goes by.
        first_ms: Where simulated time begins.
    """

    per_second: float | None = None
    speed: float | None = None
    first_ms: int = 0

    def leaves_after_s(self, delivery: Delivery, sent: int) -> float:
        """Seconds from the start of the run after which a delivery may leave, behind that many others."""
        by_rate = sent / self.per_second if self.per_second else 0.0
        by_time = (delivery.due_ms - self.first_ms) / 1000 / self.speed if self.speed else 0.0
        return max(by_rate, by_time)


def connect(kafka: Mapping[str, str]) -> Producer:
    """A producer whose broker answers and holds the telemetry topics.

    Args:
        kafka: `bootstrap.servers` and security settings, as librdkafka spells them.
    Raises:
        UnreachableError: No answer within `ANSWER_WITHIN_S`.
        UsageError: The topics are missing.
    """
    complaints: list[str] = []
    _LOG.addHandler(logging.NullHandler())  # what matters of librdkafka's log is in our errors
    config: dict[str, Any] = {
        **TELEMETRY_PRODUCER,
        **kafka,
        "logger": _LOG,
        "error_cb": lambda error: complaints.append(error.str()),
    }
    producer = Producer(config)
    try:
        topics = producer.list_topics(timeout=ANSWER_WITHIN_S).topics
    except KafkaException as error:
        producer.poll(0)
        reason = complaints[-1] if complaints else error.args[0].str()
        raise UnreachableError(
            f"Kafka does not answer at {kafka['bootstrap.servers']!r}: {reason}. "
            "Start the local stack with `vaxel up`, or set the address of your cluster"
        ) from error
    missing = [topic for topic in TELEMETRY if topic not in topics]
    if missing:
        raise UsageError(
            f"Kafka at {kafka['bootstrap.servers']!r} has no topic {', '.join(missing)}: create the topics of "
            "`schemas.topics`; `vaxel up` does it on the local stack"
        )
    return producer


def publish(
    deliveries: Iterable[Delivery],
    producer: Producer,
    folder: TruthFolder,
    *,
    devices: Iterable[FleetDevice] = (),
    events: Iterable[LifeEvent] = (),
    stop: Event,
    on_progress: Progress,
    pace: Pace,
) -> Ledger:
    """Send every delivery, or as many as there were before `stop`; what Kafka acknowledged is in ledger and folder.

    Durable effects, in this order: 1 devices and events to the truth, 2 records to Kafka, 3 acknowledgements to the
    ledger, 4 what the ledger holds to the truth, uploads before records.

    Raises:
        UnreachableError: A record was not acknowledged in time, and may or may not be in Kafka; or the producer may
            not send any more.
        OutsideError: The truth cannot be written.
    """
    ledger = Ledger()
    errors: list[KafkaError] = []
    report = partial(_reported, ledger, errors)
    folder.append(FleetDevice, rows_of(FleetDevice, devices))  # 1
    folder.append(LifeEvent, rows_of(LifeEvent, events))
    started_s = served_s = written_s = time.monotonic()
    try:
        for number, delivery in enumerate(deliveries):
            _wait(producer, started_s + pace.leaves_after_s(delivery, ledger.counts.sent), stop)
            if stop.is_set() or errors:
                break
            if not delivery.is_lost:
                try:
                    _hand_over(producer, delivery, report)  # 2
                except KafkaException as error:  # for good: idempotence is lost, or another took this producer's place
                    errors.append(error.args[0])
                    break
            ledger.send(delivery)
            now_s = time.monotonic()
            if number % _SERVE_EVERY == 0 or now_s - served_s > _SERVE_EVERY_S:
                served_s = now_s
                producer.poll(0)  # 3
                on_progress(delivery, ledger)
            if ledger.waiting_rows >= _ROWS_PER_WRITE or now_s - written_s > _WRITE_EVERY_S:
                written_s = now_s
                _write(ledger, folder)  # 4
    finally:
        producer.flush(GIVE_UP_AFTER_MS / 1000 + 5)  # 3
        _write(ledger, folder)  # 4
        folder.append(TrueTotal, ledger.totals())
        folder.finish()
    if errors:
        raise UnreachableError(
            f"Kafka stopped acknowledging: {errors[0].str()}. {ledger.counts.acknowledged} of {ledger.counts.sent} "
            f"records were acknowledged; the others may or may not have arrived"
        )
    return ledger


def _write(ledger: Ledger, folder: TruthFolder) -> None:
    """An upload before its record: a record of an upload that nobody tells would be a lie."""
    for contract in (TrueSession, TrueCondition, TrueUpload, TrueRecord):
        folder.append(contract, ledger.take(contract))


def _hand_over(producer: Producer, delivery: Delivery, report: Callable[..., None]) -> None:
    while True:
        try:
            producer.produce(
                delivery.upload.topic,
                delivery.value,
                delivery.upload.device_id,
                on_delivery=partial(report, delivery),
            )
        except BufferError:
            producer.poll(0.1)
        else:
            return


def _reported(
    ledger: Ledger, errors: list[KafkaError], delivery: Delivery, error: KafkaError | None, message: Message
) -> None:
    if error is None:
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        ledger.acknowledge(delivery, partition, offset)
    else:
        errors.append(error)
        ledger.give_up(delivery)


def _wait(producer: Producer, until_s: float, stop: Event) -> None:
    while (left_s := until_s - time.monotonic()) > 0.001 and not stop.is_set():
        producer.poll(min(left_s, 0.2))
