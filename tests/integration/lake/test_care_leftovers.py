"""Snapshots and files that nobody needs go, and none that somebody may still read."""

from __future__ import annotations

import os
import time
from pathlib import Path

import duckdb
import psycopg
import pytest

from schemas.retention import HOUR_MS
from sinks.lake import leftovers
from sinks.lake.care_plan import Plan
from sinks.lake.connection import open_reader
from sinks.lake.extent import holding
from sinks.lake.waits import waits
from tests.integration.lake.kept_lake import ALL_AT_ONCE, SEEN, Kept, later_ms, now_ms

pytestmark = pytest.mark.postgres


def test_snapshots_of_a_clock_that_jumped_go_no_earlier_than_by_a_clock_that_did_not(kept: Kept) -> None:
    for number in range(6):
        kept.put(number * 1_000, 300)
    newest = kept.newest()
    hours_ago = {newest - 5: 30, newest - 4: 20, newest - 3: -1_000, newest - 2: 10, newest - 1: 100_000, newest: 1}
    with psycopg.connect(kept.catalog) as catalogue:
        catalogue.execute("UPDATE ducklake_snapshot SET snapshot_time = now() - make_interval(hours => 40)")
        for number, hours in hours_ago.items():
            catalogue.execute(
                "UPDATE ducklake_snapshot SET snapshot_time = now() - make_interval(hours => %s) "
                "WHERE snapshot_id = %s", [hours, number]
            )  # fmt: skip
    # Of two of them the clock was wrong: weeks ahead, years behind.
    kept.maintain(Plan(snapshots_for_ms=15 * HOUR_MS))
    left = {number for number, _ in holding(kept.catalog).snapshots}
    # The second one was what the lake held until ten hours ago, as far as can be told.
    assert left >= {newest - 4, newest - 3, newest - 2, newest - 1, newest}
    assert newest - 5 not in left


def test_orphans_go_once_they_are_old_and_nothing_else_does(kept: Kept, tmp_path: Path) -> None:
    kept.put(0, 300)
    folder = kept.parquet()[0].parent
    old, young, other = folder / "old.parquet", folder / "young.parquet", Path(kept.files) / "notes.txt"
    for path in (old, young, other):
        path.write_bytes(b"PAR1")
    outside = tmp_path / "outside.parquet"
    outside.write_bytes(b"PAR1")
    for path in (old, other, outside, *kept.parquet()):
        if path != young:
            os.utime(path, times=(0, 0))
    done = kept.maintain()
    assert [(change.what, change.count) for change in done["orphans"].changes] == [("files no snapshot ever needed", 1)]
    assert done["orphans"].removed_bytes == 4
    assert [path.exists() for path in (old, young, other, outside)] == [False, True, True, True]
    assert kept.ask("SELECT count(*) FROM readings_shoe") == [(300,)]


def test_a_transaction_that_is_open_keeps_its_files_and_its_snapshot(kept: Kept) -> None:
    for number in range(3):
        kept.put(number * 1_000, 300)
    seen = kept.newest()
    with open_reader(kept.catalog, kept.files) as reader:
        reader.execute("BEGIN")
        before = reader.execute(SEEN).fetchall()
        kept.put(9_000, 300)
        files = kept.parquet()
        kept.maintain(ALL_AT_ONCE, later_ms())
        assert holding(kept.catalog).tables["readings_shoe"].files == 1
        assert set(files) <= set(kept.parquet())
        assert seen in {number for number, _ in holding(kept.catalog).snapshots}
        assert reader.execute(SEEN).fetchall() == before
        reader.execute("COMMIT")
    kept.maintain(ALL_AT_ONCE, later_ms())
    assert len(kept.parquet()) == 1
    assert kept.ask("SELECT count(*) FROM readings_shoe") == [(1200,)]


def test_a_transaction_begun_while_files_were_merged_keeps_those_from_before(kept: Kept) -> None:
    for number in range(3):
        kept.put(number * 1_000, 300)
    files = kept.parquet()
    kept.writer.execute("BEGIN")
    kept.writer.execute("CALL ducklake_merge_adjacent_files('lake', 'readings_shoe')")
    time.sleep(0.01)
    with open_reader(kept.catalog, kept.files) as reader:
        # It begins later than the merging does, by any clock, and yet sees what was before.
        reader.execute("BEGIN")
        before = reader.execute(SEEN).fetchall()
        kept.writer.execute("COMMIT")
        kept.maintain(ALL_AT_ONCE, later_ms())
        assert set(files) <= set(kept.parquet())
        assert reader.execute(SEEN).fetchall() == before


def test_a_file_that_is_being_written_is_no_orphan_whatever_the_clock_says(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.put(0, 300)
    remove = leftovers.remove_orphans

    def written_just_now(lake: duckdb.DuckDBPyConnection, before_ms: int) -> leftovers.Removed:
        kept.writer.execute("BEGIN")
        kept.put(1_000, 300)
        return remove(lake, before_ms)

    monkeypatch.setattr(leftovers, "remove_orphans", written_just_now)
    done = kept.maintain(ALL_AT_ONCE, later_ms())
    kept.writer.execute("COMMIT")
    assert not done["orphans"].changes
    assert kept.ask("SELECT count(*) FROM readings_shoe") == [(600,)]


def test_files_and_snapshots_go_from_the_instant_on_that_is_told_and_not_before(kept: Kept) -> None:
    for number in range(3):
        kept.put(number * 1_000, 300)
    kept.maintain()
    kept.writer.execute("DELETE FROM readings_shoe WHERE seq = 1")
    kept.maintain()
    told = waits(holding(kept.catalog), Plan(), now_ms())
    assert told.remove_ms is not None
    assert told.expire_ms is not None
    assert not kept.maintain(at_ms=told.remove_ms - 1_000)["clean-up"].changes
    assert kept.maintain(at_ms=told.remove_ms + 1_000)["clean-up"].changes

    def old_files() -> int:
        return holding(kept.catalog).tables["readings_shoe"].old_files

    before = old_files()
    assert before > 0
    kept.maintain(at_ms=told.expire_ms - 1_000)
    assert old_files() == before
    kept.maintain(at_ms=told.expire_ms + 1_000)
    assert old_files() < before
