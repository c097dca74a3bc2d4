"""Killed, doubled, cut off, or on a topic that is not the one it knew: every row once, or a loud stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import duckdb
import psycopg
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.topics import ensure_topics
from schemas.errors import OutsideError, PositionError, UnreachableError, VaxelError
from schemas.lake import SINK_POSITION
from schemas.topics import BY_NAME, READINGS_WASHER
from sinks.lake import positions, tables
from sinks.lake.connection import open_reader, open_writer
from sinks.lake.crash_points import POINTS, VARIABLE
from sinks.lake.doubt import Way
from sinks.lake.positions import Extent, Place
from sinks.lake.sink import Settings
from sinks.lake.store import store
from sinks.lake.topics import Topics
from tests.integration.lake.conftest import ROOT, ROWS_IN_A_FRAME, Lake, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

COUNTS = "SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM readings_washer"
FRAMES = 20
LONGEST_MEETING_FRAMES = 300


def exactly(rows: int) -> list[tuple[int, int, int, int]]:
    return [(rows, rows, 0, rows - 1)]


def stopped(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(30)


@contextmanager
def running(lake: Lake, **more: object) -> Iterator[list[VaxelError]]:
    """A sink in a thread of its own; the list has its error once it has one."""
    stop, errors = Event(), list[VaxelError]()

    def work() -> None:
        try:
            lake.sink(10**9, stop=stop, **more)
        except VaxelError as error:
            errors.append(error)

    thread = Thread(target=work)
    thread.start()
    try:
        yield errors
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("point", POINTS)
def test_killed_between_two_steps_every_row_is_stored_once(lake: Lake, point: str) -> None:
    lake.produce(range(FRAMES))
    assert lake.start(**{VARIABLE: point}).wait(60) == -signal.SIGKILL
    again = lake.start()
    wait_for(lambda: lake.lag() == 0)
    assert stopped(again) == 0
    assert lake.ask(COUNTS) == exactly(FRAMES * ROWS_IN_A_FRAME)


def test_killed_at_any_time_every_row_is_stored_once(lake: Lake) -> None:
    for turn in range(3):
        sink = lake.start()
        lake.produce(range(turn * FRAMES, (turn + 1) * FRAMES))
        time.sleep(0.8 + 0.3 * turn)
        sink.kill()
        sink.wait()
    last = lake.start()
    # The killed ones may have stored everything: only a frame that is new tells that the last one works.
    lake.produce(range(3 * FRAMES, 3 * FRAMES + 1))
    wait_for(lambda: lake.lag() == 0)
    assert stopped(last) == 0
    assert lake.ask(COUNTS) == exactly((3 * FRAMES + 1) * ROWS_IN_A_FRAME)


def test_told_to_stop_it_exits_with_0_and_loses_nothing(lake: Lake) -> None:
    lake.produce(range(FRAMES))
    first = lake.start()
    wait_for(lambda: lake.lag() < 1)
    lake.produce(range(FRAMES, 2 * FRAMES), partition=1)
    assert stopped(first) == 0
    with running(lake):
        wait_for(lambda: lake.lag() == 0)
    assert lake.ask(COUNTS) == exactly(2 * FRAMES * ROWS_IN_A_FRAME)


def test_of_two_sinks_on_one_partition_one_stops_and_nothing_is_stored_twice(lake: Lake) -> None:
    lake.sink(0)
    produced = 0
    with running(lake) as first, running(lake) as second:
        # They meet once both read, however long each takes to get there.
        while not (first or second):
            assert produced < LONGEST_MEETING_FRAMES
            lake.produce(range(produced, produced + 1))
            produced += 1
            time.sleep(0.1)
        wait_for(lambda: lake.lag() == 0)
    (error,) = first + second
    assert "Another sink owns topic" in str(error)
    assert lake.ask(COUNTS) == exactly(produced * ROWS_IN_A_FRAME)


@contextmanager
def meanwhile(monkeypatch: pytest.MonkeyPatch, lake: Lake, frames: int) -> Iterator[None]:
    """Another sink stores this many frames while the first one that opens asks Kafka what its topics hold."""
    asks, others = Topics.extents, [frames]

    def answer(topics: Topics, names: Collection[str]) -> dict[Place, Extent]:
        found = asks(topics, names)
        if others:
            with open_writer(lake.catalog, lake.files) as other:
                starts = positions.read(other, [lake.topic()])
                store(other, {}, starts, {(lake.topic(), 0): starts[lake.topic(), 0].next_offset + others.pop()}, Way())
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Topics, "extents", answer)
        yield


def test_a_sink_that_starts_does_not_set_back_what_another_has_moved_meanwhile(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.sink(0)
    lake.produce(range(5))
    with meanwhile(monkeypatch, lake, 3), pytest.raises(OutsideError, match=r"Another sink owns topic .* from 0 to 3"):
        lake.sink(1)
    assert lake.sink(1) == 2 * ROWS_IN_A_FRAME
    assert lake.ask(COUNTS) == [
        (2 * ROWS_IN_A_FRAME, 2 * ROWS_IN_A_FRAME, 3 * ROWS_IN_A_FRAME, 5 * ROWS_IN_A_FRAME - 1)
    ]


def test_what_a_sink_stores_while_the_lag_is_asked_for_lies_not_beyond_what_kafka_holds(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.sink(0)
    asks, frames = Topics.extents, [range(5)]

    def answer(topics: Topics, names: Collection[str]) -> dict[Place, Extent]:
        found = asks(topics, names)
        if frames:
            lake.produce(frames.pop())
            lake.sink(5 * ROWS_IN_A_FRAME)
        return found

    monkeypatch.setattr(Topics, "extents", answer)
    assert lake.lag() == 0


def test_a_loss_is_not_accepted_over_the_work_of_another_sink(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.produce(range(5))
    lake.sink(0)
    admin = AdminClient({"bootstrap.servers": lake.kafka})
    for future in admin.delete_records([TopicPartition(lake.topic(), 0, 5)]).values():
        future.result(10)
    with open_writer(lake.catalog, lake.files) as writer:
        kept = positions.read(writer, [lake.topic()])
        positions.replace(writer, kept, {(lake.topic(), 0): replace(kept[lake.topic(), 0], next_offset=0)}, Way())
    with meanwhile(monkeypatch, lake, 2), pytest.raises(OutsideError, match="Another sink is at work"):
        lake.sink(0, accepted_topics=[lake.topic()])


def test_a_second_writer_of_a_span_is_refused_whether_before_or_at_the_commit(lake: Lake) -> None:
    lake.sink(0)
    place = (lake.topic(), 0)
    with open_writer(lake.catalog, lake.files) as first, open_writer(lake.catalog, lake.files) as second:
        starts = positions.read(first, [lake.topic()])
        second.execute("BEGIN")
        assert positions.move(second, starts, {place: 3}) == 1
        store(first, {}, starts, {place: 5}, Way())
        with pytest.raises(duckdb.TransactionException, match="conflict"):
            second.execute("COMMIT")
        with pytest.raises(OutsideError, match=f"Another sink owns topic '{lake.topic()}' partition 0.* from 0 to 5"):
            store(second, {}, starts, {place: 3}, Way())


def test_sinks_of_different_topics_get_past_each_other(lake: Lake) -> None:
    lake.sink(0)
    lake.produce(range(FRAMES))
    split = [entry.table.name == "readings_washer" for entry in lake.inputs]
    ours = tuple(entry for entry, is_ours in zip(lake.inputs, split, strict=True) if is_ours)
    others = tuple(entry for entry, is_ours in zip(lake.inputs, split, strict=True) if not is_ours)
    quick = Settings(max_age_s=0.0)
    with running(replace(lake, inputs=ours), settings=quick) as first:
        with running(replace(lake, inputs=others), settings=quick) as second:
            wait_for(lambda: lake.lag() == 0)
        assert not second
    assert not first
    assert lake.ask(COUNTS) == exactly(FRAMES * ROWS_IN_A_FRAME)


def create_again(lake: Lake) -> None:
    admin = AdminClient({"bootstrap.servers": lake.kafka})
    for future in admin.delete_topics([lake.topic()]).values():
        future.result(10)
    row = replace(BY_NAME[READINGS_WASHER], name=lake.topic())

    def made() -> bool:
        try:
            ensure_topics(lake.kafka, [row], 2)
        except VaxelError:
            return False
        return lake.topic() in admin.list_topics(timeout=10).topics

    wait_for(made)


def test_a_topic_created_again_stops_the_sink_until_it_is_accepted(lake: Lake) -> None:
    lake.produce(range(2))
    lake.sink(2 * ROWS_IN_A_FRAME)
    create_again(lake)
    lake.produce(range(2, 6))
    with pytest.raises(PositionError, match="deleted and created again"):
        lake.sink(1)
    with pytest.raises(PositionError, match="deleted and created again"):
        lake.lag()
    assert lake.sink(4 * ROWS_IN_A_FRAME, accepted_topics=[lake.topic()]) == 4 * ROWS_IN_A_FRAME
    assert lake.ask(COUNTS) == exactly(6 * ROWS_IN_A_FRAME)


def test_a_topic_created_again_stops_a_sink_that_is_reading(lake: Lake) -> None:
    lake.produce(range(2))
    with running(lake, settings=Settings(max_age_s=0.1, max_idle_s=0.3)) as errors:
        wait_for(lambda: lake.lag() == 0)
        create_again(lake)
        lake.produce(range(2, 8))
        wait_for(lambda: bool(errors))
    assert isinstance(errors[0], OutsideError | PositionError)
    assert not isinstance(errors[0], UnreachableError)
    assert lake.ask(COUNTS) == exactly(2 * ROWS_IN_A_FRAME)


def test_records_that_retention_took_unread_stop_the_sink(lake: Lake) -> None:
    lake.sink(0)
    lake.produce(range(4))
    admin = AdminClient({"bootstrap.servers": lake.kafka})
    for future in admin.delete_records([TopicPartition(lake.topic(), 0, 3)]).values():
        future.result(10)
    with pytest.raises(PositionError, match="begins at offset 3, the lake comes to 0"):
        lake.sink(1)


def test_a_catalogue_that_drops_its_connections_delays_and_loses_nothing(lake: Lake) -> None:
    dropped = 0
    lake.produce(range(FRAMES))
    with running(lake) as errors:
        wait_for(lambda: bool(errors) or lake.lag() == 0)  # its connections are there to be dropped
        for turn in range(1, 7):
            lake.produce(range(turn * FRAMES, (turn + 1) * FRAMES))
            time.sleep(0.4)
            with psycopg.connect(lake.catalog, autocommit=True) as connection:
                dropped += connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                ).rowcount
        wait_for(lambda: bool(errors) or lake.lag() == 0)
    assert not errors
    assert dropped > 0
    assert lake.ask(COUNTS) == exactly(7 * FRAMES * ROWS_IN_A_FRAME)


CLOSES = """
import sys
from contextlib import suppress
import duckdb, psycopg
from sinks.lake.connection import open_writer
from sinks.lake.transactions import closed
catalog, files, last = sys.argv[1:]
with closed(open_writer(catalog, files)) as lake:
    lake.execute("BEGIN")
    lake.execute("UPDATE sink_position SET next_offset = next_offset + 1")
    with psycopg.connect(catalog, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                           "WHERE datname = current_database() AND pid <> pg_backend_pid()")
    with suppress(duckdb.Error):
        lake.execute(last)
