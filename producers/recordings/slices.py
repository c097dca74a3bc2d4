"""Where a recording is cut into uploads, and the clock that may not run backwards."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from schemas.errors import RecordingError
from schemas.uploads import MAX_SPAN_MS

READINGS_PER_UPLOAD = 60
LONGEST_UPLOAD_MS = 240_000

LARGEST_STEP_BACK_MS = 120_000
"""Recorders set their clock now and then. More than this is not a correction but a file out of order."""


def slices(at_ms: NDArray[np.int64]) -> Iterator[slice]:
    """Consecutive readings of one upload: at most 60, within 4 minutes, without a gap over `MAX_SPAN_MS`.

    Args:
        at_ms: Ascending times; equal ones are fine. None give no slice.
    """
    gaps = np.append(np.flatnonzero(np.diff(at_ms) > MAX_SPAN_MS) + 1, at_ms.size)
    first = 0
    while first < at_ms.size:
        in_time = int(np.searchsorted(at_ms, at_ms[first] + LONGEST_UPLOAD_MS, side="right"))
        to_gap = int(gaps[np.searchsorted(gaps, first, side="right")])
        end = min(first + READINGS_PER_UPLOAD, in_time, to_gap)
        yield slice(first, end)
        first = end


def spans_ms(at_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """How long each reading speaks for: the time since the one before, 0 for the first and after a gap."""
    spans = np.diff(at_ms, prepend=at_ms[:1])
    return np.where(spans > MAX_SPAN_MS, 0, spans)


def never_falling(at_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Times of a clock that stands still while the recorder's own repeats what it has shown already.

    Raises:
        RecordingError: A step back of more than `LARGEST_STEP_BACK_MS`.
    """
    steady = np.maximum.accumulate(at_ms)
    behind_ms = steady - at_ms
    if at_ms.size and behind_ms.max() > LARGEST_STEP_BACK_MS:
        at = int(np.argmax(behind_ms > LARGEST_STEP_BACK_MS))
        raise RecordingError(
            f"reading {at + 1} is {behind_ms[at] / 1000:.0f} s before an earlier one; "
            f"steps back of up to {LARGEST_STEP_BACK_MS // 1000} s are accepted"
        )
    return steady
