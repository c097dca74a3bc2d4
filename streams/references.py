"""What record systems told of the devices of a worker's partitions: followed by a thread, one register a partition.

In:            reference.custody.v1, reference.consent.v1: the newest record of each device, and what comes after.
Out:           registers that the steps look into.
Guarantee:     a register holds all that had been told when it was first asked for; what comes later is in it within
               moments. It is no part of the state: a consent decides about what is taken in from then on.
On failure:    the process ends; without consents nothing may be taken in.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from schemas.errors import OutsideError, UnreachableError
from schemas.topics import REFERENCE_CONSENT, REFERENCE_CUSTODY
from streams.desk.reading import Record, references
from streams.desk.register import Register
from streams.ending import die
from streams.logs import KAFKA_LOG
from streams.settings import EngineSettings

FOLLOWED = (REFERENCE_CUSTODY, REFERENCE_CONSENT)
LOOK_S = 0.1
ANSWER_S = 30.0
MESSAGES = 1_000
MISSING = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)


class References:
    """The registers of a worker. Its methods may be called from any thread."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._registers: dict[int, Register] = {}
        self._reached: defaultdict[int, set[str]] = defaultdict(set)
        self._wanted: list[int] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def of(self, partition: int) -> Register:
        """The register of a partition's devices, with all that had been told by now. Blocks until it is there.

        Raises:
            UnreachableError: the broker does not answer.
        """
        deadline_s = time.monotonic() + ANSWER_S
        with self._changed:
            if partition not in self._registers:
                self._registers[partition] = Register()
                self._wanted.append(partition)
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, name="references", daemon=True)
                self._thread.start()
            while len(self._reached[partition]) < len(FOLLOWED):
                if not self._changed.wait(timeout=max(0.0, deadline_s - time.monotonic())):
                    raise UnreachableError(
                        f"cannot read {', '.join(FOLLOWED)} at {self._settings.kafka}: silent for {ANSWER_S} s"
                    )
            return self._registers[partition]

    def _follow(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._settings.kafka,
                "group.id": f"{self._settings.app}.references",  # librdkafka wants one; nothing is joined or committed
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
                "auto.offset.reset": "earliest",
                **KAFKA_LOG,
            }
        )
        try:
            while True:
                self._begin(consumer)
                for message in consumer.consume(MESSAGES, LOOK_S):
                    self._take(message.topic() or "", int(message.partition() or 0), message)
        except BaseException as error:  # a thread that ends in silence would leave consents as they were
            die("references", error)

    def _begin(self, consumer: Consumer) -> None:
        with self._changed:
            wanted, self._wanted = self._wanted, []
        if wanted:
            consumer.incremental_assign([TopicPartition(topic, number, 0) for topic in FOLLOWED for number in wanted])

    def _take(self, topic: str, number: int, message: Any) -> None:
        error = message.error()
        if error is None:
            told = Record(topic, message.offset(), message.key(), message.value())
            for reference in references([told]):
                self._registers[number].learn(reference)
        elif error.code() == KafkaError._PARTITION_EOF:
            with self._changed:
                self._reached[number].add(topic)
                self._changed.notify_all()
        elif error.code() in (
            KafkaError.UNKNOWN_TOPIC_OR_PART,
            KafkaError._UNKNOWN_TOPIC,
            KafkaError._UNKNOWN_PARTITION,
        ):
            raise OutsideError(f"topic {topic} does not exist at {self._settings.kafka}. Create it: vaxel up")
        elif not error.retriable() and error.code() not in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT):
            raise OutsideError(f"cannot read {topic}[{number}] at {self._settings.kafka}: {error.str()}")
