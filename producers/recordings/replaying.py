"""Captures to Kafka.

In:            captures; a producer.
Out:           their records on one topic: same keys, values and headers; Kafka stamps them anew.
Guarantee:     idempotent producer: each record is in Kafka once, in the order of its partition. To a topic with as many
               partitions as the captured one, each record goes to its own partition again, whatever its key says;
               else by its key, so that a device's records keep their order.
On failure:    `UnreachableError`, with the number of records that were acknowledged.

There is no truth of a replayed capture: nobody knows what its devices really did. `vaxel verify` still holds every
record against Kafka (one outcome each); devices of which no truth tells count as untold.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from producers.recordings.captured import Capture, CapturedRecord
from schemas import topics
from schemas.errors import UnreachableError, UsageError

ANSWER_S = 8.0
FLUSH_S = 65.0
LARGEST_RECORD_BYTES = 100_000_000
"""A record may have come in a batch that was packed small; what the broker does not take, it says."""

_SERVE_EVERY = 100


@dataclass
class Played:
    """Records by what became of them."""

    sent: int = 0
    acknowledged: int = 0


def require_open(topic: str) -> None:
    """Raise unless devices may write to that topic.

    Raises:
        UsageError: it is written by one of our own stages, which remembers what it wrote.
    """
    known = topics.BY_NAME.get(topic)
    if (known is not None and "producers" not in known.producers) or topic.startswith("state."):
        raise UsageError(
            f"{topic!r} is written by Växel itself: a capture is not replayed into it. Accepted with --topic are "
            f"{', '.join(topics.TELEMETRY)}, or a topic of your own"
        )


def partition_count(producer: Producer, topic: str) -> int:
    """Partitions of the topic to replay to.

    Raises:
        UnreachableError: Kafka does not answer.
        UsageError: there is no such topic.
    """
    try:
        known = producer.list_topics(timeout=ANSWER_S).topics
    except KafkaException as error:
        raise UnreachableError(f"Kafka does not answer: {error.args[0].str()}") from error
    if topic not in known:
        raise UsageError(f"Kafka has no topic {topic!r} to replay to; create it first")
    return len(known[topic].partitions)


def require_whole(captures: Sequence[Capture], *, stop: Event, on_progress: Callable[[int], None]) -> None:
    """Read every record of every capture once, or as many as there are before `stop`: damage is told before a replay.

    Raises:
        RecordingError: a capture is damaged.
    """
    read = 0
    for capture in captures:
        for _record in () if stop.is_set() else capture.records():
            read += 1
            if read % _SERVE_EVERY == 0:
                on_progress(read)
                if stop.is_set():
                    break


def play(
    captures: Sequence[Capture],
    producer: Producer,
    topic: str | None,
    *,
    stop: Event,
    on_progress: Callable[[int], None],
    per_second: float | None,
) -> Played:
    """Send every record of every capture, in order, or as many as there were before `stop`.

    Args:
        topic: Where to; None: the topic that each capture names.
        per_second: Highest rate of records; None: as fast as Kafka takes them.
    Raises:
        UnreachableError: a record was not acknowledged, and may or may not be in Kafka.
        UsageError: a topic is missing.
        RecordingError: a capture is damaged, and was not when `require_whole` read it.
    """
    played, errors = Played(), list[KafkaError]()

    def report(error: KafkaError | None, _message: Message) -> None:
        if error is None:
            played.acknowledged += 1
        else:
            errors.append(error)

    targets = [capture.about.topic if topic is None else topic for capture in captures]
    counts = {target: partition_count(producer, target) for target in targets}
    started_s = time.monotonic()
    try:
        for capture, target in zip(captures, targets, strict=True):
            is_same_width = counts[target] == capture.about.partition_count
            for record in capture.records():
                if stop.is_set() or errors:
                    break
                _hand_over(producer, target, record, _placed(record, counts[target], is_same_width), report)
                played.sent += 1
                if played.sent % _SERVE_EVERY == 0:
                    producer.poll(0)
                    on_progress(played.sent)
                if per_second is not None:
                    _wait(producer, started_s + played.sent / per_second, stop)
    except KafkaException as error:  # for good: idempotence is lost, or another took this producer's place
        errors.append(error.args[0])
    finally:
        producer.flush(FLUSH_S)
    if errors:
        raise UnreachableError(
            f"Kafka stopped acknowledging: {errors[0].str()}. {played.acknowledged} of {played.sent} records were "
            "acknowledged; the others may or may not have arrived. Replay again: what arrived is taken as sent twice"
        )
    return played


def _placed(record: CapturedRecord, count: int, is_same_width: bool) -> int:
    """The partition to send to; -1 lets the key decide."""
    if is_same_width:
        return record.partition
    return -1 if record.key is not None else record.partition % count


def _hand_over(
    producer: Producer,
    topic: str,
    record: CapturedRecord,
    partition: int,
    report: Callable[[KafkaError | None, Message], None],
) -> None:
    while True:
        try:
            producer.produce(
                topic, record.value, record.key, partition, headers=list(record.headers), on_delivery=report
            )
        except BufferError:
            producer.poll(0.1)
        else:
            return


def _wait(producer: Producer, until_s: float, stop: Event) -> None:
    while (left_s := until_s - time.monotonic()) > 0.001 and not stop.is_set():
        producer.poll(min(left_s, 0.2))
