"""Readings as a stream worker writes them, and the truth about them. Pure: the same number gives the same bytes.

A frame is what a worker under load commits of one partition: uploads of its devices by turns, 20 readings each, up to
`FRAME_ROWS` rows. Values are drawn, so that no compressor finds more in them than in real ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from schemas.facts import WasherReading
from schemas.forms import arrow_schema
from streams.frames import FRAME_ROWS, frame

DEVICES = 5_000
PER_UPLOAD = 20
START_MS = 1_767_225_600_000
"""2026-01-01 UTC."""
_STEP_MS = 1_000


@dataclass(frozen=True)
class Truth:
    """What a store of these readings must hold, in integers: sums of fractions depend on their order.

    Attributes:
        power_dw: Sum of the power, in tenths of a watt.
        after_start_ms: Sum of the instants, counted from `START_MS`.
    """

    readings: int
    power_dw: int
    after_start_ms: int

    def __add__(self, other: Truth) -> Truth:
        return Truth(
            self.readings + other.readings,
            self.power_dw + other.power_dw,
            self.after_start_ms + other.after_start_ms,
        )


TRUTH_SQL = (
    "SELECT count(*), sum(round(power_w * 10)::BIGINT)::BIGINT, "
    f"sum(epoch_ms(measured_at) - {START_MS})::BIGINT FROM {{rows}}"
)
"""Gives the three numbers of a `Truth`."""


def load(readings: int, partitions: int) -> Iterator[tuple[int, bytes, Truth]]:
    """Partition, value and truth of each record: the partitions take turns, and the last frame may be a short one."""
    rounds = [0] * partitions
    left, number = readings, 0
    while left:
        partition, rows = number % partitions, min(left, FRAME_ROWS)
        table = _readings(partition, partitions, rounds[partition], rows, np.random.default_rng(number))
        yield partition, frame(table), _truth(table)
        rounds[partition] += -(-rows // PER_UPLOAD)
        left, number = left - rows, number + 1


def _readings(partition: int, partitions: int, first_upload: int, rows: int, drawn: np.random.Generator) -> pa.Table:
    """Rows of the partition's uploads from `first_upload` on; its devices send by turns."""
    devices = np.arange(partition, DEVICES, partitions)
    upload = first_upload + np.arange(rows) // PER_UPLOAD
    turn, place = np.divmod(upload, devices.size)
    names = pa.array([f"bench-{number:06}" for number in devices.tolist()])
    step = turn * PER_UPLOAD + np.arange(rows) % PER_UPLOAD
    power_w = drawn.gamma(1.2, 300.0, rows).clip(0, 2_300).round(1)
    columns = {
        "device_id": pa.DictionaryArray.from_arrays(place.astype(np.int32), names).cast(pa.string()),
        "seq": turn,
        "session_no": turn // 360,
        "measured_at_ms": START_MS + devices[place] * 7 + step * _STEP_MS,
        "span_ms": np.full(rows, _STEP_MS),
        "power_w": power_w,
        "energy_wh": power_w * _STEP_MS / 3_600_000,
        "water_l": drawn.uniform(5, 60, rows).round(2),
        "temperature_c": drawn.uniform(15, 90, rows).round(1),
        "drum_rpm": drawn.integers(0, 1_400, rows).astype(np.float64),
        "phase": pa.array(["wash", "rinse", "spin"]).take(pa.array(turn // 30 % 3)),
    }
    schema = arrow_schema(WasherReading)
    return pa.Table.from_arrays([pa.array(columns[field.name]).cast(field.type) for field in schema], schema=schema)


def _truth(table: pa.Table) -> Truth:
    power_dw = np.rint(table["power_w"].to_numpy() * 10).astype(np.int64)
    after_start_ms = table["measured_at_ms"].to_numpy() - START_MS
    return Truth(table.num_rows, int(power_dw.sum()), int(after_start_ms.sum()))
