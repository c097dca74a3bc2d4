"""What `vaxel lake check` finds, and what it leaves alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from sinks.lake import positions
from sinks.lake.check import Report, check, look_at
from sinks.lake.connection import open_reader, open_writer
from sinks.lake.damage import without_cache
from sinks.lake.digests import known
from sinks.lake.doubt import Way
from sinks.lake.files import LakeFile, catalogue, needed
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake
from tests.integration.lake.test_sql_command import variables
from vaxel.__main__ import run

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


def checked(lake: Lake, **more: Any) -> Report:
    tables = tuple(entry.table for entry in lake.inputs)
    return check(lake.kafka, lake.catalog, lake.files, inputs=lake.inputs, tables=tables, **more)


def files_of(lake: Lake, table: str = "readings_washer") -> list[LakeFile]:
    with catalogue(lake.catalog) as connection:
        return [file for file in needed(connection) if file.table == table]


def flip(path: str, offset: int) -> None:
    with Path(path).open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """A lake with a file of readings, looked at once."""
    lake.produce(range(2))
    lake.sink(2 * ROWS_IN_A_FRAME)
    first = checked(lake)
    assert first.is_whole
    assert first.files > 0
    assert first.recorded == 0  # the sink has taken the digests
    return lake


def test_digests_that_nobody_has_taken_are_taken(filled: Lake) -> None:
    with catalogue(filled.catalog) as connection:
        taken = known(connection)
        connection.execute("DELETE FROM vaxel_file_digest")
    report = checked(filled)
    assert report.is_whole
    assert report.recorded == report.files == len(taken)
    with catalogue(filled.catalog) as connection:
        assert known(connection) == taken


def test_a_byte_that_changes_right_after_the_commit_is_found(lake: Lake) -> None:
    lake.produce(range(1))
    lake.sink(ROWS_IN_A_FRAME)
    (file,) = files_of(lake)
    flip(file.path, file.size_bytes // 3)
    (fault,) = checked(lake).faults
    assert (fault.file.path, "bytes have changed" in fault.fault) == (file.path, True)


def test_a_whole_lake_is_whole_whatever_the_depth(filled: Lake) -> None:
    for depth in ("quick", "usual", "deep"):
        report = checked(filled, depth=depth, by_all_snapshots=True)
        assert (report.faults, report.topics, report.repeated, report.orphans) == ([], [], [], [])
        assert report.recorded == 0


def test_each_flipped_byte_is_found_and_its_file_named(filled: Lake) -> None:
    (file, *_) = files_of(filled)
    with catalogue(filled.catalog) as connection:
        digests = known(connection)
    with open_reader(filled.catalog, filled.files) as reader:
        without_cache(reader)
        for offset in range(0, file.size_bytes, 37):
            flip(file.path, offset)
            (found,) = look_at(reader, [file], digests, "usual")
            flip(file.path, offset)
            assert "bytes have changed" in found.fault, offset
    flip(file.path, file.size_bytes // 2)
    (fault,) = checked(filled).faults
    assert (fault.file.table, fault.file.path, fault.file.since) == (file.table, file.path, file.since)
    assert fault.file.live_rows == file.row_count


def test_without_a_digest_a_value_beyond_what_the_catalogue_says_is_found(lake: Lake) -> None:
    lake.produce(range(1))
    lake.sink(ROWS_IN_A_FRAME)
    (file,) = files_of(lake)
    assert set(file.bounds) >= {"device_id", "seq", "measured_at"}
    with open_reader(lake.catalog, lake.files) as reader:
        for name, said in (("seq", "beyond"), ("water_l", "nulls")):
            wrong = replace(file.bounds[name], nulls=0, greatest="7")
            (found,) = look_at(reader, [replace(file, bounds={**file.bounds, name: wrong})], {}, "usual")
            assert f"column {name!r}" in found.fault
            assert said in found.fault


@pytest.mark.parametrize(
    ("harm", "says", "opens"),
    [
        (lambda path: path.unlink(), "missing", False),
        (lambda path: os.truncate(path, path.stat().st_size // 2), "the catalogue says", False),
        (lambda path: flip(str(path), path.stat().st_size - 6), "bytes have changed", False),
        (lambda path: flip(str(path), 40), "bytes have changed", True),
    ],
)
def test_a_file_that_is_lost_cut_or_without_footer_is_named(filled: Lake, harm: Any, says: str, opens: bool) -> None:
    (file, *_) = files_of(filled)
    harm(Path(file.path))
    (fault,) = checked(filled).faults
    assert says in fault.fault
    assert fault.opens == opens
    assert bool(checked(filled, depth="quick").faults) == (not opens)


def test_a_file_that_only_time_travel_needs_is_asked_for(filled: Lake) -> None:
    files = files_of(filled)
    with open_writer(filled.catalog, filled.files) as writer:
        writer.execute("DELETE FROM readings_washer")
    flip(files[0].path, 40)
    assert checked(filled).is_whole
    (fault,) = checked(filled, by_all_snapshots=True).faults
    assert fault.file.path == files[0].path
    assert fault.file.until is not None


def test_files_that_no_snapshot_needs_are_listed_and_no_fault(filled: Lake) -> None:
    (file, *_) = files_of(filled)
    stray = Path(file.path).with_name("ducklake-of-a-writer-that-died.parquet")
    stray.write_bytes(b"half a file")
    report = checked(filled)
    assert report.is_whole
    assert [(orphan.path, orphan.size_bytes) for orphan in report.orphans] == [(str(stray), 11)]


def test_files_that_wait_for_their_removal_are_no_orphans(filled: Lake) -> None:
    with open_writer(filled.catalog, filled.files) as writer:
        writer.execute("DELETE FROM readings_washer")
        writer.execute("CALL ducklake_expire_snapshots('lake', older_than => now())")
    assert list(Path(filled.files).rglob("*.parquet"))
    assert checked(filled).orphans == []


def test_rows_that_are_stored_twice_are_told_with_their_key(filled: Lake) -> None:
    with open_writer(filled.catalog, filled.files) as writer:
        writer.execute("INSERT INTO readings_washer SELECT * FROM readings_washer WHERE seq = 7")
    (line,) = checked(filled).repeated
    assert "'readings_washer' holds 1 rows more than once, by device_id, seq, measured_at: (w-0, 7," in line


def test_positions_that_do_not_fit_their_topic_are_told(filled: Lake) -> None:
    with closing(Way()) as way, open_writer(filled.catalog, filled.files, way=way) as writer:
        kept = positions.read(writer, [filled.topic()])
        place = (filled.topic(), 0)
        positions.replace(writer, kept, {place: replace(kept[place], topic_id="another")}, way)
    (line,) = checked(filled).topics
    assert f"'{filled.topic()}' is not the one the lake has read: it was deleted and created again" in line


def test_what_retention_took_unread_is_told(lake: Lake) -> None:
    lake.sink(0)
    lake.produce(range(3))
    admin = AdminClient({"bootstrap.servers": lake.kafka})
    for future in admin.delete_records([TopicPartition(lake.topic(), 0, 2)]).values():
        future.result(10)
    (line,) = checked(lake).topics
    assert "begins at offset 2, the lake comes to 0" in line


def test_the_command_names_the_file_and_what_to_do_with_exit_code_1(
    filled: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, local_topics: None
) -> None:
    for name, value in variables(filled).items():
        monkeypatch.setenv(name, value)
    (file, *_) = files_of(filled)
    flip(file.path, file.size_bytes // 2)
    assert run(["lake", "check"]) == 1
    out = capsys.readouterr().out
    assert f"Table 'readings_washer': {file.row_count} rows in {file.path}, since snapshot {file.since}: bytes" in out
    assert "Restore it from Kafka: vaxel lake rebuild --table readings_washer" in out
    assert run(["lake", "check", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [fault["path"] for fault in told["faults"]] == [file.path]
    assert run(["lake", "check", "--quick"]) == 0
    assert "bytes were not compared" in capsys.readouterr().out
    assert run(["lake", "check", "--quick", "--deep"]) == 2
    flip(file.path, file.size_bytes // 2)
    assert run(["lake", "check"]) == 0
    assert "all whole" in capsys.readouterr().out


# In a page, the footer's length, and where the footer begins.
@pytest.mark.parametrize("byte", [lambda _: 50, lambda _: -6, lambda file: -8 - file.footer_bytes])
def test_a_question_that_meets_broken_bytes_says_so_and_who_tells_where(
    filled: Lake,
    byte: Callable[[LakeFile], int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables(filled).items():
        monkeypatch.setenv(name, value)
    file, *_ = files_of(filled)
    flip(file.path, byte(file) % file.size_bytes)
    capsys.readouterr()
    assert run(["sql", "select sum(hash(r)) from readings_washer as r"]) == 3
    told = capsys.readouterr().err
    assert "cannot be read" in told
    assert "`vaxel lake check` finds the damaged one" in told
    assert told.count("\n") == 1


@pytest.fixture
def local_topics(kafka_bootstrap: str) -> None:
    """All listed topics, with which the command compares."""
    from deploy.topics import ensure_topics
    from schemas.topics import TOPICS

    ensure_topics(kafka_bootstrap, TOPICS, 4)
