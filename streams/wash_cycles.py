"""What a washing machine's readings are, and what they add to its wash cycles. Pure.

Energy is summed in whole microwatt-hours, so that a sum does not depend on the order of its parts; all else that is
kept of a cycle are sums of whole numbers, highest values and bits, for the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.catalogue import WASHERS
from schemas.evolution import MWH_PER_WH
from streams.batch import Batch, Floats, Instants, Ints, by_material, channel, nullable, peak, per_upload, texts
from streams.desk.register import Known
from streams.groups import Groups, grouped
from streams.programme import PROGRAMMES
from streams.reported import SESSION_FIELDS, shared_facts
from streams.store import Rows, Store
from streams.wash_anomalies import RULES, Rules
from streams.wash_course import ALERTS, COURSE_FIELDS, ENDED, NEVER_MS, add_sums, course_of
from streams.wash_facts import course_facts
from streams.wash_phases import sums

MS_PER_HOUR = 3_600_000

CYCLE = np.dtype(
    [
        *SESSION_FIELDS,
        ("energy_uwh", "i8"),
        ("peak_w", "f8"),
        ("water_ml", "i8"),
        ("has_water", "?"),
        ("programme", "i1"),
        *COURSE_FIELDS,
    ]
)
"""A wash cycle in the state. `programme` counts from 1 in PROGRAMMES, 0 for unknown."""

_USUAL_HEATER_W = 2_000.0
"""Of a model that the catalogue does not know."""
_HEATER_W = np.array([*(model.heater_w for model in WASHERS), _USUAL_HEATER_W])
_MODEL = {model.material: number for number, model in enumerate(WASHERS)}
_LABEL_WATER_L = np.full((len(WASHERS) + 1, len(PROGRAMMES) + 1), np.nan)
_LABEL_WATER_L[:-1, 1:] = [[model.labels[name].water_l for name in PROGRAMMES] for model in WASHERS]


def energy_uwh(batch: Batch, when: Instants) -> Floats:
    """Energy of each reading in microwatt-hours: mean power times the time it speaks for. Not to be changed.

    Whole numbers, which a float adds without loss up to 2^53. Worked out once for a batch.
    """
    found = batch.known.get(("energy", "readings"))
    if found is None:
        power_w = channel(batch, "power_w", when)
        found = batch.known["energy", "readings"] = np.rint(power_w * when.span_ms * (1_000_000 / MS_PER_HOUR))
    return found


def drawn_uwh(batch: Batch, when: Instants) -> Floats:
    """Energy of each upload's readings in microwatt-hours, whole numbers. Not to be changed."""
    found = batch.known.get(("energy", "uploads"))
    if found is None:
        found = batch.known["energy", "uploads"] = per_upload(energy_uwh(batch, when), when).astype(np.float64)
    return found


def reading_columns(batch: Batch, when: Instants) -> dict[str, pa.Array]:
    """The product's own columns of `WasherReading`."""
    return {
        "power_w": pa.array(channel(batch, "power_w", when)),
        "energy_wh": pa.array(energy_uwh(batch, when) / 1e6),
        "water_l": nullable(channel(batch, "water_l", when)),
        "temperature_c": nullable(channel(batch, "temperature_c", when)),
        "drum_rpm": nullable(channel(batch, "drum_rpm", when)),
        "phase": texts(batch, "phase", when),
    }


def lifetime_columns(batch: Batch, when: Instants) -> dict[str, pa.ChunkedArray]:
    """The device's own counters, the energy of its readings and what it says of its cycle, as `Receipt` names them."""
    return {
        "energy_wh": pa.array(drawn_uwh(batch, when) / 1e6),
        "lifetime_sessions": batch.uploads.column("lifetime_cycles"),
        "lifetime_energy_wh": pa.compute.divide(
            batch.uploads.column("lifetime_energy_mwh").cast(pa.float64()), MWH_PER_WH
        ),
        "lifetime_water_l": batch.uploads.column("lifetime_water_l"),
        "programme": batch.uploads.column("programme"),
        "alert": batch.uploads.column("alert"),
    }


