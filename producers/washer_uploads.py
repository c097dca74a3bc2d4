"""What a washing machine writes, by its firmware: version 1, version 1 with its additions, version 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from producers.mistakes import mistaken
from producers.uploads import Part, Upload, encode
from producers.wash_cycle import PHASES
from schemas.evolution import MWH_PER_WH
from schemas.topics import TELEMETRY_WASHER
from schemas.uploads import Alert, WasherUploadV2

ADDITIONS_FROM = (3, 2, 0)
VERSION_2_FROM = (4, 0, 0)

_PHASE_FIELDS = tuple(f"{phase}_energy_wh" for phase in PHASES)
_NO_PHASES = (None,) * len(PHASES)


@dataclass(frozen=True, slots=True)
class Counters:
    """Number of the next upload, and what the machine's board has counted."""

    seq: int
    cycles: int
    energy_wh: float
    water_l: float


@dataclass(frozen=True)
class Board:
    """The board that speaks: which one it is, and the firmware it runs with that firmware's unit mistake, if any."""

    device_id: str
    material: str
    firmware: str
    board_no: int = 0
    mistake: str | None = None

    @cached_property
    def _release(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.firmware.split("."))

    @cached_property
    def knows_alerts(self) -> bool:
        """It sends the additions to version 1: `board_no` and `alert`."""
        return self._release >= ADDITIONS_FROM

    @cached_property
    def knows_phases(self) -> bool:
        """It sends version 2."""
        return self._release >= VERSION_2_FROM

    def upload(
        self,
        counters: Counters,
        cycle: dict[str, Any],
        channels: dict[str, list[Any]],
        *,
        phase_wh: Sequence[float] = (),
        alert: Alert | None = None,
        part: Part | None = None,
    ) -> Upload:
        """One upload as bytes.

        Args:
            counters: As they stand at its end; `seq` is its own number.
            cycle: Times, and what it says of its cycle.
            channels: Readings; `phase` is left out where the firmware does not know it.
            phase_wh: Energy since the cycle began, by `PHASES`, rounded; none outside a cycle.
        """
        fields: dict[str, Any] = {
            "device_id": self.device_id,
            "seq": counters.seq,
            "material": self.material,
            "firmware": self.firmware,
            **cycle,
        }
        # Rounded once for all versions: a counter may not fall by the last digit when the firmware changes.
        lifetime_wh = round(counters.energy_wh, 3)
        if self.knows_phases:
            fields["schema_version"] = WasherUploadV2.version
            fields["cycle_energy_wh"] = round(sum(phase_wh), 3) if phase_wh else None
            fields |= zip(_PHASE_FIELDS, phase_wh or _NO_PHASES, strict=True)
            fields["lifetime_energy_mwh"] = round(lifetime_wh * MWH_PER_WH)
        else:
            del channels["phase"]
            fields["lifetime_energy_wh"] = lifetime_wh
        fields |= channels
        fields["lifetime_cycles"] = counters.cycles
        fields["lifetime_water_l"] = round(counters.water_l, 2)
        if self.knows_alerts:
            fields["board_no"] = self.board_no
            fields["alert"] = alert
        return Upload(
            topic=TELEMETRY_WASHER,
            device_id=self.device_id,
            seq=counters.seq,
            sent_at_ms=fields["sent_at_ms"],
            reading_count=len(fields["offset_ms"]),
            value=encode(mistaken(fields, self.mistake)),
            part=part,
            mistake=self.mistake if fields["offset_ms"] else None,  # without readings it makes none
        )

    def sign_of_life(self, at_ms: int, counters: Counters, alert: Alert | None = None) -> Upload:
        """An upload without readings, outside any cycle."""
        cycle = {
            "sent_at_ms": at_ms,
            "start_ms": at_ms,
            "lead_ms": 0,
            "offset_ms": [],
            "cycle_no": None,
            "cycle_started_ms": None,
            "cycle_ended": False,
            "programme": None,
        }
        channels: dict[str, list[Any]] = {
            name: [] for name in ("power_w", "phase", "water_l", "temperature_c", "drum_rpm")
        }
        return self.upload(counters, cycle, channels, alert=alert)
