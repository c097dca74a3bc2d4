"""A washing machine that reports its cycles: 20 readings in 5 minutes, a heartbeat twice a day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any, get_args

import numpy as np

from producers.device import READINGS_PER_UPLOAD, Episode
from producers.uploads import Part, Session, Upload, encode
from producers.wash_cycle import RECIPES, STEP_MS, Curve, nominal_load_kg, wash_cycle
from schemas.catalogue import WASHER_BY_MATERIAL
from schemas.fleet import FleetDevice
from schemas.topics import TELEMETRY_WASHER
from schemas.uploads import Programme

CYCLES_PER_DAY = (0.5, 1.5)
"""Lowest and highest mean number of cycles a day of a machine in use."""

HOUR_WEIGHTS = (1, 1, 1, 1, 1, 2, 5, 8, 9, 9, 8, 7, 6, 5, 5, 6, 7, 9, 10, 9, 7, 5, 3, 2)
"""How likely a cycle starts in each local hour."""

_PROGRAMMES: tuple[Programme, ...] = get_args(Programme)
_PROGRAMME_WEIGHTS = {"cotton": 34, "synthetics": 24, "eco": 18, "quick": 18, "wool": 6}
_TYPICAL_CYCLE_WH, _TYPICAL_CYCLE_L = 680.0, 47.0


@dataclass(frozen=True, slots=True)
class _Counters:
    """Number of the next upload, and what the machine has done since it was made."""

    seq: int
    cycles: int
    energy_wh: float
    water_l: float


class Washer:
    """Counters and habits of one machine; `session` and `heartbeat` move it on.

    `nature` draws what the device and its owner are, `rng` what they do.
    """

    heartbeat_every_ms = 12 * 3_600_000

    def __init__(self, device: FleetDevice, earlier_cycles: int, nature: Random, rng: Random) -> None:
        self._device = device
        self._model = WASHER_BY_MATERIAL[device.material]
        self._rng = rng
        self._noise = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
        self._inlet_c = nature.uniform(10.0, 18.0)
        self._counters = _Counters(
            0, earlier_cycles, earlier_cycles * _TYPICAL_CYCLE_WH, earlier_cycles * _TYPICAL_CYCLE_L
        )

    def session(self, start_ms: int) -> Episode:
        programme = self._rng.choices(_PROGRAMMES, [_PROGRAMME_WEIGHTS[name] for name in _PROGRAMMES])[0]
        load_kg = nominal_load_kg(self._model, programme) * self._rng.uniform(0.45, 1.35)
        curve = wash_cycle(self._model, programme, load_kg, self._inlet_c, self._noise)
        energy_wh = curve.energy_wh
        count = energy_wh.size
        firsts = range(0, count, READINGS_PER_UPLOAD)
        part_wh = np.add.reduceat(energy_wh, firsts)
        ends_ms = (start_ms + min(first + READINGS_PER_UPLOAD, count) * STEP_MS for first in firsts)
        sent_at_ms = [end_ms + self._rng.randint(200, 3_000) for end_ms in ends_ms]
        before = self._counters
        self._counters = _Counters(
            seq=before.seq + len(firsts),
            cycles=before.cycles + 1,
            energy_wh=before.energy_wh + float(np.cumsum(part_wh)[-1]),
            water_l=before.water_l + float(curve.water_l[-1]),
        )
        session = Session(
            product="washer",
            device_id=self._device.device_id,
            material=self._device.material,
            session_no=self._counters.cycles,
            started_at_ms=start_ms,
            ended_at_ms=start_ms + count * STEP_MS,
            amount=float(energy_wh.sum()),
            last_seq=self._counters.seq - 1,
            programme=programme,
        )
        return Episode(sent_at_ms[-1], partial(self._told, session, curve, part_wh.tolist(), sent_at_ms, before))

    def _told(
        self, session: Session, curve: Curve, part_wh: list[float], sent_at_ms: list[int], before: _Counters
    ) -> list[Upload]:
        start_ms, count = session.started_at_ms, curve.power_w.size
        lifetime_wh, lifetime_l = np.cumsum(part_wh) + before.energy_wh, curve.water_l + before.water_l
        power_w, water_l = curve.power_w.tolist(), curve.water_l.tolist()
        temperature_c, drum_rpm = curve.temperature_c.tolist(), curve.drum_rpm.tolist()
        uploads = []
        for number, first in enumerate(range(0, count, READINGS_PER_UPLOAD)):
            end = min(first + READINGS_PER_UPLOAD, count)
            counters = _Counters(
                before.seq + number, before.cycles + 1, float(lifetime_wh[number]), float(lifetime_l[end - 1])
            )
            part = Part(session, part_wh[number], start_ms + end * STEP_MS, end == count)
            fields = self._fields(
                counters,
                sent_at_ms=sent_at_ms[number],
                start_ms=start_ms + (first + 1) * STEP_MS,
                lead_ms=STEP_MS,
                offset_ms=[step * STEP_MS for step in range(end - first)],
                cycle_no=counters.cycles,
                cycle_started_ms=start_ms,
                cycle_ended=end == count,
                programme=session.programme,
                power_w=power_w[first:end],
                water_l=water_l[first:end],
                temperature_c=temperature_c[first:end],
                drum_rpm=drum_rpm[first:end],
            )
            uploads.append(self._upload(fields, part))
        return uploads

    def heartbeat(self, at_ms: int) -> Episode:
        before = self._counters
        self._counters = replace(before, seq=before.seq + 1)
        return Episode(at_ms, lambda: [self._sign_of_life(at_ms, before)])

    def _sign_of_life(self, at_ms: int, counters: _Counters) -> Upload:
        fields = self._fields(
            counters,
            sent_at_ms=at_ms,
            start_ms=at_ms,
            lead_ms=0,
            offset_ms=[],
            cycle_no=None,
            cycle_started_ms=None,
            cycle_ended=False,
            programme=None,
            power_w=[],
            water_l=[],
            temperature_c=[],
            drum_rpm=[],
        )
        return self._upload(fields, None)

    def _fields(self, counters: _Counters, **own: Any) -> dict[str, Any]:
        return {
            "device_id": self._device.device_id,
            "seq": counters.seq,
            "material": self._device.material,
            "firmware": self._device.firmware,
            **own,
            "lifetime_cycles": counters.cycles,
            "lifetime_energy_wh": round(counters.energy_wh, 3),
            "lifetime_water_l": round(counters.water_l, 2),
        }

    def _upload(self, fields: dict[str, Any], part: Part | None) -> Upload:
        return Upload(
            topic=TELEMETRY_WASHER,
            device_id=self._device.device_id,
            seq=fields["seq"],
            sent_at_ms=fields["sent_at_ms"],
            reading_count=len(fields["offset_ms"]),
            value=encode(fields),
            part=part,
        )


assert set(_PROGRAMME_WEIGHTS) == set(_PROGRAMMES) == set(RECIPES)
