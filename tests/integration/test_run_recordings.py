"""Runs in real recordings, against what the files state of themselves, and against a golden file.

What a file states is read here by other means than the product's: laps of a TCX as text of its XML, summaries of a FIT
as its messages, the points of a GPX by a loop of its own. The golden file is what the stream says of each run; made by

    python tests/integration/test_run_recordings.py > tests/golden/runs.csv
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import sys
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from math import cos, hypot, radians
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import fitdecode
import numpy as np
import pyarrow as pa
import pytest

from producers.recordings.files import read
from producers.recordings.run import RunRecording
from schemas.forms import arrow_schema
from schemas.uploads import ShoeUpload
from streams.batch import Batch, Place
from streams.product import SHOE
from streams.state import State
from streams.step import step

PROJECT = Path(__file__).parents[2]
DATA = PROJECT.parent / "shared" / "data" / "shoe"
GOLDEN = PROJECT / "tests" / "golden" / "runs.csv"
TCX, GPX, FIT = "2013-06-01-183220.TCX.gz", "20170708-154835-Run.gpx.gz", "Fr955andStryd.fit.gz"
WITHIN = 0.02
FIELDS = (
    *("distance_m", "moving_s", "paused_s", "gap_s", "pace_s_per_km", "steps", "avg_cadence_spm", "avg_heart_rate_bpm"),
    *("max_heart_rate_bpm", "avg_ground_contact_ms", "load", "heart_rate_zone_s", "split_s"),
)


@dataclass(frozen=True)
class Lap:
    """What a file says of a part of a run; time is of the running timer."""

    distance_m: float
    timer_s: float
    heart_rate_bpm: float | None
    highest_bpm: float | None


def content(name: str) -> bytes:
    path = DATA / name
    if not path.exists() and os.environ.get("CI"):
        pytest.fail(f"no recording at {path}", pytrace=False)
    if not path.exists():
        pytest.skip(f"no recording at {path}")
    return gzip.decompress(path.read_bytes())


@cache
def told(name: str) -> dict[str, Any]:
    """What the stream says of the run in a recording."""
    content(name)
    recording = read(DATA / name)
    assert isinstance(recording, RunRecording)
    sent = recording.uploads()
    rows = [json.loads(upload.value) for upload in sent]
    batch = Batch(
        Place(SHOE.telemetry, 0),
        pa.Table.from_pylist(rows, schema=arrow_schema(ShoeUpload)),
        pa.array([row["device_id"] for row in rows]),
        np.arange(len(rows)),
        np.array([upload.sent_at_ms + 1_000 for upload in sent]),
        [upload.value for upload in sent],
    )
    outputs = step(SHOE, State(SHOE), batch)
    assert outputs.failed == []
    (run,) = outputs.sessions
    return run


@cache
def tcx_laps() -> list[Lap]:
    text = content(TCX).decode()
    laps = re.findall(r"<Lap .*?<Track>", text, re.DOTALL)

    def number(lap: str, name: str) -> float:
        (found,) = re.findall(rf"<{name}[^>]*>\s*(?:<Value>)?([\d.]+)<", lap)
        return float(found)

    names = ("DistanceMeters", "TotalTimeSeconds", "AverageHeartRateBpm", "MaximumHeartRateBpm")
    return [Lap(*(number(lap, name) for name in names)) for lap in laps]


@cache
def fit_messages() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    with fitdecode.FitReader(io.BytesIO(content(FIT))) as messages:
        for message in messages:
            if isinstance(message, fitdecode.FitDataMessage) and message.name in ("session", "lap", "record"):
                found.setdefault(message.name, []).append(_told(message))
    return found


def _told(message: Any) -> dict[str, Any]:
    """Of fields that are there twice, as a number and as one of more digits, the one that has a value."""
    return {field.name: field.value for field in message.fields if field.value is not None}


def test_a_tcx_run_is_as_far_and_as_long_as_its_laps() -> None:
    run, laps = told(TCX), tcx_laps()
    timer_s = sum(lap.timer_s for lap in laps)
    assert run["distance_m"] == pytest.approx(sum(lap.distance_m for lap in laps), rel=WITHIN)
    assert run["moving_s"] == pytest.approx(timer_s, rel=WITHIN)
    assert run["moving_s"] + run["paused_s"] == pytest.approx(timer_s, rel=2e-3)
    assert run["pace_s_per_km"] == pytest.approx(timer_s / run["distance_m"] * 1_000, rel=WITHIN)
    assert run["gap_s"] == 66, "the runner stopped the watch once"


def test_each_kilometre_of_a_tcx_run_takes_as_long_as_its_lap() -> None:
    """The watch made a lap of each kilometre; from start to start of the laps the stop is in, as it is in a split."""
    starts = re.findall(r'<Lap StartTime="([^"]+)">', content(TCX).decode())
    laps_s = [
        (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() for start, end in pairwise(starts)
    ]
    assert len(laps_s) == 14
    assert {lap.distance_m for lap in tcx_laps()[:14]} == {1_000}
    assert told(TCX)["split_s"] == pytest.approx(laps_s, abs=1.5), "starts are whole seconds"


def test_the_heart_rate_of_a_tcx_run_is_the_mean_of_its_laps() -> None:
    run, laps = told(TCX), tcx_laps()
    mean_bpm = sum((lap.heart_rate_bpm or 0) * lap.timer_s for lap in laps) / sum(lap.timer_s for lap in laps)
    assert run["avg_heart_rate_bpm"] == pytest.approx(mean_bpm, rel=WITHIN)
    assert run["max_heart_rate_bpm"] == max(lap.highest_bpm or 0 for lap in laps)


def test_a_fit_run_is_what_its_session_says() -> None:
    run, (session,) = told(FIT), fit_messages()["session"]
    cadence = 2 * (session["avg_running_cadence"] + session["avg_fractional_cadence"])
    assert run["distance_m"] == pytest.approx(session["total_distance"], rel=WITHIN)
    assert run["moving_s"] == pytest.approx(session["total_timer_time"], rel=WITHIN)
    assert run["moving_s"] + run["paused_s"] == pytest.approx(session["total_timer_time"], rel=2e-3)
    assert run["gap_s"] == 0
    assert run["pace_s_per_km"] == pytest.approx(1_000 / session["enhanced_avg_speed"], rel=WITHIN)
    assert run["avg_cadence_spm"] == pytest.approx(cadence, rel=WITHIN)
    assert run["steps"] == pytest.approx(2 * session["total_strides"], rel=WITHIN)
    assert run["avg_heart_rate_bpm"] == pytest.approx(session["avg_heart_rate"], rel=WITHIN)
    assert run["max_heart_rate_bpm"] == session["max_heart_rate"]
    assert run["avg_ground_contact_ms"] == pytest.approx(session["avg_stance_time"], rel=WITHIN)


def test_the_laps_of_a_fit_run_lie_on_its_splits() -> None:
    """Its laps are of any length: at the end of each, distance and time agree with time by distance of the splits."""
    run, at_m, at_s = told(FIT), 0.0, 0.0
    marks_s = np.concatenate([[0.0], np.cumsum(run["split_s"])])
    for lap in fit_messages()["lap"][:-1]:
        at_m, at_s = at_m + lap["total_distance"], at_s + lap["total_timer_time"]
        assert np.interp(at_m / 1_000, np.arange(len(marks_s)), marks_s) == pytest.approx(at_s, rel=WITHIN)


def test_heart_rate_zones_of_a_fit_run_are_a_plain_count_of_its_records() -> None:
    """The watch's own zones begin elsewhere, so its records are counted, one a second. The stream shares out bands."""
    beats = [record["heart_rate"] for record in fit_messages()["record"]][1:]
    zones_s = [sum(1 for beat in beats if low <= beat / 190 < low + 0.1) for low in (0.5, 0.6, 0.7, 0.8)]
    zones_s.append(sum(1 for beat in beats if beat / 190 >= 0.9))
    run = told(FIT)
    assert run["heart_rate_zone_s"] == pytest.approx(zones_s, abs=0.025 * run["moving_s"])
    assert run["load"] == pytest.approx(sum(n * s / 60 for n, s in enumerate(zones_s, 1)), rel=WITHIN)