print("goes on")
"""


@pytest.mark.parametrize("last", ["COMMIT", "SELECT count(*) FROM readings_washer", "SELECT 1"])
def test_a_catalogue_that_goes_in_the_middle_of_a_transaction_does_not_end_the_process(lake: Lake, last: str) -> None:
    lake.sink(0)
    done = subprocess.run(
        [sys.executable, "-c", CLOSES, lake.catalog, lake.files, last],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "goes on\n"), done.stderr


def test_what_does_not_answer_is_tried_again_and_then_named_without_its_password(lake: Lake) -> None:
    told: list[str] = []
    impatient = Settings(patience_s=1.0)
    with pytest.raises(UnreachableError, match=r"Kafka at '127.0.0.1:1'"):
        replace(lake, kafka="127.0.0.1:1").sink(1, settings=impatient, tell=told.append)
    nowhere = "postgresql://vaxel:geheim@127.0.0.1:1/lake"
    with pytest.raises(UnreachableError, match="catalogue") as raised:
        replace(lake, catalog=nowhere).sink(1, settings=impatient, tell=told.append)
    with pytest.raises(UnreachableError) as read:
        open_reader(nowhere, lake.files)
    assert told
    assert "geheim" not in "".join([*told, str(raised.value), str(read.value)])


def test_an_address_that_is_none_is_refused_without_being_quoted(lake: Lake) -> None:
    with pytest.raises(VaxelError, match="expected postgresql://") as raised:
        open_reader("password=geheim and more", lake.files)
    assert "geheim" not in str(raised.value)


def test_a_lake_is_found_by_any_name_of_its_directory_and_no_other(lake: Lake, tmp_path: Path) -> None:
    lake.sink(0)
    (tmp_path / "linked").symlink_to(tmp_path / "lake")
    for name in ("linked", "lake/../lake", "lake/"):
        with open_writer(lake.catalog, f"{tmp_path}/{name}"), open_reader(lake.catalog, f"{tmp_path}/{name}") as reader:
            assert reader.execute("SELECT count(*) FROM readings_washer").fetchall() == [(0,)]
    (tmp_path / "lake").rename(tmp_path / "moved")
    with pytest.raises(OutsideError) as refused:
        open_reader(lake.catalog, f"{tmp_path}/moved")
    assert f"files are in '{tmp_path}/lake/', not in '{tmp_path}/moved'" in str(refused.value)
    (tmp_path / "lake").symlink_to(tmp_path / "moved")  # as the error says
    open_reader(lake.catalog, f"{tmp_path}/moved").close()


def test_preparing_again_changes_nothing_and_a_new_field_becomes_a_column(lake: Lake) -> None:
    lake.sink(0)
    declared = [*(entry.table for entry in lake.inputs), SINK_POSITION]
    with open_writer(lake.catalog, lake.files) as connection:
        snapshots = "SELECT count(*) FROM ducklake_snapshots('lake')"
        before = connection.execute(snapshots).fetchall()
        columns = tables.columns_in_lake(connection)
        tables.prepare(connection, declared, Way())
        assert connection.execute(snapshots).fetchall() == before
        connection.execute("ALTER TABLE readings_shoe DROP COLUMN ground_contact_ms")
        tables.prepare(connection, declared, Way())
        assert tables.columns_in_lake(connection) == columns
        connection.execute("ALTER TABLE readings_shoe DROP COLUMN distance_m")
        connection.execute("ALTER TABLE readings_shoe ADD COLUMN distance_m VARCHAR")
        with pytest.raises(OutsideError, match="'distance_m' is VARCHAR there and DOUBLE in the contract"):
            tables.prepare(connection, declared, Way())
