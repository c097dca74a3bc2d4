"""What a shoe's phone sends: a run cut into uploads, and signs of life, as the firmware of the day words them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.device import READINGS_PER_UPLOAD
from producers.mistakes import mistaken
from producers.route import Loop, track
from producers.run_curve import STEP_MS, RunCurve
from producers.uploads import Part, Session, Upload, encode
from schemas.topics import TELEMETRY_SHOE
from schemas.uploads import MAX_SPAN_MS

_ADDITIONS_SINCE = (1, 9, 0)
"""Firmware that knows board number, balance and position; older ones leave those keys out."""

_STEADY_OFFSETS_MS = [step * STEP_MS for step in range(READINGS_PER_UPLOAD)]


@dataclass(frozen=True, slots=True)
class Counters:
    """Numbers of the next upload and the newest run, and what the board has counted."""

    seq: int
    runs: int
    distance_m: float
    steps: float


@dataclass(frozen=True, slots=True)
class Pod:
    """What a pod and its phone are, and may say.

    Attributes:
        mistake: What the firmware measures wrong (`schemas.fleet.LifeEvent.mistake`).
        loop: Where its runner goes, with GPS; None without.
    """

    device_id: str
    material: str
    firmware: str
    board_no: int
    mistake: str | None
    health_consent: bool
    location_consent: bool
    has_heart_strap: bool
    has_contact_sensor: bool
    loop: Loop | None

    @property
    def knows_additions(self) -> bool:
        return tuple(map(int, self.firmware.split("."))) >= _ADDITIONS_SINCE


@dataclass(frozen=True, slots=True, eq=False)
class Feet:
    """What the pod feels of the ground: contact in ms, and the left foot's share of it in percent."""

    contact_ms: NDArray[np.float64]
    left_share_pct: NDArray[np.float64]


def run_uploads(
    pod: Pod, session: Session, curve: RunCurve, feet: Feet, sent_at_ms: list[int], before: Counters
) -> list[Upload]:
    """The uploads of one run, in order.

    Args:
        sent_at_ms: One for each `READINGS_PER_UPLOAD` readings.
        before: Counters before the run.
    """
    start_ms, count = session.started_at_ms, curve.at_ms.size
    channels = _channels(pod, curve, feet)
    absent = {name: None for name, channel in channels.items() if channel is None}
    always = _always(pod) | {"run_no": before.runs + 1, "run_started_ms": start_ms} | absent
    measured = [(name, channel) for name, channel in channels.items() if channel is not None]
    at_ms, distance_m = curve.at_ms.tolist(), curve.distance_m.tolist()
    lifetime_m = (curve.distance_m + before.distance_m).round(2).tolist()
    lifetime_steps = (curve.steps + before.steps).astype(np.int64).tolist()
    uploads, previous_ms = [], 0
    for number, first in enumerate(range(0, count, READINGS_PER_UPLOAD)):
        end = min(first + READINGS_PER_UPLOAD, count)
        last, first_ms, last_ms = end - 1, at_ms[first], at_ms[end - 1]
        lead_ms = first_ms - previous_ms
        is_steady = last_ms - first_ms == (last - first) * STEP_MS
        fields = {
            **always,
            "seq": before.seq + number,
            "sent_at_ms": sent_at_ms[number],
            "start_ms": start_ms + first_ms,
            "lead_ms": lead_ms if lead_ms <= MAX_SPAN_MS else 0,
            "offset_ms": _STEADY_OFFSETS_MS[: end - first]
            if is_steady
            else [reading_ms - first_ms for reading_ms in at_ms[first:end]],
            "run_ended": end == count,
            "lifetime_distance_m": lifetime_m[last],
            "lifetime_steps": lifetime_steps[last],
        }
        for name, channel in measured:
            fields[name] = channel[first:end]
        uploads.append(_upload(pod, fields, Part(session, distance_m[last], start_ms + last_ms, end == count)))
        previous_ms = last_ms
    return uploads


def sign_of_life(pod: Pod, counters: Counters, at_ms: int) -> Upload:
    """An upload without readings."""
    fields = _always(pod) | {
        "seq": counters.seq,
        "sent_at_ms": at_ms,
        "start_ms": at_ms,
        "lead_ms": 0,
        "offset_ms": [],
        "run_no": None,
        "run_started_ms": None,
        "run_ended": False,
        "lifetime_distance_m": round(counters.distance_m, 2),
        "lifetime_steps": int(counters.steps),
        "distance_m": [],
        "cadence_spm": [],
        "heart_rate_bpm": [] if pod.has_heart_strap else None,
        "ground_contact_ms": [] if pod.has_contact_sensor else None,
    }
    if pod.knows_additions:
        fields["contact_balance_pct"] = [] if pod.has_contact_sensor else None
        fields["latitude_deg"] = fields["longitude_deg"] = None if pod.loop is None else []
    return _upload(pod, fields, None)


def _always(pod: Pod) -> dict[str, Any]:
    """What every upload of this pod says."""
    fields: dict[str, Any] = {
        "device_id": pod.device_id,
        "material": pod.material,
        "firmware": pod.firmware,
        "health_consent": pod.health_consent,
    }
    if pod.knows_additions:
        fields |= {"board_no": pod.board_no, "location_consent": pod.location_consent}
    return fields


def _channels(pod: Pod, curve: RunCurve, feet: Feet) -> dict[str, list[Any] | None]:
    contact_ms = left_share_pct = latitude_deg = longitude_deg = None
    if pod.has_contact_sensor:
        contact_ms = _in_motion(feet.contact_ms.round().astype(np.int64).tolist(), curve)
        left_share_pct = _in_motion(feet.left_share_pct.round(1).tolist(), curve)
    channels: dict[str, list[Any] | None] = {
        "distance_m": curve.distance_m.tolist(),
        "cadence_spm": curve.cadence_spm.tolist(),
        "heart_rate_bpm": curve.heart_rate_bpm.tolist() if pod.has_heart_strap else None,
        "ground_contact_ms": contact_ms,
    }
    if pod.knows_additions:
        if pod.loop is not None:
            where = track(pod.loop, curve.distance_m)
            latitude_deg, longitude_deg = where.latitude_deg.tolist(), where.longitude_deg.tolist()
        channels |= {
            "contact_balance_pct": left_share_pct,
            "latitude_deg": latitude_deg,
            "longitude_deg": longitude_deg,
        }
    return channels


def _in_motion(channel: list[Any], curve: RunCurve) -> list[Any]:
    """The channel with null where the runner stands: no step, nothing to measure."""
    for standing in np.flatnonzero(curve.is_standing).tolist():
        channel[standing] = None
    return channel


def _upload(pod: Pod, fields: dict[str, Any], part: Part | None) -> Upload:
    return Upload(
        topic=TELEMETRY_SHOE,
        device_id=pod.device_id,
        seq=fields["seq"],
        sent_at_ms=fields["sent_at_ms"],
        reading_count=len(fields["offset_ms"]),
        value=encode(mistaken(fields, pod.mistake)),
        part=part,
        mistake=pod.mistake if fields["offset_ms"] else None,  # without readings it makes none
    )
