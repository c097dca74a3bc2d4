"""Whether a device has been silent for longer than its own rhythm explains. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LEAST_SESSIONS = 8
"""With fewer, nobody knows a rhythm."""
WASHER_AT_LEAST_MS, SHOE_AT_LEAST_MS = 14 * 86_400_000, 28 * 86_400_000
"""Holidays are no reason to call, nor is a pulled muscle."""
TIMES_USUAL, TIMES_LONGEST = 4.0, 2.0
"""How many times the usual interval, and the longest one, silence has to last."""

Ints = npt.NDArray[np.integer]
Mask = npt.NDArray[np.bool_]


def limit_ms(start_s: Ints, is_shoe: Mask) -> npt.NDArray[np.int64]:
    """How long each device may be silent.

    Args:
        start_s: A row of starts a device, in any order, 0 for none.
    """
    ordered = np.sort(start_s.astype(np.int64), axis=1)
    interval_s = np.where(ordered[:, :-1] > 0, np.diff(ordered, axis=1), 0)
    usual_s = interval_s.sum(axis=1) / np.maximum((interval_s > 0).sum(axis=1), 1)
    longest_s = np.maximum(TIMES_USUAL * usual_s, TIMES_LONGEST * interval_s.max(axis=1))
    at_least_ms = np.where(is_shoe, SHOE_AT_LEAST_MS, WASHER_AT_LEAST_MS)
    limit: npt.NDArray[np.int64] = np.maximum(np.rint(longest_s * 1000).astype(np.int64), at_least_ms)
    return limit


def silent_too_long(start_s: Ints, is_shoe: Mask, ended_s: Ints, now_ms: int) -> Mask:
    """Which devices have been silent for longer than that; one whose rhythm is not known has not."""
    is_regular = (start_s > 0).sum(axis=1) >= LEAST_SESSIONS
    too_long: Mask = is_regular & (now_ms - ended_s.astype(np.int64) * 1000 > limit_ms(start_s, is_shoe))
    return too_long
