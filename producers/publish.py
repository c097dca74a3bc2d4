"""Deliveries to Kafka, and the truth of what it acknowledged.

In:            deliveries; Kafka's address and security settings.
Out:           records on telemetry.*, keyed by device; a truth folder.
Guarantee:     idempotent producer: each delivery is in Kafka once, in order of its device. The truth holds exactly the
               acknowledged ones, also after `stop` is set.
On failure:    no broker at the start, or one that stays away: `UnreachableError`, after the truth is written.
               A truth that cannot be written: `OutsideError`, and no more records.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from threading import Event
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from producers.ledger import Ledger
from producers.truth_folder import TruthFolder, rows_of
from producers.uploads import Delivery
from schemas.errors import UnreachableError, UsageError
from schemas.fleet import FleetDevice
from schemas.topics import TELEMETRY
from schemas.truth import TrueRecord, TrueSession

_LOG = logging.getLogger(__name__)

ANSWER_WITHIN_S = 8.0
"""How long the broker may take to say hello."""

GIVE_UP_AFTER_MS = 60_000
"""How long a record may wait for its acknowledgement."""

_SERVE_EVERY = 100
_RECORDS_PER_WRITE = 50_000

SETTINGS: Mapping[str, str | int | float | bool] = {
    "enable.idempotence": True,
    "acks": "all",
    "compression.type": "lz4",
    "linger.ms": 20,
    "partitioner": "murmur2_random",  # as Java clients do; librdkafka's own default differs
    "queue.buffering.max.messages": 200_000,
    "queue.buffering.max.kbytes": 262_144,
    "delivery.timeout.ms": GIVE_UP_AFTER_MS,
}

Progress = Callable[[Delivery, Ledger], None]


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
        **SETTINGS,
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
    devices: list[FleetDevice],
    stop: Event,
    on_progress: Progress,
    per_second: float | None,
) -> Ledger:
    """Send every delivery, or as many as there were before `stop`; what Kafka acknowledged is in ledger and folder.

    Durable effects, in this order: 1 records to Kafka, 2 acknowledgements to the ledger, 3 the truth to its folder.

    Args:
        per_second: Highest rate of records; None: as fast as Kafka takes them.
    Raises:
        UnreachableError: A record was not acknowledged in time, and may or may not be in Kafka; or the producer may
            not send any more.
        OutsideError: The truth cannot be written.
    """
    ledger = Ledger()
    errors: list[KafkaError] = []
    report = partial(_reported, ledger, errors)
    started_s = time.monotonic()
    try:
        for delivery in deliveries:
            if stop.is_set() or errors:
                break
            try:
                _hand_over(producer, delivery, report)  # 1
            except KafkaException as error:  # for good: idempotence is lost, or another took this producer's place
                errors.append(error.args[0])
                break
            ledger.send(delivery)
            if ledger.counts.sent % _SERVE_EVERY == 0:
                producer.poll(0)  # 2
                on_progress(delivery, ledger)
                if ledger.waiting_records >= _RECORDS_PER_WRITE:
                    folder.append(TrueRecord, rows_of(TrueRecord, ledger.take_records()))
            if per_second is not None:
                _wait(producer, started_s + ledger.counts.sent / per_second, stop)
    finally:
        producer.flush(GIVE_UP_AFTER_MS / 1000 + 5)  # 2
        folder.append(TrueRecord, rows_of(TrueRecord, ledger.take_records()))  # 3
        folder.append(TrueSession, rows_of(TrueSession, ledger.sessions()))
        folder.append(FleetDevice, rows_of(FleetDevice, devices))
        folder.finish()
    if errors:
        raise UnreachableError(
            f"Kafka stopped acknowledging: {errors[0].str()}. {ledger.counts.acknowledged} of {ledger.counts.sent} "
            f"records were acknowledged; the others may or may not have arrived"
        )
    return ledger


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
