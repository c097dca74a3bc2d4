"""What runners are told, and what they are spared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.desk.advice_body import asymmetry, fatigue, shoe_worn_out
from streams.desk.advice_runner import heart_rate_advice, next_session, pace_advice
from tests.unit.streams.desk.advice_cases import a_custody, a_past_run, findings, runs, with_last


def test_every_rule_that_goes_by_health_says_so_and_no_other() -> None:
    by_health = {message for message, finding in findings().items() if finding.uses_health}
    assert by_health == {"heart_rate_advice", "asymmetry", "asymmetry.other_foot", "fatigue.stride", "fatigue.load"}


@pytest.mark.parametrize("side", [1, -1])
def test_a_foot_that_stays_longer_in_three_runs_is_told_with_its_name(side: int) -> None:
    found = asymmetry(with_last(runs(24, asymmetry_pct=side * 0.8), 3, asymmetry_pct=side * 5.1))
    assert found is not None
    assert found.evidence["asymmetry_pct"] == side * 5.1
    assert ("foot.left" if side > 0 else "foot.right") in repr(found.values["foot"])


@pytest.mark.parametrize("side", [1, -1])
def test_who_limps_on_the_other_foot_than_usual_is_told_of_both(side: int) -> None:
    found = asymmetry(with_last(runs(24, asymmetry_pct=-5.0 * side), 3, asymmetry_pct=4.2 * side))
    assert found is not None
    feet = {name: repr(found.values[name]) for name in ("foot", "other")}
    assert ("left" if side > 0 else "right") in feet["foot"]
    assert ("right" if side > 0 else "left") in feet["other"]
    assert found.message == "asymmetry.other_foot"


def test_a_usual_difference_that_is_written_as_none_is_on_no_foot() -> None:
    found = asymmetry(with_last(runs(24, asymmetry_pct=-0.04), 3, asymmetry_pct=5.1))
    assert found is not None
    assert found.message == "asymmetry"


def test_two_uneven_runs_or_a_lifelong_difference_are_no_warning() -> None:
    assert asymmetry(with_last(runs(24, asymmetry_pct=0.8), 2, asymmetry_pct=5.1)) is None
    assert asymmetry(runs(24, asymmetry_pct=5.1)) is None
    assert asymmetry(with_last(runs(24, asymmetry_pct=0.8), 3, asymmetry_pct=3.5)) is None
    assert asymmetry(with_last(runs(5, asymmetry_pct=0.8), 3, asymmetry_pct=5.1)) is None


def test_a_run_without_contact_times_says_nothing_of_asymmetry() -> None:
    history = with_last(runs(24, asymmetry_pct=0.8), 4, asymmetry_pct=5.1)
    assert asymmetry([*history[:-1], replace(history[-1], asymmetry_pct=None)]) is None


def test_tired_legs_are_told_from_fast_ones_by_pace() -> None:
    history = runs(contact_ms=240.0, cadence_spm=168.0)
    assert fatigue(with_last(history, 3, contact_ms=249.0, cadence_spm=165.0)) is not None
    # 9 ms longer and 3 steps fewer are what 0.27 to 0.33 m/s slower makes of sound legs.
    slower = with_last(history, 3, contact_ms=250.0, cadence_spm=165.2, moving_s=8_000 / (1000 / 360 - 0.3))
    assert fatigue(slower) is None
    assert fatigue(with_last(history, 3, contact_ms=249.0)) is None


def test_half_as_much_again_as_usual_is_too_much_at_once() -> None:
    steady = runs(16, 2.0, km=6.0)
    assert fatigue(steady) is None
    assert fatigue(with_last(steady, 3, distance_km=8.0)) is None
    found = fatigue(with_last(steady, 3, distance_km=14.0))
    assert found is not None
    assert found.message == "fatigue.distance"
    assert "load" not in repr(found.evidence)


def test_three_weeks_must_be_known_before_load_is_judged() -> None:
    assert fatigue(with_last(runs(8, 2.0, km=6.0), 3, distance_km=14.0)) is None


def test_load_by_heart_rate_goes_before_distance() -> None:
    found = fatigue([replace(run, load=run.distance_km * 20) for run in with_last(runs(), 3, distance_km=20.0)])
    assert found is not None
    assert found.message == "fatigue.load"


@pytest.mark.parametrize(("hard_s", "is_told"), [(900.0, False), (1_020.0, True)])
def test_a_third_of_the_time_at_a_high_heart_rate_is_too_much(hard_s: float, is_told: bool) -> None:
    assert (heart_rate_advice(runs(heart_s=2_880.0, hard_s=hard_s)) is not None) is is_told


def test_a_strap_worn_now_and_then_says_too_little() -> None:
    history = [
        replace(run, heart_s=2_880.0, hard_s=2_000.0) if number % 4 == 3 else run for number, run in enumerate(runs())
    ]
    assert heart_rate_advice(history) is None


def test_an_easy_run_that_was_hard_is_told_and_one_that_was_easy_is_not() -> None:
    before = [*runs()[:-1], a_past_run(1.0, 8.0, 310.0)]
    assert pace_advice([*before, a_past_run(0.0, 8.0, 305.0)], a_custody()) is not None
    assert pace_advice([*before, a_past_run(0.0, 8.0, 355.0)], a_custody()) is None


def test_a_hard_run_that_was_due_is_no_reason_to_speak() -> None:
    before = runs(every_days=1.75)
    assert (
        pace_advice([*before, replace(a_past_run(0.0, 8.0, 305.0), started_ms=before[-1].started_ms + 1)], a_custody())
        is None
    )


@pytest.mark.parametrize(
    ("total_km", "message"), [(600.0, None), (640.0, "shoe_worn_out.soon"), (700.0, "shoe_worn_out.now")]
)
def test_shoes_are_told_of_three_weeks_before_they_are_worn_out(total_km: float, message: str | None) -> None:
    found = shoe_worn_out(runs(), total_km, a_custody())
    assert (found.message if found else None) == message


def test_the_day_on_which_shoes_are_worn_out_follows_from_the_rate() -> None:
    found = shoe_worn_out(runs(), 656.0, a_custody())  # 28 km a week, 44 km left: 11 days
    assert found is not None
    assert found.evidence["worn_out_on"] == "2026-06-12"


def test_who_follows_no_programme_gets_no_next_session() -> None:
    assert next_session(runs(), a_custody(goal=None)) is None
