"""Rebuild and restore lose no row silently, also where as many others come in their place, and harm no file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer

from schemas.errors import DecisionError, OutsideError
from sinks.lake.connection import open_writer
from sinks.lake.crash_points import VARIABLE
from sinks.lake.topics import Topics
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake
from tests.integration.lake.rebuilding import (
    assert_same,
    delete_below,
    fill,
    page,
    rebuilt,
    restored,
    restoring,
    rows_of,
    snapshots,
)
from tests.integration.lake.test_check import checked, files_of

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

DEVICES = "SELECT DISTINCT device_id FROM readings_washer"


@pytest.fixture
def filled(lake: Lake) -> Lake:
    return fill(lake)


def delete(lake: Lake, condition: str) -> None:
    with open_writer(lake.catalog, lake.files, inlined_rows=0) as writer:
        writer.execute(f"DELETE FROM readings_washer WHERE {condition}")


def forget_all_but_the_newest(lake: Lake) -> None:
    with open_writer(lake.catalog, lake.files) as writer:
        older = snapshots(lake)[:-1]
        writer.execute(f"CALL ducklake_expire_snapshots('lake', versions => {older})")


def test_rows_that_only_the_lake_has_are_not_exchanged_for_as_many_others(filled: Lake) -> None:
    delete(filled, "device_id IN ('w-2', 'w-3', 'w-4', 'w-5')")
    before = rows_of(filled)
    delete_below(filled, 2)  # w-0 and w-1 are in the lake only
    with pytest.raises(DecisionError, match=r"would lose 600 of its 1,200 rows \(one of them: .*w-[01]"):
        rebuilt(filled)
    assert_same(rows_of(filled), before)
    made = rebuilt(filled, accept_fewer=True)
    assert (made.removed, made.added) == (4 * ROWS_IN_A_FRAME, 6 * ROWS_IN_A_FRAME)
    assert filled.ask(f"SELECT count(*) FROM ({DEVICES}) WHERE device_id IN ('w-0', 'w-1')") == [(0,)]


def test_rows_of_a_damaged_file_are_not_exchanged_for_as_many_others(filled: Lake) -> None:
    first, other, *_ = files_of(filled)
    assert first.row_count == other.row_count
    delete(filled, f"filename = '{other.path}'")
    forget_all_but_the_newest(filled)
    page(Path(first.path))
    delete_below(filled, 2)
    content = Path(first.path).read_bytes()
    with pytest.raises(DecisionError, match=r"but they are others: seq goes from \d+ to \d+, in the files it"):
        restored(filled)
    assert Path(first.path).read_bytes() == content
    with pytest.raises(DecisionError, match=r"nobody can tell whether Kafka has the rows .* begins at offset 2"):
        rebuilt(filled)
    assert Path(first.path).read_bytes() == content


def test_rows_of_a_damaged_file_with_deletions_are_not_guessed_where_kafka_has_lost_records(filled: Lake) -> None:
    first, *_ = files_of(filled)
    delete(filled, f"filename = '{first.path}' AND file_row_number < 5")
    forget_all_but_the_newest(filled)
    page(Path(first.path))
    content = Path(first.path).read_bytes()
    delete_below(filled, 1)
    with pytest.raises(DecisionError, match="nobody can tell whether Kafka has the rows of"):
        restored(filled)
    assert Path(first.path).read_bytes() == content


def test_what_record_systems_told_is_restored_although_no_key_tells_its_rows_apart(lake: Lake) -> None:
    table = "device_versions"
    told = {
        "device_id": "w-1", "revision": 1, "product": "washer", "material": "WM-1", "plant": "P-1",
        "sold_on": "2026-01-02", "registered_at_ms": 1_767_225_600_000,
    }  # fmt: skip
    producer = Producer({"bootstrap.servers": lake.kafka})
    for revision in (1, 1, 2):
        producer.produce(lake.topic(table), json.dumps(told | {"revision": revision}).encode(), key="w-1")
    producer.flush()
    lake.sink(3)
    with open_writer(lake.catalog, lake.files) as writer:
        writer.execute(f"CALL ducklake_flush_inlined_data('lake', table_name => '{table}')")
    before = rows_of(lake)
    assert checked(lake).is_whole
    (file,) = files_of(lake, table)
    page(Path(file.path))
    restored(lake)
    assert before[table].num_rows == 3
    assert_same(rows_of(lake), before)


def test_what_retention_has_emptied_stays_empty_in_a_restored_file(lake: Lake) -> None:
    lake.produce(range(2))
    lake.sink(2 * ROWS_IN_A_FRAME)
    with open_writer(lake.catalog, lake.files) as writer:
        writer.execute("UPDATE readings_washer SET energy_wh = NULL")
        forget_all_but_the_newest(lake)
        writer.execute("CALL ducklake_rewrite_data_files('lake', delete_threshold => 0.0)")
    assert checked(lake).is_whole
    before = lake.ask("SELECT * EXCLUDE energy_wh FROM readings_washer ORDER BY seq, measured_at")
    (file,) = files_of(lake)
    page(Path(file.path))
    restored(lake)
    assert lake.ask("SELECT count(*), count(energy_wh) FROM readings_washer") == [(2 * ROWS_IN_A_FRAME, 0)]
    assert lake.ask("SELECT * EXCLUDE energy_wh FROM readings_washer ORDER BY seq, measured_at") == before


@pytest.mark.parametrize("failing", ["fsync", "rename", "replace"])
def test_a_stand_in_that_cannot_be_put_leaves_the_damaged_file_where_it_was(
    filled: Lake, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_of(filled)
    file = files_of(filled)[1]
    page(Path(file.path))
    content = Path(file.path).read_bytes()

    place, full = os if failing == "fsync" else Path, True
    works = getattr(place, failing)

    def fails_once(*arguments: object) -> object:
        nonlocal full
        if full:
            full = False
            raise OSError(28, "No space left on device")
        return works(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(place, failing, fails_once)
        with pytest.raises(OutsideError, match="No space left"):
            restored(filled)
    assert Path(file.path).read_bytes() == content
    assert not [name for name in os.listdir(Path(file.path).parent) if not name.endswith(".parquet")]
    restored(filled)
    assert_same(rows_of(filled), before)


@pytest.mark.parametrize("harm", [page, Path.unlink])
def test_a_backup_put_back_after_a_killed_restore_is_known_again(filled: Lake, harm: Callable[[Path], None]) -> None:
    before = rows_of(filled)
    file = files_of(filled)[1]
    backup = Path(file.path).read_bytes()
    harm(Path(file.path))
    assert restoring(filled, **{VARIABLE: "rebuild.stand-in-told"}) < 0
    delete_below(filled, 5)
    with pytest.raises(DecisionError, match="backup"):
        restored(filled)
    Path(file.path).write_bytes(backup)
    assert checked(filled).is_whole
    assert_same(rows_of(filled), before)


def test_a_sink_that_works_on_makes_neither_check_nor_rebuild_doubt_kafka(
    filled: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, extents = 8, Topics.extents

    def meanwhile(self: Topics, names: list[str]) -> object:
        nonlocal asked
        found = extents(self, names)
        with monkeypatch.context() as patch:
            patch.setattr(Topics, "extents", extents)
            filled.produce(range(asked, asked + 1))
            filled.sink(ROWS_IN_A_FRAME)
        asked += 1
        return found

    monkeypatch.setattr(Topics, "extents", meanwhile)
    assert checked(filled).topics == []
    rebuilt(filled)
    assert asked == 10
    assert filled.ask("SELECT count(*), count(DISTINCT seq) FROM readings_washer") == [(10 * ROWS_IN_A_FRAME,) * 2]


def test_a_row_that_was_stored_twice_is_no_loss_when_it_is_there_once(filled: Lake) -> None:
    before = rows_of(filled)
    with open_writer(filled.catalog, filled.files, inlined_rows=0) as writer:
        writer.execute("INSERT INTO readings_washer SELECT * FROM readings_washer WHERE seq < 5")
    assert checked(filled).repeated
    made = rebuilt(filled)
    assert (made.removed or 0) - (made.added or 0) == 5
    assert_same(rows_of(filled), before)


def test_a_dry_run_refuses_what_the_run_would(filled: Lake) -> None:
    page(Path(files_of(filled)[0].path))
    delete_below(filled, 1)
    for dry_run in (True, False):
        with pytest.raises(DecisionError, match="nobody can tell whether Kafka has the rows"):
            rebuilt(filled, dry_run=dry_run)


def test_what_an_earlier_rebuild_put_aside_never_takes_the_place_of_a_newer_file(filled: Lake) -> None:
    path = Path(files_of(filled)[0].path)
    backup = path.read_bytes()
    path.write_bytes(backup[:100])
    assert restoring(filled, **{VARIABLE: "rebuild.stand-in-told"}) < 0
    path.write_bytes(backup)
    assert checked(filled).is_whole
    page(path)
    harmed = path.read_bytes()
    delete_below(filled, 5)
    with pytest.raises(DecisionError, match="backup"):
        restored(filled)
    assert path.read_bytes() == harmed
    rebuilt(filled, accept_fewer=True)
    assert {Path(f"{path}.damaged").read_bytes(), Path(f"{path}.damaged-2").read_bytes()} == {backup[:100], harmed}
    # Of eight frames, Kafka has let go of five.
    assert filled.ask("SELECT count(*), count(DISTINCT seq) FROM readings_washer") == [(3 * ROWS_IN_A_FRAME,) * 2]
