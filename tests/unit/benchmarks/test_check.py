"""A wrong answer is found, whatever is wrong with it; a right one is not called wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from benchmarks.engine.check import wrong_readings, wrong_receipts, wrong_sessions, wrong_sums
from benchmarks.engine.load import Cycle, Sums, Truth

TRUTH = Truth(
    readings_per_upload=2,
    devices={"a": Sums(2, 3_000), "b": Sums(1, 500)},
    cycles={"a:1": Cycle(4, 3_000, ended=True), "b:1": Cycle(2, 500, ended=False)},
)


def receipts(*rows: tuple[str, str]) -> pa.Table:
    return pa.table(
        {"device_id": [row[0] for row in rows], "outcome": [row[1] for row in rows], "seq": [0] * len(rows)}
    )


def readings(*rows: tuple[str, float]) -> pa.Table:
    return pa.table({"device_id": [row[0] for row in rows], "energy_wh": [row[1] for row in rows]})


def session(session_id: str, version: int, status: str, readings: int, energy_wh: float) -> dict[str, Any]:
    own = {"session_id": session_id, "version": version, "status": status}
    return own | {"reading_count": readings, "energy_wh": energy_wh}


def test_right_sums_are_right() -> None:
    assert wrong_sums(dict(TRUTH.devices), TRUTH) == []


@pytest.mark.parametrize(
    "found",
    [
        {"a": Sums(2, 3_000)},
        {"a": Sums(2, 3_000), "b": Sums(1, 501)},
        {"a": Sums(3, 3_000), "b": Sums(1, 500)},
        {**TRUTH.devices, "c": Sums(1, 1)},
    ],
    ids=["missing", "energy", "twice", "unknown"],
)
def test_wrong_sums_are_told(found: dict[str, Sums]) -> None:
    (sentence,) = wrong_sums(found, TRUTH)
    assert sentence.startswith("sums of 1 are wrong: ")


RECEIPTS = [("a", "accepted"), ("a", "accepted"), ("b", "accepted")]


def test_right_receipts_are_right_in_any_frames() -> None:
    assert wrong_receipts([receipts(*RECEIPTS)], TRUTH) == []
    assert wrong_receipts([receipts(row) for row in RECEIPTS], TRUTH) == []


@pytest.mark.parametrize(
    "rows", [[], RECEIPTS[1:], [*RECEIPTS, ("b", "accepted")], [*RECEIPTS, ("b", "duplicate")], [("c", "accepted")]]
)
def test_wrong_receipts_are_told(rows: list[tuple[str, str]]) -> None:
    assert wrong_receipts([receipts(*rows)] if rows else [], TRUTH)


READINGS = [("a", 0.001), ("a", 0.001), ("a", 0.0005), ("a", 0.0005), ("b", 0.0), ("b", 0.0005)]


def test_right_readings_are_right_in_any_frames() -> None:
    assert wrong_readings([readings(*READINGS)], TRUTH) == []
    assert wrong_readings([readings(row) for row in READINGS], TRUTH) == []


@pytest.mark.parametrize("rows", [[], READINGS[1:], [*READINGS, ("b", 0.0)], [("a", 0.002), *READINGS[1:]]])
def test_wrong_readings_are_told(rows: list[tuple[str, float]]) -> None:
    assert wrong_readings([readings(*rows)] if rows else [], TRUTH)


OPEN_A, CLOSED_A = session("a:1", 1, "open", 2, 0.001), session("a:1", 3, "closed", 4, 0.003)
OPEN_B = session("b:1", 1, "open", 1, 0.0)


def test_newest_versions_count_and_an_open_cycle_may_be_behind() -> None:
    assert wrong_sessions([OPEN_A, OPEN_B, CLOSED_A], TRUTH) == []


BREAK: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "never closed": lambda: [OPEN_A, OPEN_B],
    "missing": lambda: [CLOSED_A],
    "closed too early": lambda: [CLOSED_A, session("b:1", 2, "closed", 2, 0.0005)],
    "wrong energy": lambda: [OPEN_B, CLOSED_A | {"energy_wh": 0.0031}],
    "wrong readings": lambda: [OPEN_B, CLOSED_A | {"reading_count": 5}],
    "corrected": lambda: [OPEN_B, CLOSED_A, CLOSED_A | {"version": 4, "status": "corrected"}],
    "told twice": lambda: [OPEN_B, CLOSED_A, CLOSED_A],
    "unknown": lambda: [OPEN_B, CLOSED_A, session("c:1", 1, "open", 1, 0.0)],
}


@pytest.mark.parametrize("versions", BREAK.values(), ids=BREAK.keys())
def test_wrong_cycles_are_told(versions: Callable[[], list[dict[str, Any]]]) -> None:
    assert wrong_sessions(versions(), TRUTH)
