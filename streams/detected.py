"""Wash cycles that no device reports: found in the power curves of plug meters and kept as sessions. Pure.

Each accepted upload without a session leaves its pieces in the state; the cycles of a device are read off all its
pieces anew whenever one arrives, so their order does not matter. A cycle keeps the label of the first start it was
seen with, so that later data become a new version of it and not another cycle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.batch import Batch, Instants, channel
from streams.curve_rules import RULES, Rules
from streams.pieces import Pieces, forgettable
from streams.power_curve import cycles, pieces
from streams.programme import PROGRAMMES
from streams.recognition import recognised
from streams.reported import SessionIndex
from streams.store import Rows, Store
from streams.wash_course import course_of_curve

Ints = npt.NDArray[np.int64]
Table = npt.NDArray[np.void]


KNOWN_SHARE = 0.9
"""A programme is recognised in a cycle of which so much is known."""


@dataclass(frozen=True)
class Curves:
    """The uploads of a batch that are power curves: who sent them, and indices into the batch."""

    uploads: Ints
    slot: Ints
    newest: Ints


def add_curves(
    kept: Pieces,
    sessions: Store,
    index: SessionIndex,
    curves: Curves,
    batch: Batch,
    when: Instants,
    rules: Rules = RULES,
) -> Rows:
    """Keep the curves' pieces and bring their devices' cycles up to date; returns the session rows that changed."""
    mine = np.isin(when.upload, curves.uploads)
    counts = when.count[curves.uploads]
    made, of = pieces(
        when.measured_at_ms[mine],
        when.span_ms[mine],
        channel(batch, "power_w", when)[mine],
        np.cumsum(counts) - counts,
        rules,
    )
    kept.add(curves.slot[of], batch.integers("seq")[curves.uploads[of]], made)

    slots, at = np.unique(curves.slot, return_inverse=True)
    last = np.empty(len(slots), dtype=np.int64)
    last[at] = curves.uploads  # of several uploads of one device the last one stays
    known_at_ms = np.zeros(len(slots), dtype=np.int64)
    np.maximum.at(known_at_ms, at, batch.received_at_ms[curves.uploads])
    rows = [kept.of(slot) for slot in slots.tolist()]
    given = kept.store.values[np.concatenate(rows)]
    found = cycles(given["slot"], given, rules)

    changed, first = [], 0
    for number, slot in enumerate(slots.tolist()):
        own = found[found["device"] == slot]
        for name in ("first_piece", "last_piece"):
            own[name] -= first
        news = {
            "material": batch.uploads.column("material")[int(last[number])].as_py(),
            "firmware": batch.uploads.column("firmware")[int(last[number])].as_py(),
            "known_at_ms": int(known_at_ms[number]),
            "over_seq": int(curves.newest[slot]),
        }
        changed += _bring_up_to_date(kept, sessions, index, rows[number], own, news)
        first += len(rows[number])
    return np.array(changed, dtype=np.int64)


def forget_settled(kept: Pieces, sessions: Store, index: SessionIndex, newest: Ints) -> None:
    """Forget pieces that no later upload can join or that are too many, their sessions, and those withdrawn in time."""
    for slot in kept.crowded():
        rows = kept.of(slot)
        rows = rows[np.argsort(kept.store.values["start_ms"][rows], kind="stable")]
        values = kept.store.values[rows]
        gone = forgettable(values, int(newest[slot]), RULES)
        if not gone.any():
            continue
        labels = np.setdiff1d(values["label_ms"][gone], values["label_ms"][~gone])
        labels = labels[labels > 0]
        index.forget(index.rows_of(np.full(len(labels), slot), labels))
        begins_ms = values["end_ms"].max() if gone.all() else values["start_ms"][~gone].min()
        own = sessions.rows()
        own = own[(sessions.values["slot"][own] == slot) & sessions.values["withdrawn"][own]]
        index.forget(own[sessions.values["label_ms"][own] < begins_ms])
        kept.drop(slot, rows[gone])


def _bring_up_to_date(
    kept: Pieces, sessions: Store, index: SessionIndex, rows: Rows, found: Table, news: dict[str, Any]
) -> list[int]:
    """Write the cycles found in one device's pieces into its sessions; returns the rows of those that changed."""
    given = kept.store.values[rows]
    slot = given["slot"][:1]
    labels = _labels(given, found)
    relabelled = rows[labels != given["label_ms"]]
    kept.store.values["label_ms"][rows] = labels
    kept.store.touch(relabelled)

    changed = []
    claimed = [int(labels[cycle["first_piece"]]) for cycle in found]
    for cycle, label in zip(found, claimed, strict=True):
        row = int(index.rows_of(slot, np.array([label]))[0])
        if _update(sessions.values[row : row + 1], cycle, news):
            changed.append(row)
    for label in set(given["label_ms"].tolist()) - {0} - set(claimed):
        row = int(index.rows_of(slot, np.array([label]))[0])
        session = sessions.values[row : row + 1]
        session["withdrawn"], session["closed"] = True, True
        session["uploads"] += 1
        session["known_at_ms"] = np.maximum(session["known_at_ms"], news["known_at_ms"])
        changed.append(row)
    sessions.touch(np.array(changed, dtype=np.int64))
    return changed


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


def _update(session: Table, cycle: np.void, news: dict[str, Any]) -> bool:
    """Write what is known of a cycle into its session, and say whether that is news."""
    known: dict[str, Any] = {
        "started_ms": int(cycle["started_ms"]),
        "ended_ms": int(cycle["ended_ms"]),
        "energy_uwh": round(float(cycle["energy_wh"]) * 1e6),
        "peak_w": float(cycle["peak_w"]),
        "readings": int(cycle["reading_count"]),
        "closed": bool(session["closed"][0]) or not cycle["is_open"],
        "withdrawn": False,
        "programme": _programme(cycle),
        "course_sums": course_of_curve(cycle),
    }
    if all(np.array_equal(session[name][0], value) for name, value in known.items()):
        return False
    session["corrected"] |= session["closed"]
    # There is no number of parts here that could only rise, so the changes are counted.
    session["uploads"] += 1
    session["detected"] = True
    # Kafka's clock may be set back; of a later version `known_at_ms` is never earlier.
    news = {**news, "known_at_ms": max(int(session["known_at_ms"][0]), int(news["known_at_ms"]))}
    for name, value in {**known, **news}.items():
        session[name] = value
    return True


def _programme(cycle: np.void) -> int:
    """Number of the programme that a cycle's course shows (`CYCLE.programme`); 0 while it goes on, or for none."""
    lasted_ms = int(cycle["ended_ms"] - cycle["started_ms"])
    if cycle["is_open"] or not cycle["is_timed"] or cycle["covered_ms"] < KNOWN_SHARE * lasted_ms:
        return 0
    name = recognised(lasted_ms, int(cycle["heating_ms"]), float(cycle["energy_wh"]), float(cycle["heating_wh"]))
    return 0 if name is None else PROGRAMMES.index(name) + 1
