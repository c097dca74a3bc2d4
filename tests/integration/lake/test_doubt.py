"""The way to the files: what commits by it loses none, and where it lies it stays or is made again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from schemas.errors import UnreachableError
from sinks.lake.connection import open_reader, open_writer
from sinks.lake.doubt import Way
from sinks.lake.files import catalogue, needed
from tests.integration.lake.conftest import ROOT, ROWS_IN_A_FRAME, FreshDatabase, Lake, wait_for
from tests.integration.lake.test_faults import COUNTS, exactly, stopped
from tests.integration.lake.test_outages import orphans_of
from tests.integration.lake.wire import wire_to

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

BEGIN = """
import os, signal, sys
from contextlib import closing
from schemas.lake import TABLES
from sinks.lake import positions, tables
from sinks.lake.connection import open_writer
from sinks.lake.doubt import Way
from sinks.lake.positions import Position
from sinks.lake.transactions import closed
with closing(Way()) as way, closed(open_writer(sys.argv[1], sys.argv[2], way=way)) as lake:
    tables.prepare(lake, TABLES, way)
    wanted = {("t", number): Position("id", 0) for number in range(int(sys.argv[3]))}
    positions.replace(lake, positions.read(lake, ["t"]), wanted, way)
    if sys.argv[4:] == ["killed"]:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def begun(catalog: str, files: str, partitions: int = 0, *more: str) -> int:
    """Exit code of a sink's first steps in a process of its own. DuckDB may hold Python's lock, the wire needs it."""
    told = [sys.executable, "-c", BEGIN, catalog, files, str(partitions), *more]
    return subprocess.run(told, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode


def ways_beside(files: str) -> Iterator[Path]:
    return Path(files).parent.glob(".*-way-*")


def test_a_lake_of_before_whose_change_is_not_answered_keeps_its_rows(
    fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    catalog, files = fresh_database(), str(tmp_path / "lake")
    with open_writer(catalog, files) as writer:
        writer.execute("CREATE TABLE readings_washer (device_id VARCHAR, seq BIGINT, measured_at_ms BIGINT)")
        writer.execute("INSERT INTO readings_washer SELECT 'w-1', i, 1767225600000 + i FROM range(5000) t(i)")
    with wire_to(catalog) as (wire, address):
        wire.cut = "behind"
        assert begun(address, files) != 0
    assert wire.cuts == 1
    assert begun(catalog, files) == 0
    with open_reader(catalog, files) as reader:
        counted = reader.execute("SELECT count(*), count(measured_at), sum(seq)::BIGINT FROM readings_washer")
        assert counted.fetchall() == [(5000, 5000, 5000 * 4999 // 2)]


def test_more_positions_than_are_inlined_of_rows_stay_in_the_catalogue_and_are_not_lost_in_doubt(
    fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    catalog, files, partitions = fresh_database(), str(tmp_path / "lake"), 264
    assert begun(catalog, files) == 0
    with wire_to(catalog) as (wire, address):
        wire.cut = "behind"
        assert begun(address, files, partitions) != 0
    assert wire.cuts == 1
    with open_reader(catalog, files) as reader:
        assert reader.execute("SELECT count(*) FROM sink_position").fetchall() == [(partitions,)]
    with catalogue(catalog) as connection:
        assert [file for file in needed(connection) if file.table == "sink_position"] == []


def test_a_way_that_somebody_takes_away_is_made_again(lake: Lake) -> None:
    lake.produce(range(1))
    sink = lake.start()
    wait_for(lambda: bool(list(ways_beside(lake.files))) and lake.lag() == 0)
    (folder,) = ways_beside(lake.files)
    (folder / "files").unlink()
    folder.rmdir()
    lake.produce(range(1, 2))
    wait_for(lambda: sink.poll() is not None or lake.lag() == 0)
    assert stopped(sink) == 0
    assert lake.ask(COUNTS) == exactly(2 * ROWS_IN_A_FRAME)
    assert list(ways_beside(lake.files)) == []


def test_the_way_of_a_killed_process_goes_with_the_next_one_and_no_file_does(
    fresh_database: FreshDatabase, tmp_path: Path, lake: Lake
) -> None:
    lake.produce(range(1))
    lake.sink(1)
    assert begun(lake.catalog, lake.files, 0, "killed") < 0
    (left,) = ways_beside(lake.files)
    with closing(Way()) as at_work, open_writer(lake.catalog, lake.files, way=at_work):
        (held,) = ways_beside(lake.files)
        assert held != left
        with closing(Way()) as another:
            another.to(lake.files)
            assert held in ways_beside(lake.files)
        assert not orphans_of(lake)
    assert list(ways_beside(lake.files)) == []
    assert lake.ask(COUNTS) == exactly(ROWS_IN_A_FRAME)


def test_a_way_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("not a directory")
    with closing(Way()) as way, pytest.raises(UnreachableError, match="Cannot make the way to the lake's files") as no:
        way.to(str(tmp_path / "lake"))
    assert "\n" not in str(no.value)
