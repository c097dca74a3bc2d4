"""A running shoe whose phone reports runs: 20 readings a minute, a heartbeat once a day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any

import numpy as np

from producers.device import READINGS_PER_UPLOAD, Episode
from producers.run_curve import STEP_MS, RunCurve, Runner, run_curve
from producers.uploads import Part, Session, Upload, encode
from schemas.catalogue import SHOE_BY_MATERIAL
from schemas.fleet import FleetDevice
from schemas.topics import TELEMETRY_SHOE

RUNS_PER_DAY = (0.3, 0.7)
"""Lowest and highest mean number of runs a day of a shoe in use."""

HOUR_WEIGHTS = (0, 0, 0, 0, 0, 3, 8, 9, 6, 4, 3, 3, 4, 3, 2, 3, 5, 9, 10, 7, 4, 2, 1, 0)
"""How likely a run starts in each local hour."""

_TYPICAL_RUN_M, _TYPICAL_RUN_STEPS = 8_000.0, 7_400
_HAS_HEART_STRAP = 0.7


@dataclass(frozen=True, slots=True)
class _Counters:
    """Number of the next upload, and what the pair has done since it was made."""

    seq: int
    runs: int
    distance_m: float
    steps: float


class Shoe:
    """Counters and runner of one pair; `session` and `heartbeat` move it on.

    `nature` draws what the device and its owner are, `rng` what they do.
    """

    heartbeat_every_ms = 24 * 3_600_000

    def __init__(self, device: FleetDevice, earlier_runs: int, nature: Random, rng: Random) -> None:
        self._device = device
        self._rng = rng
        self._noise = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
        self._runner = Runner(
            easy_m_per_s=nature.uniform(2.4, 3.6),
            resting_bpm=nature.uniform(48, 68),
            highest_bpm=nature.uniform(172, 198),
            leg_m=nature.uniform(0.8, 1.0),
        )
        self._has_heart_strap = nature.random() < _HAS_HEART_STRAP
        self._has_contact_sensor = SHOE_BY_MATERIAL[device.material].has_contact_sensor
        self._counters = _Counters(
            0, earlier_runs, earlier_runs * _TYPICAL_RUN_M, float(earlier_runs * _TYPICAL_RUN_STEPS)
        )

    def session(self, start_ms: int) -> Episode:
        curve = run_curve(self._runner, self._rng.randint(20, 70), self._noise)
        count = curve.distance_m.size
        firsts = range(0, count, READINGS_PER_UPLOAD)
        ends_ms = (start_ms + min(first + READINGS_PER_UPLOAD, count) * STEP_MS for first in firsts)
        sent_at_ms = [end_ms + self._rng.randint(200, 3_000) for end_ms in ends_ms]
        before = self._counters
        self._counters = _Counters(
            seq=before.seq + len(firsts),
            runs=before.runs + 1,
            distance_m=before.distance_m + float(curve.distance_m[-1]),
            steps=before.steps + float(curve.steps_taken[-1]),
        )
        session = Session(
            product="shoe",
            device_id=self._device.device_id,
            material=self._device.material,
            session_no=self._counters.runs,
            started_at_ms=start_ms,
            ended_at_ms=start_ms + count * STEP_MS,
            amount=float(curve.distance_m[-1]),
            last_seq=self._counters.seq - 1,
        )
        return Episode(sent_at_ms[-1], partial(self._told, session, curve, sent_at_ms, before))

    def _told(self, session: Session, curve: RunCurve, sent_at_ms: list[int], before: _Counters) -> list[Upload]:
        start_ms, count = session.started_at_ms, curve.distance_m.size
        distance_m, cadence_spm = curve.distance_m.tolist(), curve.cadence_spm.tolist()
        heart_rate_bpm, ground_contact_ms = curve.heart_rate_bpm.tolist(), curve.ground_contact_ms.tolist()
        lifetime_steps = (curve.steps_taken + before.steps).tolist()
        uploads = []
        for number, first in enumerate(range(0, count, READINGS_PER_UPLOAD)):
            end = min(first + READINGS_PER_UPLOAD, count)
            counters = _Counters(
                before.seq + number, before.runs + 1, before.distance_m + distance_m[end - 1], lifetime_steps[end - 1]
            )
            part = Part(session, distance_m[end - 1], start_ms + end * STEP_MS, end == count)
            fields = self._fields(
                counters,
                sent_at_ms=sent_at_ms[number],
                start_ms=start_ms + (first + 1) * STEP_MS,
                lead_ms=STEP_MS,
                offset_ms=[step * STEP_MS for step in range(end - first)],
                run_no=counters.runs,
                run_started_ms=start_ms,
                run_ended=end == count,
                distance_m=distance_m[first:end],
                cadence_spm=cadence_spm[first:end],
                heart_rate_bpm=heart_rate_bpm[first:end] if self._has_heart_strap else None,
                ground_contact_ms=ground_contact_ms[first:end] if self._has_contact_sensor else None,
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
            run_no=None,
            run_started_ms=None,
            run_ended=False,
            distance_m=[],
            cadence_spm=[],
            heart_rate_bpm=[] if self._has_heart_strap else None,
            ground_contact_ms=[] if self._has_contact_sensor else None,
        )
        return self._upload(fields, None)

    def _fields(self, counters: _Counters, **own: Any) -> dict[str, Any]:
        return {
            "device_id": self._device.device_id,
            "seq": counters.seq,
            "material": self._device.material,
            "firmware": self._device.firmware,
            **own,
            "health_consent": self._device.health_consent is True,
            "lifetime_distance_m": round(counters.distance_m, 2),
            "lifetime_steps": int(counters.steps),
        }

    def _upload(self, fields: dict[str, Any], part: Part | None) -> Upload:
        return Upload(
            topic=TELEMETRY_SHOE,
            device_id=self._device.device_id,
            seq=fields["seq"],
            sent_at_ms=fields["sent_at_ms"],
            reading_count=len(fields["offset_ms"]),
            value=encode(fields),
            part=part,
        )
