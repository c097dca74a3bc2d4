"""Frames of before a contract gained its newest fields."""

from __future__ import annotations

import pyarrow as pa
import pytest

from schemas.evolution import with_additions
from schemas.facts import Receipt, WasherReading
from schemas.forms import arrow_schema
from schemas.topics import RECEIPTS
from sinks.lake.decode import Record, frame_batches, frame_rows
from streams.desk.reading import Record as DeskRecord
from streams.desk.reading import arrivals
from streams.frames import frame

NEW = ("session_ended", "programme", "alert")


def before(rows: int) -> pa.Table:
    receipt = {
        "topic": "telemetry.washer.v1", "partition": 0, "offset": 7, "received_at_ms": 1_767_265_221_000,
        "device_id": "w-1", "seq": 3, "outcome": "accepted", "sent_at_ms": 1_767_265_220_000, "material": "WM-8030",
        "firmware": "2.4.1", "reading_count": 3,
    }  # fmt: skip
    schema = pa.schema([field for field in arrow_schema(Receipt) if field.name not in NEW])
    return pa.Table.from_pylist([receipt] * rows, schema=schema)


@pytest.mark.parametrize("rows", [0, 2])
def test_the_lake_takes_frames_of_before_an_addition_with_null_in_it(rows: int) -> None:
    record = Record(RECEIPTS, 0, 0, None, frame(before(rows)))
    stored = frame_rows(frame_batches(record, Receipt), Receipt)
    assert stored.num_rows == rows
    assert [stored.column(name).null_count for name in NEW] == [rows] * 3


def test_the_desk_takes_them_too() -> None:
    assert arrivals([DeskRecord(RECEIPTS, 0, None, frame(before(2)))]).receipts.column("alert").null_count == 2


def test_a_missing_field_that_is_no_addition_is_not_made_up() -> None:
    cut = arrow_schema(WasherReading).empty_table().drop_columns(["phase"])
    assert with_additions(cut, WasherReading) is cut
