"""A full disk, a catalogue that is away, a clock that jumps: all of it delays, and nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from schemas.errors import UnreachableError
from sinks.lake.connection import exists, open_reader, open_writer
from sinks.lake.crash_points import VARIABLE
from sinks.lake.sink import Settings
from sinks.lake.watch import Watch
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake, wait_for
from tests.integration.lake.test_faults import COUNTS, exactly, running, stopped
from tests.own_postgres import OwnPostgres, own_postgres
from tests.tiny_disk import TinyDisk, tiny_disk

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

FRAMES = 5
DISK_MEGABYTES = 8


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[TinyDisk]:
    with tiny_disk(tmp_path / "disk", DISK_MEGABYTES) as mounted:
        yield mounted


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[OwnPostgres]:
    with own_postgres(tmp_path / "catalogue") as server:
        yield server


def files_of(lake: Lake) -> set[Path]:
    return set(Path(lake.files).rglob("*.parquet"))


def orphans_of(lake: Lake) -> set[Path]:
    """Files that no snapshot knows, as maintenance finds and removes them."""
    with open_writer(lake.catalog, lake.files) as writer:
        rows = writer.execute("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)").fetchall()
    return {Path(name) for (name,) in rows}


def test_a_full_disk_delays_and_nothing_is_half_there(lake: Lake, disk: TinyDisk) -> None:
    told: list[str] = []
    lake = replace(lake, files=str(disk.folder))
    lake.produce(range(FRAMES))
    with running(lake, tell=told.append) as errors:
        wait_for(lambda: bool(errors) or lake.lag() == 0)
        disk.fill()
        lake.produce(range(FRAMES, 2 * FRAMES))
        wait_for(lambda: bool(errors or told))
        assert lake.ask(COUNTS) == exactly(FRAMES * ROWS_IN_A_FRAME)
        disk.free()
        wait_for(lambda: bool(errors) or lake.lag() == 0)
    assert not errors
    assert all("No space left on device" in line and "\n" not in line for line in told)
    assert lake.ask(COUNTS) == exactly(2 * FRAMES * ROWS_IN_A_FRAME)
    # What the attempts left behind lies about until maintenance takes it.
    assert orphans_of(lake)
    assert lake.ask(COUNTS) == exactly(2 * FRAMES * ROWS_IN_A_FRAME)


def test_a_disk_that_stays_full_ends_the_sink_when_its_patience_does(lake: Lake, disk: TinyDisk) -> None:
    told: list[str] = []
    lake = replace(lake, files=str(disk.folder))
    lake.sink(0)
    lake.produce(range(FRAMES))
    disk.fill()
    watch = Watch()
    began_s = watch.worked_s
    with pytest.raises(UnreachableError, match="No space left on device"):
        lake.sink(1, tell=told.append, watch=watch, settings=Settings(max_age_s=0.1, max_idle_s=1.0, patience_s=5.0))
    # Kafka and the catalogue answered all the time; whoever asks for its health is told of the disk.
    assert watch.worked_s == began_s
    pauses = [line.split("Trying again in ")[1] for line in told]
    assert pauses == ["0.5 s.", "1 s.", "2 s.", "4 s."][: len(pauses)]
    disk.free()
    assert lake.sink(FRAMES * ROWS_IN_A_FRAME) == FRAMES * ROWS_IN_A_FRAME


def test_a_catalogue_that_is_restarted_delays_and_loses_nothing(lake: Lake, catalogue: OwnPostgres) -> None:
    lake = replace(lake, catalog=catalogue.dsn)
    lake.produce(range(FRAMES))
    sink = lake.start()
    wait_for(lambda: exists(lake.catalog) and lake.lag() == 0)
    for turn in range(1, 3):
        catalogue.stop()
        lake.produce(range(turn * FRAMES, (turn + 1) * FRAMES))
        with pytest.raises(UnreachableError, match="does not answer"):
            open_reader(lake.catalog, lake.files)
        catalogue.start()
        wait_for(lambda: lake.lag() == 0)
    assert stopped(sink) == 0
    assert lake.ask(COUNTS) == exactly(3 * FRAMES * ROWS_IN_A_FRAME)


def test_told_to_stop_while_the_catalogue_is_away_it_says_what_it_could_not_store(
    lake: Lake, catalogue: OwnPostgres
) -> None:
    told: list[str] = []
    lake = replace(lake, catalog=catalogue.dsn)
    lake.produce(range(FRAMES))
    with running(lake, tell=told.append) as errors:
        wait_for(lambda: bool(errors) or (exists(lake.catalog) and lake.lag() == 0))
        catalogue.stop()
        lake.produce(range(FRAMES, 2 * FRAMES))
        wait_for(lambda: len(told) > 1)
    (error,) = errors
    assert isinstance(error, UnreachableError)
    assert re.match(r"Stopped with 1?,?\d+ rows read and not stored", str(error))
    catalogue.start()
    assert lake.sink(FRAMES * ROWS_IN_A_FRAME) == FRAMES * ROWS_IN_A_FRAME


@pytest.mark.parametrize("days", [1, -3650])
def test_a_clock_that_jumps_neither_stops_the_sink_nor_takes_what_is_newest(lake: Lake, days: int) -> None:
    """Snapshots have the catalogue's time: those of before the jump lie in the future, or long ago."""
    lake.produce(range(FRAMES))
    lake.sink(FRAMES * ROWS_IN_A_FRAME)
    with psycopg.connect(lake.catalog) as catalogue:
        moved = catalogue.execute(
            "UPDATE ducklake_snapshot SET snapshot_time = snapshot_time + make_interval(days => %s)", [days]
        )
        assert moved.rowcount > 1
    lake.produce(range(FRAMES, 2 * FRAMES))
    lake.sink(FRAMES * ROWS_IN_A_FRAME)
    assert lake.ask(COUNTS) == exactly(2 * FRAMES * ROWS_IN_A_FRAME)
    with open_writer(lake.catalog, lake.files) as writer:
        writer.execute("CALL ducklake_merge_adjacent_files('lake')")
        writer.execute("CALL ducklake_expire_snapshots('lake', older_than => now() + INTERVAL 1 HOUR)")
        writer.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
    assert lake.ask(COUNTS) == exactly(2 * FRAMES * ROWS_IN_A_FRAME)
    lake.produce(range(2 * FRAMES, 3 * FRAMES))
    lake.sink(FRAMES * ROWS_IN_A_FRAME)
    assert lake.ask(COUNTS) == exactly(3 * FRAMES * ROWS_IN_A_FRAME)


def test_what_a_killed_sink_leaves_behind_is_found_later_and_nothing_else_is(lake: Lake) -> None:
    lake.produce(range(FRAMES))
    lake.start(**{VARIABLE: "lake.after-insert"}).wait(60)
    left = files_of(lake)
    assert left
    lake.sink(FRAMES * ROWS_IN_A_FRAME)
    assert orphans_of(lake) == left
    assert not orphans_of(lake)
    assert lake.ask(COUNTS) == exactly(FRAMES * ROWS_IN_A_FRAME)
