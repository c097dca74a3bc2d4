"""Histories in which each kind of advice has something to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from streams.desk import advice_body, advice_runner, advice_washer
from streams.desk.advice_finding import Finding
from streams.desk.advice_history import DAY_MS, PastCycle, PastRun
from streams.desk.register import Custody, ServiceContract
from tests.unit.streams.desk.building import ANNA, NOON_MS

PRICES = ServiceContract(0, None, "C-1", "owned", "EUR", 0.40, 4.50)
MATERIAL = "WM-7020"
PROGRAMME_KM = 30.0


def a_custody(**fields: Any) -> Custody:
    """A runner in Berlin who prepares for ten kilometres, four runs a week."""
    known: dict[str, Any] = {
        "from_ms": 0, "to_ms": None, "kind": "sold", "subject": ANNA, "country": "DE", "time_zone": "Europe/Berlin",
        "language": "de", "insights_per_week": 5, "max_heart_rate_bpm": 185.0, "goal": "10k",
        "weekly_km": PROGRAMME_KM, "runs_per_week": 4,
    }  # fmt: skip
    return Custody(**known | fields)


def a_past_cycle(days_ago: float = 0.0, **fields: Any) -> PastCycle:
    """A cotton wash with a nominal load in a sound machine."""
    known: dict[str, Any] = {
        "started_ms": NOON_MS - round(days_ago * DAY_MS), "programme": "cotton", "is_intact": True,
        "energy_wh": 1_200.0, "water_l": 55.0, "heat_energy_wh": 1_050.0, "heater_w": 2_090.0,
        "heating_k_per_min": 1.35, "drain_s": 300.0,
    }  # fmt: skip
    return PastCycle(**known | fields)


def cycles(count: int = 12, every_days: float = 2.0, **fields: Any) -> list[PastCycle]:
    """Equal ones up to noon, oldest first."""
    return [a_past_cycle((count - 1 - number) * every_days, **fields) for number in range(count)]


def a_past_run(days_ago: float = 0.0, km: float = 8.0, pace_s: float = 360.0, **fields: Any) -> PastRun:
    """A run of so many kilometres at such a pace, in seconds a kilometre."""
    return PastRun(started_ms=NOON_MS - round(days_ago * DAY_MS), distance_km=km, **{"moving_s": km * pace_s, **fields})


def runs(count: int = 16, every_days: float = 2.0, **fields: Any) -> list[PastRun]:
    """Equal ones up to noon, oldest first."""
    return [a_past_run((count - 1 - number) * every_days, **fields) for number in range(count)]


def with_last(history: Sequence[PastRun], count: int, **fields: Any) -> list[PastRun]:
    """The last runs changed."""
    return [*history[:-count], *(replace(run, **fields) for run in history[-count:])]


def findings() -> dict[str, Finding]:
    """What each rule says where it has something to say, by name of the message."""
    hard_twice = [*runs()[:-1], a_past_run(1.0, 8.0, 310.0), a_past_run(0.0, 8.0, 305.0)]
    tired = with_last(runs(contact_ms=240.0, cadence_spm=168.0), 3, contact_ms=249.0, cadence_spm=165.0)
    steep = [*runs(14, 3.0, km=6.0)[:-2], *(a_past_run(5 - 1.5 * number, 9.0) for number in range(4))]
    found = [
        advice_washer.cycle_cost(cycles(), MATERIAL, PRICES, 0),
        advice_washer.descale(cycles(heating_k_per_min=1.25), MATERIAL),
        advice_washer.filter_blocking([*cycles(20)[:12], *cycles(8, drain_s=480.0)]),
        advice_washer.load_too_small(
            [*cycles(20)[:17], *cycles(3, water_l=46.0, energy_wh=1_050.0, every_days=1.0)], MATERIAL
        ),
        advice_runner.pace_advice(hard_twice, a_custody()),
        advice_runner.heart_rate_advice(runs(heart_s=2_880.0, hard_s=1_200.0)),
        advice_body.asymmetry(with_last(runs(24, asymmetry_pct=0.8), 3, asymmetry_pct=5.1)),
        advice_body.asymmetry(with_last(runs(24, asymmetry_pct=-5.0), 3, asymmetry_pct=4.2)),
        advice_body.fatigue(tired),
        advice_body.fatigue([replace(run, load=run.distance_km * 20) for run in steep]),
        advice_body.fatigue(steep),
        advice_body.shoe_worn_out(runs(), 650.0, a_custody()),
        advice_body.shoe_worn_out(runs(), 712.0, a_custody()),
        advice_runner.next_session(with_last(runs(), 1, moving_s=8.0 * 300.0), a_custody()),
        advice_runner.next_session(runs(every_days=1.75), a_custody()),
        advice_runner.next_session(runs(), a_custody(runs_per_week=2)),
    ]
    assert None not in found
    return {finding.message: finding for finding in found if finding is not None}
