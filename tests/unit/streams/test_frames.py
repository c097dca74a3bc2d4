"""Frames hold every row once, in order, in pieces that Kafka takes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from schemas.facts import WasherReading
from schemas.forms import arrow_schema
from schemas.topics import FRAME_BYTES
from streams.frames import FRAME_ROWS, frames, read_frame


def test_no_rows_give_no_frame() -> None:
    assert list(frames(arrow_schema(WasherReading).empty_table())) == []


@pytest.mark.parametrize("rows", [1, 2, FRAME_ROWS - 1, FRAME_ROWS, FRAME_ROWS + 1, 3 * FRAME_ROWS])
def test_a_table_comes_back_from_its_frames_as_it_was(rows: int) -> None:
    table = pa.table(
        {"row": pa.array(np.arange(rows)), "name": pa.repeat("ö", rows), "none": pa.nulls(rows, pa.float64())}
    )
    values = list(frames(table))
    assert len(values) == -(-rows // FRAME_ROWS)
    assert pa.concat_tables([read_frame(value) for value in values]).equals(table)


def test_the_widest_readings_fit_into_a_record() -> None:
    rows = np.arange(FRAME_ROWS)
    floats = pa.array(1 / (rows + 1))
    numbers = pa.array(rows * 2_654_435_761 % 2**52)
    texts = pa.array([f"{row * 2_654_435_761 % 2**52:064d}" for row in range(FRAME_ROWS)])
    forms = {pa.string(): texts, pa.int64(): numbers, pa.float64(): floats}
    schema = arrow_schema(WasherReading)
    (value,) = frames(pa.table([forms[field.type] for field in schema], schema=schema))
    assert len(value) < FRAME_BYTES
