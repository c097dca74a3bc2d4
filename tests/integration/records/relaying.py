"""A relay on topics of its own, and what readers see of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any

import psycopg
from confluent_kafka import Consumer, KafkaError, TopicPartition
from psycopg.rows import dict_row

from schemas.outbox import KINDS, TOPIC_OF, ReferenceKind
from schemas.topics import relay_topic
from sinks.records.relay import RelaySettings, Told
from sinks.records.relay_loop import run

KEY = bytes(range(32))
PARTITIONS = 2


@dataclass(frozen=True)
class Seen:
    """A committed record."""

    kind: ReferenceKind
    partition: int
    key: str
    value: Any

    @property
    def of(self) -> tuple[ReferenceKind, str]:
        return self.kind, self.key


def settings_for(kafka: str, dsn: str, fresh_topic: Callable[..., str], **more: Any) -> RelaySettings:
    """A relay with topics that nobody else has."""
    topics: dict[ReferenceKind, str] = {kind: fresh_topic(TOPIC_OF[kind], PARTITIONS) for kind in KINDS}
    state = fresh_topic(relay_topic(), 1)
    return RelaySettings(kafka, dsn, name=state, topics=topics, state_topic=state, **more)


def relay(settings: RelaySettings, key: bytes = KEY, **more: Any) -> list[Told]:
    """Tells all that waits, here and now."""
    told: list[Told] = []
    clock = iter(range(1, 1_000_000))
    options: dict[str, Any] = {"until_idle": True, "stop": Event(), "now_ms": lambda: next(clock), **more}
    run(settings, key, report=told.append, **options)
    return told


_CHILD = """
import sys, time
from threading import Event
from sinks.records.relay import RelaySettings
from sinks.records.relay_loop import run
settings = RelaySettings(sys.argv[1], sys.argv[2], **eval(sys.argv[3]))
run(settings, bytes(range(32)), until_idle=True, stop=Event(), now_ms=lambda: int(time.time() * 1000))
"""


def killed_at(point: str, settings: RelaySettings) -> None:
    """A relay of its own process that ends at this point as kill -9 ends it."""
    fields = {
        "name": settings.name,
        "topics": dict(settings.topics),
        "state_topic": settings.state_topic,
        "limit": settings.limit,
    }
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, settings.kafka, settings.records, repr(fields)],
        env=os.environ | {"VAXEL_CRASH_AT": point},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, (point, done.returncode)


def seen(kafka: str, topics: Mapping[ReferenceKind, str]) -> list[Seen]:
    """All that a reader of committed records finds, topic by topic, partition by partition, in order."""
    kind_of = {topic: kind for kind, topic in topics.items()}
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "it",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    places = [(topic, number) for topic in topics.values() for number in range(PARTITIONS)]
    found: defaultdict[tuple[str, int], list[Seen]] = defaultdict(list)
    unfinished = set(places)
    consumer.assign([TopicPartition(*place, 0) for place in places])
    while unfinished:
        message = consumer.poll(30)
        assert message is not None, "Kafka is silent"
        place = (str(message.topic()), int(message.partition() or 0))
        error = message.error()
        if error is not None:
            assert error.code() == KafkaError._PARTITION_EOF, error
            unfinished.discard(place)
            continue
        key, value = message.key(), message.value()
        assert key is not None
        assert value is not None
        found[place].append(Seen(kind_of[place[0]], place[1], key.decode(), json.loads(value)))
    consumer.close()
    return [own for place in places for own in found[place]]


def newest(records: list[Seen]) -> dict[tuple[ReferenceKind, str], Any]:
    """What stays of each device and kind; revisions must have risen."""
    kept: dict[tuple[ReferenceKind, str], Any] = {}
    for own in records:
        assert own.key == own.value["device_id"]
        before = kept.get(own.of)
        assert before is None or before["revision"] < own.value["revision"], own
        kept[own.of] = own.value
    return kept


def query(dsn: str, statement: str, *values: Any) -> list[dict[str, Any]]:
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []
