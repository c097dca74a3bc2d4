"""One run as a runner's body does it: speed, distance, cadence, heart rate and ground contact every 3 s.

At a traffic light the pod sleeps: one reading speaks for the whole wait, with no step and no metre in it. After a wait
of more than a minute nothing is known of it (`schemas.uploads.MAX_SPAN_MS`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from producers.runner import Body
from producers.training import Stretch

Floats = NDArray[np.float64]

STEP_MS = 3_000
_STEP_S = STEP_MS / 1000

_KNOT_S = 45.0
"""Pace and stride change over three quarters of a minute or so: hills, corners, attention."""

_GETTING_GOING = np.full(5, 0.2)
"""A change of pace takes a quarter of a minute."""

_HEART_LAG_S = 50.0
"""Time constant of heart rate after a change of effort (about 30-60 s: Bunc et al., 1988)."""
_DECAY = np.exp(-_STEP_S / _HEART_LAG_S)
_HEART_MEMORY = _DECAY ** np.arange(80)
_HEART_MEMORY /= _HEART_MEMORY.sum()
"""Weights of the efforts of the last 4 minutes; what is older would count for under 1 %."""

_STANDING_EFFORT = 0.2
_MOST_TIRED = 2.0


@dataclass(frozen=True, slots=True)
class Condition:
    """In what state body and shoe are on the day.

    Attributes:
        wear: Of the foam, 0 new to 1 flat. The foot stays longer on the ground and the heart works harder.
        injury: 0 sound to 1: slower, and longer on the ground.
    """

    wear: float = 0.0
    injury: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class RunCurve:
    """Readings of one run, rounded as the phone reports them, but for ground contact: each foot has its own.

    Attributes:
        at_ms: Since the start, ascending.
        distance_m: Since the start, never falling.
        contact_ms: Mean of both feet; of no meaning where the runner stands.
        steps: Of both feet since the start.
    """

    at_ms: NDArray[np.int64]
    distance_m: Floats
    cadence_spm: NDArray[np.int64]
    heart_rate_bpm: NDArray[np.int64]
    contact_ms: Floats
    steps: Floats
    is_standing: NDArray[np.bool_]


def run_curve(body: Body, stretches: list[Stretch], condition: Condition, rng: np.random.Generator) -> RunCurve:
    """One run from standing still.

    Args:
        stretches: At least one; the first and the last in motion.
    """
    counts = [max(1, round(stretch.seconds / _STEP_S)) for stretch in stretches]
    planned = np.repeat([stretch.pace for stretch in stretches], counts)
    standing = planned == 0.0
    # Before the first and after the last stretch there is nothing to change pace from or to.
    widened = np.concatenate((planned[:1], planned[:1], planned, planned[-1:], planned[-1:]))
    pace = np.convolve(widened, _GETTING_GOING, mode="valid")
    load = np.where(standing, 0.0, np.square(pace * pace))
    tired = np.minimum(np.cumsum(load) * (_STEP_S / body.endurance_s), _MOST_TIRED)
    pace *= (1 + 0.05 * _wander(planned.size, rng)) * (1 - 0.03 * tired**2) * (1 - 0.04 * condition.injury)
    pace[standing] = 0.0
    speed = body.easy_m_per_s * pace
    cadence = 164 + 9 * (speed - 2.8) - 30 * (body.leg_m - 0.9) - 3.5 * tired + 1.2 * rng.standard_normal(speed.size)
    cadence = np.where(standing, 0.0, cadence).round()
    contact = 268 - 34 * (speed - 2.8) + 8 * tired + 9 * condition.wear + 6 * condition.injury
    effort = 0.66 * pace * (1 + 0.03 * condition.wear) + 0.06 * tired
    heart = _heart_rate(body, np.where(standing, _STANDING_EFFORT, effort))
    # Of each wait only the last reading is told.
    told = np.flatnonzero(~(standing & np.append(standing[1:], False)))
    return RunCurve(
        at_ms=(told + 1) * STEP_MS,
        distance_m=np.cumsum(speed * _STEP_S)[told].round(2),
        cadence_spm=cadence[told].astype(np.int64),
        heart_rate_bpm=heart[told].round().astype(np.int64),
        contact_ms=contact[told],
        steps=np.cumsum(cadence)[told] * (_STEP_S / 60),
        is_standing=standing[told],
    )


def _heart_rate(body: Body, effort: Floats) -> Floats:
    """The heart follows the effort with a lag, from what it was at the start line on."""
    before = np.full(_HEART_MEMORY.size - 1, _STANDING_EFFORT)
    lagged = np.convolve(np.concatenate((before, np.minimum(effort, 0.98))), _HEART_MEMORY, mode="valid")
    return body.resting_bpm + (body.highest_bpm - body.resting_bpm) * lagged


def _wander(count: int, rng: np.random.Generator) -> Floats:
    """A smooth random line around 0, bounded to two standard deviations."""
    at_s = np.arange(count) * _STEP_S
    knots_s = np.arange(0, at_s[-1] + 2 * _KNOT_S, _KNOT_S)
    line: Floats = np.interp(at_s, knots_s, np.clip(rng.standard_normal(knots_s.size), -2, 2))
    return line
