"""The next run of a training programme."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.desk.advice_history import DAY_MS, PastRun
from streams.desk.advice_plan import (
    HARD_EFFORT,
    PROGRESSION,
    ability_m_per_s,
    effort_of,
    hard_runs_a_week,
    plan_next,
    week_target_km,
)
from tests.unit.examples import examples
from tests.unit.streams.desk.advice_cases import a_custody, a_past_run, runs, with_last
from tests.unit.streams.desk.building import NOON_MS


def a_history(rng: Random) -> list[PastRun]:
    """Some weeks of running as it comes."""
    days = [*sorted(rng.sample(range(1, 60), rng.randint(2, 40)), reverse=True), 0]
    return [a_past_run(day, rng.uniform(2.5, 18.0), rng.uniform(270, 420)) for day in days]


@given(seed=st.integers(0, 2**32), rate=st.integers(1, 7), weekly_km=st.floats(5, 90))
@examples(25)
def test_a_plan_never_asks_for_a_jump(seed: int, rate: int, weekly_km: float) -> None:
    history = a_history(Random(seed))
    goal = Random(seed).choice(["health", "10k", "half_marathon", "marathon"])
    plan = plan_next(history, a_custody(runs_per_week=rate, weekly_km=weekly_km, goal=goal))
    assert plan is not None
    longest = max(run.distance_km for run in history if run.started_ms > NOON_MS - 30 * DAY_MS)
    assert 0 < plan.km <= longest * PROGRESSION + 0.05
    assert plan.week_km <= weekly_km
    assert plan.earliest > date(2026, 6, 1)
    assert plan.slow_s_per_km > plan.fast_s_per_km > 0
    if (effort_of(history[-1], history) or 0.0) >= HARD_EFFORT:
        assert plan.kind != "tempo"
    if goal == "health":
        assert plan.kind == "easy"


def test_after_a_hard_run_comes_an_easy_one_two_days_later() -> None:
    plan = plan_next(with_last(runs(), 1, moving_s=8.0 * 300.0), a_custody())
    assert plan is not None
    assert (plan.kind, plan.earliest) == ("easy", date(2026, 6, 3))


def test_a_hard_run_comes_after_an_easy_one_once_in_a_week_of_four() -> None:
    plan = plan_next(runs(every_days=1.75), a_custody())
    assert plan is not None
    assert plan.kind == "tempo"
    hard_in_week = [*runs()[:-1], a_past_run(0.0, 8.0, 300.0), replace(a_past_run(), started_ms=NOON_MS + 2 * DAY_MS)]
    later = plan_next(hard_in_week, a_custody())
    assert later is not None
    assert later.kind == "easy"


def test_the_last_run_of_a_week_is_the_long_one_if_there_was_none() -> None:
    plan = plan_next(runs(), a_custody(runs_per_week=2))
    assert plan is not None
    assert plan.kind == "long"
    assert plan.km == 8.8  # a tenth more than the longest


def test_a_week_that_is_run_goes_on_next_monday() -> None:
    plan = plan_next(runs(), a_custody(runs_per_week=1))
    assert plan is not None
    assert plan.earliest == date(2026, 6, 8)
    assert plan.done_km == 0.0


def test_a_week_grows_by_a_tenth_over_what_was_run_whatever_the_programme_says() -> None:
    assert week_target_km(runs(count=15, km=5.0), 30.0) == pytest.approx(5.0 * 14 / 4 * 1.1)
    assert week_target_km(runs(count=15, km=5.0), 15.0) == 15.0
    assert week_target_km(runs(count=3, every_days=9.0, km=3.0), 30.0) == 15.0


def test_without_a_programme_or_with_hardly_a_run_nothing_is_planned() -> None:
    for lacking in ({"goal": None}, {"weekly_km": None}, {"runs_per_week": None}):
        assert plan_next(runs(), a_custody(**lacking)) is None
    assert plan_next(runs(count=2), a_custody()) is None
    assert plan_next(runs(moving_s=None), a_custody()) is None


def test_what_a_run_promises_for_another_distance_is_less_for_a_longer_one() -> None:
    history = with_last(runs(), 1, moving_s=8.0 * 300.0)
    best = 1000 / 300
    assert ability_m_per_s(history, 8.0) == pytest.approx(best)
    assert ability_m_per_s(history, 16.0) == pytest.approx(best * 2**-0.06)


def test_who_runs_all_runs_alike_runs_none_of_them_hard() -> None:
    history = runs()
    assert all((effort_of(run, history) or 1.0) < HARD_EFFORT for run in history)


@pytest.mark.parametrize(("rate", "goal", "hard"), [(2, "10k", 0), (3, "10k", 1), (8, "marathon", 2), (5, "health", 0)])
def test_a_fifth_of_the_runs_is_hard(rate: int, goal: str, hard: int) -> None:
    assert hard_runs_a_week(rate, goal) == hard  # type: ignore[arg-type]


@pytest.mark.parametrize("km", [0.0, 0.03, 0.3])
def test_nothing_is_planned_on_a_month_of_nothing_but_a_few_steps(km: float) -> None:
    before = [a_past_run(35 + 2 * number) for number in range(4, -1, -1)]
    assert plan_next([*before, a_past_run(0, km=0.6)], a_custody()) is not None
    assert plan_next([*before, a_past_run(0, km=km, pace_s=600)], a_custody()) is None


@given(seed=st.integers(0, 2**32), rate=st.integers(2, 7), weekly_km=st.floats(5, 90))
@examples(50)
def test_a_brisk_run_has_room_for_its_easy_minutes_and_a_long_one_is_long(
    seed: int, rate: int, weekly_km: float
) -> None:
    history = a_history(Random(seed))
    plan = plan_next(history, a_custody(runs_per_week=rate, weekly_km=weekly_km, goal="half_marathon"))
    assert plan is not None
    usual_km = median(run.distance_km for run in history if run.started_ms > NOON_MS - 30 * DAY_MS)
    if plan.kind == "tempo":
        ability_s_per_km = plan.fast_s_per_km  # tempo ends at the whole of it
        middle_km = plan.km - 20 * 60 / (ability_s_per_km / 0.86)
        assert middle_km * ability_s_per_km >= 9.5 * 60
    if plan.kind == "long":
        assert plan.km >= 8.0
        assert plan.km >= usual_km


def test_where_little_of_the_week_is_left_it_is_run_easily_or_the_next_week_begins() -> None:
    before = [a_past_run(7 + 2 * number, 10.0) for number in range(10, -1, -1)]
    this_week = [replace(a_past_run(0, km), started_ms=NOON_MS + day * DAY_MS) for day, km in ((0, 12), (2, 12.5))]
    little = plan_next([*before, *this_week], a_custody(runs_per_week=3, weekly_km=30.0))
    assert little is not None
    assert (little.kind, little.km) == ("easy", 5.5)
    nothing = plan_next([*before, *this_week], a_custody(runs_per_week=3, weekly_km=27.0))
    assert nothing is not None
    assert (nothing.earliest, nothing.done_km) == (date(2026, 6, 8), 0.0)


def test_weeks_before_the_first_known_run_are_not_weeks_without_running() -> None:
    # Twelve kilometres every other day are 42 a week, after three of them as after thirty.
    assert week_target_km(runs(count=3, km=12.0), 75.0) == pytest.approx(42 * PROGRESSION)
    assert week_target_km(runs(count=8, km=12.0), 75.0) == pytest.approx(42 * PROGRESSION)
    assert week_target_km(runs(count=30, km=12.0), 75.0) == pytest.approx(42 * PROGRESSION)
