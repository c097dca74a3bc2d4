"""How long a run's wearer moved and paused, and when each kilometre was full. Pure.

A span of time between two readings that follow each other is moving where distance grew by half a metre a second or
more: the slowest walk makes twice that, a position that wanders while its wearer stands makes less. All other measured
time is a pause. Spans within an upload are judged here, those between two uploads of a run in `streams.seams`, by the
same rule, so that it does not matter where a run was cut. At its very start a run has made no distance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streams.batch import Batch, Instants, Ints, channel, per_upload
from streams.groups import Groups
from streams.splits import KM_MM, note_full
from streams.store import Rows, Store

MILLI = 1_000
SLOWEST_MM_PER_S = 500

MOTION_FIELDS: list[tuple[str, str]] = [("moving_ms", "i8"), ("paused_ms", "i8"), ("moving_mm", "i8")]
"""`moving_mm` is the distance made in `moving_ms`: what was run in a gap is in neither."""


def is_moving(made_mm: Ints, span_ms: Ints) -> npt.NDArray[np.bool_]:
    """In which spans the wearer moved."""
    moving: npt.NDArray[np.bool_] = (span_ms > 0) & (made_mm * MILLI >= span_ms * SLOWEST_MM_PER_S)
    return moving


def distance_mm(batch: Batch, when: Instants) -> Ints:
    """Distance of the run at each reading, in whole millimetres: what is compared does not depend on the order."""
    return np.rint(channel(batch, "distance_m", when) * MILLI).astype(np.int64)


def add_motion(runs: Store, groups: Groups, uploads: Ints, batch: Batch, when: Instants) -> None:
    """Add the spans within some uploads to their runs.

    Args:
        groups: The `uploads` (indices into the batch) by their runs.
    """
    if not len(when.upload):
        return
    started_ms = batch.integers("run_started_ms")
    after_mm = distance_mm(batch, when)
    before_mm, span_ms = np.roll(after_mm, 1), when.span_ms.copy()
    km = after_mm // KM_MM
    km_before = np.roll(km, 1)
    filled = np.flatnonzero(when.count)
    first = when.first[filled]
    from_start = np.zeros(len(after_mm), dtype=bool)
    if (when.measured_at_ms[first] == started_ms[filled]).any():
        from_start = np.roll(when.measured_at_ms, 1) == started_ms[when.upload]
    from_start[first] = when.measured_at_ms[first] - span_ms[first] == started_ms[filled]
    elsewhere = first[~from_start[first]]
    span_ms[elsewhere], km_before[elsewhere] = 0, km[elsewhere]
    before_mm[from_start], km_before[from_start] = 0, 0

    made_mm = after_mm - before_mm
    moving = is_moving(made_mm, span_ms)
    moving_ms = per_upload(np.where(moving, span_ms, 0), when)
    for name, amount in (
        ("moving_ms", moving_ms),
        ("paused_ms", per_upload(span_ms, when) - moving_ms),
        ("moving_mm", per_upload(np.where(moving, made_mm, 0), when)),
    ):
        runs.values[name][groups.rows] += groups.sums(amount[uploads])

    row_of = np.full(len(when.count), -1, dtype=np.int64)
    row_of[uploads[groups.order]] = np.repeat(groups.rows, groups.counts())
    marks = np.flatnonzero(km != km_before)
    took_ms = when.measured_at_ms[marks] - when.measured_at_ms[marks - 1]
    is_first = when.first[when.upload[marks]] == marks
    took_ms[is_first] = span_ms[marks[is_first]]
    known = (row_of[when.upload[marks]] >= 0) & ((span_ms[marks] > 0) | (took_ms == 0))
    marks, took_ms = marks[known], took_ms[known]
    since_ms = when.measured_at_ms[marks] - took_ms - started_ms[when.upload[marks]]
    note_full(runs, row_of[when.upload[marks]], since_ms, took_ms, before_mm[marks], after_mm[marks])


def add_spans(runs: Store, rows: Rows, at_ms: Ints, span_ms: Ints, before_mm: Ints, after_mm: Ints) -> None:
    """Add spans between two uploads to their runs.

    Args:
        at_ms: When each span begins.
    """
    made_mm, values = after_mm - before_mm, runs.values
    moving = is_moving(made_mm, span_ms)
    np.add.at(values["moving_ms"], rows[moving], span_ms[moving])
    np.add.at(values["moving_mm"], rows[moving], made_mm[moving])
    np.add.at(values["paused_ms"], rows[~moving], span_ms[~moving])
    note_full(runs, rows, at_ms - values["label_ms"][rows], span_ms, before_mm, after_mm)
