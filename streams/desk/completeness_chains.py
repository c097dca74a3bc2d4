"""Rows of a store that belong to one device, each pointing to the one before it. Pure.

A list of rows per device would take more memory in Python than the rows themselves.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streams.store import Rows, Store

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

NONE = -1


class Chains:
    """The rows of a store, whose fields `slot` and `before` (row of the one before, plus one) tie them together."""

    def __init__(self, store: Store) -> None:
        self.store = store
        rows = store.rows()
        self._heads: Ints = np.full(256, NONE)
        inner = store.values["before"][rows] - 1
        heads = np.setdiff1d(rows, inner[inner >= 0])
        self.set_heads(store.values["slot"][heads], heads)

    def heads(self, slots: Ints) -> Rows:
        """The newest row of each device, `NONE` where it has none."""
        known: Rows = np.full(len(slots), NONE)
        within = slots < len(self._heads)
        known[within] = self._heads[slots[within]]
        return known

    def set_heads(self, slots: Ints, rows: Rows) -> None:
        """Make these the newest rows of their devices."""
        if len(slots) and int(slots.max()) >= len(self._heads):
            grown = np.full(max(2 * len(self._heads), int(slots.max()) + 1), NONE)
            grown[: len(self._heads)] = self._heads
            self._heads = grown
        self._heads[slots] = rows

    def append(self, slots: Ints) -> Rows:
        """New rows for these devices, those of a device together and oldest first; all fields but the two that tie are
        zero."""
        rows = self.store.take(len(slots))
        is_oldest = np.append(True, np.diff(slots) != 0)[: len(slots)]
        is_newest = np.append(np.diff(slots) != 0, True)[: len(slots)]
        before = np.where(is_oldest, self.heads(slots), np.roll(rows, 1))
        self.store.values["slot"][rows] = slots
        self.store.values["before"][rows] = before + 1
        self.set_heads(slots[is_newest], rows[is_newest])
        return rows

    def gather(self, slots: Ints) -> Rows:
        """All rows of these devices, those of a device together, in no certain order."""
        found = []
        rows = self.heads(slots)
        rows = rows[rows >= 0]
        while len(rows):
            found.append(rows)
            rows = self.store.values["before"][rows] - 1
            rows = rows[rows >= 0]
        if not found:
            return np.empty(0, dtype=np.int64)
        every = np.concatenate(found)
        return every[np.argsort(self.store.values["slot"][every], kind="stable")]

    def drop(self, gone: Rows) -> None:
        """Give rows back, wherever in their chains they are."""
        if not len(gone):
            return
        values = self.store.values
        slots = np.unique(values["slot"][gone])
        left = self.gather(slots)
        left = left[~np.isin(left, gone)]
        self.set_heads(slots, np.full(len(slots), NONE))
        own = values["slot"][left]
        is_newest = np.append(True, np.diff(own) != 0)[: len(left)]
        is_oldest = np.append(np.diff(own) != 0, True)[: len(left)]
        # `gather` tells the newest of a device first: the next one in its list is the one before it.
        before = np.where(is_oldest, 0, np.roll(left, -1) + 1)
        moved = values["before"][left] != before
        values["before"][left] = before
        self.store.touch(left[moved])
        self.set_heads(own[is_newest], left[is_newest])
        self.store.free(gone)
