"""Records become rows, or an error that names the record."""

from __future__ import annotations

import pyarrow as pa
import pytest

from schemas.errors import OutsideError
from schemas.facts import WashCycle, WasherReading
from schemas.forms import arrow_schema, lake_types
from schemas.lake import INPUTS
from sinks.lake.batch import RECORD_BYTES, RECORDS_AT_ONCE, Batch
from sinks.lake.decode import Record, failed_rows, frame_batches, frame_rows, json_rows

BY_TABLE = {entry.table.name: entry for entry in INPUTS}


def a_reading(seq: int) -> dict[str, object]:
    return {
        "device_id": "w-1", "seq": seq, "session_no": None, "measured_at_ms": 1_767_225_600_123, "span_ms": 1000,
        "power_w": 7.5, "energy_wh": 0.1, "water_l": None, "temperature_c": None, "drum_rpm": None,
    }  # fmt: skip


def a_cycle(**changes: object) -> bytes:
    cycle = WashCycle(
        session_id="w-1:5", version=1, status="closed", device_id="w-1", material="WM-1", firmware="1.2.3",
        session_no=5, started_at_ms=1_767_225_600_000, ended_at_ms=1_767_229_200_000, reading_count=3,
        known_at_ms=1_767_229_200_000, source="reported", programme="eco", energy_wh=512.5, peak_w=2000.0, water_l=None,
    )  # fmt: skip
    return cycle.model_copy(update=changes).model_dump_json().encode()


def a_frame(*tables: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, tables[0].schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        for table in tables:
            writer.write_table(table)
    return bytes(sink.getvalue())


def readings(*seqs: int) -> pa.Table:
    return pa.Table.from_pylist([a_reading(seq) for seq in seqs], schema=arrow_schema(WasherReading))


def a_record(value: bytes | None, offset: int = 7, **more: object) -> Record:
    return Record("a-topic", 2, offset, more.get("key"), value, more.get("headers", ()))  # type: ignore[arg-type]


def test_a_frame_of_several_batches_becomes_rows_with_timestamps() -> None:
    batches = frame_batches(a_record(a_frame(readings(1, 2), readings(3))), WasherReading)
    rows = frame_rows(batches, WasherReading)
    assert rows.schema == lake_types(WasherReading)
    assert rows["seq"].to_pylist() == [1, 2, 3]
    assert str(rows["measured_at"][0]) == "2026-01-01 00:00:00.123000"


def test_a_frame_without_rows_is_no_error() -> None:
    assert frame_batches(a_record(a_frame(readings())), WasherReading) == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"", "no Arrow stream"),
        (None, "no Arrow stream"),
        (b"{}", "no Arrow stream"),
        (a_frame(readings(1, 2))[:-200], "no Arrow stream"),
        (a_frame(readings(1).drop_columns(["seq"])), "columns device_id string, session_no"),
        (a_frame(readings(1).set_column(1, "seq", pa.array([None], pa.int64()))), "null in column 'seq'"),
    ],
)
def test_a_broken_frame_is_named_by_topic_partition_and_offset(value: bytes | None, found: str) -> None:
    with pytest.raises(OutsideError, match=r"'a-topic' partition 2 offset 7: ") as raised:
        frame_batches(a_record(value), WasherReading)
    assert found in str(raised.value)


def test_sessions_become_rows_in_their_order() -> None:
    rows = json_rows([a_record(a_cycle(version=version)) for version in (2, 1)], WashCycle)
    assert rows.schema == lake_types(WashCycle)
    assert rows["version"].to_pylist() == [2, 1]
    assert rows["water_l"].to_pylist() == [None, None]


@pytest.mark.parametrize("value", [None, b"", b"{", a_cycle() + b"," + a_cycle(), b"[]", a_cycle(version=0)])
def test_a_broken_session_is_named_among_good_ones(value: bytes | None) -> None:
    records = [a_record(a_cycle(), 6), a_record(value, 7), a_record(a_cycle(), 8)]
    with pytest.raises(OutsideError, match="partition 2 offset 7"):
        json_rows(records, WashCycle)


HEADERS = (
    ("topic", b"telemetry.washer.v1"), ("partition", b"3"), ("offset", b"41"), ("received_at_ms", b"1767225600000"),
    ("reason", b"not_json"), ("detail", "expected \u007b".encode()), ("stage", b"streams"), ("trace", b"x"),
)  # fmt: skip


