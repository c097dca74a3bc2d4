"""How much a firmware moved a figure, and how sure that is. Pure.

Least squares with a level for every device and one for every week (two-way fixed effects): what is left to the
firmware is how devices that got it changed, less how the others changed in the same weeks. A device's weeks are no
independent sample, so the error counts devices, not sessions (cluster-robust: Liang and Zeger 1986).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LEAST_UPDATED = 15
"""Devices with sessions before and after; with fewer, the error itself is a guess."""
DEVIATIONS = 4.5
"""Standard deviations from which a shift is believed: by chance one time in 150,000, since every firmware is looked at
some thirty times, in three figures, in every partition."""
BELIEVED_NO_MORE = 3.0
LEAST_LEFT = 0.1
"""Share of what distinguishes before from after that has to be left when the weeks are taken out: where all were
updated at once, a cold week and a bad firmware look the same."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Entries:
    """Weeks of devices: the mean of so many sessions, before or after the device was updated."""

    device: Ints
    week: Ints
    is_after: npt.NDArray[np.bool_]
    count: Floats
    mean: Floats


@dataclass(frozen=True)
class Shift:
    """An effect, its standard error, and how many standard deviations of a normal variable that is.

    Attributes:
        updated: Devices with sessions before and after.
    """

    effect: float
    error: float
    deviations: float
    updated: int
    devices: int
    sessions: float

    def threshold(self, least: float) -> float:
        """The smallest effect, on either side, that would have been raised."""
        return max(least, DEVIATIONS * self.error)

    def is_raised(self, least: float) -> bool:
        """Whether it is large enough to matter, and sure enough."""
        return abs(self.effect) >= least and self.deviations >= DEVIATIONS

    def is_cleared(self, least: float) -> bool:
        """Whether what was raised is no more."""
        return abs(self.effect) < least / 2 or self.deviations < BELIEVED_NO_MORE


def shift(entries: Entries) -> Shift | None:
    """The shift that the entries show; None where they cannot tell."""
    names, device = np.unique(entries.device, return_inverse=True)
    sessions = np.zeros((2, len(names)))
    np.add.at(sessions, (entries.is_after.astype(np.int64), device), entries.count)
    updated = int((sessions > 0).all(axis=0).sum())
    if updated < LEAST_UPDATED:
        return None
    weight, after = entries.count, entries.is_after.astype(np.float64)
    weeks = (entries.week[:, None] == np.unique(entries.week)[1:]).astype(np.float64)
    columns = _within(np.column_stack((entries.mean, after, weeks)), device, weight, len(names))
    own = columns[:, :2]
    own_left = own - columns[:, 2:] @ _fit(columns[:, 2:], own, weight)
    figure, cause = own_left[:, 0], own_left[:, 1]
    told, total = float(weight @ cause**2), float(weight @ columns[:, 1] ** 2)
    if told < LEAST_LEFT * total:
        return None
    effect = float(weight @ (cause * figure)) / told
    scores = np.bincount(device, weight * cause * (figure - effect * cause), len(names))
    error = math.sqrt(float(scores @ scores) * updated / (updated - 1)) / told
    return Shift(effect, error, _deviations(effect, error, updated - 1), updated, len(names), float(weight.sum()))


def _within(columns: Floats, device: Ints, weight: Floats, devices: int) -> Floats:
    """The columns less each device's own mean."""
    of_device = np.bincount(device, weight, devices)
    means = np.column_stack([np.bincount(device, weight * column, devices) / of_device for column in columns.T])
    left: Floats = columns - means[device]
    return left


def _fit(columns: Floats, wanted: Floats, weight: Floats) -> Floats:
    """Weighted least squares; weeks that say nothing of their own get 0."""
    weighted = columns * weight[:, None]
    found: Floats = np.linalg.pinv(weighted.T @ columns) @ (weighted.T @ wanted)
    return found


def _deviations(effect: float, error: float, freedom: int) -> float:
    """How far in a normal distribution: Student's t made normal (Wallace 1959, within 0.1 % of it)."""
    if effect == 0 or error == 0:
        return 0.0 if effect == 0 else math.inf
    narrower = (8 * freedom + 1) / (8 * freedom + 3)
    return narrower * math.sqrt(freedom * math.log1p((effect / error) ** 2 / freedom))
