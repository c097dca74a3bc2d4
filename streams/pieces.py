"""The pieces of power curves in the state, until no later upload can change what they say. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streams.curve_rules import Rules
from streams.dedupe import WINDOW
from streams.power_curve import PIECE
from streams.store import Rows, Store

Ints = npt.NDArray[np.int64]
Table = npt.NDArray[np.void]

STORED_PIECE = np.dtype(
    [("slot", "i8"), ("seq", "i8"), ("label_ms", "i8"), *[(name, PIECE[name]) for name in PIECE.names or ()]]
)
MANY_PIECES = 4 * WINDOW
"""More pieces of one device than this are looked through for ones that nothing can change any more."""
MOST_PIECES = 4 * MANY_PIECES
"""More pieces of one device than this are not kept on account of time: where a clock repeats or runs back, the earliest
ones may be from the newest uploads, so that nothing ever counts as settled."""
LONGEST_MS = 86_400_000
"""What is active for longer than a day without a pause is no load of washing: its beginning is forgotten."""


class Pieces:
    """Pieces by device slot."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._rows: dict[int, list[int]] = {}
        for row in store.rows().tolist():
            self._rows.setdefault(int(store.values["slot"][row]), []).append(row)
        self._crowded = {slot for slot, rows in self._rows.items() if len(rows) > MANY_PIECES}

    def add(self, slot: Ints, seq: Ints, made: Table) -> None:
        """Keep new pieces of devices."""
        rows = self.store.take(len(made))
        self.store.values["slot"][rows] = slot
        self.store.values["seq"][rows] = seq
        for name in PIECE.names or ():
            self.store.values[name][rows] = made[name]
        for device, row in zip(slot.tolist(), rows.tolist(), strict=True):
            its_rows = self._rows.setdefault(device, [])
            its_rows.append(row)
            if len(its_rows) > MANY_PIECES:
                self._crowded.add(device)

    def of(self, slot: int) -> Rows:
        """Rows of one device's pieces."""
        return np.array(self._rows[slot], dtype=np.int64)

    def drop(self, slot: int, rows: Rows) -> None:
        """Forget pieces of one device."""
        gone = set(rows.tolist())
        self._rows[slot] = [row for row in self._rows[slot] if row not in gone]
        self.store.free(rows)

    def forget(self, slots: Ints) -> None:
        """Forget all pieces of some devices."""
        gone = sorted(self._rows.keys() & set(slots.tolist()))
        rows = [row for slot in gone for row in self._rows.pop(slot)]
        self.store.free(np.array(rows, dtype=np.int64))
        self._crowded.difference_update(gone)

    def crowded(self) -> list[int]:
        """Slots whose pieces have become many since this was last asked."""
        slots = sorted(self._crowded)
        self._crowded.clear()
        return slots


def forgettable(pieces: Table, newest: int, rules: Rules) -> npt.NDArray[np.bool_]:
    """Which of one device's pieces to forget: the settled ones, and of too many those beyond the dedup window.

    A cycle is forgotten as a whole, so that it stays as it was told last.

    Args:
        pieces: In the order of time, at least one.
        newest: The device's newest number.
    """
    gone = np.arange(len(pieces)) < settled(pieces, newest, rules)
    if len(pieces) - int(gone.sum()) <= MOST_PIECES:
        return gone
    beyond = pieces["seq"] <= newest - WINDOW
    told = pieces["label_ms"][beyond & (pieces["label_ms"] > 0)]
    return gone | beyond | np.isin(pieces["label_ms"], told)


def settled(pieces: Table, newest: int, rules: Rules) -> int:
    """How many of one device's pieces, from the first on, no later upload can join.

    An upload still to come has a number within the dedup window, so it is not older than the pieces beyond it. It can
    join activity up to a pause before it; what lies before a longer pause is settled.

    Args:
        pieces: In the order of time, at least one.
        newest: The device's newest number.
    """
    beyond = np.cumprod(pieces["seq"] <= newest - WINDOW).astype(bool)
    count = int(beyond.sum())
    reach_ms = int(pieces["start_ms"][count] if count < len(pieces) else pieces["end_ms"].max())
    old = int((pieces["start_ms"][:count] < reach_ms - LONGEST_MS).sum())
    active = np.flatnonzero(beyond & (pieces["within_count"] > 0))
    last_ms = np.maximum.accumulate(pieces["active_last_ms"][active])
    next_ms = np.append(pieces["active_first_ms"][active], reach_ms)[1:]
    before_pause = np.flatnonzero(next_ms - last_ms > rules.pause_ms)
    if len(active) and not len(before_pause):
        return old
    is_quiet_since = len(active) == 0 or before_pause[-1] == len(active) - 1
    return count if is_quiet_since else max(old, int(active[before_pause[-1]]) + 1)
