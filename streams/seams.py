"""Where an upload of a run goes on from the one before: the span of its first reading, between the two. Pure.

The first reading speaks for `lead_ms` before it, but how far the run had come then is what the last reading of the
upload before says. A run keeps the last reading of the upload that came last, where the next one finds it. Only what
does not find its other side, because an upload is missing or overtaken, is kept apart until that comes. A last reading
waits for nothing if it ends its run, or if the next upload by number does not reach back to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streams.batch import Batch, Instants, Ints
from streams.groups import grouped
from streams.keyed import KeyedRows
from streams.motion import RULES, Rules, add_spans, distance_mm
from streams.store import Rows, Store

TAIL_FIELDS: list[tuple[str, str]] = [("tail_ms", "i8"), ("tail_mm", "i8"), ("next_seq", "i8"), ("heads_ms", "i8")]
"""Time and distance of the last reading that waits for the next upload, time 0: none does; the number of that upload;
and how far in time first readings have been kept apart."""

SEAM = np.dtype([("run", "i8"), ("slot", "i8"), ("label_ms", "i8"), ("at_ms", "i8"), ("mm", "i8"), ("lead_ms", "i8")])
"""One side of a seam at `at_ms`: a last reading, or a first one, whose `lead_ms` reaches back to there."""


@dataclass(frozen=True)
class Sides:
    """One side of each of some seams: last readings, which have no lead, and first ones."""

    rows: Rows
    at_ms: Ints
    mm: Ints
    lead_ms: Ints


class Seams:
    """Sides of seams whose other side has not come."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._keyed = KeyedRows(store, "slot", "label_ms", "at_ms")

    def tidy(self, runs: Store) -> None:
        """Forget what belongs to runs that are forgotten."""
        rows = self.store.rows()
        seams = self.store.values[rows]
        own = runs.values[seams["run"]]
        kept = runs.used[seams["run"]] & (own["slot"] == seams["slot"]) & (own["label_ms"] == seams["label_ms"])
        if not kept.all():
            self._keyed.forget(rows[~kept].tolist())

    def meet(self, runs: Store, sides: Sides, rules: Rules = RULES) -> None:
        """Add the span of each side to its run whose other side is known; keep the others until theirs comes."""
        found = []
        columns = (sides.rows, sides.at_ms, sides.mm, sides.lead_ms)
        for run, at_ms, mm, lead_ms in zip(*(column.tolist() for column in columns), strict=True):
            slot, label_ms = (int(runs.values[name][run]) for name in ("slot", "label_ms"))
            row = self._keyed.find(slot, label_ms, at_ms)
            if row is not None and (self.store.values["lead_ms"][row] == 0) != (lead_ms == 0):
                other_mm, other_lead_ms = (int(self.store.values[name][row]) for name in ("mm", "lead_ms"))
                before_mm, after_mm = (other_mm, mm) if lead_ms else (mm, other_mm)
                found.append((run, at_ms, lead_ms or other_lead_ms, before_mm, after_mm))
                self._keyed.forget([row])
                continue
            row = self._keyed.row(slot, label_ms, at_ms)  # before `values` is looked at: the store may grow
            own = self.store.values[row]
            own["run"], own["mm"], own["lead_ms"] = run, max(own["mm"], mm), max(own["lead_ms"], lead_ms)
            if lead_ms:
                runs.values["heads_ms"][run] = max(runs.values["heads_ms"][run], at_ms)
        if found:
            rows, ats_ms, spans_ms, befores_mm, afters_mm = np.array(found, dtype=np.int64).T
            add_spans(runs, rows, ats_ms, spans_ms, befores_mm, afters_mm, rules)


def join_uploads(
    seams: Seams, runs: Store, rows: Rows, uploads: Ints, batch: Batch, when: Instants, rules: Rules = RULES
) -> None:
    """Add the spans between some uploads, and between them and earlier ones, to their runs.

    Args:
        rows: Run of each of the `uploads` (indices into the batch).
    """
    filled = when.count[uploads] > 0
    groups = grouped(rows[filled])
    if not len(groups.rows):
        return
    row, upload, values = np.repeat(groups.rows, groups.counts()), uploads[filled][groups.order], runs.values
    started_ms, seq = batch.integers("run_started_ms")[upload], batch.integers("seq")[upload]
    first, last = when.first[upload], (when.first + when.count - 1)[upload]
    all_mm = distance_mm(batch, when)
    head_mm, tail_mm, lead_ms = all_mm[first].astype(np.int64), all_mm[last].astype(np.int64), when.span_ms[first]
    head_ms, tail_ms = when.measured_at_ms[first] - lead_ms, when.measured_at_ms[last]
    leads = (lead_ms > 0) & (head_ms != started_ms)  # what leads from the start is judged within the upload
    tail_ms[batch.flags("run_ended")[upload] | (tail_ms == started_ms)] = 0

    waiting = {"tail_ms": tail_ms, "tail_mm": tail_mm, "next_seq": seq + 1}
    before = {name: np.roll(column, 1) for name, column in waiting.items()}
    for name, column in before.items():
        column[groups.first] = values[name][groups.rows]
    joined = leads & (before["tail_ms"] == head_ms)
    follows = (before["next_seq"] == seq) & (before["next_seq"] > 0)
    add_spans(runs, row[joined], head_ms[joined], lead_ms[joined], before["tail_mm"][joined], head_mm[joined], rules)
    ends = groups.first + groups.counts() - 1
    for name, column in waiting.items():
        values[name][groups.rows] = column[ends]

    heads, tails = leads & ~joined & ~follows, (before["tail_ms"] > 0) & ~joined & ~follows
    if heads.any() or tails.any():
        none = np.zeros(int(tails.sum()), dtype=np.int64)
        seams.meet(runs, Sides(row[tails], before["tail_ms"][tails], before["tail_mm"][tails], none), rules)
        seams.meet(runs, Sides(row[heads], head_ms[heads], head_mm[heads], lead_ms[heads]), rules)
    overtaken = (values["tail_ms"][groups.rows] > 0) & (
        values["tail_ms"][groups.rows] <= values["heads_ms"][groups.rows]
    )
    if overtaken.any():
        late = groups.rows[overtaken]
        seams.meet(runs, Sides(late, values["tail_ms"][late], values["tail_mm"][late], np.zeros_like(late)), rules)
        values["tail_ms"][late] = values["next_seq"][late] = 0
