"""What the truth says of machines' conditions."""

from __future__ import annotations

from itertools import pairwise

import pytest

from producers.fault_rates import FaultRates
from producers.fleet import FIRST_DAY_MS, fleet
from producers.ledger import Ledger
from producers.simulation import deliveries
from producers.washer_wear import scale_growth_mm
from schemas.truth import TrueCondition, TrueSession


def test_each_wash_cycle_has_a_condition_and_no_run_has_one() -> None:
    ledger = Ledger()
    for delivery in deliveries(fleet(3, 12, 2, FIRST_DAY_MS, 4), FaultRates()):
        ledger.send(delivery)
    sessions, conditions = ledger.take(TrueSession).to_pylist(), ledger.take(TrueCondition).to_pylist()
    cycles = [session for session in sessions if session["product"] == "washer"]
    assert 10 < len(cycles) < len(sessions)
    assert [(row["device_id"], row["started_at_ms"]) for row in cycles] == [
        (row["device_id"], row["started_at_ms"]) for row in conditions
    ]
    assert ledger.take(TrueCondition).num_rows == 0
    assert all(0.2 < row["load_kg"] < 11.01 and 0 <= row["blocked_share"] < 0.8 for row in conditions)


def test_wear_only_grows_until_somebody_cleans_or_descales() -> None:
    ledger = Ledger()
    for delivery in deliveries(fleet(3, 6, 0, FIRST_DAY_MS, 12), FaultRates()):
        ledger.send(delivery)
    rows = ledger.take(TrueCondition).to_pylist()
    for device_id in {row["device_id"] for row in rows}:
        own = [row for row in rows if row["device_id"] == device_id]
        assert [row["bearing"] for row in own] == sorted(row["bearing"] for row in own)
        for before, after in pairwise(own):
            grown_mm = after["scale_mm"] - before["scale_mm"]
            assert after["scale_mm"] == 0.0 or 0 <= grown_mm <= scale_growth_mm(25.0, 60.0, 25.0)
            assert after["blocked_share"] == 0.0 or after["blocked_share"] == pytest.approx(
                before["blocked_share"] + before["load_kg"] * _lint_per_kg(own), rel=1e-6
            )


def _lint_per_kg(rows: list[dict[str, float]]) -> float:
    first, second = rows[0], rows[1]
    return (second["blocked_share"] - first["blocked_share"]) / first["load_kg"]
