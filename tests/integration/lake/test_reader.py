"""Readers ask all the time while everything goes wrong, and see whole batches, each row once, and every file."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread

import duckdb
import pytest

from schemas.errors import UnreachableError
from sinks.lake.connection import open_reader, open_writer, outside
from sinks.lake.transactions import closed, is_conflict
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake, wait_for
from tests.integration.lake.test_faults import COUNTS, exactly, stopped
from tests.own_postgres import own_postgres
from tests.tiny_disk import tiny_disk

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

DISK_MEGABYTES = 24
LEAST_LOOKS = 5
"""Of each reader in each part of the test; else it saw nothing of what went on."""
SEEN = """
SELECT (SELECT count(*) FROM readings_washer), (SELECT count(DISTINCT seq) FROM readings_washer),
       (SELECT coalesce(sum(next_offset), 0)::BIGINT FROM sink_position WHERE topic = ?)
"""
"""One statement is one snapshot: rows, different rows, and records that the positions say they came from."""


@dataclass
class Looks:
    """What one reader has seen."""

    name: str
    looks: int = 0
    away: int = 0
    wrong: list[str] = field(default_factory=list)

    def see(self, connection: duckdb.DuckDBPyConnection, topic: str) -> tuple[int, int, int]:
        with outside("ask the lake"):
            row = connection.execute(SEEN, [topic]).fetchone()
        assert row is not None
        rows, different, records = row
        if rows != different or rows != records * ROWS_IN_A_FRAME:
            self.wrong.append(f"{rows} rows, {different} different ones, {records} records")
        self.looks += 1
        return rows, different, records


@contextmanager
def readers(lake: Lake) -> Iterator[list[Looks]]:
    """Three at work: one over one connection, one over new ones, one in transactions that stay open for long."""
    stop = Event()

    def over_one(looks: Looks) -> None:
        with open_reader(lake.catalog, lake.files) as connection:
            while not stop.is_set():
                looks.see(connection, lake.topic())

    def over_new_ones(looks: Looks) -> None:
        with open_reader(lake.catalog, lake.files) as connection:
            looks.see(connection, lake.topic())

    def in_one_transaction(looks: Looks) -> None:
        with closed(open_reader(lake.catalog, lake.files)) as connection:
            connection.execute("BEGIN")
            first = looks.see(connection, lake.topic())
            for _ in range(LEAST_LOOKS):
                if (again := looks.see(connection, lake.topic())) != first:
                    looks.wrong.append(f"{first} became {again} within one transaction")
                stop.wait(0.2)

    def work(looks: Looks, look: object) -> None:
        while not stop.is_set():
            try:
                look(looks)  # type: ignore[operator]
            except UnreachableError:  # the catalogue is being restarted
                looks.away += 1
                stop.wait(0.1)
            except Exception as error:  # a file that is missing, above all
                looks.wrong.append(f"{type(error).__name__}: {error}")
                stop.wait(0.5)

    seen = [Looks(look.__name__) for look in (over_one, over_new_ones, in_one_transaction)]
    threads = [
        Thread(target=work, args=(looks, look))
        for looks, look in zip(seen, (over_one, over_new_ones, in_one_transaction), strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


@contextmanager
def a_sink(lake: Lake) -> Iterator[subprocess.Popen[bytes]]:
    """A sink at work; killed when left, if it has not ended before."""
    sink = lake.start()
    try:
        yield sink
    finally:
        sink.kill()
        sink.wait()


def care_for(lake: Lake) -> int:
    """Everything that maintenance does, at once; returns how many files went out of use."""
    with open_writer(lake.catalog, lake.files) as writer:
        for call in (
            "ducklake_flush_inlined_data('lake')",
            "ducklake_merge_adjacent_files('lake')",
            "ducklake_rewrite_data_files('lake', delete_threshold => 0)",
            "ducklake_expire_snapshots('lake', older_than => now())",
            # Who has begun to read has this long to end.
            "ducklake_cleanup_old_files('lake', older_than => now() - INTERVAL 10 MINUTE)",
            "ducklake_delete_orphaned_files('lake', older_than => now() - INTERVAL 10 MINUTE)",
        ):
            for _ in range(10):
                try:
                    writer.execute(f"CALL {call}")
                    break
                except duckdb.Error as error:
                    if not is_conflict(error):  # else the sink was quicker
                        raise
        row = writer.execute(
            "SELECT count(*) FROM __ducklake_metadata_lake.ducklake_files_scheduled_for_deletion"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_reader_sees_whole_batches_each_row_once_and_every_file_whatever_happens(lake: Lake, tmp_path: Path) -> None:
    frames = 0

    def produce(count: int) -> None:
        nonlocal frames
        lake.produce(range(frames, frames + count), partition=frames % 2)
        frames += count

    with own_postgres(tmp_path / "catalogue") as catalogue, tiny_disk(tmp_path / "disk", DISK_MEGABYTES) as disk:
        lake = replace(lake, catalog=catalogue.dsn, files=str(disk.folder))
        lake.sink(0)
        with readers(lake) as seen:

            def everybody_looks() -> None:
                before = [looks.looks for looks in seen]
                wait_for(
                    lambda: all(looks.looks >= known + LEAST_LOOKS for looks, known in zip(seen, before, strict=True))
                )

            for _ in range(3):  # killed and started again
                with a_sink(lake):
                    for _ in range(4):
                        produce(2)
                        time.sleep(0.2)
                everybody_looks()
            merged = 0
            with a_sink(lake) as sink:
                for _ in range(2):  # cared for while it stores
                    for _ in range(4):
                        produce(1)
                        time.sleep(0.3)
                    merged += care_for(lake)
                    everybody_looks()
                produce(1)
                catalogue.stop()
                time.sleep(1)
                catalogue.start()
                produce(1)
                wait_for(lambda: lake.lag() == 0)
                everybody_looks()
                disk.fill()
                produce(4)
                everybody_looks()
                disk.free()
                wait_for(lambda: lake.lag() == 0)
                everybody_looks()
                assert stopped(sink) == 0
        assert [looks.wrong for looks in seen] == [[], [], []]
        assert any(looks.away for looks in seen)
        assert merged > 0
        assert lake.ask(COUNTS) == exactly(frames * ROWS_IN_A_FRAME)
        with open_writer(lake.catalog, lake.files) as writer:  # nobody reads what went out of use any more
            gone = writer.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)").fetchall()
        assert gone
        assert lake.ask(COUNTS) == exactly(frames * ROWS_IN_A_FRAME)