def add_amounts(cycles: Store, rows: Rows, uploads: Ints, batch: Batch, when: Instants) -> None:
    """Add energy, water, peak, programme and course of some uploads to their cycles.

    Args:
        rows: Cycle of each of the `uploads` (indices into the batch).
    """
    if not len(rows):
        return
    values, groups = cycles.values, grouped(rows)
    own = groups.rows
    values["energy_uwh"][own] += groups.sums(drawn_uwh(batch, when)[uploads]).astype(np.int64)
    values["peak_w"][own] = np.fmax(values["peak_w"][own], groups.highest_known(peak(batch, "power_w", when)[uploads]))
    water_l = groups.highest_known(peak(batch, "water_l", when)[uploads])
    known = ~np.isnan(water_l)
    water_ml = np.rint(water_l[known] * 1000).astype(np.int64)
    values["water_ml"][own[known]] = np.maximum(values["water_ml"][own[known]], water_ml)
    values["has_water"][own[known]] = True
    programmes = _numbers(batch, "programme", PROGRAMMES)
    values["programme"][own] = np.maximum(values["programme"][own], groups.highest(programmes[uploads]))
    _add_course(cycles, groups, uploads, programmes, batch, when)


def _add_course(
    cycles: Store, groups: Groups, uploads: Ints, programmes: npt.NDArray[np.int8], batch: Batch, when: Instants
) -> None:
    """Add what the readings and alerts of some uploads tell of the course of their cycles."""
    count = len(groups.rows)
    cycle = np.full(len(when.count), count)
    cycle[uploads[groups.order]] = np.repeat(np.arange(count), groups.counts())
    model = by_material(batch, _MODEL, len(WASHERS))
    heater_w, label_l = _HEATER_W[model], _LABEL_WATER_L[model, programmes]
    alerts = _numbers(batch, "alert", ALERTS)
    seq = batch.integers("seq")[uploads][groups.order]
    said = (np.uint8(1) << alerts.astype(np.uint8) >> 1) | batch.flags("cycle_ended") * np.uint8(ENDED)
    add_sums(
        cycles.values,
        groups.rows,
        sums(batch, when, energy_uwh(batch, when), heater_w, label_l, cycle, count),
        hottest_c=groups.highest_known(peak(batch, "temperature_c", when)[uploads]),
        fastest_rpm=groups.highest_known(peak(batch, "drum_rpm", when)[uploads]),
        first_seq=np.minimum.reduceat(seq, groups.first),
        last_seq=np.maximum.reduceat(seq, groups.first),
        begins_ms=np.minimum.reduceat(_begins_ms(when)[uploads][groups.order], groups.first),
        said=np.bitwise_or.reduceat(said[uploads][groups.order], groups.first),
    )


def fact(
    known: Mapping[str, Any], device_id: str, session_id: str, known_device: Known, rules: Rules = RULES
) -> dict[str, object]:
    """The cycle's newest version, as the contract `WashCycle` writes it, from the row's `fields`."""
    return {
        **shared_facts(known, device_id, session_id),
        "source": "power_curve" if known["detected"] else "reported",
        "energy_wh": known["energy_uwh"] / 1e6,
        "peak_w": known["peak_w"],
        "water_l": known["water_ml"] / 1e3 if known["has_water"] else None,
        **course_facts(course_of(known), rules),
    }


def _begins_ms(when: Instants) -> Ints:
    """From when on the readings of each upload speak; `NEVER_MS` without any."""
    begins = np.full(len(when.count), NEVER_MS)
    filled = when.count > 0
    first = when.first[filled]
    begins[filled] = when.measured_at_ms[first] - when.span_ms[first]
    return begins


def _numbers(batch: Batch, name: str, words: tuple[str, ...]) -> npt.NDArray[np.int8]:
    """Place of each upload's word among `words`, from 1 on; 0 for none."""
    column = batch.uploads.column(name).combine_chunks()
    if column.null_count == len(column):
        return np.zeros(len(column), dtype=np.int8)
    numbers = pa.compute.index_in(column, value_set=pa.array(words))
    return np.asarray(pa.compute.fill_null(numbers, -1).to_numpy(), dtype=np.int8) + np.int8(1)
