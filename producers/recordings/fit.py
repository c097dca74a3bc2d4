"""Runs in Garmin's FIT (Flexible and Interoperable Data Transfer, binary).

Cadence there is strides of one foot, a position is in semicircles, and a balance is the left foot's share.
"""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import fitdecode

from producers.recordings.run import RunRecording, run_recording
from schemas.errors import RecordingError

_DEGREES_PER_SEMICIRCLE = 180 / 2**31
_FIELDS = (
    "timestamp",
    "distance",
    "cadence",
    "fractional_cadence",
    "heart_rate",
    "stance_time",
    "stance_time_balance",
    "position_lat",
    "position_long",
)


def parse(device_id: str, data: bytes) -> RunRecording:
    """The run in a FIT file's content.

    Raises:
        RecordingError: Not readable as FIT, or not a run.
    """
    points: list[dict[str, Any]] = []
    try:
        with fitdecode.FitReader(io.BytesIO(data)) as messages:
            for message in messages:
                if not isinstance(message, fitdecode.FitDataMessage):
                    continue
                if message.name == "session":
                    _require_run(message.get_value("sport", fallback=None))
                if message.name == "record" and _is_timed(message):
                    points.append(_point(message))
    except (fitdecode.FitError, LookupError, TypeError, ValueError) as error:
        raise RecordingError(f"not readable as FIT: {error}") from error
    return run_recording(
        device_id,
        [point["timestamp"].timestamp() for point in points],
        [point["distance"] for point in points],
        cadence_per_min=[_cadence(point) for point in points],
        heart_rate_bpm=[point["heart_rate"] for point in points],
        ground_contact_ms=[point["stance_time"] for point in points],
        contact_balance_pct=[point["stance_time_balance"] for point in points],
        latitude_deg=[_degrees(point["position_lat"]) for point in points],
        longitude_deg=[_degrees(point["position_long"]) for point in points],
    )


def _is_timed(message: Any) -> bool:
    """Not so while the clock is not set: then the stamp is null, or a count of seconds since power on."""
    return isinstance(message.get_value("timestamp", fallback=None), datetime)


def _point(message: Any) -> dict[str, Any]:
    return {name: message.get_value(name, fallback=None) for name in _FIELDS}


def _degrees(semicircles: float | None) -> float | None:
    return None if semicircles is None else semicircles * _DEGREES_PER_SEMICIRCLE


def _cadence(point: dict[str, Any]) -> float | None:
    if point["cadence"] is None:
        return None
    fraction = point["fractional_cadence"]
    return float(point["cadence"]) + (0.0 if fraction is None else float(fraction))


def _require_run(sport: Any) -> None:
    if sport not in (None, "running"):
        raise RecordingError(f"its sport is {sport!r}; accepted is 'running'")
