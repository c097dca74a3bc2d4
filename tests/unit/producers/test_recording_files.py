"""Files recognised by content, and the one line that tells what is wrong with one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from producers.recordings.files import device_id, read, read_all
from producers.recordings.gpx import great_circle_m
from producers.recordings.plug_meter import PlugRecording
from producers.recordings.run import RunRecording, both_feet
from schemas.errors import RecordingError
from schemas.uploads import ShoeUpload

NOW_MS = 1_777_852_800_000  # 2026-05-04
PLUG = b"20/05/2012 10:00:00;1;1\r\n20/05/2012 10:00:01;1;1\r\n"
TCX = """<?xml version="1.0"?>
<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"><Activities>
<Activity Sport="{sport}"><Id>2013-06-01T17:32:20Z</Id>
<Lap StartTime="2013-06-01T17:32:20Z"><Track>{points}</Track></Lap>
</Activity></Activities></TrainingCenterDatabase>"""
TCX_POINT = """<Trackpoint><Time>2013-06-01T17:32:{second:02d}Z</Time>{position}
<DistanceMeters>{distance}</DistanceMeters>
<HeartRateBpm><Value>{heart}</Value></HeartRateBpm><Extensions>
<TPX xmlns="http://www.garmin.com/xmlschemas/ActivityExtension/v2"><RunCadence>82</RunCadence></TPX></Extensions></Trackpoint>"""
GPX = """<?xml version="1.0"?><gpx version="1.1" creator="test" xmlns="http://www.topografix.com/GPX/1/1"><trk>{segments}</trk></gpx>"""
GPX_POINT = '<trkpt lat="{latitude}" lon="18.0"><time>2017-07-08T15:48:{second:02d}Z</time></trkpt>'


TCX_POSITION = (
    "<Position><LatitudeDegrees>{}</LatitudeDegrees><LongitudeDegrees>18.0686123</LongitudeDegrees></Position>"
)


def a_tcx(sport: str = "Running", latitudes: Sequence[float | None] = (None,) * 5) -> bytes:
    points = "".join(
        TCX_POINT.format(
            second=second,
            distance=3.0 * second,
            heart=0 if second == 1 else 140,
            position="" if latitude is None else TCX_POSITION.format(latitude),
        )
        for second, latitude in enumerate(latitudes)
    )
    return TCX.format(sport=sport, points=points).encode()


def a_gpx() -> bytes:
    points = [GPX_POINT.format(latitude=59 + 0.001 * second, second=second) for second in range(6)]
    return GPX.format(segments=f"<trkseg>{''.join(points[:3])}</trkseg><trkseg>{''.join(points[3:])}</trkseg>").encode()


def written(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_file_is_what_its_content_says(tmp_path: Path, pack: type[bytes]) -> None:
    plug = read(written(tmp_path, "wrong-name.fit", pack(PLUG)))
    run = read(written(tmp_path, "wrong-name.csv", pack(a_tcx())))
    track = read(written(tmp_path, "no-extension", pack(a_gpx())))
    assert isinstance(plug, PlugRecording)
    assert isinstance(run, RunRecording)
    assert isinstance(track, RunRecording)
    assert run.distance_m.tolist() == [0.0, 3.0, 6.0, 9.0, 12.0]
    assert run.cadence_spm.tolist() == [164.0] * 5
    assert track.distance_m[-1] == pytest.approx(4 * great_circle_m(59, 18, 59.001, 18), abs=0.01)


def test_a_missing_value_is_null_and_a_missing_channel_is_null_as_a_whole(tmp_path: Path) -> None:
    (upload,) = read(written(tmp_path, "run.tcx", a_tcx())).uploads()
    fields = json.loads(upload.value)
    assert fields["heart_rate_bpm"] == [140.0, None, 140.0, 140.0, 140.0]
    assert fields["ground_contact_ms"] is None
    assert (fields["run_no"], fields["run_ended"], fields["seq"]) == (1, True, 0)
    ShoeUpload.model_validate_json(upload.value)


def test_positions_come_along_to_the_centimetre_with_the_consent_of_whoever_replays_them(tmp_path: Path) -> None:
    latitudes = [None, 59.3293234, 59.3293235, 91.0, 59.3293236]
    (upload,) = read(written(tmp_path, "run.tcx", a_tcx(latitudes=latitudes))).uploads()
    told = ShoeUpload.model_validate_json(upload.value)
    assert told.location_consent is True
    assert told.latitude_deg == [None, 59.3293234, 59.3293235, None, 59.3293236]
    assert told.longitude_deg == [None, 18.0686123, 18.0686123, None, 18.0686123]
    (upload,) = read(written(tmp_path, "run.gpx", a_gpx())).uploads()
    told = ShoeUpload.model_validate_json(upload.value)
    assert told.latitude_deg == pytest.approx([59.0, 59.001, 59.002, 59.003, 59.004, 59.005])
    assert told.longitude_deg == [18.0] * 6


def test_a_run_without_positions_has_none(tmp_path: Path) -> None:
    (upload,) = read(written(tmp_path, "run.tcx", a_tcx())).uploads()
    told = ShoeUpload.model_validate_json(upload.value)
    assert (told.latitude_deg, told.longitude_deg, told.contact_balance_pct) == (None, None, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with b''; accepted are plug-meter CSV"),
        (b"PK\x03\x04 a zip", "begins with"),
        (gzip.compress(PLUG, mtime=0)[:-9], "not a whole gzip file"),
        (a_tcx()[:-40], "not readable as TCX"),
        (a_tcx("Biking"), "its sport is 'Biking'; accepted is 'Running'"),
        (a_gpx()[:-20], "not readable as GPX"),
        (a_gpx().replace(b"time>", b"when>"), "its points have no times"),
        (b"\x0e\x10\xd9\x07\x10\x00\x00\x00.FIT\x00\x00 cut", "not readable as FIT"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = written(tmp_path, "broken", content)
    with pytest.raises(RecordingError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        read(tmp_path / "absent.csv")


def test_recordings_come_in_the_order_of_time_and_two_files_never_become_one_device(tmp_path: Path) -> None:
    early, late = written(tmp_path, "b.csv", PLUG), written(tmp_path, "a.csv", PLUG.replace(b"2012", b"2013"))
    assert [recording.device_id for recording in read_all([late, early], now_ms=NOW_MS)] == ["plug-b", "plug-a"]
    (tmp_path / "sub").mkdir()
    same = written(tmp_path / "sub", "b.csv.gz", PLUG)
    with pytest.raises(RecordingError, match="would both be the device plug-b"):
        read_all([early, same], now_ms=NOW_MS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dev_D338C9_2012.05.20.csv.gz", "plug-dev_D338C9_2012.05.20"),
        ("_B82E27_2012.01.23.csv", "plug-_B82E27_2012.01.23"),
        ("Löpning på måndag.csv", "plug-L-pning-p--m-ndag-f5f1d5b4"),
    ],
)
def test_a_device_is_named_after_its_file(name: str, expected: str) -> None:
    assert device_id("plug", Path(name)).rsplit("-", 1)[0] == expected.rsplit("-", 1)[0]
    assert len(device_id("plug", Path("x" * 200))) <= 64
    assert device_id("plug", Path("x" * 200)) != device_id("plug", Path("x" * 201))


def test_strides_of_one_foot_become_steps_of_both() -> None:
    assert both_feet(np.array([82.0, 85.0, 0.0, np.nan])).tolist()[:3] == [164.0, 170.0, 0.0]
    assert both_feet(np.array([164.0, 170.0])).tolist() == [164.0, 170.0]
    assert np.isnan(both_feet(np.array([np.nan]))).all()
