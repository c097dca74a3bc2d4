"""Tables made anew beside what looks after the lake: what it took away, and what it is doing."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from confluent_kafka import Producer

from schemas.errors import DecisionError, OutsideError
from schemas.facts import WasherReading
from schemas.forms import arrow_schema
from schemas.retention import DAY_MS
from sinks.lake.care import maintain, only_maintainer
from sinks.lake.care_plan import Plan
from sinks.lake.connection import open_writer
from sinks.lake.doubt import Way
from sinks.lake.exchange import Exchanged, changed_rows, exchange
from sinks.lake.rebuild import rebuild
from sinks.lake.restore import damaged, restore
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake, a_frame
from tests.integration.lake.rebuilding import (
    CYCLES,
    READINGS,
    assert_same,
    fill,
    footer,
    page,
    rebuilt,
    restored,
    rows_of,
    snapshots,
)
from tests.integration.lake.test_check import checked, files_of

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

LATER_MS = 1_767_225_600_000 + 2 * DAY_MS
HOURS = "SELECT hour_at::DATE, sum(readings)::BIGINT, sum(span_ms)::BIGINT FROM washer_hours GROUP BY 1 ORDER BY 1"


@pytest.fixture
def filled(lake: Lake) -> Lake:
    return fill(lake)


def rolled_up(lake: Lake) -> None:
    """Turns the day of all frames of `a_frame` into hours; beside it are readings of a later day, and late ones."""
    later = [
        row | {"measured_at_ms": LATER_MS, "device_id": "w-later"}
        for row in pa.ipc.open_stream(a_frame(8)).read_all().to_pylist()
    ]
    table = pa.Table.from_pylist(later, schema=arrow_schema(WasherReading))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    producer = Producer({"bootstrap.servers": lake.kafka})
    producer.produce(lake.topic(), bytes(sink.getvalue()), partition=0)
    producer.flush()
    lake.sink(ROWS_IN_A_FRAME)
    maintain(lake.catalog, lake.files, Plan(roll_up_after_days=1), now_ms=LATER_MS)
    assert lake.ask("SELECT count(*), min(device_id) FROM readings_washer") == [(ROWS_IN_A_FRAME, "w-later")]
    lake.produce(range(9, 10))
    lake.sink(ROWS_IN_A_FRAME)


@pytest.mark.parametrize("is_from_snapshot", [False, True])
def test_days_that_were_rolled_up_stay_as_they_are(filled: Lake, is_from_snapshot: bool) -> None:
    snapshot = snapshots(filled)[-1] if is_from_snapshot else None
    rolled_up(filled)
    before, hours = rows_of(filled), filled.ask(HOURS)
    made = rebuilt(filled, snapshot=snapshot)
    assert (made.removed, made.added, made.rolled_up) == (ROWS_IN_A_FRAME, ROWS_IN_A_FRAME, [date(2026, 1, 1)])
    assert filled.ask(HOURS) == hours
    assert_same(rows_of(filled), before)
    maintain(filled.catalog, filled.files, Plan(roll_up_after_days=1), now_ms=LATER_MS)
    assert filled.ask(HOURS) == hours
    assert checked(filled).is_whole


def test_a_damaged_file_of_a_day_that_was_rolled_up_is_put_back_alone_or_not_at_all(filled: Lake) -> None:
    rolled_up(filled)
    before, hours = rows_of(filled), filled.ask(HOURS)
    file = files_of(filled)[-1]
    footer(Path(file.path))
    with pytest.raises(DecisionError, match="2026-01-01 was rolled up"):
        rebuilt(filled)
    assert [fault.file.path for fault in checked(filled).faults] == [file.path]
    assert restored(filled).added == ROWS_IN_A_FRAME
    assert_same(rows_of(filled), before)
    assert filled.ask(HOURS) == hours


def test_nothing_is_made_anew_while_somebody_looks_after_the_lake(filled: Lake) -> None:
    page(Path(files_of(filled)[-1].path))
    known = snapshots(filled)
    with only_maintainer(filled.catalog):
        for attempt in (restored, rebuilt):
            with pytest.raises(OutsideError, match="Another `vaxel lake maintain`"):
                attempt(filled)
        assert restored(filled, dry_run=True).files
    assert snapshots(filled) == known


def test_files_that_maintenance_has_taken_away_meanwhile_are_not_touched(filled: Lake) -> None:
    page(Path(files_of(filled)[-1].path))
    (faults,) = damaged(filled.catalog, filled.files).values()
    with open_writer(filled.catalog, filled.files) as writer:
        writer.execute("DELETE FROM readings_washer")
    content = Path(faults[0].file.path).read_bytes()
    with pytest.raises(OutsideError, match="was under maintenance meanwhile: try again"):
        restore(filled.kafka, filled.catalog, filled.files, faults, inputs=filled.inputs)
    with pytest.raises(OutsideError, match="was under maintenance meanwhile: try again"):
        rebuild(filled.kafka, filled.catalog, filled.files, READINGS, None, faults, inputs=filled.inputs)
    assert Path(faults[0].file.path).read_bytes() == content


def test_an_exchange_is_tried_again_when_others_delete_the_same_row_in_the_catalogue(filled: Lake) -> None:
    delete = f"DELETE FROM {CYCLES} WHERE version = 1"
    removed: list[int] = []
    with closing(Way()) as way, open_writer(filled.catalog, filled.files, way=way) as writer:

        def work() -> Exchanged:
            removed.append(changed_rows(writer, delete))
            if len(removed) == 1:
                with open_writer(filled.catalog, filled.files) as other:
                    other.execute(delete)
            return Exchanged(removed[-1], 0)

        assert exchange(writer, way, filled.catalog, CYCLES, work) == Exchanged(0, 0)
    assert removed == [1, 0]
