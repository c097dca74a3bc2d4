"""The one list of topics. Partition counts of all topics keyed by device are equal, so a device stays in its column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from schemas.desk import Alert, Command, Completeness, FleetMinute, Insight, Usage
from schemas.facts import Receipt, Run, ShoeReading, WashCycle, WasherReading
from schemas.failures import FailedEvent
from schemas.fields import Contract
from schemas.reference import ConsentReference, ContractReference, CustodyReference, DeviceReference
from schemas.uploads import ShoeUpload, WasherUpload

Form = Literal["json", "arrow", "original"]
"""json: one contract a record; arrow: an IPC stream (lz4) of many rows; original: the bytes as they came, sealed."""

DAY_MS = 86_400_000
DEFAULT_PARTITIONS = 4
COMPACTED_SEGMENT_BYTES = 64 * 1024 * 1024

TELEMETRY_WASHER = "telemetry.washer.v1"
TELEMETRY_SHOE = "telemetry.shoe.v1"
RECEIPTS = "receipts.v1"
READINGS_WASHER = "readings.washer.v1"
READINGS_SHOE = "readings.shoe.v1"
SESSIONS_WASHER = "sessions.washer.v1"
SESSIONS_SHOE = "sessions.shoe.v1"
FAILED_EVENTS = "failed-events.v1"
REFERENCE_DEVICE = "reference.device.v1"
REFERENCE_CUSTODY = "reference.custody.v1"
REFERENCE_CONTRACT = "reference.contract.v1"
REFERENCE_CONSENT = "reference.consent.v1"
USAGE = "usage.v1"
INSIGHTS = "insights.v1"
ALERTS = "alerts.v1"
COMPLETENESS = "completeness.v1"
COMMANDS = "commands.v1"
FLEET_MINUTES = "fleet-minutes.v1"


@dataclass(frozen=True)
class Topic:
    """One row of the list.

    Attributes:
        key: What the record's key holds; empty for records without one.
        retention_ms: How long Kafka keeps a record; None for compacted topics (the newest of each key stays).
        max_message_bytes: Largest record batch the broker takes.
    """

    name: str
    key: str
    form: Form
    contract: type[Contract] | None
    owner: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    retention_ms: int | None
    max_message_bytes: int = 1_048_588
    broker_stamps_time: bool = False

    def config(self) -> dict[str, str]:
        """The topic's settings as Kafka spells them."""
        settings = {"max.message.bytes": str(self.max_message_bytes)}
        if self.retention_ms is None:
            settings["cleanup.policy"] = "compact"
            # Kafka compacts closed segments only, and a restart reads all of them: small ones keep it short.
            settings["segment.bytes"] = str(COMPACTED_SEGMENT_BYTES)
            settings["min.cleanable.dirty.ratio"] = "0.2"
        else:
            settings["retention.ms"] = str(self.retention_ms)
        if self.broker_stamps_time:
            settings["message.timestamp.type"] = "LogAppendTime"
        return settings


FRAME_BYTES = 16 * 1024 * 1024

