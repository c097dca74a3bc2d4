"""Plug-meter days: dirty lines, a clock that jumps, gaps, and energy that stays what it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.recordings.plug_meter import PlugRecording, parse
from producers.recordings.slices import LONGEST_UPLOAD_MS, READINGS_PER_UPLOAD
from schemas.errors import RecordingError
from schemas.uploads import MAX_SPAN_MS, WasherUpload
from tests.unit.examples import examples


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def recording(*lines: str) -> PlugRecording:
    return parse("plug-test", "\r\n".join(lines).encode())


def test_local_time_becomes_utc_and_power_is_the_one_second_column() -> None:
    read = recording("20/05/2012 00:00:08;0;1", "20/05/2012 00:00:10;2000;1", "20/01/2012 12:00:00;0;0"[:0])
    assert read.at_ms.tolist() == [at("2012-05-19 22:00:08"), at("2012-05-19 22:00:10")]
    assert read.power_w.tolist() == [0.0, 2000.0]
    assert read.energy_wh == pytest.approx(2000 * 2 / 3600)


def test_the_hour_that_an_autumn_night_has_twice_passes_twice() -> None:
    read = recording(
        "30/10/2011 02:59:58;10;0", "30/10/2011 02:59:59;10;0", "30/10/2011 02:00:00;10;0", "30/10/2011 03:00:00;10;0"
    )
    assert read.at_ms.tolist() == [
        at("2011-10-30 00:59:58"),
        at("2011-10-30 00:59:59"),
        at("2011-10-30 01:00:00"),
        at("2011-10-30 02:00:00"),
    ]


def test_the_hour_that_a_spring_night_lacks_is_a_clock_not_put_forward() -> None:
    read = recording("25/03/2012 01:59:59;10;0", "25/03/2012 02:00:00;10;0", "25/03/2012 03:00:01;10;0")
    assert read.at_ms.tolist()[:2] == [at("2012-03-25 00:59:59"), at("2012-03-25 01:00:00")]


def test_a_clock_set_back_stands_still_until_time_has_caught_up() -> None:
    read = recording(
        "03/01/2012 11:31:20;5;0", "03/01/2012 11:31:11;6;0", "03/01/2012 11:31:20;7;0", "03/01/2012 11:31:22;8;0"
    )
    assert (read.at_ms - read.at_ms[0]).tolist() == [0, 0, 0, 2000]
    assert read.energy_wh == pytest.approx(8 * 2 / 3600)


def test_a_gap_counts_nothing_and_starts_a_new_upload() -> None:
    read = recording("20/05/2012 10:00:00;100;0", "20/05/2012 10:01:00;100;0", "20/05/2012 10:02:01;100;0")
    uploads = [json.loads(upload.value) for upload in read.uploads()]
    assert [upload["offset_ms"] for upload in uploads] == [[0, 60_000], [0]]
    assert [upload["lead_ms"] for upload in uploads] == [0, 0]
    assert read.energy_wh == pytest.approx(100 * 60 / 3600)


def test_unreadable_lines_are_left_out_and_counted() -> None:
    good = [f"20/05/2012 10:{second // 60:02d}:{second % 60:02d};7;7" for second in range(900)]
    dirty = ["20/05/2012 10:07:0\x00;7;7", "garbage", "", "20/05/2012 10:07:01;NaN;7", "20/05/2012 10:07:02;99999;7"]
    read = recording(*good[:420], *dirty, *good[420:])
    assert read.at_ms.size == 900
    assert read.unreadable_lines == 4


def test_a_power_below_zero_is_the_meter_s_zero_error() -> None:
    assert recording("20/05/2012 10:00:00;-1;0", "20/05/2012 10:00:01;-2.5;0").power_w.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["20/05/2012 10:00:00;1;1"], "1 readings found"),
        (["20/05/2012 10:00:00;1;1", "x", "20/05/2012 10:00:01;1;1"], "1 of 3 lines are unreadable, such as 'x'"),
        (["20/05/2012 10:00:00;1;1", "20/05/2012 09:00:00;1;1"], "reading 2 is 3600 s before an earlier one"),
        (["20/05/2012 10:00:00,1,1"] * 3, "3 of 3 lines are unreadable"),
    ],
)
def test_what_is_no_recording_is_refused_with_what_was_found(lines: list[str], message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        recording(*lines)


STEPS_S = st.lists(st.one_of(st.integers(0, 5), st.integers(0, 200)), min_size=1, max_size=400)


@examples(30)
@given(steps_s=STEPS_S, power_w=st.integers(0, 3000))
def test_uploads_hold_every_reading_once_and_all_the_energy(steps_s: list[int], power_w: int) -> None:
    clock_s, lines = 0, ["20/05/2012 00:00:00;0;0"]
    energy_ws = 0
    for number, step_s in enumerate(steps_s):
        clock_s += step_s
        drawn_w = (power_w + number) % 3000
        energy_ws += drawn_w * step_s if step_s * 1000 <= MAX_SPAN_MS else 0
        lines.append(f"{datetime(2012, 5, 20, tzinfo=UTC) + timedelta(seconds=clock_s):%d/%m/%Y %H:%M:%S};{drawn_w};0")
    read = recording(*lines)
    uploads = [WasherUpload.model_validate_json(upload.value) for upload in read.uploads()]
    assert read.energy_wh == pytest.approx(energy_ws / 3600)
    assert sum(map(told_wh, uploads)) == pytest.approx(energy_ws / 3600)
    assert [upload.seq for upload in uploads] == list(range(len(uploads)))
    assert [upload.start_ms + offset for upload in uploads for offset in upload.offset_ms] == read.at_ms.tolist()
    assert all(len(upload.offset_ms) <= READINGS_PER_UPLOAD for upload in uploads)
    assert all(upload.offset_ms[-1] <= LONGEST_UPLOAD_MS for upload in uploads)


def told_wh(upload: WasherUpload) -> float:
    before = [-upload.lead_ms, *upload.offset_ms]
    return sum(
        power_w * (now - then) / 3.6e6
        for power_w, then, now in zip(upload.power_w, before, upload.offset_ms, strict=False)
    )


TEXT = st.binary(max_size=60).map(lambda noise: noise.replace(b"\n", b" "))


@examples(30)
@given(noise=st.lists(TEXT, max_size=6), parse_it=st.just(parse))
def test_no_noise_stops_the_reader(noise: list[bytes], parse_it: Callable[[str, bytes], PlugRecording]) -> None:
    good = [b"20/05/2012 10:%02d:%02d;7;7" % divmod(second, 60) for second in range(700)]
    try:
        read = parse_it("plug-test", b"\n".join([*good[:350], *noise, *good[350:]]))
    except RecordingError:
        return
    assert read.at_ms.size >= 700
