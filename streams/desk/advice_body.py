"""Advice on the body and its shoes: each rule a function of the runs known, oldest first, the last the newest. Pure.

Figures of health that a rule may not see are None in the runs it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from statistics import fmean, median

from streams.desk.advice_finding import Day, Distance, Finding, Milliseconds, Number, Percent, Quantity, Word
from streams.desk.advice_history import DAY_MS, PastRun, since
from streams.desk.advice_plan import CHRONIC_DAYS
from streams.desk.advice_told import local_day
from streams.desk.register import Custody

ASYMMETRY_PCT, ASYMMETRY_CHANGE_PCT = 4.0, 2.5
"""Difference of the feet, and how much of it is new. A percent of imbalance costs runners 3.7 % of their economy
(Joubert, Guerra, Jones & Knowles, 2020, Int J Exerc Sci 13(4)); sound ones are mostly within 4 %, and all their life
the same."""
ASYMMETRY_RUNS, BASELINE_RUNS = 3, 4
_SHOWN_DIGITS = 1

ACUTE_DAYS = 7
MOST_ACUTE = 1.5
"""Last week's load over the mean of the last four: above it injuries are more frequent (Gabbett, 2016, Br J Sports Med
50(5)); what that proves is disputed (Impellizzeri et al., 2020), so it is said as a hint."""
LEAST_ACUTE_KM, LEAST_CHRONIC_RUNS, LEAST_CHRONIC_DAYS = 10.0, 5, 21
LONGER_CONTACT_PCT, FEWER_STEPS_PCT = 2.5, 1.0
CONTACT_RUNS, CONTACT_BASELINE_RUNS = 3, 6
CONTACT_MS_PER_M_PER_S, CADENCE_SPM_PER_M_PER_S = -34.0, 9.0
"""How contact time and cadence follow speed within a runner: about -30 to -40 ms, and 8 to 10 steps a minute, for a
metre a second, around 3 m/s (Weyand et al., 2000, J Appl Physiol 89(5), figure 3)."""

SHOE_LIFE_KM = 700.0
"""Between the 500 and 800 km after which shoes have lost a third of their cushioning (Cook, Kester & Brunet, 1985, Am J
Sports Med 13(4)); contact times are longer from 320 km on (Kong, Candelaria & Smith, 2009, Br J Sports Med 43)."""
SOON_DAYS = 21
LEAST_RATE_DAYS = 7
"""Known of a runner before anything is said of their rate."""


def asymmetry(runs: Sequence[PastRun]) -> Finding | None:
    """Whether one foot stays on the ground for longer than the other, clearly, in each of several runs, and not always.

    The usual difference is the median of all runs known before the last ones.
    """
    known = [run.asymmetry_pct for run in runs if run.asymmetry_pct is not None]
    if runs[-1].asymmetry_pct is None or len(known) < ASYMMETRY_RUNS + BASELINE_RUNS:
        return None
    last, usual_pct = known[-ASYMMETRY_RUNS:], median(known[:-ASYMMETRY_RUNS])
    present_pct = fmean(last)
    side = 1 if present_pct > 0 else -1
    if min(side * value for value in last) < ASYMMETRY_PCT:
        return None
    if side * (present_pct - usual_pct) < ASYMMETRY_CHANGE_PCT:
        return None
    feet = ("foot.left", "foot.right")[::side]
    was_other = side * round(usual_pct, _SHOWN_DIGITS) < 0
    return Finding(
        "asymmetry",
        "asymmetry.other_foot" if was_other else "asymmetry",
        {
            "runs": Number(ASYMMETRY_RUNS),
            "foot": Word(feet[0]),
            "other": Word(feet[1]),
            "present": Percent(abs(present_pct), _SHOWN_DIGITS),
            "usual": Percent(abs(usual_pct), _SHOWN_DIGITS),
        },
        {
            "asymmetry_pct": round(present_pct, 2),
            "usual_asymmetry_pct": round(usual_pct, 2),
            "threshold_pct": ASYMMETRY_PCT,
            "threshold_change_pct": ASYMMETRY_CHANGE_PCT,
            "runs": ASYMMETRY_RUNS,
        },
        f"In each of the last {ASYMMETRY_RUNS} runs one foot's contact was longer by {ASYMMETRY_PCT:.0f} % or more, "
        f"and by {ASYMMETRY_CHANGE_PCT} points more than it used to be.",
        uses_health=True,
    )


def fatigue(runs: Sequence[PastRun]) -> Finding | None:
    """Whether load rises too fast, or the stride tells of tiredness: contact first, as nearest to the body."""
    return _tired_stride(runs) or _steep_load(runs) or _steep_distance(runs)


def _tired_stride(runs: Sequence[PastRun]) -> Finding | None:
    """Longer contact and fewer steps at like pace than in the runs before, in the mean of several runs."""
    known = [run for run in runs if run.contact_ms and run.cadence_spm and run.speed_m_per_s]
    if not known or known[-1] is not runs[-1] or len(known) < CONTACT_RUNS + CONTACT_BASELINE_RUNS:
        return None
    usual, last = known[:-CONTACT_RUNS], known[-CONTACT_RUNS:]
    contact = [(run.contact_ms or 0.0) - CONTACT_MS_PER_M_PER_S * (run.speed_m_per_s or 0.0) for run in known]
    steps = [(run.cadence_spm or 0.0) - CADENCE_SPM_PER_M_PER_S * (run.speed_m_per_s or 0.0) for run in known]
    usual_ms = fmean(run.contact_ms or 0.0 for run in usual)
    usual_spm = fmean(run.cadence_spm or 0.0 for run in usual)
    longer_ms = fmean(contact[-CONTACT_RUNS:]) - median(contact[:-CONTACT_RUNS])
    fewer_spm = median(steps[:-CONTACT_RUNS]) - fmean(steps[-CONTACT_RUNS:])
    if longer_ms < usual_ms * LONGER_CONTACT_PCT / 100 or fewer_spm < usual_spm * FEWER_STEPS_PCT / 100:
        return None
    return Finding(
        "fatigue",
        "fatigue.stride",
        {"runs": Number(CONTACT_RUNS), "longer": Milliseconds(longer_ms), "fewer": Number(fewer_spm)},
        {
            "longer_contact_ms": round(longer_ms, 1),
            "fewer_steps_per_min": round(fewer_spm, 1),
            "usual_contact_ms": round(usual_ms, 1),
            "contact_ms": round(fmean(run.contact_ms or 0.0 for run in last), 1),
            "threshold_longer_pct": LONGER_CONTACT_PCT,
            "threshold_fewer_pct": FEWER_STEPS_PCT,
        },
        f"At like pace, contact in the last {CONTACT_RUNS} runs was longer by {LONGER_CONTACT_PCT} % or more and "
        f"cadence lower by {FEWER_STEPS_PCT:.0f} % or more than before.",
        uses_health=True,
    )


def _steep_load(runs: Sequence[PastRun]) -> Finding | None:
    if any(run.load is None for run in since(runs, CHRONIC_DAYS)):
        return None
    found = _acute(runs, lambda run: run.load or 0.0)
    if found is None:
        return None
    acute, chronic = found
    return Finding(
        "fatigue",
        "fatigue.load",
        {"ratio": Number(acute / chronic, 1)},
        {
            "acute_load_min": round(acute, 1),
            "chronic_load_min_per_week": round(chronic, 1),
            "ratio": round(acute / chronic, 2),
            "threshold_ratio": MOST_ACUTE,
        },
        f"The load of seven days is at least {MOST_ACUTE} times the weekly mean of four weeks (Edwards' load).",
        uses_health=True,
    )


def _steep_distance(runs: Sequence[PastRun]) -> Finding | None:
    found = _acute(runs, lambda run: run.distance_km)
    if found is None:
        return None
    acute, chronic = found
    return Finding(
        "fatigue",
        "fatigue.distance",
        {"acute": Distance(acute), "chronic": Distance(chronic), "ratio": Number(acute / chronic, 1)},
        {
            "acute_km": round(acute, 2),
            "chronic_km_per_week": round(chronic, 2),
            "ratio": round(acute / chronic, 2),
            "threshold_ratio": MOST_ACUTE,
        },
        f"The distance of seven days is at least {MOST_ACUTE} times the weekly mean of four weeks.",
    )


def _acute(runs: Sequence[PastRun], load_of: Callable[[PastRun], float]) -> tuple[float, float] | None:
    """Load of the last week and weekly mean of four, if the ratio is too high and known well enough."""
    chronic_runs, acute_runs = since(runs, CHRONIC_DAYS), since(runs, ACUTE_DAYS)
    days = (runs[-1].started_ms - runs[0].started_ms) / DAY_MS
    if days < LEAST_CHRONIC_DAYS or len(chronic_runs) < LEAST_CHRONIC_RUNS:
        return None
    if sum(run.distance_km for run in acute_runs) < LEAST_ACUTE_KM:
        return None
    acute = sum(map(load_of, acute_runs))
    chronic = sum(map(load_of, chronic_runs)) / (min(days, CHRONIC_DAYS) / 7)
    return (acute, chronic) if chronic > 0 and acute >= MOST_ACUTE * chronic else None


def shoe_worn_out(runs: Sequence[PastRun], total_km: float, custody: Custody) -> Finding | None:
    """Whether the shoes have run what such shoes last, or will have within three weeks at the present rate.

    Args:
        total_km: What they have run in all.
    """
    recent = since(runs, CHRONIC_DAYS)
    days = min((runs[-1].started_ms - runs[0].started_ms) / DAY_MS, CHRONIC_DAYS)
    per_week = sum(run.distance_km for run in recent) / days * 7 if days >= LEAST_RATE_DAYS else 0.0
    left_km = SHOE_LIFE_KM - total_km
    if left_km > per_week / 7 * SOON_DAYS:
        return None
    evidence: dict[str, int | float | str] = {
        "shoe_km": round(total_km, 1),
        "life_km": SHOE_LIFE_KM,
    }
    values: dict[str, Quantity] = {"distance": Distance(total_km, 0), "life": Distance(SHOE_LIFE_KM, 0)}
    if left_km <= 0:
        reason = f"The shoes have run {SHOE_LIFE_KM:.0f} km."
        return Finding("shoe_worn_out", "shoe_worn_out.now", values, evidence, reason)
    evidence |= {"km_per_week": round(per_week, 2), "rate_days": round(days, 1)}
    reason = (
        f"The shoes will have run {SHOE_LIFE_KM:.0f} km within {SOON_DAYS} days "
        f"at the rate of the last {days:.0f} days."
    )
    values["per_week"] = Distance(per_week, 0)
    day = local_day(runs[-1].started_ms, custody.time_zone) + timedelta(days=round(left_km / per_week * 7))
    evidence_soon = {**evidence, "worn_out_on": day.isoformat()}
    return Finding("shoe_worn_out", "shoe_worn_out.soon", {**values, "day": Day(day)}, evidence_soon, reason)
