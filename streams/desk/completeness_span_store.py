"""The spans (`streams.desk.completeness_spans`) of all devices of a partition, while they can change. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streams.desk.completeness_chains import NONE, Chains
from streams.desk.completeness_spans import fits, in_order, join, rank_of
from streams.store import Records, Rows, Store

Ints = npt.NDArray[np.int64]


class Spans:
    """Spans by device, newest first."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.chains = Chains(store)

    def add(self, runs: Records) -> Rows:
        """Take in spans that came, by device and number; returns rows before which a hole may have opened."""
        heads = self.chains.heads(runs["slot"])
        is_later = (heads == NONE) | (runs["first_seq"] >= self.store.values["next_seq"][heads])
        # What came twice overlaps.
        overlaps = np.zeros(len(runs), dtype=bool)
        overlaps[1:] = (np.diff(runs["slot"]) == 0) & (runs["first_seq"][1:] < runs["next_seq"][:-1])
        opened = self._add_by_rank(runs[~is_later])
        later = runs[is_later & ~overlaps]
        is_first = rank_of(later["slot"]) == 0  # the only one that may continue what is there
        opened += [self._add(later[is_first]), self._add(later[~is_first])]
        opened += self._add_by_rank(runs[is_later & overlaps])
        return np.concatenate(opened)

    def of(self, slots: Ints) -> Rows:
        """Rows of these devices by device and number."""
        return in_order(self.store.values, self.chains.gather(slots))

    def _add_by_rank(self, runs: Records) -> list[Rows]:
        """The same of few spans, which may lie between others."""
        rank = rank_of(runs["slot"])
        return [self._add(runs[rank == number]) for number in range(int(rank.max(initial=-1)) + 1)]

    def _add(self, runs: Records) -> Rows:
        """The same, of each device one, or several that all come behind what is there and do not continue it."""
        values = self.store.values
        heads = self.chains.heads(runs["slot"])
        is_later = heads == NONE
        known = np.flatnonzero(~is_later)
        is_later[known] = runs["first_seq"][known] >= values["next_seq"][heads[known]]
        fit = np.zeros(len(runs), dtype=bool)
        fit[known] = is_later[known] & fits(values[heads[known]], runs[known])
        grows = heads[fit]
        values[grows] = join(values[grows], runs[fit])
        self.store.touch(grows)

        new = is_later & ~fit
        rows = self.chains.append(runs["slot"][new])
        values = self.store.values  # it may have grown
        before = values["before"][rows]
        values[rows] = runs[new]
        values["before"][rows] = before
        has_hole = before > 0
        has_hole[has_hole] = values["next_seq"][before[has_hole] - 1] < values["first_seq"][rows[has_hole]]
        values["noticed_ms"][rows[~has_hole]] = 0
        opened = [rows[has_hole]]
        opened += [self._insert(runs[place : place + 1]) for place in np.flatnonzero(~is_later).tolist()]
        return np.concatenate(opened)

    def _insert(self, run: Records) -> Rows:
        """Put a span between others; returns rows before which there is a hole now."""
        values, slot, first = self.store.values, run["slot"], int(run["first_seq"][0])
        after, later = int(self.chains.heads(slot)[0]), NONE
        while (before := int(values["before"][after]) - 1) >= 0 and values["first_seq"][before] > first:
            after, later = before, after
        starts_late = before < 0 and bool(values["is_settled"][after])
        overlaps = int(run["next_seq"][0]) > values["first_seq"][after] or (
            before >= 0 and first < values["next_seq"][before]
        )
        if starts_late or overlaps:
            return np.empty(0, dtype=np.int64)
        row = int(self.store.take(1)[0])
        values = self.store.values
        values[row] = run[0]
        values["before"][row], values["before"][after] = before + 1, row + 1
        if before >= 0:  # the hole was there; it becomes two
            for name in ("noticed_ms", "asked_ms"):
                values[name][row] = values[name][after]
        else:
            values["noticed_ms"][after] = values["noticed_ms"][row]
            values["noticed_ms"][row] = 0
        for own in (row, after):
            at = int(values["before"][own]) - 1
            if at >= 0 and values["next_seq"][at] == values["first_seq"][own]:
                values["noticed_ms"][own] = values["asked_ms"][own] = 0
        self.store.touch(np.array([row, after]))
        joined = self._absorb(after, later)
        self._absorb(row, later if joined else after)
        return np.array([own for own in (row, after) if self.store.used[own] and values["noticed_ms"][own]], dtype=int)

    def _absorb(self, row: int, later: int) -> bool:
        """Make a row and the one before it one, if they fit; `later` is the one behind it, `NONE` for the newest."""
        values = self.store.values
        before = int(values["before"][row]) - 1
        if before < 0 or not fits(values[before : before + 1], values[row : row + 1])[0]:
            return False
        values[before : before + 1] = join(values[before : before + 1], values[row : row + 1])
        if later == NONE:
            self.chains.set_heads(values["slot"][row : row + 1], np.array([before]))
        else:
            values["before"][later] = before + 1
            self.store.touch(np.array([later]))
        self.store.touch(np.array([before]))
        self.store.free(np.array([row]))
        return True
