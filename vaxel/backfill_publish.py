"""The road of a backfill's versions: to the topics of sessions, as the stream's own versions go.

Desks, the lake and record systems follow those topics, so nobody has to be told of a backfill.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
from confluent_kafka import KafkaException, Producer

from schemas.errors import OutsideError, UnreachableError
from sinks.lake.lag import lag
from streams.crash_points import crash_point
from streams.logs import KAFKA_LOG

TRANSACTIONAL_ID = "vaxel.backfill"
"""One for all: of two backfills at once, the one that began first can write nothing any more."""
LONGEST_TRANSACTION_MS = 120_000
"""Millions of versions are written in less. After a kill in the middle, readers of sessions wait so long for the end of
what was begun, or until the next backfill begins."""
ANSWER_S = 60.0
LOOK_AGAIN_S = 1.0


def publish(
    kafka: str,
    lake: tuple[str, str],
    work: Callable[[], Sequence[Path]],
    *,
    patience_s: float = ANSWER_S,
    tell: Callable[[str], None] = lambda _: None,
) -> int:
    """Writes the versions that the work finds, all or none; returns how many.

    1 fence: no other backfill can commit from here on. 2 wait until the lake holds all that Kafka does, so also what an
    earlier backfill committed. 3 work out what to write against one snapshot. 4 write it in one transaction, 5 commit.
    Killed before 5, nothing of it is ever seen; after it, the next run finds these versions in the lake (2), and
    nothing to change.

    Args:
        lake: Address of its catalogue, and place of its files.
        work: Gives files of `vaxel.backfill.VERSIONS`.
        patience_s: How long the lake may be behind.
    Raises:
        UnreachableError: Kafka or the catalogue does not answer.
        OutsideError: the lake stays behind, or another backfill has begun meanwhile.
    """
    producer = _producer(kafka)
    try:
        producer.init_transactions(ANSWER_S)  # 1
        crash_point("backfill.after-fence")
        wait_for_lake(kafka, lake, patience_s, tell)  # 2
        files = work()  # 3
        crash_point("backfill.after-work")
        if not files:
            return 0
        return _write(producer, files)
    except KafkaException as error:
        raise _outside(error, kafka) from error


def _write(producer: Producer, files: Sequence[Path]) -> int:
    count = 0
    producer.begin_transaction()
    try:
        for topic, partition, key, value in _records(files):  # 4
            _produce(producer, topic, partition, key, value)
            count += 1
        crash_point("backfill.before-commit")
        producer.commit_transaction(ANSWER_S)  # 5
    except BaseException:
        with suppress(KafkaException):  # of one that is fenced there is nothing to undo
            producer.abort_transaction(ANSWER_S)
        raise
    crash_point("backfill.after-commit")
    return count


def wait_for_lake(kafka: str, lake: tuple[str, str], patience_s: float, tell: Callable[[str], None]) -> None:
    """Returns when the lake holds all that Kafka did.

    Raises:
        OutsideError: it is still behind after `patience_s`.
    """
    deadline_s = time.monotonic() + patience_s
    while behind := lag(kafka, *lake):
        if time.monotonic() > deadline_s:
            raise OutsideError(
                f"the lake is behind Kafka in {behind} partitions, and a backfill compares with what it holds: run "
                "`vaxel sink lake` until it has caught up, then again. Nothing was written."
            )
        tell(f"waiting for the lake, which is behind in {behind} partitions")
        time.sleep(LOOK_AGAIN_S)


def _producer(kafka: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": kafka,
            "transactional.id": TRANSACTIONAL_ID,
            "transaction.timeout.ms": LONGEST_TRANSACTION_MS,
            "linger.ms": 20,
            "compression.type": "lz4",
            **KAFKA_LOG,
        }
    )


def _records(files: Sequence[Path]) -> Iterator[tuple[str, int, str, str]]:
    for file in files:
        with pa.ipc.open_file(file) as reader:
            rows = reader.read_all()
        yield from zip(*(rows.column(name).to_pylist() for name in rows.column_names), strict=True)


def _produce(producer: Producer, topic: str, partition: int, key: str, value: str) -> None:
    while True:
        try:
            producer.produce(topic, value.encode(), key.encode(), partition)
            return
        except BufferError:
            producer.poll(0.1)


def _outside(error: KafkaException, kafka: str) -> OutsideError:
    cause: Any = error.args[0]
    if cause.name() in ("_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH"):
        return OutsideError("another backfill has begun, so this one may write no more. Nothing of it was written.")
    return UnreachableError(f"Kafka at {kafka} does not take the versions: {cause.str()}. None of them was written.")
