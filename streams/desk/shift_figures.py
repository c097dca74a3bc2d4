"""Figures of a session that a firmware should not move, free of programme and model. Pure.

Logarithms against what is promised, so that 0.05 is 5 %; whole multiples of `UNIT`, so that sums are exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.catalogue import WASHER_BY_MATERIAL
from schemas.facts import CycleAnomaly, Run, WashCycle
from schemas.fleet import Product
from schemas.uploads import Programme
from streams.desk.alerts_features import DISTURBED

UNIT = 1e-4
_MOST = 3.0
"""No session has twenty times what is promised."""

_MINUTES: Mapping[Programme, float] = {"cotton": 130, "synthetics": 95, "eco": 190, "quick": 45, "wool": 48}
"""What the manual says that a programme takes."""
_USUAL_CADENCE_SPM, _USUAL_STRIDE_M, _USUAL_READINGS_PER_MINUTE = 165.0, 1.0, 20.0
_COMPLAINTS: frozenset[CycleAnomaly] = frozenset(["unbalanced", "slow_heating", "slow_draining", "unfinished"])
"""What a firmware may bring about; a power cut or an open door it does not."""


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        least: A shift below that is not worth a call.
    """

    name: str
    says: str
    unit: str
    least: float


FIGURES: Mapping[Product, tuple[Figure, ...]] = {
    "washer": (
        Figure("energy", "Energy a cycle", "%", 0.025),
        Figure("duration", "Duration of a cycle", "%", 0.025),
        Figure("anomalies", "Cycles with complaints", "of 100", 0.04),
    ),
    "shoe": (
        Figure("cadence", "Cadence", "%", 0.02),
        Figure("stride", "Distance a step", "%", 0.02),
        Figure("readings", "Readings a minute", "%", 0.05),
    ),
}


def cycle_figures(cycle: WashCycle) -> tuple[int | None, ...]:
    """Of a cycle, in the order of `FIGURES`; None for what it does not tell."""
    complains = None if cycle.anomalies is None else round((not _COMPLAINTS.isdisjoint(cycle.anomalies)) / UNIT)
    promised = _promised(cycle)
    if promised is None:
        return None, None, complains
    energy_wh, minutes = promised
    return (
        _log(cycle.energy_wh, energy_wh),
        _log((cycle.ended_at_ms - cycle.started_at_ms) / 60_000, minutes),
        complains,
    )


def changed_figures(cycle: WashCycle) -> npt.NDArray[np.int32]:
    """What a corrected version moves its cycle's figures by, against the version before."""
    moved = np.zeros(len(FIGURES["washer"]), dtype=np.int32)
    if cycle.changed_amount is None or cycle.changed_end_ms is None or _promised(cycle) is None:
        return moved
    before = cycle.model_copy(
        update={
            "energy_wh": cycle.energy_wh - cycle.changed_amount,
            "ended_at_ms": cycle.ended_at_ms - cycle.changed_end_ms,
        }
    )
    for column, (new, old) in enumerate(zip(cycle_figures(cycle)[:2], cycle_figures(before)[:2], strict=True)):
        if new is not None and old is not None:
            moved[column] = new - old
    return moved


def run_figures(run: Run) -> tuple[int | None, ...]:
    """Of a run, in the order of `FIGURES`; None for what it does not tell."""
    moving_min = (run.moving_s or 0) / 60
    return (
        _log(run.avg_cadence_spm, _USUAL_CADENCE_SPM),
        _log(run.distance_m / run.steps if run.steps else None, _USUAL_STRIDE_M),
        _log(run.reading_count / moving_min if moving_min else None, _USUAL_READINGS_PER_MINUTE),
    )


def _promised(cycle: WashCycle) -> tuple[float, float] | None:
    """Energy and minutes of its programme, unless something disturbed it."""
    model = WASHER_BY_MATERIAL.get(cycle.material)
    if model is None or cycle.programme is None or not DISTURBED.isdisjoint(cycle.anomalies or ()):
        return None
    return model.labels[cycle.programme].energy_wh, _MINUTES[cycle.programme]


def _log(value: float | None, usual: float) -> int | None:
    ratio = 0.0 if value is None else value / usual
    return round(min(max(math.log(ratio), -_MOST), _MOST) / UNIT) if ratio > 0 else None
