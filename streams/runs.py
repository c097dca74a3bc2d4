"""What a running shoe's readings are, and what they add to its runs. Pure.

Means are kept as whole sums over time, so that they do not depend on the order of their parts. Health values
count only where the runner had agreed (decision D11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from streams.batch import MS_PER_MINUTE, Batch, Floats, Instants, Ints, channel, highest, nullable, peak, per_upload
from streams.consents import agreed
from streams.desk.register import Known
from streams.groups import Groups, grouped
from streams.heart_rate import HEART_RATE_FIELDS, HIGHEST_BPM, add_bands, is_banded, load_min, zone_s
from streams.motion import MILLI, MOTION_FIELDS, RULES, Rules, add_motion
from streams.reported import SESSION_FIELDS, shared_facts
from streams.seams import TAIL_FIELDS
from streams.splits import SPLIT_FIELDS, split_s
from streams.store import Rows, Store

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
        ("contact_balance_sum", "i8"),
        ("contact_balance_ms", "i8"),
        *MOTION_FIELDS,
        *TAIL_FIELDS,
        *SPLIT_FIELDS,
        *HEART_RATE_FIELDS,
    ]
)
"""A run in the state. `X_sum` is the sum of thousandths of X times milliseconds, `X_ms` the time X was measured."""


def reading_columns(batch: Batch, when: Instants) -> dict[str, pa.Array]:
    """The product's own columns of `ShoeReading`."""
    return {
        "distance_m": pa.array(channel(batch, "distance_m", when)),
        "cadence_spm": nullable(channel(batch, "cadence_spm", when)),
        "heart_rate_bpm": nullable(agreed(batch, "heart_rate_bpm", when)),
        "ground_contact_ms": nullable(agreed(batch, "ground_contact_ms", when)),
        "contact_balance_pct": nullable(agreed(batch, "contact_balance_pct", when)),
        "latitude_deg": nullable(agreed(batch, "latitude_deg", when, "location_consent")),
        "longitude_deg": nullable(agreed(batch, "longitude_deg", when, "location_consent")),
    }


def lifetime_columns(batch: Batch, when: Instants) -> dict[str, pa.ChunkedArray]:
    """The device's own counters and how far its run has come, by their names in `Receipt`."""
    return {
        "run_distance_m": nullable(peak(batch, "distance_m", when)),
        "lifetime_distance_m": batch.uploads.column("lifetime_distance_m"),
        "lifetime_steps": batch.uploads.column("lifetime_steps"),
    }


def add_amounts(runs: Store, rows: Rows, uploads: Ints, batch: Batch, when: Instants, rules: Rules = RULES) -> None:
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
    heart_rate_bpm = agreed(batch, "heart_rate_bpm", when)
    _add_mean(runs, groups, uploads, "cadence", channel(batch, "cadence_spm", when), when)
    _add_mean(runs, groups, uploads, "heart_rate", heart_rate_bpm, when)
    _add_mean(runs, groups, uploads, "ground_contact", agreed(batch, "ground_contact_ms", when), when)
    _add_mean(runs, groups, uploads, "contact_balance", agreed(batch, "contact_balance_pct", when), when)
    add_motion(runs, groups, uploads, batch, when, rules)
    add_bands(runs, groups, uploads, heart_rate_bpm, when)
    top = groups.highest_known(highest(heart_rate_bpm, when)[uploads])
    values["heart_rate_max"][own] = np.fmax(values["heart_rate_max"][own], top)


def fact(known: Mapping[str, Any], device_id: str, session_id: str, known_device: Known) -> dict[str, object]:
    """The run's newest version, as the contract `Run` writes it, from the row's `fields`."""
    moving_ms, paused_ms, moving_mm = (known[name] for name in ("moving_ms", "paused_ms", "moving_mm"))
    gap_ms = known["ended_ms"] - known["started_ms"] - moving_ms - paused_ms
    steps = round(known["cadence_sum"] / MILLI / MS_PER_MINUTE) if known["cadence_ms"] else None
    # Steps without any distance are made on a treadmill: whoever makes them does not stand, and how fast nobody knows.
    is_on_the_spot = known["distance_mm"] == 0 and bool(steps)
    return {
        **shared_facts(known, device_id, session_id),
        "distance_m": known["distance_mm"] / MILLI,
        "steps": steps,
        "avg_cadence_spm": _mean(known, "cadence"),
        "avg_ground_contact_ms": _mean(known, "ground_contact"),
        "moving_s": None if is_on_the_spot else moving_ms / MILLI,
        "paused_s": None if is_on_the_spot else paused_ms / MILLI,
        "gap_s": max(gap_ms, 0) / MILLI,
        "pace_s_per_km": moving_ms * MILLI / moving_mm if moving_mm > 0 else None,
        "split_s": split_s(known["full_km"].tolist(), known["distance_mm"]),
        **_balance(known),
        **_heart(known, known_device),
    }


def _balance(known: Mapping[str, Any]) -> dict[str, Any]:
    """How evenly the feet share the time on the ground."""
    left_pct = _mean(known, "contact_balance")
    return {
        "avg_contact_balance_pct": left_pct,
        "asymmetry_pct": None if left_pct is None else 2 * abs(left_pct - 50),
    }


_NO_HEART = dict.fromkeys(
    ("avg_heart_rate_bpm", "max_heart_rate_bpm", "heart_rate_zone_s", "max_heart_rate_known_bpm", "load")
)


def _heart(known: Mapping[str, Any], known_device: Known) -> dict[str, Any]:
    """What the heart did; of a runner who did not agree, or wore no strap, not even the highest rate they told."""
    if not known["heart_rate_ms"]:
        return {**_NO_HEART, "max_heart_rate_bpm": known["heart_rate_max"] or None}
    runner = known_device.custody_at(known["started_ms"])
    told_bpm = None if runner is None else runner.max_heart_rate_bpm
    highest_bpm = HIGHEST_BPM if told_bpm is None else told_bpm
    bands_ms, beats = known["heart_rate_bands"].tolist(), known["heart_rate_sum"] / MILLI
    is_whole = is_banded(bands_ms, known["heart_rate_ms"], beats, known["heart_rate_max"])
    zones_s = zone_s(bands_ms, highest_bpm) if is_whole else None
    return {
        "avg_heart_rate_bpm": _mean(known, "heart_rate"),
        "max_heart_rate_bpm": known["heart_rate_max"] or None,
        "heart_rate_zone_s": zones_s,
        "max_heart_rate_known_bpm": highest_bpm,
        "load": None if zones_s is None else load_min(zones_s),
    }


def _add_mean(runs: Store, groups: Groups, uploads: Ints, name: str, values: Floats, when: Instants) -> None:
    missing = np.isnan(values)
    if missing.all():
        return
    weighted = values * MILLI
    np.rint(weighted, out=weighted)
    np.copyto(weighted, 0.0, where=missing)
    sums = weighted.astype(np.int64)
    sums *= when.span_ms
    for part, amount in (("sum", sums), ("ms", when.span_ms * ~missing)):
        runs.values[f"{name}_{part}"][groups.rows] += groups.sums(per_upload(amount, when)[uploads])


def _mean(known: Mapping[str, Any], name: str) -> float | None:
    measured_ms = known[f"{name}_ms"]
    return known[f"{name}_sum"] / MILLI / measured_ms if measured_ms else None
