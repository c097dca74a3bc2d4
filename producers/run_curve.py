"""One run as a runner's body does it: speed, distance, cadence, heart rate and ground contact every 3 s."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEP_MS = 3_000
_STEP_S = STEP_MS / 1000

_WARM_UP_S = 480.0
_KNOT_S = 45.0
"""Pace and stride change over three quarters of a minute or so: hills, corners, attention."""

_HEART_LAG_S = 50.0
"""Time constant of heart rate after a change of effort (about 30-60 s: Bunc et al., 1988)."""


@dataclass(frozen=True)
class Runner:
    """Who wears the shoe.

    Attributes:
        easy_m_per_s: Speed at which the runner is warm and at ease.
        leg_m: Leg length; taller runners take fewer, longer steps.
    """

    easy_m_per_s: float
    resting_bpm: float
    highest_bpm: float
    leg_m: float


@dataclass(frozen=True)
class RunCurve:
    """Readings of one run, rounded as the pod reports them. Reading i is at (i + 1) steps; distance counts up."""

    distance_m: NDArray[np.float64]
    cadence_spm: NDArray[np.int64]
    heart_rate_bpm: NDArray[np.int64]
    ground_contact_ms: NDArray[np.int64]

    @property
    def steps_taken(self) -> NDArray[np.float64]:
        """Steps of both feet from the start to each reading."""
        steps: NDArray[np.float64] = np.cumsum(self.cadence_spm, dtype=np.float64) * (_STEP_S / 60)
        return steps


def run_curve(runner: Runner, minutes: int, rng: np.random.Generator) -> RunCurve:
    """One run from standing still: warm-up, a wandering pace, a heart that drifts upwards as the body warms.

    Args:
        minutes: Length of the run, >= 1.
    """
    at_s = np.arange(1, minutes * 60 / _STEP_S + 1) * _STEP_S
    warm = np.minimum(at_s / _WARM_UP_S, 1.0)
    tired = np.maximum(at_s - 40 * 60, 0.0) / 3600
    speed = runner.easy_m_per_s * (0.82 + 0.18 * warm - 0.08 * tired) * (1 + 0.05 * _wander(at_s, rng))
    effort = speed / runner.easy_m_per_s * 0.68 + 0.04 * at_s / 3600
    heart = runner.resting_bpm + (runner.highest_bpm - runner.resting_bpm) * np.minimum(effort, 0.98)
    heart = runner.resting_bpm + 25 + (heart - runner.resting_bpm - 25) * (1 - np.exp(-at_s / _HEART_LAG_S))
    cadence = 164 + 9 * (speed - 2.8) - 30 * (runner.leg_m - 0.9) + 1.2 * rng.standard_normal(at_s.size)
    contact = 268 - 34 * (speed - 2.8) + 12 * tired + 3 * rng.standard_normal(at_s.size)
    return RunCurve(
        distance_m=np.cumsum(speed * _STEP_S).round(2),
        cadence_spm=cadence.round().astype(np.int64),
        heart_rate_bpm=heart.round().astype(np.int64),
        ground_contact_ms=contact.round().astype(np.int64),
    )


def _wander(at_s: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A smooth random line around 0, bounded to two standard deviations."""
    knots_s = np.arange(0, at_s[-1] + _KNOT_S, _KNOT_S)
    line: NDArray[np.float64] = np.interp(at_s, knots_s, np.clip(rng.standard_normal(knots_s.size), -2, 2))
    return line
