"""The one list of lake tables. Columns come from the contracts; `schemas.views` has the views over them.

A table is fed by one topic (`INPUTS`); `sink_position` says up to where, and moves in the same transaction as the rows.
All times are UTC. Tables hold every version of a session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from schemas import hours, topics
from schemas.desk import Alert, Completeness, FleetMinute, Insight, Usage
from schemas.facts import Offset, Partition, Receipt, Run, ShoeReading, Topic, WashCycle, WasherReading
from schemas.failures import FailedEvent
from schemas.fields import Contract, described
from schemas.forms import Column, columns
from schemas.reference import ContractReference, CustodyHistory, DeviceReference


class SinkPosition(Contract):
    """Up to where the lake holds one partition of one topic."""

    topic: Topic
    partition: Partition
    topic_id: Annotated[str, described("Kafka's id of the topic: a topic created again has another")]
    next_offset: Offset


@dataclass(frozen=True)
class Table:
    """One table of the lake."""

    name: str
    contract: type[Contract]
    meaning: str
    by_day: str = ""
    """The instant whose day parts the table's files; empty: they are not parted."""
    sorted_by: tuple[str, ...] = ()
    """Columns by which the rows of each file are sorted."""


@dataclass(frozen=True)
class Input:
    """One topic that the lake takes in, how its records are written, and the table its rows go to."""

    topic: str
    form: topics.Form
    table: Table
    is_compacted: bool = False
    """Whether Kafka keeps the newest record of each key only; one without a value forgets its key and says nothing."""


UPLOADS = Table(
    "uploads",
    Receipt,
    "What became of each upload that the contract let in, duplicates too",
    "received_at",
    ("device_id", "seq"),
)
_BY_DEVICE = ("device_id", "measured_at")
READINGS_WASHER = Table(
    "readings_washer", WasherReading, "Readings of washing machines, each one once", "measured_at", _BY_DEVICE
)
READINGS_SHOE = Table(
    "readings_shoe", ShoeReading, "Readings of running shoes, each one once", "measured_at", _BY_DEVICE
)
WASH_CYCLE_VERSIONS = Table(
    "wash_cycle_versions", WashCycle, "All versions of all wash cycles", sorted_by=("device_id", "started_at")
)
RUN_VERSIONS = Table("run_versions", Run, "All versions of all runs", sorted_by=("device_id", "started_at"))
FAILED_EVENTS = Table("failed_events", FailedEvent, "Uploads that were refused, with reason and original bytes")
USAGE_VERSIONS = Table("usage_versions", Usage, "Whose use each session was, all versions")
INSIGHT_VERSIONS = Table("insight_versions", Insight, "Advice that was given to people, corrections too")
ALERT_VERSIONS = Table("alert_versions", Alert, "What the maker should look at, all versions")
COMPLETENESS_VERSIONS = Table(
    "completeness_versions", Completeness, "What each device counted a month against what arrived, all versions"
)
FLEET_MINUTE_VERSIONS = Table(
    "fleet_minute_versions", FleetMinute, "What models did in each minute, by country and partition, all versions"
)
DEVICE_VERSIONS = Table("device_versions", DeviceReference, "What ERP told of each unit, all revisions")
CUSTODY_VERSIONS = Table(
    "custody_versions",
    # Language, goal and highest heart rate are for the desk: nobody asks a lake for them, so they never get there.
    CustodyHistory,
    "Who had each device from when to when, one row a revision with all intervals in lists",
)
CONTRACT_VERSIONS = Table(
    "contract_versions",
    ContractReference,
    "What each device was used under, one row a revision with all intervals in lists",
)
_HOUR_BY_HOUR = ("device_id", "hour_at")
READING_HOURS_WASHER = Table(
    "reading_hours_washer",
    hours.WasherHour,
    "Hours of washing machines whose raw readings were rolled up; view washer_hours has all hours",
    sorted_by=_HOUR_BY_HOUR,
)
READING_HOURS_SHOE = Table(
    "reading_hours_shoe",
    hours.ShoeHour,
    "Hours of running shoes whose raw readings were rolled up; view shoe_hours has all hours",
    sorted_by=_HOUR_BY_HOUR,
)
SINK_POSITION = Table("sink_position", SinkPosition, "Up to where the lake holds each partition")

_FED = {
    topics.RECEIPTS: UPLOADS,
    topics.READINGS_WASHER: READINGS_WASHER,
    topics.READINGS_SHOE: READINGS_SHOE,
    topics.SESSIONS_WASHER: WASH_CYCLE_VERSIONS,
    topics.SESSIONS_SHOE: RUN_VERSIONS,
    topics.FAILED_EVENTS: FAILED_EVENTS,
    topics.REFERENCE_DEVICE: DEVICE_VERSIONS,
    topics.REFERENCE_CUSTODY: CUSTODY_VERSIONS,
    topics.REFERENCE_CONTRACT: CONTRACT_VERSIONS,
    topics.USAGE: USAGE_VERSIONS,
    topics.INSIGHTS: INSIGHT_VERSIONS,
    topics.ALERTS: ALERT_VERSIONS,
    topics.COMPLETENESS: COMPLETENESS_VERSIONS,
    topics.FLEET_MINUTES: FLEET_MINUTE_VERSIONS,
}

INPUTS = tuple(
    Input(topic, topics.BY_NAME[topic].form, _FED[topic], topics.BY_NAME[topic].retention_ms is None)
    for topic in topics.LAKE_INPUTS
)
OWN_TABLES = (READING_HOURS_WASHER, READING_HOURS_SHOE, SINK_POSITION)
"""Tables that no topic feeds."""
TABLES = (*(entry.table for entry in INPUTS), *OWN_TABLES)


def is_compacted(table: str, inputs: Sequence[Input] = INPUTS) -> bool:
    """Whether the topic of this table keeps only the newest record of each key."""
    return any(entry.is_compacted for entry in inputs if entry.table.name == table)


@dataclass(frozen=True)
class Meaning:
    """What a column says."""

    text: str
    unit: str
    data_class: str

    def __str__(self) -> str:
        """As the lake shows it: `Energy drawn in the cycle [Wh; usage]`."""
        return f"{self.text} [{'; '.join(part for part in (self.unit, self.data_class) if part)}]"


def meaning(column: Column) -> Meaning:
    """What the column says in the lake, where instants have a type and no unit."""
    return Meaning(column.meaning, "UTC" if column.is_instant else column.unit, column.data_class)


def meanings(contract: type[Contract]) -> dict[str, Meaning]:
    """What each column of the contract's table says, by its name in the lake."""
    return {column.lake_name: meaning(column) for column in columns(contract)}
