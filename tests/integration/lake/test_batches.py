"""A batch is stored when it has enough rows, enough bytes, or has waited for long enough; each alone is enough."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import pyarrow as pa
import pytest

from sinks.lake.sink import Settings
from sinks.lake.storing import Stored
from sinks.lake.watch import Watch
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake, a_frame, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

NEVER_S = 3_600.0
MANY = 10**12
FRAME_BYTES = pa.ipc.open_stream(a_frame(0)).read_all().nbytes


def stored_batches(lake: Lake, rows: int, settings: Settings) -> list[int]:
    """Rows of each transaction, until so many rows are stored."""
    batches, stop = list[int](), Event()

    def count(stored: Stored) -> None:
        batches.append(sum(stored.rows.values()))
        if sum(batches) >= rows:
            stop.set()

    lake.sink(rows, stop=stop, settings=settings, report=count)
    return batches


def test_by_rows(lake: Lake) -> None:
    lake.produce(range(4))
    due = Settings(max_rows=2 * ROWS_IN_A_FRAME, max_bytes=MANY, max_age_s=NEVER_S)
    assert stored_batches(lake, 4 * ROWS_IN_A_FRAME, due) == 2 * [2 * ROWS_IN_A_FRAME]


def test_by_bytes(lake: Lake) -> None:
    lake.produce(range(4))
    due = Settings(max_rows=MANY, max_bytes=2 * FRAME_BYTES, max_age_s=NEVER_S)
    assert stored_batches(lake, 4 * ROWS_IN_A_FRAME, due) == 2 * [2 * ROWS_IN_A_FRAME]


def test_by_age(lake: Lake) -> None:
    lake.produce(range(1))
    due = Settings(max_rows=MANY, max_bytes=MANY, max_age_s=0.2)
    assert stored_batches(lake, ROWS_IN_A_FRAME, due) == [ROWS_IN_A_FRAME]


def test_what_is_not_due_waits_and_is_stored_when_the_sink_is_told_to_stop(lake: Lake) -> None:
    lake.produce(range(2))
    stop, watch, batches = Event(), Watch(), list[int]()
    more: dict[str, Any] = {
        "settings": Settings(max_rows=MANY, max_bytes=MANY, max_age_s=NEVER_S),
        "report": lambda stored: batches.append(sum(stored.rows.values())),
    }
    sink = Thread(target=lambda: lake.sink(MANY, stop=stop, watch=watch, **more))
    sink.start()
    try:
        wait_for(lambda: watch.held_rows == 2 * ROWS_IN_A_FRAME)
        assert watch.held_bytes == 2 * FRAME_BYTES
        assert watch.lag[lake.topic()] == 2
        assert not watch.caught_up
        assert not batches
    finally:
        stop.set()
        sink.join(60)
    assert batches == [2 * ROWS_IN_A_FRAME]
    assert (watch.held_rows, watch.held_bytes, watch.lag[lake.topic()]) == (0, 0, 0)
    assert watch.caught_up
