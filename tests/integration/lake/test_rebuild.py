"""Tables and files made anew from Kafka are row for row what they were."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import duckdb
import pytest

from schemas.errors import DecisionError
from sinks.lake.connection import open_reader, open_writer
from sinks.lake.crash_points import REBUILD_POINTS, VARIABLE
from sinks.lake.sink import Settings
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake, wait_for
from tests.integration.lake.rebuilding import (
    CYCLES,
    HARMS,
    READINGS,
    assert_same,
    delete_below,
    fill,
    footer,
    merge,
    page,
    rebuilt,
    restored,
    restoring,
    rewrite,
    rows_of,
    snapshots,
)
from tests.integration.lake.test_check import checked, files_of
from tests.integration.lake.test_faults import running

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture
def filled(lake: Lake) -> Lake:
    return fill(lake)


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("is_merged", [False, True])
def test_a_damaged_file_is_named_restored_and_everything_is_as_it_was(
    filled: Lake, harm: Callable[[Path], None], is_merged: bool
) -> None:
    if is_merged:
        merge(filled)
    before = rows_of(filled)
    file = files_of(filled)[-1]
    harm(Path(file.path))
    (fault,) = checked(filled).faults
    assert (fault.file.table, fault.file.path) == (READINGS, file.path)
    made = restored(filled)
    assert (made.table, made.removed, made.added, made.files) == (READINGS, file.row_count, file.row_count, [file.path])
    assert_same(rows_of(filled), before)
    report = checked(filled)
    assert report.is_whole
    assert report.recorded == 0
    assert filled.sink(0) == 0
    assert_same(rows_of(filled), before)


@pytest.mark.parametrize("point", REBUILD_POINTS)
def test_killed_between_two_steps_the_next_call_does_the_rest(filled: Lake, point: str) -> None:
    before = rows_of(filled)
    file = files_of(filled)[1]
    page(Path(file.path))
    assert restoring(filled, **{VARIABLE: point}) == -signal.SIGKILL
    assert [fault.file.path for fault in checked(filled).faults] == ([] if point.endswith("committed") else [file.path])
    assert restoring(filled) == 0
    assert_same(rows_of(filled), before)
    assert checked(filled).is_whole


def test_what_was_restored_can_be_damaged_and_restored_again(filled: Lake) -> None:
    before = rows_of(filled)
    for _ in range(2):
        page(Path(files_of(filled)[-1].path))
        restored(filled)
    assert_same(rows_of(filled), before)
    assert checked(filled).is_whole


def test_all_tables_made_anew_from_kafka_alone_are_row_for_row_what_they_were(filled: Lake) -> None:
    before = rows_of(filled)
    page(Path(files_of(filled)[0].path))
    made = {table: rebuilt(filled, table) for table in (READINGS, CYCLES)}
    assert {table: (part.removed, part.added) for table, part in made.items()} == {
        READINGS: (8 * ROWS_IN_A_FRAME, 8 * ROWS_IN_A_FRAME),
        CYCLES: (3, 3),
    }
    assert_same(rows_of(filled), before)
    assert checked(filled).is_whole
    assert filled.sink(0) == 0


def test_a_table_made_anew_from_an_older_snapshot_is_row_for_row_what_it_was(filled: Lake) -> None:
    before = rows_of(filled)
    files = files_of(filled)
    older = files[0].since
    then = rows_of(filled, as_of=older)
    assert 0 < then[READINGS].num_rows < before[READINGS].num_rows
    delete_below(filled, 2)  # Kafka alone would not do any more
    footer(Path(files[-1].path))
    made = rebuilt(filled, snapshot=older)
    assert made.removed == made.added == before[READINGS].num_rows
    assert made.offsets < 8
    assert_same(rows_of(filled), before)
    assert_same(rows_of(filled, as_of=older), then)
    assert checked(filled).is_whole


def test_time_travel_stays_right_where_files_are_whole_and_fails_where_they_are_not(filled: Lake) -> None:
    file = files_of(filled)[1]
    before_it, with_it = file.since - 1, snapshots(filled)[-1]
    earlier = rows_of(filled, as_of=before_it)
    page(Path(file.path))
    restored(filled)
    after = snapshots(filled)[-1]
    filled.produce(range(8, 9))
    filled.sink(ROWS_IN_A_FRAME)
    assert_same(rows_of(filled, as_of=before_it), earlier)
    assert rows_of(filled, as_of=after)[READINGS].num_rows == 8 * ROWS_IN_A_FRAME
    with pytest.raises(duckdb.Error):
        rows_of(filled, as_of=with_it)
    assert checked(filled).is_whole
    (fault,) = checked(filled, by_all_snapshots=True).faults
    assert (fault.file.path, fault.file.until) == (file.path, after)


@contextmanager
def reading(lake: Lake) -> Iterator[list[tuple[int, int]]]:
    """Somebody who counts rows, and different ones, over and over; has counted once when entered."""
    seen: list[tuple[int, int]] = []
    done = Event()

    def count() -> None:
        with open_reader(lake.catalog, lake.files) as reader:
            while not done.is_set():
                query = "SELECT count(*), count(DISTINCT seq) FROM readings_washer"
                seen.extend(reader.execute(query).fetchall())

    thread = Thread(target=count)
    thread.start()
    try:
        wait_for(lambda: bool(seen))
        yield seen
    finally:
        done.set()
        thread.join(30)


def test_readers_and_sinks_go_on_while_rows_are_exchanged(filled: Lake) -> None:
    file = files_of(filled)[0]
    quick = Settings(max_age_s=0.1)
    with running(filled, settings=quick) as errors:
        filled.produce(range(8, 10))
        footer(Path(file.path))
        restored(filled)
        filled.produce(range(10, 12))
        with reading(filled) as seen:
            rebuilt(filled)
        filled.produce(range(12, 14))
        wait_for(lambda: bool(errors) or filled.lag() == 0)
    assert not errors
    assert seen
    assert all(rows == distinct >= 8 * ROWS_IN_A_FRAME for rows, distinct in seen)
    assert seen == sorted(seen)  # never fewer than before
    assert filled.ask("SELECT count(*), count(DISTINCT seq) FROM readings_washer") == [(14 * ROWS_IN_A_FRAME,) * 2]
    assert checked(filled).is_whole


def test_what_kafka_no_longer_holds_is_refused_and_nothing_changes(filled: Lake) -> None:
    file = files_of(filled)[1]
    page(Path(file.path))
    content, known = Path(file.path).read_bytes(), snapshots(filled)
    delete_below(filled, 5)
    with pytest.raises(DecisionError, match=r"partition 0 begins at offset 5 in Kafka; all since snapshot \d+ needs"):
        restored(filled)
    with pytest.raises(DecisionError, match=r"begins at offset 5"):
        rebuilt(filled)
    with pytest.raises(DecisionError, match=f"Of the kept snapshots .*{known[-1]} would do"):
        rebuilt(filled, snapshot=files_of(filled)[0].since)
    assert Path(file.path).read_bytes() == content
    assert snapshots(filled) == known
    (fault,) = checked(filled).faults
    assert fault.file.path == file.path


def test_rows_that_were_deleted_do_not_come_back_by_themselves(filled: Lake) -> None:
    before = rows_of(filled)
    rewrite(filled)
    file = files_of(filled)[-1]
    page(Path(file.path))
    content, known = Path(file.path).read_bytes(), snapshots(filled)
    with pytest.raises(DecisionError, match="some were deleted since, and would come back"):
        restored(filled)
    assert Path(file.path).read_bytes() == content
    assert snapshots(filled) == known
    assert rebuilt(filled).added == 8 * ROWS_IN_A_FRAME  # asked for by name, they do
    assert_same(rows_of(filled), before)


def test_a_damaged_file_of_which_some_rows_were_deleted_goes_altogether(filled: Lake) -> None:
    before = rows_of(filled)
    files = files_of(filled)
    with open_writer(filled.catalog, filled.files) as writer:  # one deletion in the catalogue, one in a file
        writer.execute(f"DELETE FROM readings_washer WHERE filename = '{files[0].path}' AND file_row_number < 5")
        writer.execute(f"DELETE FROM readings_washer WHERE filename = '{files[1].path}' AND file_row_number < 250")
    assert [file.deleted for file in files_of(filled)[:2]] == [5, 250]
    for file in files[:2]:
        page(Path(file.path))
    rebuilt(filled)
    assert_same(rows_of(filled), before)
    assert checked(filled).is_whole


def test_rows_of_a_file_that_was_rewritten_come_back_when_nothing_is_missing(filled: Lake) -> None:
    with open_writer(filled.catalog, filled.files) as writer:
        writer.execute("INSERT INTO readings_washer SELECT * FROM readings_washer WHERE seq < 10")
        writer.execute("DELETE FROM readings_washer WHERE seq < 10")
        writer.execute("CALL ducklake_rewrite_data_files('lake', delete_threshold => 0.0)")
    rebuilt(filled)
    merge(filled)
    before = rows_of(filled)
    for file in files_of(filled):
        page(Path(file.path))
    restored(filled)
    assert_same(rows_of(filled), before)


def test_a_table_that_no_topic_feeds_or_a_compacted_one_is_refused_by_name(filled: Lake) -> None:
    with pytest.raises(DecisionError, match="'sink_position' is not fed by a topic"):
        rebuilt(filled, "sink_position")
    with pytest.raises(DecisionError, match=r"keeps only what was told last of each device\. Its rows stay"):
        rebuilt(filled, "device_versions")
    with pytest.raises(DecisionError, match="no snapshot 99999"):
        rebuilt(filled, snapshot=99_999)


def test_a_dry_run_says_what_would_be_read_and_changes_nothing(filled: Lake) -> None:
    file = files_of(filled)[1]
    page(Path(file.path))
    content, known = Path(file.path).read_bytes(), snapshots(filled)
    made = restored(filled, dry_run=True)
    assert (made.files, made.removed, made.added) == ([file.path], None, None)
    assert 0 < made.offsets < 8
    assert rebuilt(filled, dry_run=True).offsets == 8
    assert Path(file.path).read_bytes() == content
    assert snapshots(filled) == known
