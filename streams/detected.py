"""Wash cycles that no device reports: found in the power curves of plug meters and kept as sessions. Pure.

Each accepted upload without a session leaves its pieces in the state; the cycles of a device are read off all its
pieces anew whenever one arrives, so their order does not matter. A cycle keeps the label of the first start it was
seen with, so that later data become a new version of it and not another cycle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.batch import Batch, Instants, channel
from streams.dedupe import WINDOW
from streams.power_curve import PIECE, Rules, cycles, pieces
from streams.reported import SessionIndex
from streams.store import Rows, Store

Ints = npt.NDArray[np.int64]
Table = npt.NDArray[np.void]

RULES = Rules()
STORED_PIECE = np.dtype(
    [("slot", "i8"), ("seq", "i8"), ("label_ms", "i8"), *[(name, PIECE[name]) for name in PIECE.names or ()]]
)
MANY_PIECES = 4 * WINDOW
"""More pieces of one device than this are looked through for ones that nothing can change any more."""


class Pieces:
    """The pieces of power curves in the state, by device slot."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._rows: dict[int, list[int]] = {}
        for row in store.rows().tolist():
            self._rows.setdefault(int(store.values["slot"][row]), []).append(row)

    def add(self, slot: Ints, seq: Ints, made: Table) -> None:
        """Keep new pieces of devices."""
        rows = self.store.take(len(made))
        self.store.values["slot"][rows] = slot
        self.store.values["seq"][rows] = seq
        for name in PIECE.names or ():
            self.store.values[name][rows] = made[name]
        for device, row in zip(slot.tolist(), rows.tolist(), strict=True):
            self._rows.setdefault(device, []).append(row)

    def of(self, slot: int) -> Rows:
        """Rows of one device's pieces."""
        return np.array(self._rows[slot], dtype=np.int64)

    def drop(self, slot: int, rows: Rows) -> None:
        """Forget pieces of one device."""
        gone = set(rows.tolist())
        self._rows[slot] = [row for row in self._rows[slot] if row not in gone]
        self.store.free(rows)


@dataclass(frozen=True)
class Curves:
    """The uploads of a batch that are power curves: who sent them, and indices into the batch."""

    uploads: Ints
    slot: Ints
    newest: Ints


def add_curves(
    kept: Pieces, sessions: Store, index: SessionIndex, curves: Curves, batch: Batch, when: Instants
) -> Rows:
    """Keep the curves' pieces and bring their devices' cycles up to date; returns the session rows that changed."""
    mine = np.isin(when.upload, curves.uploads)
    counts = when.count[curves.uploads]
    made, of = pieces(
        when.measured_at_ms[mine],
        when.span_ms[mine],
        channel(batch, "power_w", when)[mine],
        np.cumsum(counts) - counts,
        RULES,
    )
    kept.add(curves.slot[of], batch.integers("seq")[curves.uploads[of]], made)
    changed = []
    for slot in np.unique(curves.slot[of]).tolist():
        last = int(curves.uploads[np.flatnonzero(curves.slot == slot)[-1]])
        news = {
            "material": batch.uploads.column("material")[last].as_py(),
            "firmware": batch.uploads.column("firmware")[last].as_py(),
            "known_at_ms": int(batch.received_at_ms[curves.uploads[curves.slot == slot]].max()),
            "over_seq": int(curves.newest[slot]),
        }
        changed.append(_cycles_of(kept, sessions, index, slot, news))
        _drop_settled(kept, sessions, index, slot, int(curves.newest[slot]))
    return np.concatenate(changed) if changed else np.empty(0, np.int64)


