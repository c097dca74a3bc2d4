"""Facts of the stream are those that plain SQL finds in the raw uploads, number by number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from streams.product import SHOE, WASHER, Product
from tests.integration.oracle import fleet
from tests.integration.oracle.asking import Fact, Oracle, differences
from tests.unit.streams.building import newest_sessions

EXACTLY = 0.0
SHARED = dict.fromkeys(
    ("material", "firmware", "session_no", "version", "started_at_ms", "ended_at_ms", "reading_count"), EXACTLY
)
CYCLES = SHARED | {
    "programme": EXACTLY,
    "peak_w": 1e-9,
    "energy_wh": 1e-3,  # each of up to a thousand readings is kept as a whole number of microwatt-hours
    "water_l": 1e-6,
    "heat_energy_wh": 1e-3,
    "heater_w": 0.01,  # of those energies
    "heating_k_per_min": 1e-4,
    "max_temperature_c": 1e-6,
    "max_drum_rpm": 1e-6,
}
PHASES = dict.fromkeys(("fill_s", "heat_s", "wash_s", "rinse_s", "spin_s"), 1e-6)
LABEL = dict.fromkeys(("label_energy_deviation_pct", "label_water_deviation_pct"), 1e-3)
COMPLAINTS = {
    "power_cut": "power_cut",
    "drain_slow": "slow_draining",
    "unbalance": "unbalanced",
    "door_open": "door_open",
}
HEALTH = {
    "avg_heart_rate_bpm": 1e-3,
    "max_heart_rate_bpm": 1e-9,
    "avg_ground_contact_ms": 1e-3,
    "avg_contact_balance_pct": 1e-3,
    "asymmetry_pct": 2e-3,
    "heart_rate_zone_s": 1e-3,
    "max_heart_rate_known_bpm": EXACTLY,
    "load": 1e-3,
}
RUNS = (
    SHARED
    | HEALTH
    | {
        "distance_m": 1e-3,  # whole millimetres
        "steps": 0.501,  # a whole number of them
        "avg_cadence_spm": 1e-3,
        "moving_s": 1e-3,
        "paused_s": 1e-3,
        "gap_s": 1e-3,
        "pace_s_per_km": 1e-2,
        "split_s": 2e-3,  # each end to a millisecond
    }
)


class Facts:
    """What both sides say of the same records."""

    def __init__(self, product: Product, question: str) -> None:
        records = fleet.records(product.telemetry)
        known = fleet.references()
        self.outputs = fleet.said(product, records, known)
        self.found: Mapping[str, dict[str, Any]] = newest_sessions(self.outputs)
        oracle = Oracle(((own.offset, own.timestamp, own.value) for own in records), known)
        self.expected = oracle.asked(question)

    def chosen(self, **fields: object) -> list[Fact]:
        """The oracle's facts with these fields."""
        return [fact for fact in self.expected if all(fact[name] == value for name, value in fields.items())]

    def apart(self, chosen: list[Fact], within: Mapping[str, float]) -> list[str]:
        """Where they differ in some of the sessions."""
        names = {fact["session_id"] for fact in chosen}
        return differences(chosen, {name: own for name, own in self.found.items() if name in names}, within)


@pytest.fixture(scope="module")
def cycles() -> Facts:
    return Facts(WASHER, "wash_cycles")


@pytest.fixture(scope="module")
def runs() -> Facts:
    return Facts(SHOE, "runs")


def test_cycles_are_what_sql_finds_in_the_uploads(cycles: Facts) -> None:
    assert len(cycles.expected) > 50
    assert differences(cycles.expected, cycles.found, CYCLES) == []


def test_phases_that_machines_report_are_added_up(cycles: Facts) -> None:
    told = cycles.chosen(reports_phases=True)
    assert len(told) > 10
    assert cycles.apart(told, PHASES) == []


def test_where_machines_report_no_phases_the_heater_is_seen_and_each_measured_moment_is_in_one(cycles: Facts) -> None:
    untold = cycles.chosen(reports_phases=False)
    assert len(untold) > 10
    for fact in untold:
        found = cycles.found[fact["session_id"]]
        assert found["heat_s"] == pytest.approx(fact["heater_s"])
        assert sum(found[phase] for phase in PHASES) == pytest.approx(fact["measured_s"])


def test_whole_cycles_are_held_against_their_label_and_others_are_not(cycles: Facts) -> None:
    whole, parts = cycles.chosen(is_whole=True, was_cut=False), cycles.chosen(is_whole=False)
    assert len(whole) > 30
    assert parts
    assert cycles.apart(whole, LABEL) == []
    assert {cycles.found[fact["session_id"]][name] for fact in parts for name in LABEL} == {None}


def test_readings_are_missing_where_sql_finds_a_hole_or_no_end(cycles: Facts) -> None:
    missing = {name for name, fact in cycles.found.items() if "readings_missing" in fact["anomalies"]}
    assert missing == {fact["session_id"] for fact in cycles.chosen(is_whole=False)}


def test_what_machines_complain_of_is_told_of_their_cycles(cycles: Facts) -> None:
    told = {(fact["session_id"], COMPLAINTS[alert]) for fact in cycles.expected for alert in fact["alerts"] or []}
    assert {kind for _, kind in told} >= {"slow_draining", "power_cut"}
    assert told <= {(name, kind) for name, fact in cycles.found.items() for kind in fact["anomalies"]}


def test_runs_are_what_sql_finds_in_the_uploads(runs: Facts) -> None:
    assert len(runs.expected) > 30
    assert differences(runs.expected, runs.found, RUNS) == []


def test_body_values_are_there_in_part_where_an_agreement_ended_or_began_in_a_run(runs: Facts) -> None:
    heard_s = {fact["session_id"]: sum(fact["heart_rate_zone_s"] or [0]) for fact in runs.expected}
    silent = [name for name, heard in heard_s.items() if not heard]
    assert 0 < len(silent) < len(heard_s)


@pytest.mark.parametrize("field", sorted(CYCLES | PHASES | LABEL))
def test_a_number_of_a_cycle_that_is_off_is_seen(cycles: Facts, field: str) -> None:
    one = cycles.chosen(is_whole=True, was_cut=False, reports_phases=True)[0]
    found = cycles.found[one["session_id"]]
    assert [
        line.split(":")[1].split()[1]
        for line in differences([one], {one["session_id"]: spoilt(found, field)}, CYCLES | PHASES | LABEL)
    ] == [field]


@pytest.mark.parametrize("field", sorted(RUNS))
def test_a_number_of_a_run_that_is_off_is_seen(runs: Facts, field: str) -> None:
    one = next(fact for fact in runs.expected if fact["avg_ground_contact_ms"] and fact["split_s"][:1] > [0])
    found = runs.found[one["session_id"]]
    assert [
        line.split(":")[1].split()[1] for line in differences([one], {one["session_id"]: spoilt(found, field)}, RUNS)
    ] == [field]


def spoilt(found: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The same with one number off by a little."""
    value = found[field]
    if isinstance(value, list):
        return {**found, field: [value[0] + 0.01, *value[1:]]}
    return {**found, field: value + ("x" if isinstance(value, str) else 1 if field in SHARED | {"steps": 0} else 0.02)}


def test_spin_power_is_that_at_the_steady_top_speed(cycles: Facts) -> None:
    assert differences(cycles.expected, cycles.found, {"spin_w": 0.01}) == []