def test_a_failed_event_keeps_its_bytes_and_where_it_came_from() -> None:
    (row,) = failed_rows([a_record(b"\xff\x00", key=b"w-1", headers=HEADERS)]).to_pylist()
    assert (row["topic"], row["partition"], row["offset"]) == ("telemetry.washer.v1", 3, 41)
    assert (row["device_id"], row["reason"], row["original"]) == ("w-1", "not_json", b"\xff\x00")


@pytest.mark.parametrize("key", [None, b"\xff", b"w\x00-1", b"\x1b[31m"])
def test_a_key_that_no_person_can_read_is_no_device(key: bytes | None) -> None:
    assert failed_rows([a_record(None, key=key, headers=HEADERS)])["device_id"].to_pylist() == [None]


def test_an_upload_without_bytes_failed_with_none() -> None:
    assert failed_rows([a_record(None, headers=HEADERS)])["original"].to_pylist() == [b""]


@pytest.mark.parametrize("headers", [(), HEADERS[1:], (*HEADERS[:4], ("reason", b"because"), *HEADERS[5:])])
def test_a_failed_event_without_its_headers_is_named(headers: tuple[tuple[str, bytes], ...]) -> None:
    with pytest.raises(OutsideError, match="partition 2 offset 7"):
        failed_rows([a_record(b"{}", headers=headers)])


def test_a_batch_holds_rows_by_table_and_the_next_offset_of_each_partition() -> None:
    washer, cycles = BY_TABLE["readings_washer"], BY_TABLE["wash_cycle_versions"]
    batch = Batch({entry.topic: entry for entry in INPUTS})
    batch.add(Record(washer.topic, 0, 10, None, a_frame(readings(1, 2))))
    batch.add(Record(cycles.topic, 3, 4, b"w-1", a_cycle()))
    batch.add(Record(washer.topic, 1, 5, None, a_frame(readings())))
    batch.add(Record(washer.topic, 0, 12, None, a_frame(readings(3))))
    batch.reach((cycles.topic, 3), 6)
    assert batch.row_count == 4
    assert batch.ends == {(washer.topic, 0): 13, (cycles.topic, 3): 6, (washer.topic, 1): 6}
    assert {table: rows.num_rows for table, rows in batch.rows().items()} == {
        "readings_washer": 3,
        "wash_cycle_versions": 1,
    }


def test_records_become_rows_before_the_batch_is_stored_and_are_counted_as_such() -> None:
    cycles = BY_TABLE["wash_cycle_versions"]
    batch = Batch({entry.topic: entry for entry in INPUTS})
    for offset in range(RECORDS_AT_ONCE - 1):
        batch.add(Record(cycles.topic, 0, offset, b"w-1", a_cycle()))
    assert batch.bytes_held == (RECORDS_AT_ONCE - 1) * (RECORD_BYTES + len(a_cycle()))
    batch.add(Record(cycles.topic, 0, RECORDS_AT_ONCE - 1, b"w-1", a_cycle()))
    as_rows = batch.bytes_held
    assert as_rows < RECORDS_AT_ONCE * RECORD_BYTES
    batch.add(Record(cycles.topic, 0, RECORDS_AT_ONCE, b"w-1", a_cycle(version=7)))
    rows = batch.rows()["wash_cycle_versions"]
    assert as_rows < batch.bytes_held == rows.nbytes
    assert rows.num_rows == batch.row_count == RECORDS_AT_ONCE + 1
    assert rows["version"].to_pylist() == [1] * RECORDS_AT_ONCE + [7]


def test_a_broken_record_is_named_though_others_wait_with_it() -> None:
    cycles = BY_TABLE["wash_cycle_versions"]
    batch = Batch({entry.topic: entry for entry in INPUTS})
    batch.add(Record(cycles.topic, 0, 0, b"w-1", b"{"))
    for offset in range(1, RECORDS_AT_ONCE - 1):
        batch.add(Record(cycles.topic, 0, offset, b"w-1", a_cycle()))
    with pytest.raises(OutsideError, match="partition 0 offset 0"):
        batch.add(Record(cycles.topic, 0, RECORDS_AT_ONCE - 1, b"w-1", a_cycle()))
