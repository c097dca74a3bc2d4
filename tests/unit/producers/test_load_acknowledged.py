"""Offsets find their uploads, whoever else writes to the partition, and whatever fails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.load_acknowledged import Acknowledged
from producers.load_digits import listed
from producers.load_uploads import Volley, devices
from schemas.topics import TELEMETRY_WASHER

WASHERS = devices("washer", 3, 1, 5)


@dataclass
class Message:
    """A delivery report's message; Kafka's own has more."""

    at: int
    sent: bytes

    def offset(self) -> int:
        return self.at

    def value(self) -> bytes:
        return self.sent


class TimedOut:
    def str(self) -> str:
        return "timed out"


def volley(first: int, end: int) -> Volley:
    """Uploads in an order that has device and number in it."""
    numbers = np.arange(first, end)
    return Volley(WASHERS, numbers % 3, numbers // 3)


def told(tables: list[pa.Table]) -> list[tuple[int, int, int]]:
    """Partition, offset and which upload."""
    return [
        (row["partition"], row["offset"], row["seq"] * 3 + int(row["device_id"][-6:]))
        for table in tables
        for row in table.to_pylist()
    ]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.data())
def test_each_upload_gets_the_offset_that_was_reported_for_it(sizes: list[int], data: st.DataObject) -> None:
    acknowledged = Acknowledged()
    count = sum(sizes)
    ends = np.cumsum(sizes).tolist()
    for start, end in zip([0, *ends], ends, strict=False):
        acknowledged.hand_over(TELEMETRY_WASHER, 1, volley(start, end))
    offsets = sorted(data.draw(st.sets(st.integers(0, 1_000), min_size=count, max_size=count)))
    failed = data.draw(st.sets(st.integers(0, count - 1)))
    values = listed(volley(0, count).values())
    report = acknowledged.report(TELEMETRY_WASHER, 1)
    found: list[pa.Table] = []
    for upload, offset in enumerate(offsets):
        report(TimedOut() if upload in failed else None, Message(-1001 if upload in failed else offset, values[upload]))
        if data.draw(st.booleans()):
            found += acknowledged.rows()
    found += acknowledged.settled_rows()
    assert told(found) == [(1, offset, upload) for upload, offset in enumerate(offsets) if upload not in failed]
    assert acknowledged.count == count - len(failed)
    assert acknowledged.errors == ["timed out"] * len(failed)


def test_what_no_report_came_for_is_not_told() -> None:
    acknowledged = Acknowledged()
    acknowledged.hand_over(TELEMETRY_WASHER, 0, volley(0, 4))
    acknowledged.report(TELEMETRY_WASHER, 0)(None, Message(70, b""))
    assert told([*acknowledged.rows(), *acknowledged.settled_rows()]) == [(0, 70, 0)]


def test_partitions_do_not_mix() -> None:
    acknowledged = Acknowledged()
    for number in range(2):
        acknowledged.hand_over(TELEMETRY_WASHER, number, volley(number, number + 1))
    for number in (1, 0):
        acknowledged.report(TELEMETRY_WASHER, number)(None, Message(9, b""))
    assert told(list(acknowledged.rows())) == [(0, 9, 0), (1, 9, 1)]


def test_an_acknowledgement_without_an_offset_is_an_error() -> None:
    acknowledged = Acknowledged()
    acknowledged.hand_over(TELEMETRY_WASHER, 0, volley(0, 1))
    (value,) = listed(volley(0, 1).values())
    acknowledged.report(TELEMETRY_WASHER, 0)(None, Message(-1001, value))
    assert acknowledged.errors == ["acknowledged, but not at which offset"]
    assert acknowledged.count == 0
    assert told([*acknowledged.rows(), *acknowledged.settled_rows()]) == []


def test_offsets_that_fall_are_our_own_mistake() -> None:
    acknowledged = Acknowledged()
    acknowledged.hand_over(TELEMETRY_WASHER, 0, volley(0, 2))
    for offset in (8, 7):
        acknowledged.report(TELEMETRY_WASHER, 0)(None, Message(offset, b""))
    with pytest.raises(AssertionError, match="keeps the order"):
        list(acknowledged.rows())