def _cycles_of(kept: Pieces, sessions: Store, index: SessionIndex, slot: int, news: dict[str, object]) -> Rows:
    """Read one device's cycles off its pieces; returns the rows of those that are not as they were."""
    rows = kept.of(slot)
    given = kept.store.values[rows]
    found = cycles(given["slot"], given, RULES)
    before = set(given["label_ms"].tolist()) - {0}
    labels = _labels(given, found)
    kept.store.values["label_ms"][rows] = labels
    kept.store.touch(rows)

    changed = []
    claimed = [int(labels[cycle["first_piece"]]) for cycle in found]
    for cycle, label in zip(found, claimed, strict=True):
        row = int(index.rows_of(np.array([slot]), np.array([label]))[0])
        if _update(sessions.values[row : row + 1], cycle, news):
            changed.append(row)
    for label in before - set(claimed):
        row = int(index.rows_of(np.array([slot]), np.array([label]))[0])
        session = sessions.values[row : row + 1]
        if not session["withdrawn"][0]:
            session["withdrawn"], session["closed"] = True, True
            session["uploads"] += 1
            changed.append(row)
    sessions.touch(np.array(changed, dtype=np.int64))
    return np.array(changed, dtype=np.int64)


def _labels(given: Table, found: Table) -> Ints:
    """The label of each piece: its cycle's, 0 outside any.

    A cycle takes the first label its pieces had, if no earlier cycle took it.
    """
    labels = np.zeros(len(given), dtype=np.int64)
    taken: set[int] = set()
    for cycle in found:
        first, last = given[cycle["first_piece"]], given[cycle["last_piece"]]
        inside = (given["start_ms"] >= first["start_ms"]) & (given["start_ms"] <= last["start_ms"])
        had = sorted(set(given["label_ms"][inside].tolist()) - taken - {0})
        label = had[0] if had else int(cycle["started_ms"])
        while label in taken:
            label += 1
        taken.add(label)
        labels[inside] = label
    return labels


def _update(session: Table, cycle: np.void, news: dict[str, object]) -> bool:
    """Write what is known of a cycle into its session, and say whether that is news."""
    known = {
        "started_ms": int(cycle["started_ms"]),
        "ended_ms": int(cycle["ended_ms"]),
        "energy_uwh": round(float(cycle["energy_wh"]) * 1e6),
        "peak_w": float(cycle["peak_w"]),
        "readings": int(cycle["reading_count"]),
        "closed": bool(session["closed"][0]) or not cycle["is_open"],
        "withdrawn": False,
    }
    if all(session[name][0] == value for name, value in known.items()):
        return False
    session["corrected"] |= session["closed"]
    # There is no number of parts here that could only rise, so the changes are counted.
    session["uploads"] += 1
    session["detected"] = True
    for name, value in {**known, **news}.items():
        session[name] = value
    return True


def _drop_settled(kept: Pieces, sessions: Store, index: SessionIndex, slot: int, newest: int) -> None:
    """Forget the pieces that no later upload can join, and the sessions made of them.

    An upload still to come has a number within the dedup window, so it is not older than the pieces beyond it. It can
    join activity up to a pause before it; what lies before a longer pause is settled.
    """
    rows = kept.of(slot)
    if len(rows) <= MANY_PIECES:
        return
    rows = rows[np.argsort(kept.store.values["start_ms"][rows], kind="stable")]
    values = kept.store.values[rows]
    beyond = np.cumprod(values["seq"] <= newest - WINDOW).astype(bool)
    reach_ms = values["start_ms"][~beyond].min()
    active = np.flatnonzero(beyond & (values["within_count"] > 0))
    last_ms = np.maximum.accumulate(values["active_last_ms"][active])
    next_ms = np.append(values["active_first_ms"][active][1:], reach_ms)
    settled = np.flatnonzero(next_ms - last_ms > RULES.pause_ms)
    end = active[settled[-1]] + 1 if len(settled) else (np.argmin(beyond) if not len(active) else 0)
    labels = np.unique(values["label_ms"][:end])
    labels = labels[labels > 0]
    if len(labels):
        index.forget(index.rows_of(np.full(len(labels), slot), labels))
    kept.drop(slot, rows[:end])
