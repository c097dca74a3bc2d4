"""What a device sends: one message, a header, lifetime counters, and a short run of readings per channel.

A reading at `start_ms + offset_ms[i]` is the mean over the time since the reading before it (for the first one: over
`lead_ms`). The channels of one upload are equally long; a channel the device does not have is null as a whole.
Numbers in quotes are accepted as numbers: some devices' JSON writers quote them.

Evolution: a field with a default is an addition to its version; devices that do not know it yet leave it out, and
programs that do not know it yet read over it. What old programs could not read right is a version of its own, a model
of its own here, told by `schema_version`; a topic holds all versions of a product at once, so that a device that is
updated keeps its place, its numbers and its sessions (`schemas.evolution` lifts old ones to the newest).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from pydantic import model_validator

from schemas.fields import (
    LARGEST_EXACT_INTEGER,
    Contract,
    DeviceId,
    EventTimeMs,
    Firmware,
    Material,
    Seq,
    described,
)

MAX_READINGS = 2_000
"""Readings per channel in one upload; more is a device gone wrong."""

MAX_UPLOAD_BYTES = 1_000_000
"""Kafka's own default limit for a message."""

MAX_SPAN_MS = 60_000
"""A reading speaks for at most this long before it. After a longer silence nothing is known, so nothing is counted."""

Programme = Literal["cotton", "synthetics", "eco", "quick", "wool"]
Phase = Literal["fill", "heat", "wash", "rinse", "spin"]
Alert = Literal["door_open", "drain_slow", "unbalance", "power_cut"]

VERSION_FIELD = "schema_version"
"""Says the version of an upload. Version 1 was there before it, and does not say it."""

SUM_TOLERANCE = 0.005
"""Relative to the total: a device rounds each part of a sum on its own."""
SUM_ROUNDING = 1.0
"""In the total's own unit, for small ones."""

OffsetMs = Annotated[int, described("Time of the reading after start_ms", "usage", "ms", ge=0, le=86_400_000)]
SessionNo = Annotated[
    int, described("The device's own number of the wash cycle or run", "usage", "1", ge=1, le=LARGEST_EXACT_INTEGER)
]


class Upload(Contract):
    """The part of an upload that all products share."""

    session_word: ClassVar[str]
    version: ClassVar[int] = 1
    sums: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Fields that are the sum of others, which are there where the total is."""

    device_id: DeviceId
    seq: Seq
    sent_at_ms: EventTimeMs
    material: Material
    firmware: Firmware
    start_ms: EventTimeMs
    lead_ms: Annotated[
        int, described("How long before it the first reading covers", "usage", "ms", ge=0, le=MAX_SPAN_MS)
    ]
    offset_ms: Annotated[
        list[OffsetMs], described("Ascending times of the readings", "usage", "ms", max_length=MAX_READINGS)
    ]
    board_no: Annotated[
        int | None,
        described("Main boards it has had: lifetime counters start again with each", "technical", "1", ge=0, le=1_000),
    ] = None

    @model_validator(mode="after")
    def _channels_fit(self) -> Upload:
        for name in channels(type(self)):
            channel = getattr(self, name)
            if channel is not None and len(channel) != len(self.offset_ms):
                raise ValueError(
                    f"unequal_lengths: {name} has {len(channel)} values, offset_ms has {len(self.offset_ms)}"
                )
        if any(later < earlier for earlier, later in zip(self.offset_ms, self.offset_ms[1:], strict=False)):
            raise ValueError("not_ascending: offset_ms falls")
        number, start, ended = (getattr(self, name) for name in self.session_fields())
        if (number is None) != (start is None):
            found = f"found {number} and {start}"
            raise ValueError(f"wrong_session: {self.session_word} number and start go together, {found}")
        if ended and number is None:
            raise ValueError(f"wrong_session: the end of a {self.session_word} without its number")
        for total, parts in self.sums.items():
            _require_sum(total, getattr(self, total), {part: getattr(self, part) for part in parts})
        return self

    @classmethod
    def session_fields(cls) -> tuple[str, str, str]:
        """Names of the fields that hold a session's number, start and end."""
        return f"{cls.session_word}_no", f"{cls.session_word}_started_ms", f"{cls.session_word}_ended"


