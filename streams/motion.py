"""How long a run's wearer moved and paused, and when each kilometre was full. Pure.

A span of time between two readings that follow each other is moving where distance grew by half a metre a second or
more: the slowest walk makes twice that, a position that wanders while its wearer stands makes less. All other measured
time is a pause. Spans within an upload are judged here, those between two uploads of a run in `streams.seams`, by the
same rule, so that it does not matter where a run was cut. At its very start a run has made no distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streams.batch import Batch, Floats, Instants, Ints, channel, peak, per_upload
from streams.groups import Groups
from streams.splits import KM_MM, note_full
from streams.store import Rows, Store

MILLI = 1_000


@dataclass(frozen=True)
class Rules:
    """What counts as moving."""

    slowest_mm_per_ms: float = 0.5
    """Slower is a pause."""


RULES = Rules()

MOTION_FIELDS: list[tuple[str, str]] = [("moving_ms", "i8"), ("paused_ms", "i8"), ("moving_mm", "i8")]
"""`moving_mm` is the distance made in `moving_ms`: what was run in a gap is in neither."""


def distance_mm(batch: Batch, when: Instants) -> Floats:
    """Distance of the run at each reading, in whole millimetres: sums of them do not depend on their order."""
    found = batch.known.get(("whole", "distance_mm"))
    if found is None:
        found = batch.known["whole", "distance_mm"] = np.rint(channel(batch, "distance_m", when) * MILLI)
    return found


def add_motion(runs: Store, groups: Groups, uploads: Ints, batch: Batch, when: Instants, rules: Rules = RULES) -> None:
    """Add the spans within some uploads to their runs.

    Args:
        groups: The `uploads` (indices into the batch) by their runs.
    """
    filled = np.flatnonzero(when.count)
    if not len(filled):
        return
    started_ms, first = batch.integers("run_started_ms"), when.first[filled]
    mm, span_ms, first_ms = distance_mm(batch, when), when.span_ms, when.measured_at_ms[first]
    made_mm = np.empty_like(mm)
    np.subtract(mm[1:], mm[:-1], out=made_mm[1:])
    leads_from_start = first_ms - span_ms[first] == started_ms[filled]
    at_start = first_ms == started_ms[filled]
    if at_start.any():
        after_start = np.flatnonzero(np.roll(when.measured_at_ms, 1) == started_ms[when.upload])
        made_mm[after_start] = mm[after_start]
    made_mm[first] = np.where(leads_from_start, mm[first], 0.0)

    still = np.flatnonzero((made_mm < span_ms * rules.slowest_mm_per_ms) | (span_ms == 0))
    size = len(when.count)
    still_ms = np.bincount(when.upload[still], weights=span_ms[still], minlength=size)
    still_mm = np.bincount(when.upload[still], weights=made_mm[still], minlength=size)
    between_ms = np.zeros(size)  # these spans are not within an upload
    between_ms[filled] = np.where(leads_from_start, 0, span_ms[first])
    for name, amount in (
        ("moving_ms", per_upload(span_ms, when) - still_ms),
        ("moving_mm", per_upload(made_mm, when) - still_mm),
        ("paused_ms", still_ms - between_ms),
    ):
        runs.values[name][groups.rows] += groups.sums(amount[uploads]).astype(np.int64)

    lowest_mm = np.minimum.reduceat(mm, first)
    lowest_mm[leads_from_start | at_start] = 0.0
    passes = np.zeros(size, dtype=bool)
    passes[filled] = _km(np.rint(peak(batch, "distance_m", when)[filled] * MILLI)) > _km(lowest_mm)
    row_of = np.full(size, -1, dtype=np.int64)
    row_of[uploads[groups.order]] = np.repeat(groups.rows, groups.counts())
    passes &= row_of >= 0
    if not passes.any():
        return
    marks = np.flatnonzero(passes[when.upload])
    marks = marks[_km(mm[marks]) != _km(mm[marks] - made_mm[marks])]
    upload, took_ms, after_mm = when.upload[marks], span_ms[marks], mm[marks].astype(np.int64)
    follows = (took_ms > 0) | (when.measured_at_ms[marks - 1] == when.measured_at_ms[marks])
    since_ms = when.measured_at_ms[marks] - took_ms - started_ms[upload]
    before_mm = after_mm - made_mm[marks].astype(np.int64)
    note_full(runs, *(column[follows] for column in (row_of[upload], since_ms, took_ms, before_mm, after_mm)))


def add_spans(
    runs: Store, rows: Rows, at_ms: Ints, span_ms: Ints, before_mm: Ints, after_mm: Ints, rules: Rules = RULES
) -> None:
    """Add spans between two uploads to their runs.

    Args:
        at_ms: When each span begins.
    """
    made_mm, values = after_mm - before_mm, runs.values
    moving = made_mm >= span_ms * rules.slowest_mm_per_ms
    np.add.at(values["moving_ms"], rows[moving], span_ms[moving])
    np.add.at(values["moving_mm"], rows[moving], made_mm[moving])
    np.add.at(values["paused_ms"], rows[~moving], span_ms[~moving])
    note_full(runs, rows, at_ms - values["label_ms"][rows], span_ms, before_mm, after_mm)


def _km(whole_mm: Floats) -> Floats:
    """Full kilometres: whole millimetres by a million are rounded to no other side of one. NumPy's // is far slower."""
    full: Floats = np.floor(whole_mm / KM_MM)
    return full
