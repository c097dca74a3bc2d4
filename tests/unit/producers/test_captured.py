"""Captures as files: what goes in comes out, and what is none is told."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.recordings import replaying
from producers.recordings.captured import (
    METADATA_KEY,
    SCHEMA,
    About,
    CapturedRecord,
    CaptureWriter,
    is_capture,
    opened,
)
from producers.recordings.capturing import Instant, bound_of
from schemas.errors import OutsideError, RecordingError, UsageError
from vaxel.__main__ import run

ABOUT = About("telemetry.washer.v1", 4)
RECORD = CapturedRecord(2, 17, 1_767_265_200_000, b"wm-1", b"{}", [("vaxel-repaired", b"unit")])


def a_capture(path: Path, *chunks: list[CapturedRecord], about: About = ABOUT) -> Path:
    with CaptureWriter(path, about) as writer:
        for chunk in chunks:
            writer.write(chunk)
    return path


def records() -> st.SearchStrategy[CapturedRecord]:
    held = st.none() | st.binary(max_size=40)
    headers = st.lists(st.tuples(st.text("aß👟 ", max_size=5), held), max_size=3)
    return st.builds(
        CapturedRecord, st.integers(0, 99), st.integers(0, 2**62), st.integers(0, 2**42), held, held, headers
    )


@given(chunks=st.lists(st.lists(records(), max_size=4), max_size=4))
def test_records_come_out_as_they_went_in_however_they_were_cut(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[list[CapturedRecord]]
) -> None:
    path = a_capture(tmp_path_factory.mktemp("capture") / "a.parquet", *chunks)
    capture = opened(path)
    assert (capture.about, capture.record_count) == (ABOUT, sum(map(len, chunks)))
    assert list(capture.records()) == [record for chunk in chunks for record in chunk]


def test_more_records_than_are_read_at_once_come_in_order(tmp_path: Path) -> None:
    many = [CapturedRecord(0, offset, 0, None, b"x", []) for offset in range(5_001)]
    capture = opened(a_capture(tmp_path / "a", many[:4_500], many[4_500:]))
    assert [record.offset for record in capture.records()] == list(range(5_001))


def test_anybody_reads_a_capture(tmp_path: Path) -> None:
    path = a_capture(tmp_path / "a.parquet", [RECORD])
    (row,) = pq.read_table(path).to_pylist()
    assert (row["partition"], row["offset"], row["key"], row["value"]) == (2, 17, b"wm-1", b"{}")
    assert row["headers"] == [{"name": "vaxel-repaired", "value": b"unit"}]
    assert f"{row['timestamp']:%Y-%m-%dT%H:%M%z}" == "2026-01-01T11:00+0000"


def test_a_capture_is_recognised_by_its_content(tmp_path: Path) -> None:
    plain = tmp_path / "day.parquet"
    plain.write_bytes(b"20/05/2012 10:00:00;1;1\n")
    assert is_capture(a_capture(tmp_path / "day.csv", [RECORD]))
    assert not is_capture(plain)
    assert not is_capture(tmp_path / "absent")


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with CaptureWriter(path, ABOUT) as writer:
        writer.write([RECORD])
        assert not path.exists()
    assert list(tmp_path.iterdir()) == [path]
    with suppress(RuntimeError), CaptureWriter(tmp_path / "b.parquet", ABOUT) as writer:
        writer.write([RECORD])
        raise RuntimeError
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match=r"Cannot write the capture .*No such file"):
        CaptureWriter(tmp_path / "absent" / "a.parquet", ABOUT)


def other_parquet(path: Path, **metadata: Any) -> None:
    told = {METADATA_KEY: json.dumps(metadata)} if metadata else None
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(told), path)


def newer(path: Path) -> None:
    pq.write_table(SCHEMA.with_metadata({METADATA_KEY: json.dumps({"format": 2})}).empty_table(), path)


def cut(path: Path) -> None:
    path.write_bytes(a_capture(path, [RECORD]).read_bytes()[:-30])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (other_parquet, "a Parquet file, but no capture; accepted is what `vaxel capture` writes"),
        (newer, "capture format 2 found, formats 1 to 1 are known"),
        (cut, "not a whole Parquet file"),
        (lambda path: path.write_bytes(b"PAR1"), "not a whole Parquet file"),
        (lambda path: other_parquet(path, format=1), "its vaxel.capture is"),
        (lambda path: other_parquet(path, topic="t", partition_count=1, format=1), "columns .'a'., expected"),
    ],
)
def test_what_is_no_capture_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Any, message: str
) -> None:
    path = tmp_path / "odd.parquet"
    make(path)
    with pytest.raises(RecordingError, match=message):
        opened(path)
    assert run(["replay", str(path), "--data-dir", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def a_damaged_capture(path: Path) -> Path:
    many = [CapturedRecord(0, offset, 0, b"k", bytes([offset % 251]) * 90, []) for offset in range(3_000)]
    spoiled = bytearray(a_capture(path, many).read_bytes())
    middle = len(spoiled) // 2
    spoiled[middle] ^= 1
    path.write_bytes(spoiled)
    return path


def test_a_damaged_capture_is_told_when_its_records_are_read(tmp_path: Path) -> None:
    path = a_damaged_capture(tmp_path / "a")
    with pytest.raises(RecordingError, match="it is damaged"):
        list(opened(path).records())


def test_captures_are_read_through_before_anything_is_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing listens at that data directory: a damage that is told first was found without Kafka."""
    whole = a_capture(tmp_path / "whole", [RECORD])
    damaged = a_damaged_capture(tmp_path / "damaged")
    assert run(["replay", str(whole), str(damaged), "--data-dir", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert f"Cannot replay '{damaged}'" in told
    assert "it is damaged" in told


def test_reading_through_counts_records_and_stops_when_told(tmp_path: Path) -> None:
    captures = [opened(a_capture(tmp_path / name, [RECORD] * 250)) for name in "ab"]
    seen: list[int] = []
    replaying.require_whole(captures, stop=Event(), on_progress=seen.append)
    assert seen == [100, 200, 300, 400, 500]
    stop = Event()
    stop.set()
    replaying.require_whole([opened(a_damaged_capture(tmp_path / "c"))], stop=stop, on_progress=seen.append)
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        (None, None),
        ("0", 0),
        ("81234", 81_234),
        ("2026-01-01T11:00Z", Instant(1_767_265_200_000)),
        ("2026-01-01T12:00:00.250+01:00", Instant(1_767_265_200_250)),
        ("2026-01-01T11:00", Instant(1_767_265_200_000)),
        ("2026-01-01", Instant(1_767_225_600_000)),
        ("1969-12-31T23:59:59.999Z", Instant(0)),  # -1 and -2 ms are words of Kafka's: the end, the beginning
        ("0001-01-01T00:00+14:00", Instant(0)),
    ],
)
def test_a_bound_is_an_offset_or_a_time(text: str | None, bound: object) -> None:
    assert bound_of(text, "--from") == bound


