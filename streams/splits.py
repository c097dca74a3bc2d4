"""When each kilometre of a run was full, and so how long each took. Pure.

A kilometre is full between two readings that follow each other: the time is interpolated there. Readings more than
`MAX_SPAN_MS` apart do not follow each other, so a kilometre that was full in a gap has no time. Of several crossings
of the same mark (a distance that falls by its rounding) the earliest counts, in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from streams.batch import Ints
from streams.store import Rows, Store

KM_MM = 1_000_000
MOST_KM = 42
"""Of a longer run the later kilometres have no time: 4 bytes for each are kept for every run, long or short."""

_LATEST_MS = np.iinfo(np.uint32).max
"""Since the start of the run: 49 days."""

SPLIT_FIELDS: list[tuple[str, str, tuple[int, ...]]] = [("full_km", "u4", (MOST_KM,))]
"""`_LATEST_MS` less the milliseconds from the start until each kilometre was full, so that zero is: not known."""


def note_full(runs: Store, rows: Rows, since_ms: Ints, took_ms: Ints, before_mm: Ints, after_mm: Ints) -> None:
    """Note the kilometres that became full between readings that follow each other.

    Args:
        rows: The run of each pair of readings.
        since_ms: From the start of the run to the reading before.
        took_ms: From there to the reading after.
    """
    km = after_mm // KM_MM
    full = (km == before_mm // KM_MM + 1) & (km <= MOST_KM)
    if not full.any():
        return
    rows, km, before_mm, after_mm, since_ms, took_ms = (
        column[full] for column in (rows, km, before_mm, after_mm, since_ms, took_ms)
    )
    made_mm = after_mm - before_mm
    full_ms = since_ms + ((km * KM_MM - before_mm) * took_ms + made_mm // 2) // made_mm
    fits = (full_ms >= 0) & (full_ms < _LATEST_MS)
    told = (_LATEST_MS - full_ms[fits]).astype(np.uint32)
    np.maximum.at(runs.values["full_km"], (rows[fits], km[fits] - 1), told)


def split_s(full_km: Sequence[int], distance_mm: int) -> list[float | None]:
    """How long each full kilometre of a run took, pauses included; None where it is not known when one became full.

    Args:
        full_km: As kept in the state.
    """
    told: list[int | None] = [_LATEST_MS - value if value else None for value in full_km]
    count = distance_mm // KM_MM
    marks = [0, *told[:count], *[None] * (count - len(told))]
    return [
        (end_ms - start_ms) / 1_000 if start_ms is not None and end_ms is not None and end_ms > start_ms else None
        for start_ms, end_ms in pairwise(marks)
    ]
