"""What the benchmark of backfills takes for a right answer."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from benchmarks.lake_backfill import Retold, _wrong, references_of, told_by
from schemas.errors import OutsideError
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


@pytest.mark.parametrize(
    ("exit_code", "printed", "complained", "says"),
    [
        (0, "", "it broke\n", "exit code 0 and no report; it said: it broke"),
        (0, "half {", "", "exit code 0 and no report; it said: half {"),
        (3, "{}", "vaxel: no Kafka\n", "exit code 3 and no report; it said: vaxel: no Kafka"),
        (-9, "", "", "exit code -9 and no report; it said: nothing"),
    ],
)
def test_a_run_without_a_report_is_told_in_one_line(exit_code: int, printed: str, complained: str, says: str) -> None:
    with pytest.raises(OutsideError, match=f"^vaxel backfill ended with {says}$"):
        told_by(exit_code, printed, complained)


def test_a_report_is_what_was_printed() -> None:
    assert told_by(0, '{"seconds": 2.0}', "warning\n") == {"seconds": 2.0}
