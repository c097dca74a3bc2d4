"""What record systems tell of devices comes through compacted topics: older records of a key go, offsets stay."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from schemas.reference import CustodyReference, DeviceReference
from tests.integration.lake.conftest import Lake, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

AT_MS = 1_767_225_600_000
ANNA, BO = "p" + 26 * "a", "p" + 26 * "b"
AGGRESSIVE = {"segment.ms": "100", "min.cleanable.dirty.ratio": "0.0", "max.compaction.lag.ms": "100"}


def a_device(device_id: str, revision: int) -> bytes:
    return (
        DeviceReference(
            device_id=device_id, revision=revision, product="washer", material="WM-1", plant="Nord", sold_on=None,
            registered_at_ms=AT_MS,
        )
        .model_dump_json()
        .encode()
    )  # fmt: skip


def a_custody(revision: int, subjects: list[str]) -> bytes:
    """One custody a day, the last one goes on."""
    starts_ms = [AT_MS + day * 86_400_000 for day in range(len(subjects))]
    return (
        CustodyReference(
            device_id="w-1", revision=revision, from_ms=starts_ms, to_ms=[*starts_ms[1:], None],
            kind=["sold"] * len(subjects), subject=subjects, country=["SE"] * len(subjects),
            time_zone=["Europe/Stockholm"] * len(subjects), language=["sv"] * len(subjects),
            insights_per_week=[3] * len(subjects), max_heart_rate_bpm=[190.0] * len(subjects),
            goal=["health"] * len(subjects), weekly_km=[10.0] * len(subjects), runs_per_week=[2] * len(subjects),
        )
        .model_dump_json()
        .encode()
    )  # fmt: skip


def test_a_custody_comes_without_what_the_desk_alone_needs_and_its_newest_revision_is_shown(lake: Lake) -> None:
    producer = Producer({"bootstrap.servers": lake.kafka})
    for revision, subjects in ((1, [ANNA]), (2, [ANNA, BO])):
        producer.produce(lake.topic("custody_versions"), a_custody(revision, subjects), key="w-1")
    producer.flush()
    lake.sink(2)
    assert lake.ask("SELECT count(*) FROM custody_versions") == [(2,)]
    assert lake.ask("SELECT subject, from_at::VARCHAR, to_at::VARCHAR FROM custodies ORDER BY from_at") == [
        (ANNA, "2026-01-01 00:00:00", "2026-01-02 00:00:00"),
        (BO, "2026-01-02 00:00:00", None),
    ]
    held = {name for (name,) in lake.ask("SELECT column_name FROM (DESCRIBE custody_versions)")}
    assert not held & {"language", "goal", "max_heart_rate_bpm", "weekly_km"}


def test_a_record_without_a_value_forgets_its_key_in_kafka_and_adds_no_row(lake: Lake) -> None:
    producer = Producer({"bootstrap.servers": lake.kafka})
    for value in (a_device("w-1", 1), None):
        producer.produce(lake.topic("device_versions"), value, key="w-1")
    producer.produce(lake.topic("device_versions"), a_device("w-2", 1), key="w-2")
    producer.flush()
    lake.sink(2)
    assert lake.lag() == 0
    assert lake.ask("SELECT device_id FROM devices ORDER BY 1") == [("w-1",), ("w-2",)]


def test_the_sink_reads_on_over_offsets_that_compaction_has_emptied(lake: Lake) -> None:
    topic = lake.topic("device_versions")
    be_quick(lake, topic)
    producer = Producer({"bootstrap.servers": lake.kafka})
    producer.produce(topic, a_device("w-1", 1), key="w-1", partition=0)
    producer.flush()
    lake.sink(1)
    for revision in range(2, 40):
        producer.produce(topic, a_device("w-1", revision), key="w-1", partition=0)
    producer.flush()

    def compacted() -> bool:
        # Only closed segments are compacted, and the next record closes one.
        producer.produce(topic, a_device("w-2", 1), key="w-2", partition=0)
        producer.flush()
        return 2 not in kept_revisions(lake, topic)

    wait_for(compacted, 90)
    lake.sink(1)
    assert lake.lag() == 0
    assert lake.ask("SELECT device_id, revision FROM devices ORDER BY 1") == [("w-1", 39), ("w-2", 1)]
    assert lake.ask("SELECT count(*) FROM device_versions WHERE device_id = 'w-1' AND revision = 2") == [(0,)]


def be_quick(lake: Lake, topic: str) -> None:
    """Kafka compacts as soon as it looks."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    for name, value in AGGRESSIVE.items():
        resource.add_incremental_config(ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET))
    admin = AdminClient({"bootstrap.servers": lake.kafka})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(10)


def kept_revisions(lake: Lake, topic: str) -> list[int]:
    """Revisions of w-1 that Kafka still holds."""
    consumer = Consumer({"bootstrap.servers": lake.kafka, "group.id": "it", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: list[int] = []
    try:
        while True:
            message = consumer.poll(5)
            if message is None or message.error():
                return found
            told = DeviceReference.model_validate_json(message.value() or b"")
            found += [told.revision] if told.device_id == "w-1" else []
    finally:
        consumer.close()
