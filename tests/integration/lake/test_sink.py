"""Every committed record of Kafka is in the lake once."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import pytest
from confluent_kafka import Producer

from schemas.errors import OutsideError
from schemas.forms import lake_types
from schemas.lake import SINK_POSITION
from sinks.lake.connection import open_reader
from sinks.lake.sink import Settings
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake, a_cycle, a_frame, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

COUNTS = "SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM readings_washer"


def exactly(rows: int) -> list[tuple[int, int, int, int]]:
    return [(rows, rows, 0, rows - 1)]


def test_an_empty_lake_has_tables_of_the_contracts_and_nothing_to_catch_up(lake: Lake) -> None:
    assert lake.lag() == 0
    lake.sink(0)
    with open_reader(lake.catalog, lake.files) as connection:
        for table in [entry.table for entry in lake.inputs] + [SINK_POSITION]:
            made = connection.execute(f'SELECT * FROM "{table.name}"').to_arrow_table().schema
            assert made.names == lake_types(table.contract).names
            assert made.types == lake_types(table.contract).types
    assert lake.ask("SELECT count(*), sum(next_offset) FROM sink_position") == [(2 * len(lake.inputs), 0)]


def test_rows_of_every_form_arrive_once_and_a_restart_adds_none(lake: Lake) -> None:
    lake.produce(range(3))
    lake.produce(range(3, 5), partition=1)
    producer = Producer({"bootstrap.servers": lake.kafka})
    for cycle in (a_cycle("w-1:5", 1, "open"), a_cycle("w-1:5", 2, "closed")):
        producer.produce(lake.topic("wash_cycle_versions"), cycle, key="w-1")
    headers: list[tuple[str, str | bytes | None]] = [
        *(("topic", "t"), ("partition", "0"), ("offset", "9"), ("received_at_ms", "1767225600000")),
        *(("reason", "not_json"), ("detail", "ö\u0000".encode()), ("stage", "streams")),
    ]
    producer.produce(lake.topic("failed_events"), b"\xff{", key=b"w\x00", headers=headers)
    producer.flush()
    assert lake.lag() == 4
    lake.sink(5 * ROWS_IN_A_FRAME + 3)
    assert lake.lag() == 0
    for _ in range(2):
        assert lake.ask(COUNTS) == exactly(5 * ROWS_IN_A_FRAME)
        assert lake.ask("SELECT session_id, version, duration_min FROM wash_cycles") == [("w-1:5", 2, 2.0)]
        assert lake.ask("SELECT version FROM wash_cycle_versions ORDER BY version") == [(1,), (2,)]
        assert lake.ask('SELECT device_id, "offset", detail, original FROM failed_events') == [
            (None, 9, "ö\x00", b"\xff{")
        ]
        lake.sink(0)


def test_aborted_records_never_reach_the_lake(lake: Lake) -> None:
    producer = Producer({"bootstrap.servers": lake.kafka, "transactional.id": lake.topic()})
    producer.init_transactions(30)
    for number, end in ((0, "commit"), (7, "abort"), (1, "commit"), (8, "abort")):
        producer.begin_transaction()
        producer.produce(lake.topic(), a_frame(number), partition=0)
        producer.flush()
        producer.commit_transaction() if end == "commit" else producer.abort_transaction()
    lake.sink(2 * ROWS_IN_A_FRAME)
    assert lake.ask(COUNTS) == exactly(2 * ROWS_IN_A_FRAME)
    assert lake.lag() == 0


def test_records_of_an_open_transaction_are_neither_stored_nor_waited_for(lake: Lake) -> None:
    producer = Producer({"bootstrap.servers": lake.kafka, "transactional.id": lake.topic()})
    producer.init_transactions(30)
    lake.produce(range(1))
    producer.begin_transaction()
    producer.produce(lake.topic(), a_frame(1), partition=0)
    producer.flush()
    lake.sink(ROWS_IN_A_FRAME)
    assert lake.lag() == 0
    producer.commit_transaction()
    assert lake.lag() == 1
    lake.sink(ROWS_IN_A_FRAME)
    assert lake.ask(COUNTS) == exactly(2 * ROWS_IN_A_FRAME)


def test_a_position_moves_over_transaction_markers_too(lake: Lake) -> None:
    producer = Producer({"bootstrap.servers": lake.kafka, "transactional.id": lake.topic()})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(lake.topic(), a_frame(0), partition=0)
    producer.flush()
    producer.abort_transaction()
    stop = Event()
    settings = Settings(max_idle_s=0.3)
    lake.sink(1, stop=stop, settings=settings, report=lambda _: stop.set())
    assert lake.ask(f"SELECT sum(next_offset) FROM sink_position WHERE topic = '{lake.topic()}'") == [(2,)]


def test_a_reader_sees_whole_transactions_only(lake: Lake) -> None:
    frames = 60
    lake.sink(0)
    seen: list[tuple[int, int, int]] = []
    done = Event()

    def read() -> None:
        with open_reader(lake.catalog, lake.files) as connection:
            while not done.is_set():
                seen.extend(
                    connection.execute(
                        "SELECT count(*), count(DISTINCT seq), (SELECT max(next_offset) FROM sink_position "
                        f"WHERE topic = '{lake.topic()}') FROM readings_washer"
                    ).fetchall()
                )

    reader = Thread(target=read, daemon=True)
    reader.start()
    wait_for(lambda: bool(seen))  # a reader that opens the lake too late would see only the end
    lake.produce(range(frames))
    lake.sink(frames * ROWS_IN_A_FRAME, settings=Settings(max_rows=5 * ROWS_IN_A_FRAME))
    done.set()
    reader.join()
    assert len({rows for rows, _, _ in seen}) > 2
    assert all(rows == distinct == offset * ROWS_IN_A_FRAME for rows, distinct, offset in seen)


def test_small_inserts_move_from_the_catalogue_to_files_and_stay_the_same(lake: Lake) -> None:
    producer = Producer({"bootstrap.servers": lake.kafka})
    for number in range(6):
        producer.produce(lake.topic("wash_cycle_versions"), a_cycle(f"w-1:{number}", 1), partition=0)
    producer.flush()
    lake.sink(6, settings=Settings(max_rows=1, flush_after=2))
    assert lake.ask("SELECT count(*), count(DISTINCT session_id) FROM wash_cycles") == [(6, 6)]
    assert list(Path(lake.files).rglob("*.parquet"))
    assert lake.ask("SELECT count(*) FROM sink_position WHERE filename LIKE '%.parquet'") == [(0,)]
    assert lake.lag() == 0


def test_a_record_that_cannot_be_read_stops_the_sink_and_nothing_behind_it_is_stored(lake: Lake) -> None:
    lake.produce(range(1))
    producer = Producer({"bootstrap.servers": lake.kafka})
    producer.produce(lake.topic(), b"no frame", partition=0)
    producer.flush()
    with pytest.raises(OutsideError, match=f"'{lake.topic()}' partition 0 offset 1: no Arrow stream"):
        lake.sink(10**9)
    assert lake.ask(COUNTS)[0][0] in (0, ROWS_IN_A_FRAME)
    assert lake.lag() == 1