@pytest.mark.parametrize("text", ["", "-1", "yesterday", "1.5", "2026-13-01", "9" * 30])
def test_another_bound_is_told(text: str) -> None:
    with pytest.raises(UsageError, match=r"--to .* is neither an offset nor a time"):
        bound_of(text, "--to")


@pytest.mark.parametrize("topic", ["readings.washer.v1", "failed-events.v1", "state.vaxel.telemetry.washer.v1"])
def test_a_capture_is_not_replayed_into_what_vaxel_writes_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], topic: str
) -> None:
    with pytest.raises(UsageError, match="written by Växel itself"):
        replaying.require_open(topic)
    path = a_capture(tmp_path / "a", [RECORD], about=About(topic, 1))
    assert run(["replay", str(path), "--data-dir", str(tmp_path)]) == 2
    assert "written by Växel itself" in capsys.readouterr().err


@pytest.mark.parametrize("topic", ["telemetry.washer.v1", "telemetry.shoe.v1", "it-of-my-own"])
def test_a_capture_is_replayed_into_telemetry_or_a_topic_of_one_s_own(topic: str) -> None:
    replaying.require_open(topic)


def test_captures_are_replayed_on_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day = tmp_path / "day.csv"
    day.write_bytes(b"20/05/2012 10:00:00;1;1\n20/05/2012 10:00:01;1;1\n")
    capture = a_capture(tmp_path / "a", [RECORD])
    assert run(["replay", str(day), str(capture), "--data-dir", str(tmp_path)]) == 2
    assert "captures are replayed on their own" in capsys.readouterr().err
    assert run(["replay", str(day), "--topic", "x", "--data-dir", str(tmp_path)]) == 2
    assert "--topic 'x' is for captures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.parquet"], "1 name found, `vaxel capture TOPIC FILE` or `vaxel capture --product PRODUCT FILE` is "),
        (["telemetry.washer.v1", "a", "b"], "3 names found"),
        (["--product", "shoe", "telemetry.shoe.v1", "a"], "`vaxel capture --product PRODUCT FILE` is accepted"),
        (["--product", "fridge", "a"], "fridge"),
        (["t", "a.parquet", "--from", "noon"], "--from 'noon' is neither an offset nor a time"),
        (["t", "a.parquet", "--from", "5", "--to", "3"], "--from 5 --to 3 is reversed: --from is the first, --to "),
        (["t", "a.parquet", "--from", "2026-05-03", "--to", "2026-05-02T23:59"], "is reversed"),
    ],
)
def test_a_wrong_call_of_capture_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(["capture", *arguments, "--data-dir", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_a_file_is_not_replaced_unless_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = tmp_path / "a.parquet"
    there.write_bytes(b"precious")
    assert run(["capture", "t", str(there), "--data-dir", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert there.read_bytes() == b"precious"
