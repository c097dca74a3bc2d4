"""What a device sends: one message, a header, lifetime counters, and a short run of readings per channel.

A reading at `start_ms + offset_ms[i]` is the mean over the time since the reading before it (for the first one: over
`lead_ms`). The channels of one upload are equally long; a channel the device does not have is null as a whole.
Numbers in quotes are accepted as numbers: some devices' JSON writers quote them.
"""

from __future__ import annotations

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

OffsetMs = Annotated[int, described("Time of the reading after start_ms", "usage", "ms", ge=0, le=86_400_000)]
SessionNo = Annotated[
    int, described("The device's own number of the wash cycle or run", "usage", "1", ge=1, le=LARGEST_EXACT_INTEGER)
]


class Upload(Contract):
    """The part of an upload that all products share."""

    session_word: ClassVar[str]

    device_id: DeviceId
    seq: Seq
    sent_at_ms: EventTimeMs
    material: Material
    firmware: Firmware
    start_ms: EventTimeMs
    lead_ms: Annotated[
        int, described("How long before it the first reading covers", "usage", "ms", ge=0, le=MAX_SPAN_MS)
    ]
    offset_ms: Annotated[list[OffsetMs], described("Ascending times of the readings", "usage", max_length=MAX_READINGS)]

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


DistanceM = Annotated[float, described("Distance since the run began", "usage", "m", ge=0, le=1e6)]
CadenceSpm = Annotated[float, described("Steps of both feet", "usage", "1/min", ge=0, le=400)]
HeartRateBpm = Annotated[float, described("Heart rate", "health", "1/min", ge=20, le=260)]
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


def channels(model: type[Upload]) -> list[str]:
    """Names of the measured channels of an upload, in the order of declaration, without `offset_ms`."""
    return [
        name for name, field in model.model_fields.items() if name != "offset_ms" and "list[" in str(field.annotation)
    ]
