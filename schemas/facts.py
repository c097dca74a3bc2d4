"""What the stream makes of uploads: receipts, readings, and versions of sessions.

A session version replaces every lower version of the same `session_id`. `version` is the number of uploads known to
the stream when it was written, so it rises with every upload that changed the session, however they were batched.
"""

from __future__ import annotations

from typing import Annotated, Literal

from schemas.fields import Contract, Count, DeviceId, EventTimeMs, Firmware, Material, ReceivedAtMs, Seq, described
from schemas.uploads import (
    Alert,
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
    session_started_at_ms: Annotated[
        int | None, described("Start of its session; null outside one", "usage", "ms since 1970 UTC")
    ]
    reading_count: Count
    last_measured_at_ms: Annotated[
        int | None, described("Its last reading; null without any", "usage", "ms since 1970 UTC")
    ]
    board_no: Annotated[int | None, described("Main boards it has had, if it says", "technical", "1", ge=0)]
    energy_wh: Annotated[float | None, described("Energy of its readings; washers only", "usage", "Wh", ge=0)]
    run_distance_m: Annotated[
        float | None, described("Distance of its run at its last reading; shoes only", "usage", "m", ge=0)
    ]
    lifetime_sessions: Annotated[int | None, described("Cycles the device has counted since made", "usage", "1")]
    lifetime_energy_wh: Annotated[float | None, described("Energy the device has counted since made", "usage", "Wh")]
    lifetime_water_l: Annotated[float | None, described("Water the device has counted since made", "usage", "l")]
    lifetime_distance_m: Annotated[float | None, described("Distance the device has counted since made", "usage", "m")]
    lifetime_steps: Annotated[int | None, described("Steps the device has counted since made", "usage", "1")]
    session_ended: Annotated[
        bool | None, described("It said that its session is over; null: from before this was kept", "usage")
    ] = None
    programme: Annotated[Programme | None, described("Chosen programme, as it says; washers only", "usage")] = None
    alert: Annotated[Alert | None, described("What the machine complains of; washers only", "usage")] = None


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

    session_id: Annotated[
        str, described("Device, colon, first known start in ms since 1970 UTC: the same in every version", "usage")
    ]
    version: Annotated[
        int,
        described(
            "Rises with every change, by one or more: uploads known then, and one for its end; the highest counts",
            "technical",
            "1",
            ge=1,
        ),
    ]
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
    changed_readings: Annotated[
        int | None, described("Readings more than in the version written before; null in the first", "technical", "1")
    ] = None
    changed_end_ms: Annotated[
        int | None, described("How much later it ends than in the version before; null in the first", "usage", "ms")
    ] = None
    changed_amount: Annotated[
        float | None,
        described("Energy or distance more than in the version before; null in the first", "usage", "Wh or m"),
    ] = None


Seconds = Annotated[
    float | None, described("Time in this phase, as the machine reports it or its course shows it", "usage", "s", ge=0)
]

CycleAnomaly = Literal[
    "power_cut",  # the power failed in the middle
    "paused",  # somebody stopped it, or it waited, and went on
    "unbalanced",  # it could not spin as fast as it should
    "slow_heating",
    "slow_draining",
    "door_open",
    "unfinished",  # it was over before it had spun
    "readings_missing",  # of a part of it nothing is known
]


class WashCycle(Session):
    """One version of a wash cycle."""

    source: Annotated[
        Literal["reported", "power_curve"], described("The device named it, or its power curve showed it")
    ]
    programme: Annotated[Programme | None, described("Chosen programme", "usage")]
    energy_wh: Annotated[float, described("Energy drawn in the cycle", "usage", "Wh", ge=0)]
    peak_w: Annotated[float, described("Highest mean power of a reading", "usage", "W", ge=0)]
    water_l: Annotated[float | None, described("Water drawn in the cycle", "usage", "l", ge=0)]
    programme_source: Annotated[
        Literal["reported", "recognised"] | None, described("The machine named the programme, or its course showed it")
    ] = None
    fill_s: Seconds = None
    heat_s: Seconds = None
    wash_s: Seconds = None
    rinse_s: Seconds = None
    spin_s: Seconds = None
    drain_s: Annotated[float | None, described("Time the drain pump ran", "usage", "s", ge=0)] = None
    heat_energy_wh: Annotated[
        float | None, described("Energy at half the heater's rated power and above", "usage", "Wh", ge=0)
    ] = None
    heater_w: Annotated[
        float | None, described("Mean power at four fifths of the heater's rated power and above", "usage", "W", ge=0)
    ] = None
    heating_k_per_min: Annotated[
        float | None,
        described("Rise of the suds per minute that heat_energy_wh takes at heater_w", "usage", "K/min", ge=0),
    ] = None
    max_temperature_c: Annotated[float | None, described("Highest temperature of the suds", "usage", "°C")] = None
    max_drum_rpm: Annotated[float | None, described("Highest speed of the drum", "usage", "1/min", ge=0)] = None
    spin_w: Annotated[
        float | None,
        described(
            "Mean power at the steady top speed: in the highest of the classes of speed that part 60/min times 0.95^-n",
            "usage",
            "W",
            ge=0,
        ),
    ] = None
    label_energy_deviation_pct: Annotated[
        float | None,
        described("Energy above what the label promises for the programme; null if not all is known", "usage", "%"),
    ] = None
    label_water_deviation_pct: Annotated[
        float | None,
        described("Water above what the label promises for the programme; null if not all is known", "usage", "%"),
    ] = None
    anomalies: Annotated[
        list[CycleAnomaly] | None, described("What was not as it should be; null: cannot be told", "usage")
    ] = None


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
    moving_s: Annotated[
        float | None, described("Measured time at 0.5 m/s and faster; null: steps without distance", "usage", "s", ge=0)
    ] = None
    paused_s: Annotated[
        float | None, described("Measured time below 0.5 m/s; null: steps without distance", "usage", "s", ge=0)
    ] = None
    gap_s: Annotated[
        float | None, described("Time between readings of whose distance nothing is known", "usage", "s", ge=0)
    ] = None
    pace_s_per_km: Annotated[
        float | None, described("Moving time by the distance made in it", "usage", "s/km", ge=0)
    ] = None
    split_s: Annotated[
        list[float | None] | None,
        described(
            "Time of each full kilometre, pauses included; null where a gap hides an end of it, and after the 42nd",
            "usage",
            "s",
        ),
    ] = None
    avg_contact_balance_pct: Annotated[
        float | None, described("Left foot's share of ground contact time", "health", "%")
    ] = None
    asymmetry_pct: Annotated[
        float | None,
        described("Difference of the feet by their sum: twice the balance's distance from 50", "health", "%"),
    ] = None
    heart_rate_zone_s: Annotated[
        list[float] | None,
        described(
            "Time in five zones, from 50, 60, 70, 80, 90 % of the highest heart rate, kept by 5/min", "health", "s"
        ),
    ] = None
    max_heart_rate_known_bpm: Annotated[
        float | None,
        described("The highest heart rate that the zones go by: told by the runner, else 190", "health", "1/min"),
    ] = None
    load: Annotated[
        float | None, described("Minutes in each zone times the zone's number (Edwards 1993)", "health", "min")
    ] = None
