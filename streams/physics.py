"""What no device can have measured, whatever its contract's ranges say of each value alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from schemas.catalogue import HOTTEST_SUDS_C, LARGEST_LOAD_W, LARGEST_SPEED_M_PER_S
from streams.admission import Doubt, Told
from streams.batch import Batch, Floats, Instants, by_material, channel, peak

LARGEST_LOAD_OF_OTHERS_W = 10_000
"""Of machines that the catalogue does not know: what the contract accepts anyway."""
SHORTEST_STRETCH_MS = 10_000
"""A position that jumps for a second is noise; ten seconds at that speed are not."""
ROUNDING = 0.05
"""Metres or litres: a count that falls by less was rounded."""


def washer_doubts(batch: Batch, when: Instants) -> Iterator[Doubt]:
    """Uploads of washing machines that cannot be."""
    largest_w = by_material(batch, LARGEST_LOAD_W, LARGEST_LOAD_OF_OTHERS_W)
    yield _above("power_w", peak(batch, "power_w", when), largest_w.astype(np.float64), "W")
    yield _above("temperature_c", peak(batch, "temperature_c", when), HOTTEST_SUDS_C, "°C")
    yield _falling("water_l", channel(batch, "water_l", when), when)


def shoe_doubts(batch: Batch, when: Instants) -> Iterator[Doubt]:
    """Uploads of running shoes that cannot be."""
    distance_m = channel(batch, "distance_m", when)
    yield _falling("distance_m", distance_m, when)
    speed = speed_m_per_s(distance_m, when)
    yield Doubt(
        speed > LARGEST_SPEED_M_PER_S,
        "out_of_physics",
        lambda row: Told(
            f"distance_m rises by {speed[row]:.1f} m/s; up to {LARGEST_SPEED_M_PER_S} m/s are accepted",
            "distance_m",
            f"{speed[row]:.1f} m/s",
            f"up to {LARGEST_SPEED_M_PER_S} m/s",
        ),
    )


def speed_m_per_s(distance_m: Floats, when: Instants) -> Floats:
    """Mean speed over each upload; NaN where it covers less than `SHORTEST_STRETCH_MS`."""
    speed = np.full(len(when.count), np.nan)
    filled = np.flatnonzero(when.count)
    first, last = when.first[filled], (when.first + when.count - 1)[filled]
    took_ms = when.measured_at_ms[last] - when.measured_at_ms[first]
    long = took_ms >= SHORTEST_STRETCH_MS
    way_m = distance_m[last[long]] - distance_m[first[long]]
    speed[filled[long]] = way_m / took_ms[long] * 1_000
    return speed


def _above(name: str, top: Floats, limit: Floats | float, unit: str) -> Doubt:
    limits = np.broadcast_to(limit, len(top))
    with np.errstate(invalid="ignore"):
        rows: npt.NDArray[np.bool_] = top > limits
    return Doubt(
        rows,
        "out_of_physics",
        lambda row: Told(
            f"{name} reaches {top[row]:g} {unit}; this model can reach {limits[row]:g} {unit}",
            name,
            f"{top[row]:g}",
            f"up to {limits[row]:g}",
        ),
    )


def _falling(name: str, values: Floats, when: Instants) -> Doubt:
    """Uploads in which a channel that counts up falls."""
    rows = np.zeros(len(when.count), dtype=bool)
    if len(values) > 1:
        with np.errstate(invalid="ignore"):
            falls = (np.diff(values) < -ROUNDING) & (when.upload[1:] == when.upload[:-1])
        rows[when.upload[1:][falls]] = True
    return Doubt(
        rows, "out_of_physics", lambda _row: Told(f"{name} counts up, but falls", name, "falls", "rises or stays")
    )
