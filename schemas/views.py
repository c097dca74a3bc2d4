"""The one list of the lake's views: what analysts ask. They show the newest version of each thing, nothing withdrawn.

A view's columns have the meaning that they have in the contract it is made of; what a view works out says its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas import hours
from schemas.desk import Alert, Completeness, FleetMinute, Insight, Usage
from schemas.facts import Run, WashCycle
from schemas.fields import Contract
from schemas.lake import (
    ALERT_VERSIONS,
    COMPLETENESS_VERSIONS,
    CONTRACT_VERSIONS,
    CUSTODY_VERSIONS,
    DEVICE_VERSIONS,
    FLEET_MINUTE_VERSIONS,
    INSIGHT_VERSIONS,
    READING_HOURS_SHOE,
    READING_HOURS_WASHER,
    READINGS_SHOE,
    READINGS_WASHER,
    RUN_VERSIONS,
    USAGE_VERSIONS,
    WASH_CYCLE_VERSIONS,
    Meaning,
    Table,
    meanings,
)
from schemas.reference import ContractReference, CustodyHistory, DeviceReference


@dataclass(frozen=True)
class View:
    """One view for analysts.

    Attributes:
        of: Contracts whose columns it shows; of two with the same column the first one tells what it means.
        own: What columns mean that no contract has.
    """

    name: str
    query: str
    meaning: str
    of: tuple[type[Contract], ...]
    own: Mapping[str, Meaning] = field(default_factory=dict)

    def meanings(self) -> dict[str, Meaning]:
        """What each column says that the view may have, by name."""
        inherited = {name: told for contract in reversed(self.of) for name, told in meanings(contract).items()}
        return {**inherited, **self.own}


_SPAN = {
    "started_at": Meaning("When it began, by the device's clock", "UTC", "usage"),
    "ended_at": Meaning("When it ended, by the device's clock", "UTC", "usage"),
    "known_at": Meaning("When Kafka took in the upload that this version follows from", "UTC", "technical"),
}
_INTERVAL = {
    "from_at": Meaning("Begin of the interval", "UTC", "usage"),
    "to_at": Meaning("End of the interval; null while it goes on", "UTC", "usage"),
}


def _newest(table: Table, *key: str) -> str:
    """The newest version of each session, or of what follows from it: that known last, and of those the highest.

    Versions of the stream rise in both. One that a backfill wrote is known since the newest upload that it goes by; the
    stream knows nothing of it, and may tell its number, or a lower one, of an upload that came after.

    Args:
        key: The thing's columns. Its device is named beside its id, though the id has it: so a question after one
            device looks at that device's rows only.
    """
    things = ", ".join(key)
    return (
        f"(SELECT * FROM {table.name} QUALIFY row_number() OVER "
        f"(PARTITION BY {things} ORDER BY known_at DESC, version DESC) = 1) AS newest"
    )


def _highest(table: Table, *key: str) -> str:
    """The highest version of each thing that the desk counts. Args as `_newest`'s."""
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
        FROM {_newest(WASH_CYCLE_VERSIONS, "session_id", "device_id")}
        WHERE status <> 'withdrawn'
        """,
        "Wash cycles as known now: the newest version of each, without those withdrawn",
        (WashCycle,),
        {**_SPAN, "duration_min": Meaning("From its begin to its end", "min", "usage")},
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
        FROM {_newest(RUN_VERSIONS, "session_id", "device_id")}
        WHERE status <> 'withdrawn'
        """,
        "Runs as known now: the newest version of each, without those withdrawn",
        (Run,),
        {**_SPAN, "duration_s": Meaning("From its begin to its end", "s", "usage")},
    ),
    View(
        "usage",
        f"SELECT * FROM {_newest(USAGE_VERSIONS, 'session_id', 'device_id')} WHERE status <> 'withdrawn'",
        "Whose use each session was, as known now, as of when it began",
        (Usage,),
        _SPAN,
    ),
    View(
        "sessions_current",
        """
        SELECT session_id, sessions.product, sessions.device_id, sessions.material, sessions.firmware,
               sessions.started_at, sessions.ended_at,
               date_diff('millisecond', sessions.started_at, sessions.ended_at) / 1000 AS duration_s,
               sessions.energy_wh, sessions.water_l, sessions.distance_m, sessions.programme, sessions.status,
               sessions.version, sessions.known_at, usage.country, usage.local_day, usage.contract_kind
        FROM (SELECT session_id, 'washer' AS product, device_id, material, firmware, started_at, ended_at, energy_wh,
                     water_l, NULL::DOUBLE AS distance_m, programme, status, version, known_at
              FROM wash_cycles
              UNION ALL
              SELECT session_id, 'shoe', device_id, material, firmware, started_at, ended_at, NULL, NULL,
                     distance_m, NULL, status, version, known_at
              FROM runs) AS sessions
        LEFT JOIN usage USING (session_id)
        """,
        "Sessions of all products as known now, with where they were and how they are paid for; nobody's name",
        (Usage, WashCycle, Run),
        {
            **_SPAN,
            "duration_s": Meaning("From its begin to its end", "s", "usage"),
            "status": meanings(WashCycle)["status"],
            "version": meanings(WashCycle)["version"],
        },
    ),
    View(
        "insights",
        f"SELECT * FROM {_newest(INSIGHT_VERSIONS, 'insight_id', 'device_id')}",
        "Advice as it was given last: what a correction of its session changed replaces it",
        (Insight,),
    ),
    View(
        "alerts",
        f"""
        SELECT * FROM (SELECT * FROM {ALERT_VERSIONS.name}
                       QUALIFY row_number() OVER (PARTITION BY alert_id ORDER BY version DESC) = 1) AS newest
        """,
        "What the maker should look at, as known now; those cleared too",
        (Alert,),
    ),
    View(
        "completeness",
        f"""
        SELECT * FROM {_highest(COMPLETENESS_VERSIONS, "device_id", "month", "custody_from")}
        -- A custody that is known by now has taken all of what nobody had.
        QUALIFY counted <> 0 OR arrived <> 0 OR missing_uploads + refused_uploads <> 0
          OR count(*) OVER (PARTITION BY device_id, month) = 1
        """,
        "What each device counted a month against what arrived, as known now",
        (Completeness,),
    ),
    View(
        "fleet_minutes",
        f"""
        SELECT minute_at, product, material, country, sum(devices)::BIGINT AS devices,
               sum(readings)::BIGINT AS readings, sum(energy_wh) AS energy_wh, max(known_at) AS known_at
        FROM {_highest(FLEET_MINUTE_VERSIONS, "partition", "product", "material", "country", "minute_at")}
        GROUP BY ALL
        """,
        "What models did in each minute, by country",
        (FleetMinute,),
    ),
    View(
        "washer_hours",
        hours.summed(READING_HOURS_WASHER.name, READINGS_WASHER.name, hours.WASHER),
        "Readings of washing machines by hour, whether rolled up or not",
        (hours.WasherHour,),
    ),
    View(
        "shoe_hours",
        hours.summed(READING_HOURS_SHOE.name, READINGS_SHOE.name, hours.SHOE),
        "Readings of running shoes by hour, whether rolled up or not",
        (hours.ShoeHour,),
    ),
    View(
        "devices",
        f"""
        SELECT device_id, product, material, plant, sold_on, registered_at, revision
        FROM {_last_told(DEVICE_VERSIONS)}
        """,
        "Every unit that ERP knows, as known now",
        (DeviceReference,),
    ),
    View(
        "custodies",
        f"""
        SELECT device_id, epoch_ms(unnest(from_ms))::TIMESTAMP AS from_at,
               epoch_ms(unnest(to_ms))::TIMESTAMP AS to_at, unnest(kind) AS kind, unnest(subject) AS subject,
               unnest(country) AS country, unnest(time_zone) AS time_zone, revision
        FROM {_last_told(CUSTODY_VERSIONS)}
        """,
        "Who had which device from when to when, and where, as known now: one row an interval",
        (CustodyHistory,),
        _INTERVAL,
    ),
    View(
        "contracts",
        f"""
        SELECT device_id, epoch_ms(unnest(from_ms))::TIMESTAMP AS from_at,
               epoch_ms(unnest(to_ms))::TIMESTAMP AS to_at, unnest(contract_no) AS contract_no,
               unnest(kind) AS kind, unnest(currency) AS currency,
               unnest(energy_price_per_kwh)::DECIMAL(18, 6) AS energy_price_per_kwh,
               unnest(water_price_per_m3)::DECIMAL(18, 6) AS water_price_per_m3, revision
        FROM {_last_told(CONTRACT_VERSIONS)}
        """,
        "What each device was used under from when to when, as known now: one row an interval",
        (ContractReference,),
        _INTERVAL,
    ),
)
