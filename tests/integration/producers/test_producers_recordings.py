"""Real recordings, beside the project as `../shared/data`: nothing lost, nothing added, against independent sums."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import numpy as np
import pytest

from producers.recordings.files import read, read_all
from producers.recordings.plug_meter import PlugRecording
from producers.recordings.run import RunRecording
from schemas.uploads import ShoeUpload, WasherUpload

NOW_MS = 1_777_852_800_000  # 2026-05-04
DATA = Path(__file__).parents[4] / "shared" / "data"


def recordings(pattern: str) -> list[Path]:
    found = sorted(DATA.glob(pattern))
    if not found and os.environ.get("CI"):
        pytest.fail(f"no recordings at ../shared/data/{pattern}", pytrace=False)
    if not found:
        pytest.skip(f"no recordings at ../shared/data/{pattern}")
    return found


SHIPPED = Path(__file__).parents[3] / "producers" / "recordings" / "data"
"""Comes with the project, under the licence named beside it."""


def a_run(pattern: str) -> RunRecording:
    (path,) = recordings(pattern)
    recording = read(path)
    assert isinstance(recording, RunRecording)
    return recording


def plain_wh(path: Path) -> float:
    """Watts times seconds since the line before, line by line; each file is one local day without a change of clock."""
    drawn_ws, previous_s = 0.0, None
    with gzip.open(path, "rt") as lines:
        for line in lines:
            stamp, power, _ = line.split(";")
            now_s = int(stamp[11:13]) * 3600 + int(stamp[14:16]) * 60 + int(stamp[17:19])
            if previous_s is not None and 0 < now_s - previous_s <= 60:
                drawn_ws += float(power) * (now_s - previous_s)
            previous_s = now_s
    return drawn_ws / 3600


def told_wh(upload: WasherUpload) -> float:
    before = [-upload.lead_ms, *upload.offset_ms]
    spans = (now - then for then, now in zip(before, upload.offset_ms, strict=False))
    return sum(power_w * span_ms / 3.6e6 for power_w, span_ms in zip(upload.power_w, spans, strict=True))


def test_the_shipped_recording_has_its_licence_and_source_beside_it() -> None:
    notice = (SHIPPED / "NOTICE.md").read_text(encoding="utf-8")
    for path in SHIPPED.glob("*.gz"):
        assert path.name in notice
    for said in ("tracebase", "opendatacommons.org/licenses/odbl", "opendatacommons.org/licenses/dbcl", "SustainIT"):
        assert said in notice


def test_the_shipped_recording_is_read_to_its_last_line_and_watt_second() -> None:
    (path,) = SHIPPED.glob("*.gz")
    recording = read(path)
    assert isinstance(recording, PlugRecording)
    assert (recording.at_ms.size, recording.unreadable_lines) == (8_345, 0)
    assert recording.energy_wh == pytest.approx(plain_wh(path), rel=1e-3)
    uploads = [WasherUpload.model_validate_json(upload.value) for upload in recording.uploads()]
    assert sum(map(told_wh, uploads)) == pytest.approx(recording.energy_wh)
    assert [upload.seq for upload in uploads] == list(range(len(uploads)))


def test_a_plug_meter_s_uploads_hold_every_line_and_all_the_energy() -> None:
    for path in recordings("washer/*.csv.gz"):
        recording = read(path)
        assert isinstance(recording, PlugRecording)
        with gzip.open(path) as lines:
            assert recording.at_ms.size == sum(1 for _ in lines)
        assert recording.unreadable_lines == 0
        assert recording.energy_wh == pytest.approx(plain_wh(path), rel=1e-3)


def test_the_contract_takes_every_upload_of_real_days() -> None:
    for path in recordings("washer/*.csv.gz")[::9]:
        recording = read(path)
        assert isinstance(recording, PlugRecording)
        uploads = [WasherUpload.model_validate_json(upload.value) for upload in recording.uploads()]
        assert sum(map(told_wh, uploads)) == pytest.approx(recording.energy_wh)
        assert sum(len(upload.offset_ms) for upload in uploads) == recording.at_ms.size


def test_every_recording_becomes_a_device_of_its_own() -> None:
    read = read_all(recordings("*/*.gz"), now_ms=NOW_MS)
    assert len({recording.device_id for recording in read}) == 41


def test_a_tcx_run_has_the_distance_and_time_its_laps_state() -> None:
    (path,) = recordings("shoe/*.TCX.gz")
    text = gzip.decompress(path.read_bytes()).decode()
    stated_m = sum(map(float, re.findall(r"<DistanceMeters>([\d.]+)</DistanceMeters>\s*<MaximumSpeed>", text)))
    stated_s = sum(map(float, re.findall(r"<TotalTimeSeconds>([\d.]+)<", text)))
    assert_matches(a_run("shoe/*.TCX.gz"), stated_m, stated_s)


def test_a_fit_run_has_the_distance_and_time_its_session_states() -> None:
    recording = a_run("shoe/*.fit.gz")
    assert_matches(recording, 10_021.48, 3_117.009)  # total_distance and total_timer_time of the file's session message
    assert 250 < float(np.nanmean(recording.ground_contact_ms)) < 300  # the session states 269.3 ms


def test_a_gpx_run_has_the_length_that_gpxpy_measures() -> None:
    import gpxpy

    (path,) = recordings("shoe/*.gpx.gz")
    track = gpxpy.parse(gzip.decompress(path.read_bytes()).decode())
    assert_matches(a_run("shoe/*.gpx.gz"), track.length_2d(), track.get_duration() or 0.0)


def test_positions_of_real_runs_lie_along_a_line_as_long_as_the_run() -> None:
    """Places and distances come from different instruments of a watch: they agree within a few percent."""
    for path in recordings("shoe/*.gz"):
        run = read(path)
        assert isinstance(run, RunRecording)
        placed = ~np.isnan(run.latitude_deg)
        assert placed.mean() > 0.98, path.name
        north_m = np.diff(run.latitude_deg[placed]) * 111_195
        east_m = np.diff(run.longitude_deg[placed]) * 111_195 * np.cos(np.radians(run.latitude_deg[placed][1:]))
        assert float(np.hypot(north_m, east_m).sum()) == pytest.approx(float(run.distance_m[-1]), rel=0.05), path.name


def assert_matches(run: RunRecording, stated_m: float, stated_s: float) -> None:
    uploads = [ShoeUpload.model_validate_json(upload.value) for upload in run.uploads()]
    last = uploads[-1]
    assert max(last.distance_m) == pytest.approx(stated_m, rel=0.02)
    assert last.run_started_ms is not None
    assert (last.start_ms + last.offset_ms[-1] - last.run_started_ms) / 1000 == pytest.approx(stated_s, rel=0.02)
    assert [upload.run_ended for upload in uploads] == [False] * (len(uploads) - 1) + [True]
    cadence = [value for upload in uploads for value in upload.cadence_spm or [] if value]
    assert 150 < sorted(cadence)[len(cadence) // 2] < 190
