"""How far a pipeline has come: what Kafka holds, what the workers have taken in, what the lake holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TypeVar

import duckdb
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.errors import UnreachableError
from schemas.lake import TABLES
from schemas.topics import TELEMETRY, state_topic
from sinks.lake.connection import exists, open_reader, outside
from sinks.lake.tables import columns_in_lake
from sinks.lake.topics import Topics
from streams.desk.memory import DeskPosition, desk_position_of, desk_state_topic
from streams.desk.reading import INPUTS
from streams.logs import QUIET
from streams.memory import POSITION_KEY, position_of
from streams.settings import EngineSettings
from streams.state_topic import live_records
from vaxel.settings import Addresses

T = TypeVar("T")
Ends = dict[tuple[str, int], tuple[int, int]]
"""First and next offset of partitions."""

ANSWER_S = 10.0
LOOK_AGAIN_S = 0.2
GROUP = "vaxel"


class Intake:
    """Ends of the telemetry partitions, and the workers' positions in them."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._admin = AdminClient({"bootstrap.servers": kafka, **QUIET})
        self._consumer = Consumer({"bootstrap.servers": kafka, "group.id": GROUP, "enable.auto.commit": False, **QUIET})

    def ends(self) -> Ends:
        """First and next offset of each telemetry partition."""
        topics = self._answer(lambda: self._admin.list_topics(timeout=ANSWER_S)).topics
        try:
            places = [(topic, number) for topic in TELEMETRY for number in topics[topic].partitions]
        except KeyError as error:
            raise UnreachableError(
                f"Kafka at {self._kafka} has no topic {error.args[0]}. Create it: vaxel up"
            ) from error
        return {(topic, number): self._extent(topic, number) for topic, number in places}

    def _extent(self, topic: str, number: int) -> tuple[int, int]:
        place = TopicPartition(topic, number)
        low, high = self._answer(lambda: self._consumer.get_watermark_offsets(place, timeout=ANSWER_S))
        return low, high

    def remaining(self, ends: Ends) -> int:
        """Uploads below those ends that no worker has committed yet, as the group tells it.

        Cheap, but only for show: the position that counts is in the state (`not_taken_in`), which may be moved back.
        """
        asked = [TopicPartition(topic, number) for topic, number in ends]
        committed = self._answer(lambda: self._consumer.committed(asked, timeout=ANSWER_S))
        return sum(
            max(0, high - max(low, place.offset)) for place, (low, high) in zip(committed, ends.values(), strict=True)
        )

    def _answer(self, ask: Callable[[], T]) -> T:
        """What Kafka says within `ANSWER_S`, asked again until then.

        A new partition may have no leader yet, and a group that moves no coordinator. librdkafka marks neither as
        worth another try (`retriable()` speaks of transactions only), so every error is.
        """
        give_up_s = time.monotonic() + ANSWER_S
        while True:
            try:
                return ask()
            except KafkaException as error:
                if time.monotonic() > give_up_s:
                    raise UnreachableError(f"Kafka at {self._kafka} does not answer: {error.args[0].str()}") from error
            time.sleep(LOOK_AGAIN_S)

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()


def waiting_uploads(kafka: str) -> int:
    """Published uploads that no worker has taken in yet."""
    with closing(Intake(kafka)) as intake:
        ends = intake.ends()
    return not_taken_in(kafka, ends)


def not_taken_in(kafka: str, ends: Ends) -> int:
    """Uploads below those ends that the workers' state does not know yet. Reads all of the state.

    Raises:
        UnreachableError: Kafka does not answer.
    """
    settings = EngineSettings(kafka)
    waiting = 0
    for topic in sorted({topic for topic, _ in ends}):
        numbers = [number for name, number in ends if name == topic]
        for number, records in live_records(settings, state_topic(settings.app, topic).name, numbers).items():
            low, high = ends[topic, number]
            kept = records.get(POSITION_KEY)
            waiting += max(0, high - (max(low, position_of(kept.value).next_offset) if kept is not None else low))
    return waiting


def desk_behind(kafka: str, app: str = GROUP) -> int:
    """Partitions of which the desk has not taken everything in, or has not told everything. Reads all of its state.

    Raises:
        UnreachableError: Kafka does not answer.
    """
    settings = EngineSettings(kafka, app)
    extents = Topics(kafka).extents(INPUTS)
    numbers = sorted({number for _, number in extents})
    kept = live_records(settings, desk_state_topic(settings.app).name, numbers)
    behind = 0
    for number, records in kept.items():
        record = records.get(POSITION_KEY)
        position = DeskPosition({}) if record is None else desk_position_of(record.value)
        rests = position.has_spoken and all(
            extents[topic, number].end_offset
            <= max(
                extents[topic, number].start_offset,
                position.inputs[topic].next_offset if topic in position.inputs else 0,
            )
            for topic in INPUTS
        )
        behind += not rests
    return behind


@dataclass(frozen=True)
class Counts:
    """What the lake holds."""

    accepted: int = 0
    duplicates: int = 0
    failed: int = 0
    readings: int = 0
    wash_cycles: int = 0
    runs: int = 0

    def asdict(self) -> dict[str, int]:
        """By name."""
        return asdict(self)


def lake_if_made(addresses: Addresses) -> duckdb.DuckDBPyConnection | None:
    """A connection to read the lake with; None while there is none, or its tables are still being made."""
    if not exists(addresses.catalog):
        return None
    lake = open_reader(addresses.catalog, addresses.lake_files)
    with outside("look for the lake's tables"):
        if all(table.name in columns_in_lake(lake) for table in TABLES):
            return lake
    lake.close()
    return None


def lake_counts(lake: duckdb.DuckDBPyConnection) -> Counts:
    """Count what the lake holds.

    Raises:
        OutsideError: catalogue or files cannot be read.
    """
    with outside("count what the lake holds"):
        row = lake.execute(_COUNTS).fetchone()
    assert row is not None, "an aggregate has a row"
    return Counts(*row)


_COUNTS = """
select
  (select count(*) from uploads where outcome = 'accepted'),
  (select count(*) from uploads where outcome = 'duplicate'),
  (select count(*) from failed_events),
  (select count(*) from readings_washer) + (select count(*) from readings_shoe),
  (select count(*) from wash_cycles),
  (select count(*) from runs)
"""
