"""What the benchmark of backfills takes for a right answer."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from benchmarks.lake_backfill import Retold, _wrong, references_of
from streams.desk.reading import Record, references


def told(**fields: Any) -> dict[str, dict[str, Any]]:
    nothing = {"changed": 0, "appears": 0, "withdrawn": 0}
    return {"washer": {"readings": 10, "same": 4, "left": {"open": 1}} | nothing | fields}


def test_a_run_that_finds_all_as_it_is_has_a_speed() -> None:
    assert _wrong(told(), 10, 5) == ""
    assert Retold(10, 5, 2, 2.0, "").readings_per_s == 5.0


@pytest.mark.parametrize(
    "fields",
    [
        {"readings": 9},
        {"same": 3},
        {"left": {"open": 1, "unsettled": 0}},
        {"changed": 1},
        {"appears": 1},
        {"withdrawn": 1},
    ],
)
def test_a_run_that_finds_anything_otherwise_has_no_speed(fields: dict[str, Any]) -> None:
    wrong = _wrong(told(**fields), 10, 5)
    assert wrong
    assert Retold(10, 5, 2, 2.0, wrong).readings_per_s is None


def test_what_is_known_of_each_device_is_there_to_be_read() -> None:
    records = [Record(topic, 0, b"c0-w-1", value) for topic, value in references_of("c0-w-1")]
    assert Counter(type(own).__name__ for own in references(records)) == {"CustodyReference": 1, "ContractReference": 1}