TOPICS: tuple[Topic, ...] = (
    Topic(
        TELEMETRY_WASHER,
        "device_id",
        "json",
        WasherUpload,
        "producers",
        ("producers",),
        ("streams",),
        7 * DAY_MS,
        broker_stamps_time=True,
    ),
    Topic(
        TELEMETRY_SHOE,
        "device_id",
        "json",
        ShoeUpload,
        "producers",
        ("producers",),
        ("streams",),
        7 * DAY_MS,
        broker_stamps_time=True,
    ),
    Topic(RECEIPTS, "", "arrow", Receipt, "streams", ("streams",), ("sinks.lake",), 7 * DAY_MS, FRAME_BYTES),
    Topic(
        READINGS_WASHER, "", "arrow", WasherReading, "streams", ("streams",), ("sinks.lake",), 3 * DAY_MS, FRAME_BYTES
    ),
    Topic(READINGS_SHOE, "", "arrow", ShoeReading, "streams", ("streams",), ("sinks.lake",), 3 * DAY_MS, FRAME_BYTES),
    Topic(SESSIONS_WASHER, "device_id", "json", WashCycle, "streams", ("streams",), ("sinks.lake",), 30 * DAY_MS),
    Topic(SESSIONS_SHOE, "device_id", "json", Run, "streams", ("streams",), ("sinks.lake",), 30 * DAY_MS),
    Topic(
        FAILED_EVENTS,
        "device_id",
        "original",
        FailedEvent,
        "streams",
        ("streams",),
        ("sinks.lake",),
        30 * DAY_MS,
        FRAME_BYTES,
    ),
    *(
        Topic(name, "device_id", "json", contract, "sinks.records", ("sinks.records",), consumers, None)
        for name, contract, consumers in (
            (REFERENCE_DEVICE, DeviceReference, ("streams", "sinks.lake")),
            (REFERENCE_CUSTODY, CustodyReference, ("streams", "sinks.lake")),
            (REFERENCE_CONTRACT, ContractReference, ("streams", "sinks.lake")),
            (REFERENCE_CONSENT, ConsentReference, ("streams",)),
        )
    ),
    Topic(USAGE, "device_id", "json", Usage, "streams", ("streams",), ("sinks.lake",), 30 * DAY_MS),
    Topic(INSIGHTS, "subject", "json", Insight, "streams", ("streams",), ("sinks.lake",), 30 * DAY_MS),
    Topic(ALERTS, "device_id", "json", Alert, "streams", ("streams",), ("sinks.lake",), 30 * DAY_MS),
    Topic(COMPLETENESS, "device_id", "json", Completeness, "streams", ("streams",), ("sinks.lake",), 30 * DAY_MS),
    Topic(COMMANDS, "device_id", "json", Command, "streams", ("streams",), ("producers",), 7 * DAY_MS),
    Topic(FLEET_MINUTES, "", "arrow", FleetMinute, "streams", ("streams",), ("sinks.lake",), 30 * DAY_MS, FRAME_BYTES),
)

REFERENCES = (REFERENCE_DEVICE, REFERENCE_CUSTODY, REFERENCE_CONTRACT, REFERENCE_CONSENT)

GIVE_UP_AFTER_MS = 60_000
"""How long a record of a device may wait for Kafka's acknowledgement."""

TELEMETRY_PRODUCER: Mapping[str, str | int | float | bool] = MappingProxyType(
    {
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "lz4",
        "linger.ms": 20,
        "partitioner": "murmur2_random",  # as Java clients do; librdkafka's own default differs
        "message.max.bytes": 1_048_588,  # as the topics take them; librdkafka's own limit is lower than an upload's
        "queue.buffering.max.messages": 200_000,
        "queue.buffering.max.kbytes": 262_144,
        "delivery.timeout.ms": GIVE_UP_AFTER_MS,
    }
)
"""How librdkafka writes telemetry. All that write it share it: an upload that comes back has to find its device's
partition, however large it is."""

BY_NAME = {topic.name: topic for topic in TOPICS}
TELEMETRY = (TELEMETRY_WASHER, TELEMETRY_SHOE)
LAKE_INPUTS = tuple(topic.name for topic in TOPICS if "sinks.lake" in topic.consumers)


DESK = "desk"
"""Stands for all that the desk reads, in the name of its state topic."""


def state_topic(app: str, input_topic: str) -> Topic:
    """The compacted topic that holds an app's state of one input topic, partition by partition."""
    return Topic(
        f"state.{app}.{input_topic}",
        "page, delta or position",
        "arrow",
        None,
        "streams",
        ("streams",),
        ("streams",),
        None,
        FRAME_BYTES,
    )


def relay_topic() -> Topic:
    """The compacted topic that holds how far each relay of the record systems has told, in its first partition."""
    return Topic(
        "state.relay",
        "name of the relay",
        "json",
        None,
        "sinks.records",
        ("sinks.records",),
        ("sinks.records",),
        None,
    )
