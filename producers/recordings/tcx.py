"""Runs in Garmin's Training Center XML (TCX v2). Distances count up over the whole activity.

Times are UTC unless they name another offset.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from datetime import UTC, datetime
from xml.etree.ElementTree import ParseError

from tcxreader.tcxreader import TCXReader

from producers.recordings.run import RunRecording, run_recording
from schemas.errors import RecordingError


def parse(device_id: str, data: bytes) -> RunRecording:
    """The run in a TCX file's content.

    Raises:
        RecordingError: Not readable as TCX, or not a run.
    """
    try:
        with redirect_stdout(io.StringIO()):  # it prints what it cannot add up
            exercise = TCXReader().read(io.BytesIO(data), only_gps=False)
    except (ParseError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise RecordingError(f"not readable as TCX: {error}") from error
    if exercise.activity_type != "Running":
        raise RecordingError(f"its sport is {exercise.activity_type!r}; accepted is 'Running'")
    points = [point for point in exercise.trackpoints if point.time is not None]
    return run_recording(
        device_id,
        [_in_utc(point.time).timestamp() for point in points],
        [point.distance for point in points],
        cadence_per_min=[point.tpx_ext.get("RunCadence", point.cadence) for point in points],
        heart_rate_bpm=[point.hr_value for point in points],
        ground_contact_ms=[None] * len(points),
        latitude_deg=[point.latitude for point in points],
        longitude_deg=[point.longitude for point in points],
    )


def _in_utc(time: datetime) -> datetime:
    """The reader keeps an offset such as +02:00, and drops a Z."""
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
