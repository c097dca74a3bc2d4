"""The one list of lake tables and views. Columns come from the contracts; a view gives analysts one row a session.

A table is fed by one topic (`INPUTS`); `sink_position` says up to where, and moves in the same transaction as the rows.
All times are UTC. Tables hold every version of a session; the views hold the newest one, and nothing withdrawn.
"""

from __future__ import annotations

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


@dataclass(frozen=True)
class View:
    """One view for analysts."""

    name: str
    query: str
    meaning: str


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


def _newest(table: Table, *key: str) -> str:
    """The newest version of each thing in a table."""
    things = ", ".join(key)
    return (
        f"(SELECT * FROM {table.name} QUALIFY row_number() OVER "
        f"(PARTITION BY {things} ORDER BY version DESC, known_at DESC) = 1) AS newest"
    )


def _last_told(table: Table) -> str:
    """What the record systems told last of each device."""
    return (
        f"(SELECT * FROM {table.name} QUALIFY row_number() OVER "
        "(PARTITION BY device_id ORDER BY revision DESC) = 1) AS last_told"
    )


VIEWS = (
    View(
        "wash_cycles",
        f"""
        SELECT session_id, device_id, material, firmware, programme, started_at, ended_at,
               date_diff('millisecond', started_at, ended_at) / 60000 AS duration_min,
               energy_wh, water_l, peak_w, status, version, session_no, source, reading_count, known_at,
               programme_source, fill_s, heat_s, wash_s, rinse_s, spin_s, drain_s, heat_energy_wh, heater_w,
               heating_k_per_min, max_temperature_c, max_drum_rpm, spin_w, label_energy_deviation_pct,
               label_water_deviation_pct, anomalies
        FROM {_newest(WASH_CYCLE_VERSIONS, "session_id")}
        WHERE status <> 'withdrawn'
        """,
        "Wash cycles as known now: the newest version of each, without those withdrawn",
    ),
    View(
        "runs",
        f"""
        SELECT session_id, device_id, material, firmware, started_at, ended_at,
               date_diff('millisecond', started_at, ended_at) / 1000 AS duration_s,
               distance_m, steps, avg_cadence_spm, avg_heart_rate_bpm, max_heart_rate_bpm, avg_ground_contact_ms,
               status, version, session_no, reading_count, known_at,
               moving_s, paused_s, gap_s, pace_s_per_km, split_s, avg_contact_balance_pct, asymmetry_pct,
               heart_rate_zone_s, max_heart_rate_known_bpm, load
        FROM {_newest(RUN_VERSIONS, "session_id")}
        WHERE status <> 'withdrawn'
        """,
        "Runs as known now: the newest version of each, without those withdrawn",
    ),
    View(
        "usage",
        f"SELECT * FROM {_newest(USAGE_VERSIONS, 'session_id')} WHERE status <> 'withdrawn'",
        "Whose use each session was, as known now, as of when it began",
    ),
    View(
        "insights",
        f"SELECT * FROM {_newest(INSIGHT_VERSIONS, 'insight_id')}",
        "Advice as it was given last: what a correction of its session changed replaces it",
    ),
    View(
        "alerts",
        f"""
        SELECT * FROM (SELECT * FROM {ALERT_VERSIONS.name}
                       QUALIFY row_number() OVER (PARTITION BY alert_id ORDER BY version DESC) = 1) AS newest
        """,
        "What the maker should look at, as known now; those cleared too",
    ),
    View(
        "completeness",
        f"""
        SELECT * FROM {_newest(COMPLETENESS_VERSIONS, "device_id", "month", "custody_from")}
        -- A custody that is known by now has taken all of what nobody had.
        QUALIFY counted <> 0 OR arrived <> 0 OR missing_uploads + refused_uploads <> 0
          OR count(*) OVER (PARTITION BY device_id, month) = 1
        """,
        "What each device counted a month against what arrived, as known now",
    ),
    View(
        "fleet_minutes",
        f"""
        SELECT minute_at, product, material, country, sum(devices)::BIGINT AS devices,
               sum(readings)::BIGINT AS readings, sum(energy_wh) AS energy_wh, max(known_at) AS known_at
        FROM {_newest(FLEET_MINUTE_VERSIONS, "partition", "product", "material", "country", "minute_at")}
        GROUP BY ALL
        """,
        "What models did in each minute, by country",
    ),
    View(
        "washer_hours",
        hours.summed(READING_HOURS_WASHER.name, READINGS_WASHER.name, hours.WASHER),
        "Readings of washing machines by hour, whether rolled up or not",
    ),
    View(
        "shoe_hours",
        hours.summed(READING_HOURS_SHOE.name, READINGS_SHOE.name, hours.SHOE),
        "Readings of running shoes by hour, whether rolled up or not",
    ),
    View(
        "devices",
        f"""
        SELECT device_id, product, material, plant, sold_on, registered_at, revision
        FROM {_last_told(DEVICE_VERSIONS)}
        """,
        "Every unit that ERP knows, as known now",
    ),
    View(
        "custodies",
        f"""
        SELECT device_id, epoch_ms(unnest(from_ms))::TIMESTAMP_MS AS from_at,
               epoch_ms(unnest(to_ms))::TIMESTAMP_MS AS to_at, unnest(kind) AS kind, unnest(subject) AS subject,
               unnest(country) AS country, unnest(time_zone) AS time_zone, revision
        FROM {_last_told(CUSTODY_VERSIONS)}
        """,
        "Who had which device from when to when, and where, as known now: one row an interval",
    ),
    View(
        "contracts",
        f"""
        SELECT device_id, epoch_ms(unnest(from_ms))::TIMESTAMP_MS AS from_at,
               epoch_ms(unnest(to_ms))::TIMESTAMP_MS AS to_at, unnest(contract_no) AS contract_no,
               unnest(kind) AS kind, unnest(currency) AS currency,
               unnest(energy_price_per_kwh)::DECIMAL(18, 6) AS energy_price_per_kwh,
               unnest(water_price_per_m3)::DECIMAL(18, 6) AS water_price_per_m3, revision
        FROM {_last_told(CONTRACT_VERSIONS)}
        """,
        "What each device was used under from when to when, as known now: one row an interval",
    ),
)


def column_comment(column: Column) -> str:
    """Meaning, unit and data class of a column, as the lake shows it: `Energy drawn in the cycle [Wh; usage]`."""
    unit = "UTC" if column.is_instant else column.unit
    return f"{column.meaning} [{'; '.join(part for part in (unit, column.data_class) if part)}]"


def table_comments(table: Table) -> dict[str, str]:
    """Comment of each column, by its name in the lake."""
    return {column.lake_name: column_comment(column) for column in columns(table.contract)}
