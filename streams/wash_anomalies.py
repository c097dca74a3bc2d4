"""What was not as it should be in a wash cycle: what the machine complained of, and what its readings show. Pure.

| anomaly | told by an alert, or by |
|---|---|
| power_cut | silence of over a minute in the middle, though every upload of the cycle is there |
| paused | the drum standing, without pump or heater, for much longer than filling takes |
| unbalanced | a steady top speed below 85 % of what the programme wants |
| slow_heating | suds that warm at less than 87 % of the usual rate for so much water |
| slow_draining | the pump running for 1.9 times as long as the programme's drainings usually take |
| unfinished | a last upload, and not as much spinning before it as every programme ends with |
| readings_missing | numbers without an upload, no last upload, or readings that begin well after the start |

What is missing may have been anything: of a cycle with readings missing only those are told that what is left shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from schemas.catalogue import WASHER_BY_MATERIAL
from schemas.facts import CycleAnomaly
from schemas.uploads import MAX_SPAN_MS, Alert
from streams.programme import USUAL
from streams.wash_course import Course
from streams.wash_phases import SPIN

ANOMALIES: tuple[CycleAnomaly, ...] = get_args(CycleAnomaly)


@dataclass(frozen=True)
class Rules:
    """From where on a cycle is not as it should be."""

    fill_ms: int = 180_000
    longest_wait_ms: int = 240_000
    """Filling takes so long, and the valves of a weak tap a while longer; more is a pause."""
    unbalanced_below: float = 0.85
    """Share of the speed that the programme wants; a top speed below it is unbalanced."""
    steady_ms: int = 60_000
    """So much time at one speed is its top speed, and no step of running up."""
    slow_heating_below: float = 0.87
    """Share of the usual rate; suds that warm more slowly heat slowly."""
    drain_ms: int = 75_000
    """One draining usually takes so long."""
    slow_draining_from: float = 1.9
    """Times `drain_ms` for each draining of the programme: from there on it drains slowly."""
    least_spin_ms: int = 375_000
    """Programmes end with seven minutes of spinning; with less than this a cycle is unfinished."""


RULES = Rules()

_COMPLAINTS: Mapping[Alert, CycleAnomaly] = {
    "door_open": "door_open",
    "drain_slow": "slow_draining",
    "unbalance": "unbalanced",
    "power_cut": "power_cut",
}


def anomalies(course: Course, heating_k_per_min: float | None, rules: Rules = RULES) -> list[CycleAnomaly]:
    """Anomalies of a reported cycle, in the order of the contract; of one that goes on, those so far."""
    told = {_COMPLAINTS[alert] for alert in course.alerts}
    is_missing = (
        course.missing_uploads > 0 or course.begins_late_ms > MAX_SPAN_MS or (course.is_over and not course.has_end)
    )
    shown: dict[CycleAnomaly, bool] = {
        "power_cut": "power_cut" in told or (not is_missing and course.lasted_ms - course.covered_ms > MAX_SPAN_MS),
        "paused": course.waiting_ms > rules.fill_ms + rules.longest_wait_ms,
        "unbalanced": _is_unbalanced(course, rules),
        "slow_draining": _drains_slowly(course, rules),
        "unfinished": course.has_end and not is_missing and _spun_too_little(course, rules),
        "readings_missing": is_missing,
    }
    # Suds cool in a power cut, and the water of a whole cycle says how much of it was heated.
    is_whole = course.is_over and not (is_missing or shown["unfinished"] or shown["power_cut"] or shown["paused"])
    shown["slow_heating"] = is_whole and _heats_slowly(course, heating_k_per_min, rules)
    return [name for name in ANOMALIES if name in told or shown.get(name, False)]


def anomalies_of_curve(course: Course, rules: Rules = RULES) -> list[CycleAnomaly]:
    """Anomalies of a cycle found in a power curve: what watts alone can tell.

    A machine that stands still for longer than filling takes was stopped, or soaks; of silence nobody knows the reason.
    """
    shown: dict[CycleAnomaly, bool] = {
        "paused": course.waiting_ms > rules.longest_wait_ms,
        "readings_missing": course.lasted_ms - course.covered_ms > MAX_SPAN_MS,
    }
    return [name for name in ANOMALIES if shown.get(name, False)]


def _is_unbalanced(course: Course, rules: Rules) -> bool:
    model = WASHER_BY_MATERIAL.get(course.material)
    if model is None or course.programme is None or course.spin_ms < rules.steady_ms:
        return False
    return course.fastest_rpm < rules.unbalanced_below * model.max_rpm * USUAL[course.programme].spin_share


def _heats_slowly(course: Course, heating_k_per_min: float | None, rules: Rules) -> bool:
    model = WASHER_BY_MATERIAL.get(course.material)
    if model is None or course.programme is None or heating_k_per_min is None or not course.water_l:
        return False
    wh_per_k = USUAL[course.programme].wh_per_k_l * model.heating_factor * course.water_l
    return heating_k_per_min < rules.slow_heating_below * (model.heater_w + model.motor_w) / 60 / wh_per_k


def _drains_slowly(course: Course, rules: Rules) -> bool:
    usual = None if course.programme is None else USUAL[course.programme]
    return usual is not None and course.drain_ms >= rules.slow_draining_from * rules.drain_ms * usual.drains


def _spun_too_little(course: Course, rules: Rules) -> bool:
    """Only of machines that say how fast their drum turns, or in which phase they are."""
    return any(course.phase_ms) and course.phase_ms[SPIN] < rules.least_spin_ms
