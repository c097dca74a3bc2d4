"""Instants of recordings: the same wherever they are read, and only such as the stream takes."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from fitdecode.utils import compute_crc

from producers.recordings import fit, gpx, plug_meter, tcx
from producers.recordings.files import read_all
from schemas.errors import RecordingError
from vaxel.__main__ import run

NOW_MS = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp()) * 1000
GPX = '<gpx version="1.1" creator="test" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{}</trkseg></trk></gpx>'
TCX = (
    '<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"><Activities>'
    '<Activity Sport="Running"><Lap><Track>{}</Track></Lap></Activity></Activities></TrainingCenterDatabase>'
)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def a_gpx(*times: str) -> bytes:
    return GPX.format("".join(f'<trkpt lat="59" lon="18"><time>{text}</time></trkpt>' for text in times)).encode()


def a_tcx(*times: str) -> bytes:
    points = (f"<Trackpoint>{text}<DistanceMeters>1</DistanceMeters></Trackpoint>" for text in times)
    return TCX.format("".join(points)).encode()


NO_PLACE = (0x7FFFFFFF, 0x7FFFFFFF)
NO_BALANCE = 0xFFFF


def a_fit(*stamps: int, place: tuple[int, int] = NO_PLACE, balance: int = NO_BALANCE) -> bytes:
    """Records of a time stamp in seconds since 1989-12-31, a distance, a position in semicircles and the balance in
    hundredths of a percent; as the FIT protocol lays them out."""
    fields = ((253, 4, 0x86), (5, 4, 0x86), (0, 4, 0x85), (1, 4, 0x85), (84, 2, 0x84))
    definition = struct.pack("<BBBHB", 0x40, 0, 0, 20, len(fields)) + b"".join(
        struct.pack("<3B", *one) for one in fields
    )
    body = definition + b"".join(struct.pack("<BIIiiH", 0, stamp, 300, *place, balance) for stamp in stamps)
    head = struct.pack("<BBHI4s", 14, 0x10, 2105, len(body), b".FIT")
    content = head + struct.pack("<H", compute_crc(head)) + body
    return content + struct.pack("<H", compute_crc(content))


@pytest.fixture
def machine_in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("machine_in_tokyo")
@pytest.mark.parametrize("written", ["2020-07-01T10:00:{}", "2020-07-01T10:00:{}Z", "2020-07-01T12:00:{}+02:00"])
def test_gpx_times_are_utc_unless_they_name_a_zone_wherever_they_are_read(written: str) -> None:
    read = gpx.parse("run-x", a_gpx(written.format("00"), written.format("01")))
    assert read.at_ms.tolist() == [at("2020-07-01T10:00:00+00:00"), at("2020-07-01T10:00:01+00:00")]


@pytest.mark.usefixtures("machine_in_tokyo")
@pytest.mark.parametrize(
    "written", ["2020-07-01T10:00:{}Z", "2020-07-01T12:00:{}+02:00", "2020-07-01T05:00:{}.0-05:00"]
)
def test_tcx_times_keep_the_offset_they_name_wherever_they_are_read(written: str) -> None:
    read = tcx.parse("run-x", a_tcx(*(f"<Time>{written.format(second)}</Time>" for second in ("00", "01"))))
    assert read.at_ms.tolist() == [at("2020-07-01T10:00:00+00:00"), at("2020-07-01T10:00:01+00:00")]


def test_a_tcx_point_without_a_time_is_left_out_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = [f"<Time>2020-07-01T10:00:0{second}Z</Time>" for second in range(4)]
    assert tcx.parse("run-x", a_tcx(*seconds[:2], "", *seconds[2:])).at_ms.size == 4
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("unset", [0, 17, 0xFFFFFFFF], ids=["zero", "seconds since power on", "null"])
def test_fit_points_of_a_clock_that_was_not_set_are_left_out(unset: int) -> None:
    assert fit.parse("run-x", a_fit(unset, 1_000_000_000, 1_000_000_003)).at_ms.size == 2
    with pytest.raises(RecordingError, match="1 points with a time found"):
        fit.parse("run-x", a_fit(unset, unset, 1_000_000_000))


def test_fit_positions_are_semicircles_and_the_balance_is_the_left_foot_s_share() -> None:
    placed = fit.parse("run-x", a_fit(1_000_000_000, 1_000_000_001, place=(2**29, -(2**30)), balance=4_950))
    assert placed.latitude_deg.tolist() == [45.0, 45.0]
    assert placed.longitude_deg.tolist() == [-90.0, -90.0]
    assert placed.contact_balance_pct.tolist() == [49.5, 49.5]
    without = fit.parse("run-x", a_fit(1_000_000_000, 1_000_000_001))
    assert np.isnan([without.latitude_deg, without.longitude_deg, without.contact_balance_pct]).all()


def test_a_day_that_no_calendar_has_is_an_unreadable_line() -> None:
    with pytest.raises(RecordingError, match="2 of 2 lines are unreadable, such as '01/01/0000"):
        plug_meter.parse("plug-x", b"01/01/0000 00:00:00;1;1\n01/01/0000 00:00:01;1;1\n")


def test_a_line_without_end_is_told_in_one_line() -> None:
    lines = b"01/01/2012 00:00:00;1;1\n" * 2 + b"01/01/2012 00:00:01;" + b"1" * 9_000_000 + b";1\n"
    with pytest.raises(RecordingError, match="not readable as CSV") as caught:
        plug_meter.parse("plug-x", lines)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (a_gpx("1999-01-01T10:00:00Z", "2020-01-01T10:00:00Z"), "1999-01-01T10:00:00Z to 2020-01-01T10:00:00Z"),
        (a_gpx("2026-05-05T00:00:00Z", "2026-05-05T00:00:01Z"), "2026-05-05T00:00:00Z to 2026-05-05T00:00:01Z"),
        (b"01/06/2999 02:00:00;1;1\n01/06/2999 02:00:01;1;1\n", "2999-06-01T00:00:00Z to 2999-06-01T00:00:01Z"),
        (b"01/01/0001 02:00:00;1;1\n01/01/2012 01:00:00;1;1\n", "0001-01-01T01:06:32Z to 2012-01-01T00:00:00Z"),
    ],
)
def test_times_that_the_stream_refuses_are_refused_before_anything_is_sent(
    tmp_path: Path, content: bytes, found: str
) -> None:
    path = tmp_path / "recording"
    path.write_bytes(content)
    with pytest.raises(RecordingError) as caught:
        read_all([path], now_ms=NOW_MS)
    assert str(caught.value) == (
        f"Cannot replay {str(path)!r}: its times are {found}; accepted are 2001-01-01T00:00:00Z to now, "
        "2026-05-04T00:00:00Z"
    )


def test_replay_of_the_future_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recording.csv"
    path.write_bytes(b"01/06/2999 02:00:00;1;1\n01/06/2999 02:00:01;1;1\n")
    assert run(["replay", str(path), "--data-dir", str(tmp_path / "data")]) == 2
    told = capsys.readouterr().err
    assert "its times are 2999-06-01T00:00:00Z to" in told
    assert told.count("\n") == 1


def test_a_run_of_this_moment_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "run.gpx"
    path.write_bytes(a_gpx("2026-05-03T23:59:00Z", "2026-05-04T00:00:00Z"))
    (upload,) = read_all([path], now_ms=NOW_MS)[0].uploads()
    assert json.loads(upload.value)["start_ms"] == NOW_MS - 60_000
