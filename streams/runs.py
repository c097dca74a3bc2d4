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
from streams.batch import Batch, Floats, Instants, Ints, channel, nullable, per_upload
from streams.reported import SESSION_FIELDS, fields, status
from streams.store import Rows, Store
from streams.wash_cycles import highest

MS_PER_MINUTE = 60_000
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
    }


def lifetime_columns(batch: Batch) -> dict[str, pa.ChunkedArray]:
    """The device's own counters, by their names in `Receipt`."""
    return {
        "lifetime_distance_m": batch.uploads.column("lifetime_distance_m"),
        "lifetime_steps": batch.uploads.column("lifetime_steps"),
    }


def add_amounts(runs: Store, rows: Rows, uploads: Ints, batch: Batch, when: Instants) -> None:
    """Add distance and sums over time of some uploads to their runs.

    Args:
        rows: Run of each of the `uploads` (indices into the batch).
    """
    far_m = highest(channel(batch, "distance_m", when), when)[uploads]
    known = ~np.isnan(far_m)
    np.maximum.at(runs.values["distance_mm"], rows[known], np.rint(far_m[known] * MILLI).astype(np.int64))
    heart_rate_bpm = _agreed(batch, "heart_rate_bpm", when)
    _add_mean(runs, rows, uploads, "cadence", channel(batch, "cadence_spm", when), when)
    _add_mean(runs, rows, uploads, "heart_rate", heart_rate_bpm, when)
    _add_mean(runs, rows, uploads, "ground_contact", _agreed(batch, "ground_contact_ms", when), when)
    top = highest(heart_rate_bpm, when)[uploads]
    np.fmax.at(runs.values["heart_rate_max"], rows, top)


def fact(run: np.void, device_id: str, session_id: str) -> dict[str, object]:
    """The run's newest version, as the contract writes it."""
    known = fields(run)
    cadence_ms = known["cadence_ms"]
    return Run(
        session_id=session_id,
        version=known["announced"],
        status=status(known),
        device_id=device_id,
        material=known["material"].decode(),
        firmware=known["firmware"].decode(),
        session_no=known["session_no"] or None,
        started_at_ms=known["started_ms"],
        ended_at_ms=known["ended_ms"],
        reading_count=known["readings"],
        known_at_ms=known["known_at_ms"],
        distance_m=known["distance_mm"] / MILLI,
        steps=round(known["cadence_sum"] / MILLI / MS_PER_MINUTE) if cadence_ms else None,
        avg_cadence_spm=_mean(known, "cadence"),
        avg_heart_rate_bpm=_mean(known, "heart_rate"),
        max_heart_rate_bpm=known["heart_rate_max"] or None,
        avg_ground_contact_ms=_mean(known, "ground_contact"),
    ).model_dump()


def _agreed(batch: Batch, name: str, when: Instants) -> Floats:
    """A health channel, NaN in uploads of runners who had not agreed."""
    values = channel(batch, name, when)
    return np.where(batch.flags("health_consent")[when.upload], values, np.nan)


def _add_mean(runs: Store, rows: Rows, uploads: Ints, name: str, values: Floats, when: Instants) -> None:
    measured = ~np.isnan(values)
    weighted = np.rint(np.where(measured, values, 0.0) * MILLI).astype(np.int64) * when.span_ms
    np.add.at(runs.values[f"{name}_sum"], rows, per_upload(weighted, when)[uploads])
    np.add.at(runs.values[f"{name}_ms"], rows, per_upload(np.where(measured, when.span_ms, 0), when)[uploads])


def _mean(known: Mapping[str, Any], name: str) -> float | None:
    measured_ms = known[f"{name}_ms"]
    return known[f"{name}_sum"] / MILLI / measured_ms if measured_ms else None