def test_a_gpx_run_has_the_time_and_the_splits_of_its_points() -> None:
    run = told(GPX)
    name = "{http://www.topografix.com/GPX/1/1}"
    points = [
        (datetime.fromisoformat(point.findtext(f"{name}time") or "").timestamp(), float(point.attrib["lat"]),
         float(point.attrib["lon"]))
        for point in ET.fromstring(content(GPX)).iter(f"{name}trkpt")
    ]  # fmt: skip
    so_far_m, full_s = 0.0, [points[0][0]]
    for (_, latitude, longitude), (now_s, to_latitude, to_longitude) in pairwise(points):
        north_m = (to_latitude - latitude) * 111_195
        so_far_m += hypot(north_m, (to_longitude - longitude) * 111_195 * cos(radians(latitude)))
        if so_far_m >= 1_000 * len(full_s):
            full_s.append(now_s)
    assert run["distance_m"] == pytest.approx(so_far_m, rel=WITHIN)
    assert run["split_s"] == pytest.approx([end - start for start, end in pairwise(full_s)], rel=WITHIN)
    assert run["moving_s"] + run["paused_s"] + run["gap_s"] == points[-1][0] - points[0][0]
    assert (run["avg_heart_rate_bpm"], run["heart_rate_zone_s"], run["load"]) == (None, None, None)


def golden_rows() -> list[dict[str, str]]:
    return [{"file": name, **{field: as_text(told(name)[field]) for field in FIELDS}} for name in (TCX, GPX, FIT)]


def as_text(value: float | list[float | None] | None) -> str:
    if isinstance(value, list):
        return " ".join(as_text(part) for part in value)
    return "" if value is None else f"{value:.1f}"


def test_the_runs_are_those_of_the_golden_file() -> None:
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        assert golden_rows() == list(csv.DictReader(file))


if __name__ == "__main__":
    writer = csv.DictWriter(sys.stdout, list(golden_rows()[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(golden_rows())
