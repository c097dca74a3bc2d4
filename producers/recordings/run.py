"""A recorded run, whatever format it came in, and its uploads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from producers.recordings.slices import never_falling, slices, spans_ms
from producers.uploads import Part, Session, Upload, encode
from schemas.catalogue import RUN_RECORDER
from schemas.errors import RecordingError
from schemas.topics import TELEMETRY_SHOE

Channel = NDArray[np.float64]
"""Values over time; NaN where the recorder had none."""

_ONE_FOOT_BELOW_SPM = 120.0
"""Runners take 140 to 200 steps a minute; recorders that count one foot say half of it."""

_RUN_NO = 1

_DEGREE_DECIMALS = 7
"""A centimetre on the ground; recorders resolve no more (FIT: 2**-31 of a half turn)."""


@dataclass(frozen=True)
class RunRecording:
    """What one file says of a run. Times ascend, distance counts up from the start; empty channels are all NaN.

    A position is whole: where one of latitude and longitude is missing, the other is too.
    """

    device_id: str
    at_ms: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    cadence_spm: Channel
    heart_rate_bpm: Channel
    ground_contact_ms: Channel
    contact_balance_pct: Channel
    latitude_deg: Channel
    longitude_deg: Channel

    def uploads(self) -> list[Upload]:
        """The run as uploads numbered from 0; the last one ends it."""
        cuts = list(slices(self.at_ms))
        started_ms, ended_ms = int(self.at_ms[0]), int(self.at_ms[-1])
        session = Session(
            product="shoe",
            device_id=self.device_id,
            material=RUN_RECORDER,
            session_no=_RUN_NO,
            started_at_ms=started_ms,
            ended_at_ms=ended_ms,
            amount=float(self.distance_m.max()),
            last_seq=len(cuts) - 1,
        )
        leads_ms = spans_ms(self.at_ms)
        return [self._upload(session, seq, cut, int(leads_ms[cut.start])) for seq, cut in enumerate(cuts)]

    def _upload(self, session: Session, seq: int, cut: slice, lead_ms: int) -> Upload:
        at_ms, distance_m = self.at_ms[cut], self.distance_m[cut].tolist()
        start_ms, last_ms = int(at_ms[0]), int(at_ms[-1])
        fields = {
            "device_id": self.device_id,
            "seq": seq,
            "sent_at_ms": last_ms,
            "material": RUN_RECORDER,
            "firmware": "0.0.0",
            "start_ms": start_ms,
            "lead_ms": lead_ms,
            "offset_ms": (at_ms - start_ms).tolist(),
            "run_no": _RUN_NO,
            "run_started_ms": session.started_at_ms,
            "run_ended": seq == session.last_seq,
            "health_consent": True,  # whoever replays a recording of a run is the one who ran
            "lifetime_distance_m": None,
            "lifetime_steps": None,
            "distance_m": distance_m,
            "cadence_spm": _values(self.cadence_spm[cut]),
            "heart_rate_bpm": _values(self.heart_rate_bpm[cut]),
            "ground_contact_ms": _values(self.ground_contact_ms[cut]),
            "contact_balance_pct": _values(self.contact_balance_pct[cut]),
            "location_consent": True,
            "latitude_deg": _values(self.latitude_deg[cut], _DEGREE_DECIMALS),
            "longitude_deg": _values(self.longitude_deg[cut], _DEGREE_DECIMALS),
        }
        part = Part(session, max(distance_m), last_ms, seq == session.last_seq)
        return Upload(TELEMETRY_SHOE, self.device_id, seq, last_ms, at_ms.size, encode(fields), part)


def run_recording(
    device_id: str,
    at_s: list[float],
    distance_m: list[float | None],
    *,
    cadence_per_min: list[float | None],
    heart_rate_bpm: list[float | None],
    ground_contact_ms: list[float | None],
    latitude_deg: list[float | None],
    longitude_deg: list[float | None],
    contact_balance_pct: list[float | None] | None = None,
) -> RunRecording:
    """A run from a recorder's points, in their order, equally long.

    Where distance is missing or falls, the largest so far holds. Cadence is turned into steps of both feet. Values
    no body can have, and positions that no map has, become missing.

    Raises:
        RecordingError: Fewer than two points, no distance, or times out of order.
    """
    if len(at_s) < 2:
        raise RecordingError(f"{len(at_s)} points with a time found; at least 2 are needed")
    distance = _channel(distance_m, 0.0, 1e6)
    if np.isnan(distance).all():
        raise RecordingError("no point states a distance; accepted are runs with distances or positions")
    cadence = _channel(cadence_per_min, 0.0, 400.0)
    balance: list[float | None] = [None] * len(at_s) if contact_balance_pct is None else contact_balance_pct
    latitude, longitude = _channel(latitude_deg, -90.0, 90.0), _channel(longitude_deg, -180.0, 180.0)
    is_placed = ~(np.isnan(latitude) | np.isnan(longitude))
    return RunRecording(
        device_id=device_id,
        at_ms=never_falling((np.array(at_s) * 1000).round().astype(np.int64)),
        distance_m=np.maximum.accumulate(np.nan_to_num(distance)).round(2),
        cadence_spm=both_feet(cadence),
        heart_rate_bpm=_channel(heart_rate_bpm, 20.0, 260.0),
        ground_contact_ms=_channel(ground_contact_ms, 1.0, 2_000.0),
        contact_balance_pct=_channel(balance, 1.0, 99.0),
        latitude_deg=np.where(is_placed, latitude, np.nan),
        longitude_deg=np.where(is_placed, longitude, np.nan),
    )


def both_feet(cadence_per_min: Channel) -> Channel:
    """Steps of both feet, from steps or from strides of one foot: the median tells which."""
    moving = cadence_per_min[cadence_per_min > 0]
    if moving.size == 0 or float(np.median(moving)) >= _ONE_FOOT_BELOW_SPM:
        return cadence_per_min
    return np.minimum(cadence_per_min * 2, 400.0)


def _channel(values: list[float | None], lowest: float, highest: float) -> Channel:
    channel = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.where((channel >= lowest) & (channel <= highest), channel, np.nan)


def _values(channel: Channel, decimals: int = 2) -> list[float | None] | None:
    """The channel as JSON has it: null for a missing value, null as a whole when there is none."""
    missing = np.isnan(channel)
    if missing.all():
        return None
    return [
        None if is_missing else value
        for value, is_missing in zip(channel.round(decimals).tolist(), missing, strict=True)
    ]
