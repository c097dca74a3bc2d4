"""The next run of a training programme, adapted to what was really run. Pure.

Sources: four fifths of all running easy, a fifth hard, hard days apart: Seiler (2010), Int J Sports Physiol Perform
5(3). A week grows by a tenth at most: the usual rule of thumb (Johnston et al., 2003, Can Fam Physician 49); more than
30 % is what injuries follow (Nielsen et al., 2014, J Orthop Sports Phys Ther 44(10)). No run longer by more than a
tenth than the longest of the last 30 days: Schuster Brandt Frandsen et al. (2025), Br J Sports Med 59. What a distance
takes from another one: Riegel (1981), American Scientist 69(3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Literal

from schemas.reference import Goal
from streams.desk.advice_history import DAY_MS, PastRun
from streams.desk.advice_told import local_day, week_of
from streams.desk.register import Custody

RunKind = Literal["easy", "long", "tempo"]

PROGRESSION = 1.10
LEAST_RUNS = 3
"""Runs known before anything is planned: less says nothing of a person's speed."""
CHRONIC_DAYS, ABILITY_DAYS, LONGEST_DAYS = 28, 42, 30
RIEGEL = 1.06
LEAST_ABILITY_M, LEAST_ABILITY_S = 1_500.0, 480.0
USUAL_EFFORT = 0.88
"""Of the speed that one is able to, that of the usual run, which is an easy one."""
HARD_EFFORT = 0.94
"""Of the speed that one is able to over the same distance; from there on a run was hard."""
EFFORT: dict[RunKind, tuple[float, float]] = {"easy": (0.80, 0.92), "long": (0.78, 0.90), "tempo": (0.95, 1.00)}
"""Slowest and fastest speed of each kind, as a share of the same."""
LONG_SHARE: dict[Goal, float] = {"health": 0.30, "10k": 0.30, "half_marathon": 0.35, "marathon": 0.38}
"""Of a week's kilometres, what its long run takes."""
LONG_FROM = 0.9
"""Of that share, from which on a run counts as the week's long one."""
LEAST_KM = 2.0
LEAST_PLANNED_KM = 0.5
"""Less is no run: who has run no more for a month is asked for nothing."""
LEAST_START = 0.5
"""Of the programme's week, with which somebody begins who has run less."""
LEAST_KNOWN_DAYS = 3.5
"""What is known of fewer is not taken for more than half a week."""
WARM_UP_S, COOL_DOWN_S, LEAST_BRISK_S = 600.0, 600.0, 600.0
"""Of a tempo run: easy before and after, and what is to be left between them."""
LEAST_LONG_KM, LONG_OVER_USUAL = 8.0, 1.05
"""A long run is no shorter, and longer than the usual one of the last month."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run next.

    Attributes:
        slow_s_per_km, fast_s_per_km: Pace within which to stay.
        earliest: Local day before which to rest.
        done_km, week_km: What of its week is run, and what the week asks for by now.
    """

    kind: RunKind
    km: float
    slow_s_per_km: float
    fast_s_per_km: float
    earliest: date
    done_km: float
    week_km: float


