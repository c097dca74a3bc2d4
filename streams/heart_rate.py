"""Time by heart rate, and from it the zones and the load of a run. Pure.

The state keeps time in narrow bands. What highest heart rate a runner has, may be told later and corrected, so zones
are made of the bands whenever a version of the run is written.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streams.batch import Floats, Instants, Ints
from streams.groups import Groups
from streams.store import Store

LOWEST_BPM, BAND_BPM, BANDS = 70, 5, 28
"""Bands from 70 up to 210 1/min; the last one has no end. Below lies no zone of whoever can reach 140."""

HIGHEST_BPM = 190.0
"""Of a runner who told none: 208 less 0.7 times the age (Tanaka, Monahan & Seals, 2001), at 26 years."""

ZONES_FROM = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Where each zone begins, as a share of the highest heart rate (Edwards, 1993)."""

HEART_RATE_FIELDS: list[tuple[str, str, tuple[int, ...]]] = [("heart_rate_bands", "u4", (BANDS,))]
"""Milliseconds in each band."""


def add_bands(runs: Store, groups: Groups, uploads: Ints, heart_rate_bpm: Floats, when: Instants) -> None:
    """Add the time that readings of some uploads speak for to the bands of their runs.

    Args:
        groups: The `uploads` (indices into the batch) by their runs.
        heart_rate_bpm: Of each reading; NaN where there is none, or none may be kept.
    """
    with np.errstate(invalid="ignore"):
        told = np.flatnonzero(heart_rate_bpm >= LOWEST_BPM)
    if not len(told):
        return
    place_of = np.full(len(when.count), -1, dtype=np.int64)
    place_of[uploads[groups.order]] = np.repeat(np.arange(len(groups.rows)), groups.counts())
    place = place_of[when.upload[told]]
    if (place < 0).any():
        told, place = told[place >= 0], place[place >= 0]
    band = heart_rate_bpm[told]
    band -= LOWEST_BPM
    band /= BAND_BPM
    place = place * BANDS + np.minimum(band, BANDS - 1, out=band).astype(np.int64)
    size = len(groups.rows) * BANDS
    time_ms = np.bincount(place, weights=when.span_ms[told], minlength=size)
    runs.values["heart_rate_bands"][groups.rows] += time_ms.astype(np.uint32).reshape(-1, BANDS)


def is_banded(bands_ms: Sequence[int], measured_ms: int, beats: float, highest_bpm: float) -> bool:
    """Whether the bands may hold all that was measured; not if it began before there were any.

    Time in no band was below the lowest one. It was not if there are more beats than that, and every band at its upper
    end, can have. Too few to tell are 6 % of a run at 150/min and less.

    Args:
        beats: Sum of heart rate times milliseconds.
        highest_bpm: Of any reading.
    """
    below_ms = measured_ms - sum(bands_ms)
    if below_ms <= 0:
        return True
    ends_bpm = [LOWEST_BPM + BAND_BPM * number for number in range(1, BANDS)] + [highest_bpm]
    most = sum(end_bpm * time_ms for end_bpm, time_ms in zip(ends_bpm, bands_ms, strict=True))
    return beats <= most + LOWEST_BPM * below_ms


def zone_s(bands_ms: Sequence[int], highest_bpm: float) -> list[float]:
    """Time in each zone. A band that lies in two zones is shared out by how far it reaches into each."""
    edges_bpm = LOWEST_BPM + BAND_BPM * np.arange(BANDS + 1, dtype=np.float64)
    until_ms = np.concatenate([[0.0], np.cumsum(np.asarray(bands_ms, dtype=np.float64))])
    below_ms = np.interp(np.array(ZONES_FROM) * highest_bpm, edges_bpm, until_ms)
    times_s: list[float] = (np.diff(below_ms, append=until_ms[-1]) / 1_000).round(3).tolist()
    return times_s


def load_min(zones_s: Sequence[float]) -> float:
    """Load of a run: minutes in each zone times the zone's number (Edwards, 1993)."""
    return round(sum(number * seconds / 60 for number, seconds in enumerate(zones_s, 1)), 3)
