"""Figures that a cohort of firmware is judged by, product by product. Pure."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from streams.batch import Batch, Floats, Instants, channel, peak
from streams.cohorts import Measure
from streams.physics import speed_m_per_s

COLDEST_C = -50.0
"""Below any place where a machine stands. Margins count from here: a garage may be near zero."""


def _in_cycle(batch: Batch, figure: Floats) -> Floats:
    """Of uploads within a cycle: a plug meter's rest says nothing of a model."""
    return np.where(batch.integers("cycle_started_ms") > 0, figure, np.nan)


def _water_of_cycle(batch: Batch, when: Instants) -> Floats:
    """Litres of a whole cycle: what is drawn so far says little before its end, or when power failed."""
    was_cut = pc.fill_null(pc.equal(batch.uploads.column("alert"), "power_cut"), False).to_numpy()
    return np.where(batch.flags("cycle_ended") & ~was_cut, peak(batch, "water_l", when), np.nan)


def _speed(batch: Batch, when: Instants) -> Floats:
    """Metres a second while the runner moves."""
    speed = speed_m_per_s(channel(batch, "distance_m", when), when)
    return np.where(speed > 0, speed, np.nan)


WASHER_MEASURES = (
    Measure("power_w", "W", lambda batch, when: _in_cycle(batch, peak(batch, "power_w", when)), below=5.0, above=1.5),
    Measure(
        "temperature_c",
        "°C",
        lambda batch, when: _in_cycle(batch, peak(batch, "temperature_c", when)),
        below=1.8,
        above=1.2,
        zero=COLDEST_C,
    ),
    Measure("water_l", "l", _water_of_cycle, below=2.0, above=2.0),
)
SHOE_MEASURES = (
    Measure("distance_m", "m", _speed, below=50.0, above=1.7),
    Measure("cadence_spm", "1/min", lambda batch, when: peak(batch, "cadence_spm", when), below=1.6, above=1.6),
    Measure(
        "ground_contact_ms", "ms", lambda batch, when: peak(batch, "ground_contact_ms", when), below=3.0, above=3.0
    ),
)
"""Margins: wide where people differ or pause, narrow where a wrong unit is only twice the right one."""