def plan_next(runs: Sequence[PastRun], custody: Custody) -> Plan | None:
    """The next run after the last of `runs` (oldest first); None without a programme, or too little known.

    Hard only as often as leaves about four fifths of the runs easy, never for health alone, and never on top of a hard
    or long run.
    """
    goal, rate = custody.goal, custody.runs_per_week
    if goal is None or not rate or not custody.weekly_km or len(runs) < LEAST_RUNS or not ability_m_per_s(runs, 1.0):
        return None
    last_day = local_day(runs[-1].started_ms, custody.time_zone)
    week_km = week_target_km(runs, custody.weekly_km)
    this_week = _in_week(runs, week_of(last_day), custody)
    last_kind = kind_of(runs[-1], runs, week_km, goal)
    rest_days = max(7 // rate, 2 if last_kind != "easy" and rate <= 4 else 1)
    earliest = last_day + timedelta(days=rest_days)
    left = rate - len(this_week)
    done_km = sum(run.distance_km for run in this_week)
    least_km = max(LEAST_KM, _usual_km(runs) / 2)
    if left <= 0 or week_km - done_km < least_km or week_of(earliest) > week_of(last_day):
        monday = last_day + timedelta(days=7 - last_day.weekday())
        earliest, this_week, left, done_km = max(earliest, monday), [], rate, 0.0
    kinds = [kind_of(run, runs, week_km, goal) for run in this_week]
    kind = _next_kind(kinds, last_kind, left, rate, goal)
    km = _km(kind, runs, (week_km, done_km), left, goal)
    if round(least_km_of(kind, runs), 1) > km:
        kind = "easy"
        km = _km(kind, runs, (week_km, done_km), left, goal)
    speed = ability_m_per_s(runs, km) if km >= LEAST_PLANNED_KM else None
    if not speed:
        return None
    slow, fast = EFFORT[kind]
    return Plan(kind, km, 1000 / (speed * slow), 1000 / (speed * fast), earliest, done_km, week_km)


def week_target_km(runs: Sequence[PastRun], programme_km: float) -> float:
    """Kilometres of the present week: a tenth above the mean of the last four, the programme's at most.

    Where less is known, the mean is of the days known: each run stands for the days to the next one.
    """
    last_ms = runs[-1].started_ms
    known_days = (last_ms - runs[0].started_ms) / DAY_MS * len(runs) / max(len(runs) - 1, 1)
    weeks = min(max(known_days, LEAST_KNOWN_DAYS), CHRONIC_DAYS) / 7
    recent = [run for run in runs if run.started_ms > last_ms - CHRONIC_DAYS * DAY_MS]
    usual_km = sum(run.distance_km for run in recent) / weeks
    return min(programme_km, max(usual_km * PROGRESSION, programme_km * LEAST_START))


def least_km_of(kind: RunKind, runs: Sequence[PastRun]) -> float:
    """Kilometres below which a run is not of its kind."""
    if kind == "long":
        return max(LEAST_LONG_KM, _usual_km(runs) * LONG_OVER_USUAL)
    km = LEAST_KM
    if kind == "tempo":
        easy, brisk = (sum(EFFORT[own]) / 2 for own in ("easy", "tempo"))
        for _ in range(3):  # the speed depends on the distance, a little
            km = (ability_m_per_s(runs, km) or 0.0) * ((WARM_UP_S + COOL_DOWN_S) * easy + LEAST_BRISK_S * brisk) / 1000
    return km


def ability_m_per_s(runs: Sequence[PastRun], km: float) -> float | None:
    """The speed that the last weeks' runs promise over a distance (Riegel); None: none was long enough.

    It is that of the best of them, or more, if the usual one is nearer to it than easy running is to one's best: then
    none of them was hard. Who runs hard every time cannot be told from that by pace alone.
    """
    last_ms = runs[-1].started_ms if runs else 0
    speeds = [
        speed * (run.distance_km / km) ** (RIEGEL - 1)
        for run in runs
        if run.started_ms > last_ms - ABILITY_DAYS * DAY_MS
        and (speed := run.speed_m_per_s)
        and run.distance_km * 1000 >= LEAST_ABILITY_M
        and (run.moving_s or 0.0) >= LEAST_ABILITY_S
    ]
    return max(*speeds, median(speeds) / USUAL_EFFORT) if speeds else None


def effort_of(run: PastRun, runs: Sequence[PastRun]) -> float | None:
    """A run's speed over what the runner could do over its distance."""
    ability = ability_m_per_s(runs, run.distance_km) if run.distance_km else None
    speed = run.speed_m_per_s
    return speed / ability if ability and speed else None


def kind_of(run: PastRun, runs: Sequence[PastRun], week_km: float, goal: Goal) -> RunKind:
    """What a run was: hard (as a tempo run), long or easy, by how it was run."""
    if (effort_of(run, runs) or 0.0) >= HARD_EFFORT:
        return "tempo"
    return "long" if run.distance_km >= LONG_SHARE[goal] * week_km * LONG_FROM else "easy"


def hard_runs_a_week(rate: int, goal: Goal) -> int:
    """How many of a week's runs may be hard: a fifth, one at least; none for health alone or below three runs."""
    return 0 if goal == "health" or rate < 3 else max(1, round(rate * 0.2))


def _next_kind(kinds: Sequence[RunKind], last_kind: RunKind, left: int, rate: int, goal: Goal) -> RunKind:
    wants_long = goal != "health" and "long" not in kinds and rate >= 2
    if wants_long and left == 1:
        return "long"
    is_hard_due = kinds.count("tempo") < hard_runs_a_week(rate, goal)
    return "tempo" if last_kind == "easy" and is_hard_due else "easy"


def _km(kind: RunKind, runs: Sequence[PastRun], week: tuple[float, float], left: int, goal: Goal) -> float:
    """Its kilometres: what the week has left, shared out, within what the longest run of the last month allows."""
    week_km, done_km = week
    longest_km = max(run.distance_km for run in _of_last_month(runs))
    left_km = max(week_km - done_km, 0.0)
    wanted_km = LONG_SHARE[goal] * week_km if kind == "long" else left_km / left
    if kind != "long" and goal != "health" and left > 1:
        wanted_km = min(wanted_km, LONG_SHARE[goal] * week_km * LONG_FROM * 0.95)
    if kind == "tempo":
        spare_km = left_km - (left - 1) * LEAST_KM
        wanted_km = max(wanted_km, min(least_km_of(kind, runs), spare_km))
    return round(max(min(wanted_km, left_km, longest_km * PROGRESSION), min(LEAST_KM, longest_km)), 1)


def _usual_km(runs: Sequence[PastRun]) -> float:
    return median(run.distance_km for run in _of_last_month(runs))


def _of_last_month(runs: Sequence[PastRun]) -> list[PastRun]:
    last_ms = runs[-1].started_ms
    return [run for run in runs if run.started_ms > last_ms - LONGEST_DAYS * DAY_MS]


def _in_week(runs: Sequence[PastRun], week: int, custody: Custody) -> list[PastRun]:
    return [run for run in runs if week_of(local_day(run.started_ms, custody.time_zone)) == week]
