"""Whether a device has been counted in a minute. Pure.

Of each device the last minute of each residue by `SEEN` is kept, as the number of its round: exact for the 64 minutes
up to its newest one and for all that are not overtaken by another one of their residue. Of a minute that was overtaken
nobody knows; there an entry counts the device unless its first reading follows one of the same minute. That is wrong
where a session begins in the middle of a minute, or the reading before was lost.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streams.store import Store

SEEN = 64
_ROUNDS = 65_535
"""Eight years of 64 minutes: no device is silent for half of them."""

SEEN_DEVICE = np.dtype([("slot", "i8"), ("round", "u2", (SEEN,))])
"""`round`: which of the minutes of each residue was seen last, 1 to `_ROUNDS` in turn; 0 for none."""

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class SeenMinutes:
    """The minutes in which devices have been counted."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows = np.full(0, -1, dtype=np.int64)
        rows = store.rows()
        self._place(store.values["slot"][rows], rows)

    def count(self, slot: Ints, minute: Ints, follows: Mask) -> Mask:
        """Which entries count their device in their minute: the first one of each; it is counted from here on.

        Args:
            follows: Whether the reading before an entry's first one was in the same minute.
        """
        rows, residue = self._rows_of(slot), minute % SEEN
        now = (minute // SEEN % _ROUNDS + 1).astype(np.uint16)
        rounds = self._store.values["round"]
        counts = np.zeros(len(slot), dtype=bool)
        is_overtaken = np.zeros(len(slot), dtype=bool)
        left = np.arange(len(slot))
        place = rows * SEEN + residue
        who = np.empty(rounds.size, dtype=np.int32)  # written where it is read, so it need not be cleared
        while len(left):
            at = place[left]
            who[at] = left
            is_one = who[at] == left  # of entries with one residue, one in each turn
            one, others = left[is_one], left[~is_one]
            before = rounds[rows[one], residue[one]]
            behind = (before.astype(np.int64) - now[one]) % _ROUNDS
            overtaken = (before > 0) & (behind > 0) & (behind <= _ROUNDS // 2)
            counts[one] = np.where(overtaken, ~follows[one], before != now[one])
            is_overtaken[one] = overtaken
            fresh = one[~overtaken]
            rounds[rows[fresh], residue[fresh]] = now[fresh]
            first = who[place[others]]
            is_same = minute[others] == minute[first]
            begins = others[is_same & is_overtaken[first] & ~follows[others]]
            counts[who[place[begins]]] = True
            left = others[~is_same]
        self._store.touch(rows)
        return counts

    def forget(self, slots: Ints) -> None:
        """Forget devices whose slots are given back."""
        known = slots[slots < len(self._rows)]
        rows = self._rows[known]
        self._rows[known] = -1
        self._store.free(rows[rows >= 0])

    def _rows_of(self, slot: Ints) -> Ints:
        if len(slot) and slot.max() >= len(self._rows):
            self._place(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), int(slot.max()) + 1)
        new = np.unique(slot[self._rows[slot] < 0])
        if len(new):
            rows = self._store.take(len(new))
            self._store.values["slot"][rows] = new
            self._rows[new] = rows
        found: Ints = self._rows[slot]
        return found

    def _place(self, slots: Ints, rows: Ints, least: int = 0) -> None:
        """Note the rows of slots, making room for at least so many slots."""
        needed = max(least, int(slots.max()) + 1 if len(slots) else 0)
        if needed > len(self._rows):
            grown = np.full(max(needed, 2 * len(self._rows)), -1, dtype=np.int64)
            grown[: len(self._rows)] = self._rows
            self._rows = grown
        self._rows[slots] = rows
