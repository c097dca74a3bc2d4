"""The truth on disk."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from producers.fleet import fleet
from producers.truth_folder import new_truth_folder
from schemas.errors import OutsideError
from schemas.forms import arrow_schema
from schemas.topics import TELEMETRY_WASHER
from schemas.truth import FLEET_FILE, RECORDS_FILE, SESSIONS_FILE, TrueRecord, TrueSession


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


def test_files_read_back_as_the_contracts_they_follow(tmp_path: Path) -> None:
    folder = new_truth_folder(tmp_path, "run")
    folder.write_records([a_record(0), a_record(1)])
    folder.write_records([])
    folder.write_records([a_record(2)])
    devices = fleet(1, 3, 3, 1_777_852_800_000, 1).devices
    folder.finish([], devices)
    records = pq.read_table(folder.path / RECORDS_FILE)
    assert [TrueRecord(**row) for row in records.to_pylist()] == [a_record(offset) for offset in range(3)]
    assert records.schema.equals(arrow_schema(TrueRecord))
    assert pq.read_schema(folder.path / SESSIONS_FILE).equals(arrow_schema(TrueSession))
    assert [row["device_id"] for row in pq.read_table(folder.path / FLEET_FILE).to_pylist()] == [
        device.device_id for device in devices
    ]


def test_a_run_that_was_killed_leaves_nothing_that_passes_for_the_truth(tmp_path: Path) -> None:
    folder = new_truth_folder(tmp_path, "run")
    folder.write_records([a_record(0)])
    assert not (folder.path / RECORDS_FILE).exists()
    folder.finish([], [])


def test_two_runs_of_one_second_get_two_folders(tmp_path: Path) -> None:
    folders = [new_truth_folder(tmp_path, "run") for _ in range(3)]
    assert [folder.path.name for folder in folders] == ["run", "run-2", "run-3"]
    for folder in folders:
        folder.finish([], [])


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutsideError, match="Cannot write the truth"):
        new_truth_folder(tmp_path / "file", "run")
