"""The truth on disk."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from producers.fleet import fleet
from producers.truth_folder import FILES, new_truth_folder, rows_of, stream_path, told_so_far
from schemas.errors import OutsideError
from schemas.fleet import FleetDevice
from schemas.forms import arrow_schema
from schemas.topics import TELEMETRY_WASHER
from schemas.truth import FLEET_FILE, RECORDS_FILE, TrueRecord, TrueUpload


def a_record(offset: int) -> TrueRecord:
    return TrueRecord(
        topic=TELEMETRY_WASHER,
        partition=0,
        offset=offset,
        device_id="wm-1-000001",
        seq=offset,
        reading_count=20,
        intact=True,
        fault=None,
    )


def records(*offsets: int) -> pa.Table:
    return rows_of(TrueRecord, [a_record(offset) for offset in offsets])


def told(table: pa.Table) -> list[int]:
    return [TrueRecord(**row).offset for row in table.to_pylist()]


def test_files_read_back_as_the_contracts_they_follow(tmp_path: Path) -> None:
    folder = new_truth_folder(tmp_path, "run")
    for offsets in ([0, 1], [], [2]):
        folder.append(TrueRecord, records(*offsets))
    devices = fleet(1, 3, 3, 1_777_852_800_000, 1).devices
    folder.append(FleetDevice, rows_of(FleetDevice, devices))
    folder.finish()
    found = pq.read_table(folder.path / RECORDS_FILE)
    assert [TrueRecord(**row) for row in found.to_pylist()] == [a_record(offset) for offset in range(3)]
    assert [FleetDevice(**row) for row in pq.read_table(folder.path / FLEET_FILE).to_pylist()] == devices
    assert {path.name for path in folder.path.iterdir()} == set(FILES.values())
    for contract, name in FILES.items():
        assert pq.read_schema(folder.path / name).equals(arrow_schema(contract))


def test_rows_are_in_groups_of_reasonable_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.truth_folder.ROWS_PER_GROUP", 10)
    folder = new_truth_folder(tmp_path, "run")
    for first in range(0, 30, 3):
        folder.append(TrueRecord, records(*range(first, first + 3)))
    folder.append(TrueRecord, records(*range(30, 55)))
    folder.finish()
    file = pq.ParquetFile(folder.path / RECORDS_FILE)
    assert told(file.read()) == list(range(55))
    assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == [12, 12, 16, 10, 5]


def test_the_records_get_their_name_last(tmp_path: Path) -> None:
    assert list(FILES)[-1] is TrueRecord


def test_a_run_that_was_killed_leaves_what_it_told_and_nothing_that_passes_for_the_whole_truth(tmp_path: Path) -> None:
    folder = new_truth_folder(tmp_path, "run")
    folder.append(TrueRecord, records(0))
    folder.append(TrueRecord, records(1, 2))
    assert not (folder.path / RECORDS_FILE).exists()
    assert told(told_so_far(folder.path, TrueRecord)) == [0, 1, 2]
    assert told_so_far(folder.path, TrueUpload).num_rows == 0
    assert told_so_far(tmp_path / "none", TrueUpload).num_rows == 0
    folder.finish()


def test_a_stream_cut_off_anywhere_reads_up_to_there(tmp_path: Path) -> None:
    folder = new_truth_folder(tmp_path, "run")
    for number in range(3):
        folder.append(TrueRecord, records(number))
    path = stream_path(folder.path / RECORDS_FILE)
    whole = path.read_bytes()
    counts = []
    for length in [*range(0, len(whole), 61), len(whole)]:
        path.write_bytes(whole[:length])
        found = told(told_so_far(folder.path, TrueRecord))
        assert found == list(range(len(found)))
        counts.append(len(found))
    assert counts == sorted(counts)
    assert counts[-1] == 3


def test_two_runs_of_one_second_get_two_folders(tmp_path: Path) -> None:
    folders = [new_truth_folder(tmp_path, "run") for _ in range(3)]
    assert [folder.path.name for folder in folders] == ["run", "run-2", "run-3"]
    for folder in folders:
        folder.finish()


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutsideError, match="Cannot write the truth"):
        new_truth_folder(tmp_path / "file", "run")
