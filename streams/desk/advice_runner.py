"""Advice on training: each rule a function of the runs known, oldest first, the last of them the newest. Pure.

Figures of health that a rule may not see are None in the runs it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from streams.desk.advice_finding import Day, Distance, Finding, LocalDay, Number, Pace, Percent, Quantity, Word
from streams.desk.advice_history import DAY_MS, PastRun, since
from streams.desk.advice_plan import EFFORT, HARD_EFFORT, ability_m_per_s, effort_of, plan_next
from streams.desk.register import Custody

TOO_FAST = 0.02
"""Above `HARD_EFFORT`, so that a good day is no reason to speak."""
LEAST_TOLD_KM = 0.1
"""Less is nothing worth telling, and would be written as 0."""
WATCHED_DAYS = 28
LEAST_WATCHED_RUNS, LEAST_WATCHED_S = 5, 7_200.0
MOST_HARD_PCT, WANTED_HARD_PCT = 35.0, 20.0
"""Of the time, at 80 % of the highest heart rate and above. About a fifth is what well-trained runners do (Seiler,
2010, Int J Sports Physiol Perform 5(3)); with that much more, the easy runs are not easy."""


def pace_advice(runs: Sequence[PastRun], custody: Custody) -> Finding | None:
    """Whether an easy run was due, and a hard one was run."""
    last, before = runs[-1], runs[:-1]
    plan = plan_next(before, custody) if before else None
    if plan is None or plan.kind != "easy" or last.moving_s is None:
        return None
    effort = effort_of(last, before)
    ability = ability_m_per_s(before, last.distance_km) if last.distance_km else None
    if effort is None or ability is None or effort < HARD_EFFORT + TOO_FAST:
        return None
    # Slower than the plan's by Riegel where the run was longer.
    slow, fast = (1000 / (ability * share) for share in EFFORT["easy"])
    pace = last.moving_s / last.distance_km
    return Finding(
        "pace_advice",
        "pace_advice",
        {
            "distance": Distance(last.distance_km),
            "day": LocalDay(last.started_ms),
            "pace": Pace(pace),
            "slow": Pace(slow, begins_range=True),
            "fast": Pace(fast),
        },
        {
            "distance_km": round(last.distance_km, 2),
            "pace_s_per_km": round(pace, 1),
            "easy_slow_s_per_km": round(slow, 1),
            "easy_fast_s_per_km": round(fast, 1),
            "effort_share": round(effort, 3),
            "threshold_share": HARD_EFFORT + TOO_FAST,
        },
        f"The plan asked for an easy run, and this one was at {HARD_EFFORT + TOO_FAST:.0%} or more of the speed that "
        "the last six weeks promise for its distance.",
    )


def heart_rate_advice(runs: Sequence[PastRun]) -> Finding | None:
    """Whether too much of the last four weeks was run hard, by heart rate; of what is known of them."""
    recent = [run for run in since(runs, WATCHED_DAYS) if run.heart_s]
    watched_s = sum(run.heart_s or 0.0 for run in recent)
    if runs[-1].heart_s is None or len(recent) < LEAST_WATCHED_RUNS or watched_s < LEAST_WATCHED_S:
        return None
    hard_pct = 100 * sum(run.hard_s or 0.0 for run in recent) / watched_s
    if hard_pct < MOST_HARD_PCT:
        return None
    first_ms = next(run.started_ms for run in runs if run.heart_s)
    days = min(max(round((runs[-1].started_ms - first_ms) / DAY_MS) + 1, 2), WATCHED_DAYS)
    return Finding(
        "heart_rate_advice",
        "heart_rate_advice",
        {
            "days": Number(days),
            "hard": Percent(hard_pct),
            "limit": Percent(80.0),
            "wanted": Percent(WANTED_HARD_PCT),
        },
        {
            "hard_time_pct": round(hard_pct, 1),
            "threshold_pct": MOST_HARD_PCT,
            "watched_s": round(watched_s),
            "runs": len(recent),
            "days": days,
        },
        f"At least {MOST_HARD_PCT:.0f} % of the last {days} days' running was at 80 % of the highest heart "
        "rate or above.",
        uses_health=True,
    )


def next_session(runs: Sequence[PastRun], custody: Custody) -> Finding | None:
    """The training plan's next run."""
    plan = plan_next(runs, custody)
    if plan is None:
        return None
    whose = "programme" if round(plan.week_km, 1) == round(custody.weekly_km or 0.0, 1) else "suggested"
    begun = ".begun" if plan.done_km >= LEAST_TOLD_KM else ""
    week: dict[str, Quantity] = {
        "week": Distance(plan.week_km),
        "monday": Day(plan.earliest - timedelta(days=plan.earliest.weekday())),
    }
    if begun:
        week["done"] = Distance(plan.done_km)
    return Finding(
        "next_session",
        f"next_session.{plan.kind}",
        {
            "run": Word(f"run.{plan.kind}"),
            "distance": Distance(plan.km),
            "slow": Pace(plan.slow_s_per_km, begins_range=True),
            "fast": Pace(plan.fast_s_per_km),
            "day": Day(plan.earliest),
            "of_week": Word(f"week.{whose}{begun}", week),
        },
        {
            "run": plan.kind,
            "distance_km": plan.km,
            "slow_s_per_km": round(plan.slow_s_per_km, 1),
            "fast_s_per_km": round(plan.fast_s_per_km, 1),
            "earliest_day": plan.earliest.isoformat(),
            "done_km": round(plan.done_km, 2),
            "week_km": round(plan.week_km, 2),
            "programme_km": custody.weekly_km or 0.0,
        },
        "The programme's week, at most a tenth above what was run lately, less what is run of it; easy after hard.",
    )