PowerW = Annotated[float, described("Mean electric power", "usage", "W", ge=0, le=10_000)]
WaterL = Annotated[float, described("Water drawn since the cycle began", "usage", "l", ge=0, le=1_000)]
TemperatureC = Annotated[float, described("Temperature of the suds", "usage", "°C", ge=-40, le=150)]
DrumRpm = Annotated[float, described("Speed of the drum", "usage", "1/min", ge=0, le=3_000)]


class WasherUpload(Upload):
    """Upload of a washing machine, or of a plug meter in front of one (power only, no session number)."""

    session_word = "cycle"

    cycle_no: SessionNo | None
    cycle_started_ms: EventTimeMs | None
    cycle_ended: Annotated[bool, described("The last upload of its cycle", "usage")]
    programme: Annotated[Programme | None, described("Chosen programme", "usage")]
    lifetime_cycles: Annotated[int | None, described("Cycles since made", "usage", "1", ge=0, le=LARGEST_EXACT_INTEGER)]
    lifetime_energy_wh: Annotated[float | None, described("Energy drawn since made", "usage", "Wh", ge=0, le=1e12)]
    lifetime_water_l: Annotated[float | None, described("Water drawn since made", "usage", "l", ge=0, le=1e12)]
    power_w: Annotated[list[PowerW], described("Power over time", "usage", "W", max_length=MAX_READINGS)]
    water_l: Annotated[list[WaterL | None] | None, described("Water over time", "usage", "l", max_length=MAX_READINGS)]
    temperature_c: Annotated[
        list[TemperatureC | None] | None,
        described("Suds temperature over time", "usage", "°C", max_length=MAX_READINGS),
    ]
    drum_rpm: Annotated[
        list[DrumRpm | None] | None, described("Drum speed over time", "usage", "1/min", max_length=MAX_READINGS)
    ]
    alert: Annotated[Alert | None, described("What the machine complains of", "usage")] = None


PhaseWh = Annotated[float | None, described("Energy of this phase since the cycle began", "usage", "Wh", ge=0, le=1e5)]


class WasherUploadV2(Upload):
    """Second version: a machine that knows its phases, and counts its energy in whole milliwatt-hours.

    `phase` is a must, so no older device can send it; `lifetime_energy_mwh` replaces `lifetime_energy_wh`, a float that
    could no longer hold the last digits of an old machine's counter.
    """

    session_word = "cycle"
    version = 2
    sums = MappingProxyType(
        {
            "cycle_energy_wh": (
                "fill_energy_wh",
                "heat_energy_wh",
                "wash_energy_wh",
                "rinse_energy_wh",
                "spin_energy_wh",
            )
        }
    )

    schema_version: Annotated[int, described("Version of this contract", "technical", "1", ge=2, le=2)]
    cycle_no: SessionNo | None
    cycle_started_ms: EventTimeMs | None
    cycle_ended: Annotated[bool, described("The last upload of its cycle", "usage")]
    programme: Annotated[Programme | None, described("Chosen programme", "usage")]
    cycle_energy_wh: Annotated[
        float | None, described("Energy since the cycle began: the sum of its phases", "usage", "Wh", ge=0, le=1e5)
    ]
    fill_energy_wh: PhaseWh
    heat_energy_wh: PhaseWh
    wash_energy_wh: PhaseWh
    rinse_energy_wh: PhaseWh
    spin_energy_wh: PhaseWh
    lifetime_cycles: Annotated[int | None, described("Cycles since made", "usage", "1", ge=0, le=LARGEST_EXACT_INTEGER)]
    lifetime_energy_mwh: Annotated[
        int | None, described("Energy drawn since made", "usage", "mWh", ge=0, le=LARGEST_EXACT_INTEGER)
    ]
    lifetime_water_l: Annotated[float | None, described("Water drawn since made", "usage", "l", ge=0, le=1e12)]
    power_w: Annotated[list[PowerW], described("Power over time", "usage", "W", max_length=MAX_READINGS)]
    phase: Annotated[list[Phase], described("Phase of the cycle over time", "usage", max_length=MAX_READINGS)]
    water_l: Annotated[list[WaterL | None] | None, described("Water over time", "usage", "l", max_length=MAX_READINGS)]
    temperature_c: Annotated[
        list[TemperatureC | None] | None,
        described("Suds temperature over time", "usage", "°C", max_length=MAX_READINGS),
    ]
    drum_rpm: Annotated[
        list[DrumRpm | None] | None, described("Drum speed over time", "usage", "1/min", max_length=MAX_READINGS)
    ]
    alert: Annotated[Alert | None, described("What the machine complains of", "usage")] = None


