"""What the stream makes of uploads: receipts, readings, and versions of sessions.

A session version replaces every lower version of the same `session_id`. `version` is the number of uploads known to
the stream when it was written, so it rises with every upload that changed the session, however they were batched.
"""

from __future__ import annotations

from typing import Annotated, Literal

from schemas.fields import Contract, Count, DeviceId, EventTimeMs, Firmware, Material, ReceivedAtMs, Seq, described
from schemas.uploads import (
    CadenceSpm,
    ContactBalancePct,
    DistanceM,
    DrumRpm,
    GroundContactMs,
    HeartRateBpm,
    LatitudeDeg,
    LongitudeDeg,
    Phase,
    PowerW,
    Programme,
    SessionNo,
    TemperatureC,
    WaterL,
)

Outcome = Literal["accepted", "duplicate"]
Status = Literal["open", "closed", "corrected", "withdrawn"]

Topic = Annotated[str, described("Kafka topic of the upload")]
Partition = Annotated[int, described("Kafka partition of the upload", unit="1", ge=0)]
Offset = Annotated[int, described("Kafka offset of the upload", unit="1", ge=0)]


class Receipt(Contract):
    """What became of one upload that the contract let in: where it came from, and whether it was news."""

    topic: Topic
    partition: Partition
    offset: Offset
    received_at_ms: ReceivedAtMs
    device_id: DeviceId
    seq: Seq
    outcome: Annotated[Outcome, described("Whether its readings were taken, or had been taken already")]
    sent_at_ms: EventTimeMs
    material: Material
    firmware: Firmware
    session_no: SessionNo | None
    reading_count: Count
    lifetime_sessions: Annotated[int | None, described("Cycles the device has counted since made", "usage", "1")]
    lifetime_energy_wh: Annotated[float | None, described("Energy the device has counted since made", "usage", "Wh")]
    lifetime_water_l: Annotated[float | None, described("Water the device has counted since made", "usage", "l")]
    lifetime_distance_m: Annotated[float | None, described("Distance the device has counted since made", "usage", "m")]
    lifetime_steps: Annotated[int | None, described("Steps the device has counted since made", "usage", "1")]


class Reading(Contract):
    """One instant of one device, checked, taken once."""

    device_id: DeviceId
    seq: Seq
    session_no: SessionNo | None
    measured_at_ms: EventTimeMs
    span_ms: Annotated[int, described("How long before measured_at the reading speaks for", "usage", "ms", ge=0)]


class WasherReading(Reading):
    """One instant of one washing machine or of the plug meter in front of it."""

    power_w: PowerW
    energy_wh: Annotated[float, described("power_w times span", "usage", "Wh", ge=0)]
    water_l: WaterL | None
    temperature_c: TemperatureC | None
    drum_rpm: DrumRpm | None
    phase: Annotated[Phase | None, described("Phase of the cycle, as the machine reports it", "usage")]


class ShoeReading(Reading):
    """One instant of one running shoe. Health values and positions are null unless the runner had agreed to each."""

    distance_m: DistanceM
    cadence_spm: CadenceSpm | None
    heart_rate_bpm: HeartRateBpm | None
    ground_contact_ms: GroundContactMs | None
    contact_balance_pct: ContactBalancePct | None
    latitude_deg: LatitudeDeg | None
    longitude_deg: LongitudeDeg | None


InstantMs = Annotated[int, described("Instant on the device's clock", "usage", "ms since 1970 UTC")]
"""Without the bounds of an upload's own times: a session begins where its first reading does, up to a minute before."""


class Session(Contract):
    """One version of a session: the part that all products share."""

    session_id: Annotated[str, described("Device and first known start: the same in every version", "usage")]
    version: Annotated[int, described("Uploads known when this version was written", "technical", "1", ge=1)]
    status: Annotated[
        Status, described("open: still running; corrected: changed after it was closed; withdrawn: was none")
    ]
    device_id: DeviceId
    material: Material
    firmware: Firmware
    session_no: SessionNo | None
    started_at_ms: InstantMs
    ended_at_ms: InstantMs
    reading_count: Count
    known_at_ms: ReceivedAtMs


class WashCycle(Session):
    """One version of a wash cycle."""

    source: Annotated[
        Literal["reported", "power_curve"], described("The device named it, or its power curve showed it")
    ]
    programme: Annotated[Programme | None, described("Chosen programme", "usage")]
    energy_wh: Annotated[float, described("Energy drawn in the cycle", "usage", "Wh", ge=0)]
    peak_w: Annotated[float, described("Highest mean power of a reading", "usage", "W", ge=0)]
    water_l: Annotated[float | None, described("Water drawn in the cycle", "usage", "l", ge=0)]


class Run(Session):
    """One version of a run."""

    distance_m: Annotated[float, described("Distance of the run", "usage", "m", ge=0)]
    steps: Annotated[int | None, described("Steps of both feet; null without a cadence", "usage", "1", ge=0)]
    avg_cadence_spm: Annotated[float | None, described("Mean cadence over the time it was measured", "usage", "1/min")]
    avg_heart_rate_bpm: Annotated[
        float | None, described("Mean heart rate over the time it was measured", "health", "1/min")
    ]
    max_heart_rate_bpm: Annotated[float | None, described("Highest heart rate of a reading", "health", "1/min")]
    avg_ground_contact_ms: Annotated[
        float | None, described("Mean contact time over the time it was measured", "health", "ms")
    ]
