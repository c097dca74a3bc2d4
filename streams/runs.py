"""What a running shoe's readings are, and what they add to its runs. Pure.

Means are kept as whole sums over time, so that they do not depend on the order of their parts. Health values
count only where the runner had agreed (decision D11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.facts import Run
from streams.batch import MS_PER_MINUTE, Batch, Floats, Instants, Ints, channel, highest, nullable, peak, per_upload
from streams.desk.register import Known
from streams.groups import Groups, grouped
from streams.reported import SESSION_FIELDS, fields, shared_facts
from streams.store import Rows, Store

MILLI = 1_000

RUN = np.dtype(
    [
        *SESSION_FIELDS,
        ("distance_mm", "i8"),
        ("cadence_sum", "i8"),
        ("cadence_ms", "i8"),
        ("heart_rate_sum", "i8"),
        ("heart_rate_ms", "i8"),
        ("heart_rate_max", "f8"),
        ("ground_contact_sum", "i8"),
        ("ground_contact_ms", "i8"),
    ]
)
"""A run in the state. `X_sum` is the sum of thousandths of X times milliseconds, `X_ms` the time X was measured."""


def reading_columns(batch: Batch, when: Instants) -> dict[str, pa.Array]:
    """The product's own columns of `ShoeReading`."""
    return {
        "distance_m": pa.array(channel(batch, "distance_m", when)),
        "cadence_spm": nullable(channel(batch, "cadence_spm", when)),
        "heart_rate_bpm": nullable(_agreed(batch, "heart_rate_bpm", when)),
        "ground_contact_ms": nullable(_agreed(batch, "ground_contact_ms", when)),
        "contact_balance_pct": nullable(_agreed(batch, "contact_balance_pct", when)),
        "latitude_deg": nullable(_agreed(batch, "latitude_deg", when, "location_consent")),
        "longitude_deg": nullable(_agreed(batch, "longitude_deg", when, "location_consent")),
    }


def lifetime_columns(batch: Batch, when: Instants) -> dict[str, pa.ChunkedArray]:
    """The device's own counters and how far its run has come, by their names in `Receipt`."""
    return {
        "run_distance_m": nullable(peak(batch, "distance_m", when)),
        "lifetime_distance_m": batch.uploads.column("lifetime_distance_m"),
        "lifetime_steps": batch.uploads.column("lifetime_steps"),
    }


def add_amounts(runs: Store, rows: Rows, uploads: Ints, batch: Batch, when: Instants) -> None:
    """Add distance and sums over time of some uploads to their runs.

    Args:
        rows: Run of each of the `uploads` (indices into the batch).
    """
    values, groups = runs.values, grouped(rows)
    own = groups.rows
    far_m = groups.highest_known(peak(batch, "distance_m", when)[uploads])
    known = ~np.isnan(far_m)
    far_mm = np.rint(far_m[known] * MILLI).astype(np.int64)
    values["distance_mm"][own[known]] = np.maximum(values["distance_mm"][own[known]], far_mm)
    heart_rate_bpm = _agreed(batch, "heart_rate_bpm", when)
    _add_mean(runs, groups, uploads, "cadence", channel(batch, "cadence_spm", when), when)
    _add_mean(runs, groups, uploads, "heart_rate", heart_rate_bpm, when)
    _add_mean(runs, groups, uploads, "ground_contact", _agreed(batch, "ground_contact_ms", when), when)
    top = groups.highest_known(highest(heart_rate_bpm, when)[uploads])
    values["heart_rate_max"][own] = np.fmax(values["heart_rate_max"][own], top)


def fact(run: np.void, device_id: str, session_id: str, known_device: Known) -> dict[str, object]:
    """The run's newest version, as the contract writes it."""
    known = fields(run)
    cadence_ms = known["cadence_ms"]
    return Run(
        **shared_facts(known, device_id, session_id),
        distance_m=known["distance_mm"] / MILLI,
        steps=round(known["cadence_sum"] / MILLI / MS_PER_MINUTE) if cadence_ms else None,
        avg_cadence_spm=_mean(known, "cadence"),
        avg_heart_rate_bpm=_mean(known, "heart_rate"),
        max_heart_rate_bpm=known["heart_rate_max"] or None,
        avg_ground_contact_ms=_mean(known, "ground_contact"),
    ).model_dump()


def _agreed(batch: Batch, name: str, when: Instants, consent: str = "health_consent") -> Floats:
    """A channel of health or place, NaN where the runner had not agreed to it, by their device or by the records."""
    values = channel(batch, name, when)
    kept = batch.flags(consent)[when.upload]
    if consent in batch.denied:
        kept &= ~batch.denied[consent]
    return np.where(kept, values, np.nan)


def _add_mean(runs: Store, groups: Groups, uploads: Ints, name: str, values: Floats, when: Instants) -> None:
    measured = ~np.isnan(values)
    weighted = np.rint(np.where(measured, values, 0.0) * MILLI).astype(np.int64) * when.span_ms
    for part, amount in (("sum", weighted), ("ms", np.where(measured, when.span_ms, 0))):
        runs.values[f"{name}_{part}"][groups.rows] += groups.sums(per_upload(amount, when)[uploads])


def _mean(known: Mapping[str, Any], name: str) -> float | None:
    measured_ms = known[f"{name}_ms"]
    return known[f"{name}_sum"] / MILLI / measured_ms if measured_ms else None
