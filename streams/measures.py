"""Figures that a cohort of firmware is judged by, product by product. Pure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow.compute as pc

from schemas.evolution import MWH_PER_WH
from streams.batch import MS_PER_MINUTE, Batch, Floats, Instants, channel, highest, peak, per_upload
from streams.cohorts import Measure
from streams.consents import agreed
from streams.physics import speed_m_per_s
from streams.wash_cycles import drawn_uwh

LEAST_WH, LEAST_STEPS = 5.0, 50.0
"""Below that, rounding makes any ratio."""
COLDEST_C = -50.0
"""Below any place where a machine stands. Margins count from here: a garage may be near zero."""


def _water_of_cycle(batch: Batch, when: Instants, _risen: Floats) -> Floats:
    """Litres of a whole cycle: what is drawn so far says little before its end, or when power failed."""
    was_cut = pc.fill_null(pc.equal(batch.uploads.column("alert"), "power_cut"), False).to_numpy()
    return np.where(batch.flags("cycle_ended") & ~was_cut, peak(batch, "water_l", when), np.nan)


def _speed(batch: Batch, when: Instants, _risen: Floats) -> Floats:
    """Metres a second while the runner moves."""
    speed = speed_m_per_s(channel(batch, "distance_m", when), when)
    return np.where(speed > 0, speed, np.nan)


def _energy_by_counter(batch: Batch, when: Instants, risen: Floats) -> Floats:
    """Energy of the readings over what the machine's own counter has risen: 1, but for rounding."""
    return _ratio(drawn_uwh(batch, when) / 1e6, risen / MWH_PER_WH, LEAST_WH)


def _steps_by_counter(batch: Batch, when: Instants, risen: Floats) -> Floats:
    """Steps of the cadence over what the shoe's own counter has risen."""
    cadence = np.nan_to_num(channel(batch, "cadence_spm", when)) * when.span_ms
    return _ratio(per_upload(np.rint(cadence).astype(np.int64), when) / MS_PER_MINUTE, risen, LEAST_STEPS)


def _ratio(read: Floats, counted: Floats, least: float) -> Floats:
    """One over the other, NaN where either is too small to say anything."""
    says = (read > 0) & (counted >= least)
    ratio: Floats = np.divide(read, counted, out=np.full(len(read), np.nan), where=says)
    return ratio


def _of_peak(name: str) -> Callable[[Batch, Instants, Floats], Floats]:
    return lambda batch, when, _risen: peak(batch, name, when)


def _of_agreed_peak(name: str) -> Callable[[Batch, Instants, Floats], Floats]:
    """Of readings that their runners had agreed to: others are not remembered, not even as an extreme."""
    return lambda batch, when, _risen: highest(agreed(batch, name, when), when)


def _of_peak_in_cycle(name: str) -> Callable[[Batch, Instants, Floats], Floats]:
    """Of uploads within a cycle: a plug meter's rest says nothing of a model."""
    return lambda batch, when, _risen: np.where(batch.integers("cycle_started_ms") > 0, peak(batch, name, when), np.nan)


WASHER_MEASURES = (
    Measure("power_w", "W", _of_peak_in_cycle("power_w"), below=5.0, above=1.5),
    Measure("temperature_c", "°C", _of_peak_in_cycle("temperature_c"), below=1.8, above=1.2, zero=COLDEST_C),
    Measure("water_l", "l", _water_of_cycle, below=2.0, above=2.0),
    Measure("power_w", "W", _energy_by_counter, 1.6, 1.6, room=1.0, subject="power_w over the machine's own counter"),
)
SHOE_MEASURES = (
    Measure("distance_m", "m", _speed, below=50.0, above=1.7),
    Measure("cadence_spm", "1/min", _of_peak("cadence_spm"), below=1.6, above=1.6),
    Measure("ground_contact_ms", "ms", _of_agreed_peak("ground_contact_ms"), below=3.0, above=3.0, is_shown=False),
    Measure(
        "cadence_spm", "1/min", _steps_by_counter, 1.6, 1.6, room=1.0, subject="cadence_spm over the shoe's own steps"
    ),
)
"""Margins: wide where people differ or pause, narrow where a wrong unit is only twice the right one."""