DistanceM = Annotated[float, described("Distance since the run began", "usage", "m", ge=0, le=1e6)]
CadenceSpm = Annotated[float, described("Steps of both feet", "usage", "1/min", ge=0, le=400)]
HeartRateBpm = Annotated[float, described("Heart rate", "health", "1/min", ge=20, le=260)]
ContactBalancePct = Annotated[float, described("Left foot's share of ground contact time", "health", "%", ge=0, le=100)]
LatitudeDeg = Annotated[float, described("Latitude, WGS 84", "location", "°", ge=-90, le=90)]
LongitudeDeg = Annotated[float, described("Longitude, WGS 84", "location", "°", ge=-180, le=180)]
GroundContactMs = Annotated[float, described("Time the foot stays on the ground", "health", "ms", ge=0, le=2_000)]


class ShoeUpload(Upload):
    """Upload of a running shoe, sent by the phone it is paired with."""

    session_word = "run"

    run_no: SessionNo | None
    run_started_ms: EventTimeMs | None
    run_ended: Annotated[bool, described("The last upload of its run", "usage")]
    health_consent: Annotated[
        bool, described("The runner agreed that heart rate and contact time are kept (at sending time)", "personal")
    ]
    lifetime_distance_m: Annotated[float | None, described("Distance since made", "usage", "m", ge=0, le=1e12)]
    lifetime_steps: Annotated[int | None, described("Steps since made", "usage", "1", ge=0, le=LARGEST_EXACT_INTEGER)]
    distance_m: Annotated[list[DistanceM], described("Distance over time", "usage", "m", max_length=MAX_READINGS)]
    cadence_spm: Annotated[
        list[CadenceSpm | None] | None, described("Cadence over time", "usage", "1/min", max_length=MAX_READINGS)
    ]
    heart_rate_bpm: Annotated[
        list[HeartRateBpm | None] | None, described("Heart rate over time", "health", "1/min", max_length=MAX_READINGS)
    ]
    ground_contact_ms: Annotated[
        list[GroundContactMs | None] | None,
        described("Ground contact time over time", "health", "ms", max_length=MAX_READINGS),
    ]
    contact_balance_pct: Annotated[
        list[ContactBalancePct | None] | None,
        described("Left-right balance over time", "health", "%", max_length=MAX_READINGS),
    ] = None
    location_consent: Annotated[
        bool | None, described("The runner agreed that the position is kept (at sending time)", "personal")
    ] = None
    latitude_deg: Annotated[
        list[LatitudeDeg | None] | None, described("Position over time", "location", "°", max_length=MAX_READINGS)
    ] = None
    longitude_deg: Annotated[
        list[LongitudeDeg | None] | None, described("Position over time", "location", "°", max_length=MAX_READINGS)
    ] = None


WASHER_VERSIONS: tuple[type[Upload], ...] = (WasherUpload, WasherUploadV2)
SHOE_VERSIONS: tuple[type[Upload], ...] = (ShoeUpload,)
"""All versions of a product's upload that may come, oldest first."""


@cache
def channels(model: type[Upload]) -> tuple[str, ...]:
    """Names of the measured channels of an upload, in the order of declaration, without `offset_ms`."""
    return tuple(
        name for name, field in model.model_fields.items() if name != "offset_ms" and "list[" in str(field.annotation)
    )


def _require_sum(total: str, value: float | None, parts: Mapping[str, float | None]) -> None:
    """Raise ValueError unless all parts are there where the total is, and add up to it."""
    known = [part for part in parts.values() if part is not None]
    if value is None and not known:
        return
    if value is None or len(known) < len(parts):
        missing = [name for name, part in {total: value, **parts}.items() if part is None]
        raise ValueError(f"wrong_sum: {total} and its parts go together, {', '.join(missing)} missing")
    if abs(sum(known) - value) > SUM_ROUNDING + SUM_TOLERANCE * value:
        raise ValueError(f"wrong_sum: {total} is {value}, its parts add up to {sum(known)}")
