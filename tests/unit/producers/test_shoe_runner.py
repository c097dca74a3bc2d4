"""What can be seen of who wears a shoe: training week, feet, injuries; and of the shoe: wear."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from random import Random
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from producers.runner import a_runner
from producers.shoe import RETIRED_M
from tests.unit.producers.shoes import (
    COUNTRIES,
    DAY_MS,
    MONDAY_MS,
    a_device,
    a_run,
    a_shoe,
    days,
    is_run,
    is_sound_with_all_sensors,
    mean,
    nature_of,
    readings,
    told,
)


@pytest.mark.parametrize("country", ["SE", "US", "JP"])
def test_runs_follow_the_training_week_of_the_local_calendar(country: str) -> None:
    """Four times a day: in Tokyo it is Tuesday long before it is in New York."""
    seed = nature_of(lambda runner: runner.injury is None, country=country)
    week = a_runner(Random(seed), country).level.week
    shoe = a_shoe(a_device(country=country), seed)
    for hour in range(0, 8 * 24, 6):
        start_ms = MONDAY_MS + hour * 3_600_000
        local = datetime.fromtimestamp(start_ms / 1000, ZoneInfo(COUNTRIES[country]))
        assert is_run(told(shoe.session(start_ms))) == (week[local.weekday()] != "rest")


def test_an_ambitious_runner_runs_further_in_a_week_than_a_novice() -> None:
    week_m = {}
    for name in ("novice", "regular", "ambitious"):
        seed = nature_of(lambda runner, name=name: runner.injury is None and runner.level.name == name)
        week_m[name] = sum(max(readings(run, "distance_m")) for run in days(a_shoe(nature=seed), 7) if is_run(run))
    assert week_m["novice"] < 0.6 * week_m["regular"] < 0.4 * week_m["ambitious"]


def test_a_sound_runner_is_even_on_both_feet_give_or_take() -> None:
    sound = [seed for seed in range(40) if a_runner(Random(seed), "SE").injury is None]
    balances = [mean(a_run(a_shoe(nature=seed)), "contact_balance_pct") for seed in sound]
    assert abs(fmean(balances) - 50) < 0.4
    assert 0.3 < np.std(balances) < 1.0
    assert all(abs(balance - 50) < 2 for balance in balances)


def test_an_injury_grows_over_weeks_keeps_its_runner_at_home_and_goes_with_shorter_runs() -> None:
    seed = nature_of(lambda runner: runner.injury is not None and runner.level.name == "ambitious")
    injury = a_runner(Random(seed), "SE").injury
    assert injury is not None
    shoe = a_shoe(nature=seed)
    begin_ms = injury.first_ms + injury.every_ms * (1 + (MONDAY_MS - injury.first_ms) // injury.every_ms)
    parts: dict[str, list[list[dict[str, Any]]]] = defaultdict(list)
    for day, uploads in enumerate(days(shoe, 150, begin_ms)):
        since_ms = day * DAY_MS
        if since_ms < injury.building_ms:
            parts["early" if 3 * since_ms < injury.building_ms else "late"].append(uploads)
        elif since_ms < injury.building_ms + injury.break_ms:
            parts["break"].append(uploads)
        else:
            parts["back" if since_ms < injury.building_ms + injury.break_ms + 10 * DAY_MS else "sound"].append(uploads)
    runs = {part: [uploads for uploads in all_days if is_run(uploads)] for part, all_days in parts.items()}
    shift_pct = {
        part: fmean(mean(run, "contact_balance_pct") for run in told_runs)
        - mean(runs["sound"][-1], "contact_balance_pct")
        for part, told_runs in runs.items()
        if told_runs
    }
    assert len(parts["break"]) >= 8
    assert not runs["break"]
    assert abs(shift_pct["late"]) > abs(shift_pct["early"]) + 0.4
    assert shift_pct["late"] * injury.left_shift_pct > 0
    assert 0.2 < abs(shift_pct["back"]) < abs(injury.left_shift_pct)
    assert fmean(map(len, runs["back"])) < 0.8 * fmean(map(len, runs["early"]))
    assert 0.05 < fmean(a_runner(Random(other), "SE").injury is not None for other in range(300)) < 0.45


def test_foam_wears_over_the_kilometres() -> None:
    """The same run in the same shoe, as new and after a year of running."""
    seed = nature_of(is_sound_with_all_sensors)
    new, worn = a_run(a_shoe(nature=seed)), a_run(a_shoe(nature=seed, earlier_runs=330))
    assert worn[0]["lifetime_distance_m"] > new[0]["lifetime_distance_m"] + 400_000
    assert readings(worn, "distance_m") == readings(new, "distance_m")
    contact_ms, heart_bpm = (
        [mean(run, channel) for run in (new, worn)] for channel in ("ground_contact_ms", "heart_rate_bpm")
    )
    assert contact_ms[0] + 3 < contact_ms[1] < contact_ms[0] + 12
    assert heart_bpm[0] < heart_bpm[1] < heart_bpm[0] + 6


@pytest.mark.parametrize("level", ["novice", "regular", "ambitious"])
def test_a_pair_lasts_as_long_as_pairs_do(level: str) -> None:
    """A year old, after the fortnight that is simulated unless somebody says otherwise."""
    lifetimes_m, seed = [], -1
    for _ in range(20):
        seed = nature_of(lambda runner: runner.level.name == level, starting=seed + 1)
        shoe = a_shoe(nature=seed, earlier_runs=365)
        for day in range(14):
            shoe.session(MONDAY_MS + day * DAY_MS)
        (last,) = told(shoe.heartbeat(MONDAY_MS + 15 * DAY_MS))
        lifetimes_m.append(last["lifetime_distance_m"])
        assert last["lifetime_steps"] == pytest.approx(last["lifetime_distance_m"] * 0.925, rel=0.2)
    assert max(lifetimes_m) < RETIRED_M[1]
    assert min(lifetimes_m) > 150_000
    assert max(lifetimes_m) > 1.4 * min(lifetimes_m)


def test_a_young_pair_has_run_nearly_all_that_its_owner_has_run() -> None:
    seed = nature_of(lambda runner: runner.level.name == "regular")
    runner = a_runner(Random(seed), "SE")
    (first,) = told(a_shoe(nature=seed, earlier_runs=21).heartbeat(MONDAY_MS))
    assert 0.8 * 12 * runner.typical_run_m < first["lifetime_distance_m"] <= 12 * runner.typical_run_m


def test_the_phones_track_is_as_long_as_the_run() -> None:
    shoe = a_shoe(nature=nature_of(is_sound_with_all_sensors))
    for run in filter(is_run, days(shoe, 14)):
        latitude, longitude = (np.radians(readings(run, name)) for name in ("latitude_deg", "longitude_deg"))
        half = (
            np.sin(np.diff(latitude) / 2) ** 2
            + np.cos(latitude[1:]) * np.cos(latitude[:-1]) * np.sin(np.diff(longitude) / 2) ** 2
        )
        track_m = (2 * 6_371_008.8 * np.arcsin(np.sqrt(half))).sum()
        assert track_m == pytest.approx(max(readings(run, "distance_m")), rel=0.02)
