"""Runs as GPX 1.1 tracks, with Garmin's TrackPointExtension where there is one.

GPX holds positions, no distance: it is the sum of great circles between neighbouring points of a segment. Between
segments the recorder was paused.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import pairwise

import gpxpy
from gpxpy.gpx import GPXException, GPXTrackPoint, GPXTrackSegment

from producers.recordings.run import RunRecording, run_recording
from schemas.errors import RecordingError

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius (IUGG)."""


def parse(device_id: str, data: bytes) -> RunRecording:
    """The run in a GPX file's content: all tracks and segments, one after the other.

    Raises:
        RecordingError: Not readable as GPX, or without times.
    """
    try:
        gpx = gpxpy.parse(data.decode("utf-8-sig"))
    except (GPXException, UnicodeDecodeError, ValueError) as error:
        raise RecordingError(f"not readable as GPX: {error}") from error
    segments = [_timed(segment) for track in gpx.tracks for segment in track.segments]
    points = [point for segment in segments for point in segment]
    if not points and any(track.get_points_no() for track in gpx.tracks):
        raise RecordingError("its points have no times; accepted are recorded tracks, not planned routes")
    distance_m: list[float | None] = []
    so_far_m = 0.0
    for segment in segments:
        for previous, point in pairwise([*segment[:1], *segment]):
            so_far_m += great_circle_m(previous.latitude, previous.longitude, point.latitude, point.longitude)
            distance_m.append(so_far_m)
    return run_recording(
        device_id,
        [_in_utc(point.time).timestamp() for point in points if point.time is not None],
        distance_m,
        cadence_per_min=[_extension(point, "cad") for point in points],
        heart_rate_bpm=[_extension(point, "hr") for point in points],
        ground_contact_ms=[None] * len(points),
        latitude_deg=[point.latitude for point in points],
        longitude_deg=[point.longitude for point in points],
    )


def great_circle_m(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """Distance on the sphere between two positions in degrees (haversine formula: Sinnott, 1984)."""
    north, to_north = math.radians(latitude), math.radians(to_latitude)
    half_dn, half_de = (to_north - north) / 2, math.radians(to_longitude - longitude) / 2
    chord = math.sin(half_dn) ** 2 + math.cos(north) * math.cos(to_north) * math.sin(half_de) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(chord, 1.0)))


def _in_utc(time: datetime) -> datetime:
    """GPX writes UTC: a time that names no zone is not one of the zone this machine stands in."""
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _timed(segment: GPXTrackSegment) -> list[GPXTrackPoint]:
    return [point for point in segment.points if point.time is not None]


def _extension(point: GPXTrackPoint, name: str) -> float | None:
    """A number of the point's extensions by its local name, whatever the namespace."""
    for extension in point.extensions:
        for element in extension.iter():
            if str(element.tag).rsplit("}", 1)[-1] == name and element.text is not None:
                try:
                    return float(element.text)
                except ValueError:
                    return None
    return None
