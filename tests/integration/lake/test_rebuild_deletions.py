"""A list of deletions that cannot be read: its table is made anew, and the file that it is of comes to no harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from schemas.errors import DecisionError
from schemas.lake import READING_HOURS_WASHER
from sinks.lake import crash_points
from sinks.lake.connection import open_writer
from sinks.lake.crash_points import VARIABLE
from sinks.lake.files import LakeFile
from sinks.lake.stand_in_content import is_stand_in
from tests.integration.lake.conftest import Lake
from tests.integration.lake.rebuilding import (
    HARMS,
    READINGS,
    assert_same,
    delete_below,
    fill,
    page,
    rebuilding,
    rebuilt,
    restored,
    rows_of,
    snapshots,
)
from tests.integration.lake.test_check import checked, files_of

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

IN_THE_WINDOW = ("rebuild.stand-in-placed", "rebuild.stand-in-told", "rebuild.in-transaction", "rebuild.committed")


@pytest.fixture
def filled(lake: Lake) -> Lake:
    return fill(lake)


def delete_some(lake: Lake) -> tuple[LakeFile, LakeFile]:
    """Deletes a seventh of the readings; a list of deletions, and the file that it is of."""
    with open_writer(lake.catalog, lake.files, inlined_rows=0) as writer:
        writer.execute(f"DELETE FROM {READINGS} WHERE seq % 7 = 1")
    assert checked(lake).is_whole
    files = files_of(lake)
    (deletions, *_) = [file for file in files if file.kind == "delete"]
    (data,) = [file for file in files if file.kind == "data" and file.file_id == deletions.data_file_id]
    return deletions, data


@pytest.mark.parametrize("harm", HARMS)
def test_the_table_is_made_anew_and_time_travel_finds_what_it_found(filled: Lake, harm: Callable[[Path], None]) -> None:
    before, then = rows_of(filled), snapshots(filled)[-1]
    deletions, data = delete_some(filled)
    whole = Path(data.path).read_bytes()
    harm(Path(deletions.path))
    with pytest.raises(DecisionError, match="make the table anew, deleted rows too"):
        restored(filled)
    with pytest.raises(duckdb.Error):
        filled.ask(f"SELECT sum(seq) FROM {READINGS}")
    assert rebuilt(filled).files == []
    assert_same(rows_of(filled), before)
    assert_same(rows_of(filled, then), before)
    assert Path(data.path).read_bytes() == whole
    assert not list(Path(filled.files).rglob("*.damaged*"))
    assert checked(filled).is_whole
    (fault,) = checked(filled, by_all_snapshots=True).faults
    assert (fault.file.path, fault.file.is_current) == (deletions.path, False)


def test_the_table_is_made_anew_from_a_snapshot_that_reads_the_same_file(filled: Lake) -> None:
    before, then = rows_of(filled), snapshots(filled)[-1]
    deletions, _ = delete_some(filled)
    page(Path(deletions.path))
    delete_below(filled, 5)
    with pytest.raises(DecisionError, match="from a snapshot"):
        rebuilt(filled)
    rebuilt(filled, snapshot=then)
    assert_same(rows_of(filled), before)
    assert checked(filled).is_whole


@pytest.mark.parametrize("point", IN_THE_WINDOW)
def test_killed_while_the_whole_file_is_lent_it_is_given_back(filled: Lake, point: str) -> None:
    before, then = rows_of(filled), snapshots(filled)[-1]
    deletions, data = delete_some(filled)
    whole, backup = Path(data.path).read_bytes(), Path(deletions.path).read_bytes()
    without = rows_of(filled)
    page(Path(deletions.path))
    assert rebuilding(filled, READINGS, **{VARIABLE: point}) < 0
    assert is_stand_in(Path(data.path))
    has_happened = point == "rebuild.committed"
    if not has_happened:
        with pytest.raises(duckdb.Error):
            filled.ask(f"SELECT sum(seq) FROM {READINGS}")
    Path(deletions.path).write_bytes(backup)
    assert checked(filled).is_whole
    assert Path(data.path).read_bytes() == whole
    assert_same(rows_of(filled), before if has_happened else without)
    assert_same(rows_of(filled, then), before)
    rebuilt(filled)
    assert_same(rows_of(filled), before)


def test_a_day_that_was_rolled_up_is_in_the_way_of_its_own_lists_only(filled: Lake) -> None:
    deletions, _ = delete_some(filled)
    hours = READING_HOURS_WASHER.name
    page(Path(deletions.path))
    with open_writer(filled.catalog, filled.files) as writer:
        writer.execute(f"INSERT INTO {hours} (device_id, hour_at) VALUES ('w-1', TIMESTAMP '2020-02-02')")
    assert rebuilt(filled, dry_run=True).rolled_up
    with open_writer(filled.catalog, filled.files) as writer:
        writer.execute(f"INSERT INTO {hours} (device_id, hour_at) VALUES ('w-1', TIMESTAMP '2026-01-01')")
    with pytest.raises(DecisionError, match=r"2026-01-01 was rolled up.*Put .*\.(parquet|puffin) back from a backup"):
        rebuilt(filled)


@pytest.mark.parametrize("harm", [page, Path.unlink])
def test_a_list_and_its_file_that_are_both_damaged_are_made_anew(filled: Lake, harm: Callable[[Path], None]) -> None:
    before = rows_of(filled)
    deletions, data = delete_some(filled)
    page(Path(deletions.path))
    harm(Path(data.path))
    assert rebuilt(filled).files == [data.path]
    assert_same(rows_of(filled), before)
    assert checked(filled).is_whole


def test_a_check_beside_a_rebuild_takes_nothing_away_that_is_lent(
    filled: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, then = rows_of(filled), snapshots(filled)[-1]
    deletions, data = delete_some(filled)
    whole = Path(data.path).read_bytes()
    page(Path(deletions.path))
    seen: dict[str, bool] = {}

    def reached(point: str) -> None:
        if point.startswith("rebuild.") and point not in seen:
            seen[point] = checked(filled).is_whole

    monkeypatch.setattr(crash_points, "reached", reached)
    rebuilt(filled)
    assert seen == {point: point == "rebuild.committed" for point in crash_points.REBUILD_POINTS}
    assert Path(data.path).read_bytes() == whole
    assert_same(rows_of(filled), before)
    assert_same(rows_of(filled, then), before)


def test_where_the_exchange_is_refused_both_are_as_they_were(filled: Lake) -> None:
    then = snapshots(filled)[-1]
    deletions, data = delete_some(filled)
    page(Path(deletions.path))
    content = [Path(file.path).read_bytes() for file in (deletions, data)]
    with open_writer(filled.catalog, filled.files, inlined_rows=0) as writer:
        others = f"SELECT * REPLACE ('w-99' AS device_id) FROM {READINGS} AT (VERSION => {then})"
        writer.execute(f"INSERT INTO {READINGS} {others}")
    with pytest.raises(DecisionError, match="would lose"):
        rebuilt(filled)
    assert [Path(file.path).read_bytes() for file in (deletions, data)] == content
