"""What a washing machine's readings are, and what they add to its wash cycles. Pure.

Energy is summed in whole microwatt-hours, so that a sum does not depend on the order of its parts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.evolution import MWH_PER_WH
from schemas.facts import WashCycle
from schemas.uploads import Programme
from streams.batch import Batch, Floats, Instants, Ints, channel, nullable, peak, per_upload, texts
from streams.desk.register import Known
from streams.groups import grouped
from streams.reported import SESSION_FIELDS, fields, shared_facts
from streams.store import Rows, Store

MS_PER_HOUR = 3_600_000
PROGRAMMES: tuple[Programme, ...] = ("cotton", "synthetics", "eco", "quick", "wool")

CYCLE = np.dtype(
    [
        *SESSION_FIELDS,
        ("energy_uwh", "i8"),
        ("peak_w", "f8"),
        ("water_ml", "i8"),
        ("has_water", "?"),
        ("programme", "i1"),
    ]
)
"""A wash cycle in the state. `programme` counts from 1 in PROGRAMMES, 0 for unknown."""


def energy_uwh(power_w: Floats, span_ms: Ints) -> Ints:
    """Energy of each reading in microwatt-hours: mean power times the time it speaks for."""
    return np.rint(power_w * span_ms * (1_000_000 / MS_PER_HOUR)).astype(np.int64)


def reading_columns(batch: Batch, when: Instants) -> dict[str, pa.Array]:
    """The product's own columns of `WasherReading`."""
    power_w = channel(batch, "power_w", when)
    return {
        "power_w": pa.array(power_w),
        "energy_wh": pa.array(energy_uwh(power_w, when.span_ms) / 1e6),
        "water_l": nullable(channel(batch, "water_l", when)),
        "temperature_c": nullable(channel(batch, "temperature_c", when)),
        "drum_rpm": nullable(channel(batch, "drum_rpm", when)),
        "phase": texts(batch, "phase", when),
    }


def lifetime_columns(batch: Batch, when: Instants) -> dict[str, pa.ChunkedArray]:
    """The device's own counters and the energy of its readings, by their names in `Receipt`."""
    drawn_uwh = per_upload(energy_uwh(channel(batch, "power_w", when), when.span_ms), when)
    return {
        "energy_wh": pa.array(drawn_uwh / 1e6),
        "lifetime_sessions": batch.uploads.column("lifetime_cycles"),
        "lifetime_energy_wh": pa.compute.divide(
            batch.uploads.column("lifetime_energy_mwh").cast(pa.float64()), MWH_PER_WH
        ),
        "lifetime_water_l": batch.uploads.column("lifetime_water_l"),
    }


def add_amounts(cycles: Store, rows: Rows, uploads: Ints, batch: Batch, when: Instants) -> None:
    """Add energy, water, peak and programme of some uploads to their cycles.

    Args:
        rows: Cycle of each of the `uploads` (indices into the batch).
    """
    power_w = channel(batch, "power_w", when)
    values, groups = cycles.values, grouped(rows)
    own = groups.rows
    values["energy_uwh"][own] += groups.sums(per_upload(energy_uwh(power_w, when.span_ms), when)[uploads])
    values["peak_w"][own] = np.fmax(values["peak_w"][own], groups.highest_known(peak(batch, "power_w", when)[uploads]))
    water_l = groups.highest_known(peak(batch, "water_l", when)[uploads])
    known = ~np.isnan(water_l)
    water_ml = np.rint(water_l[known] * 1000).astype(np.int64)
    values["water_ml"][own[known]] = np.maximum(values["water_ml"][own[known]], water_ml)
    values["has_water"][own[known]] = True
    chosen = groups.highest(_programme_numbers(batch)[uploads])
    values["programme"][own] = np.maximum(values["programme"][own], chosen)


def fact(cycle: np.void, device_id: str, session_id: str, known_device: Known) -> dict[str, object]:
    """The cycle's newest version, as the contract writes it."""
    known = fields(cycle)
    programme = known["programme"]
    return WashCycle(
        **shared_facts(known, device_id, session_id),
        source="power_curve" if known["detected"] else "reported",
        programme=PROGRAMMES[programme - 1] if programme else None,
        energy_wh=known["energy_uwh"] / 1e6,
        peak_w=known["peak_w"],
        water_l=known["water_ml"] / 1e3 if known["has_water"] else None,
    ).model_dump()


def _programme_numbers(batch: Batch) -> npt.NDArray[np.int8]:
    names = batch.uploads.column("programme").combine_chunks()
    numbers = pa.compute.index_in(names, value_set=pa.array(PROGRAMMES))
    return np.asarray(pa.compute.fill_null(numbers, -1).to_numpy(), dtype=np.int8) + np.int8(1)
