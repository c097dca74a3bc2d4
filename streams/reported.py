"""Sessions that devices name themselves: uploads carry the session's start, and each adds its part. Pure.

Parts only add up, so the order of arrival does not matter. A session is over when its last upload has been seen, when
its device's newest upload becomes one that belongs to something else, or when it was overtaken like that before its
first part came. It is corrected when a part arrives after that. Its version is the number of its uploads, plus one
when it is over: higher after every change, and the same at the end however the input was cut into batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.facts import Status
from streams.dedupe import WINDOW
from streams.groups import grouped
from streams.store import Rows, Store

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.bytes_]

SESSION_FIELDS: list[tuple[str, str]] = [
    ("slot", "i8"),
    ("label_ms", "i8"),
    ("started_ms", "i8"),
    ("ended_ms", "i8"),
    ("session_no", "i8"),
    ("uploads", "i8"),
    ("readings", "i8"),
    ("over_seq", "i8"),
    ("known_at_ms", "i8"),
    ("announced", "i8"),
    ("told_readings", "i8"),
    ("told_end_ms", "i8"),
    ("told_amount", "i8"),
    ("closed", "?"),
    ("corrected", "?"),
    ("withdrawn", "?"),
    ("detected", "?"),
    ("material", "S64"),
    ("firmware", "S16"),
]
"""Fields that the sessions of all products share.

`label_ms`: the first known start, which names the session; `over_seq`: its device's newest number when it last
changed; `announced`: the version last written, and `told_*` what it said; `detected`: found in a power curve, not
reported.
"""


_NEVER = np.iinfo(np.int64).max


class SessionIndex:
    """Finds the row of a session by device slot and label."""

    def __init__(self, sessions: Store) -> None:
        self._sessions = sessions
        rows = sessions.rows()
        values = sessions.values[rows]
        keys = zip(values["slot"].tolist(), values["label_ms"].tolist(), strict=True)
        self._rows: dict[tuple[int, int], int] = dict(zip(keys, rows.tolist(), strict=True))

    def rows_of(self, slot: Ints, label_ms: Ints) -> Rows:
        """The row of each session, taking new rows for new ones."""
        order = np.lexsort((label_ms, slot))
        sorted_slot, sorted_label_ms = slot[order], label_ms[order]
        begins = np.ones(len(order), dtype=bool)
        begins[1:] = (np.diff(sorted_slot) != 0) | (np.diff(sorted_label_ms) != 0)
        keys = list(zip(sorted_slot[begins].tolist(), sorted_label_ms[begins].tolist(), strict=True))
        new = [key for key in keys if key not in self._rows]
        if new:
            rows = self._sessions.take(len(new))
            self._sessions.values["slot"][rows] = [key[0] for key in new]
            self._sessions.values["label_ms"][rows] = [key[1] for key in new]
            self._rows.update(zip(new, rows.tolist(), strict=True))
        per_part = np.empty(len(order), dtype=np.int64)
        per_part[order] = np.array([self._rows[key] for key in keys], dtype=np.int64)[np.cumsum(begins) - 1]
        return per_part

    def forget(self, rows: Rows) -> None:
        """Give the rows of sessions back that nothing can change any more."""
        values = self._sessions.values[rows]
        for key in zip(values["slot"].tolist(), values["label_ms"].tolist(), strict=True):
            del self._rows[key]
        self._sessions.free(rows)


@dataclass(frozen=True)
class Parts:
    """What the accepted uploads of a batch say of sessions, one entry per upload, in order of arrival.

    `started_ms` is 0 for uploads outside any session; `left_ms` is the start of the session that the device's newest
    upload belonged to until this one came, 0 for none.
    """

    slot: Ints
    started_ms: Ints
    left_ms: Ints
    overtaken: Mask
    ended: Mask
    session_no: Ints
    received_at_ms: Ints
    readings: Ints
    last_measured_ms: Ints
    material: Bytes
    firmware: Bytes


def add_parts(sessions: Store, index: SessionIndex, parts: Parts, newest: Ints) -> tuple[Rows, Rows]:
    """Add the shared fields of the parts to their sessions and close those that are over.

    Args:
        newest: Newest number of all devices after this batch, by slot.
    Returns:
        The session row of each upload that belongs to one, and all rows that changed.
    """
    mine = np.flatnonzero(parts.started_ms)
    leaving = np.flatnonzero(parts.left_ms)
    rows = index.rows_of(parts.slot[mine], parts.started_ms[mine])
    left_rows = index.rows_of(parts.slot[leaving], parts.left_ms[leaving])
    changed, where = np.unique(np.concatenate([rows, left_rows]), return_inverse=True)
    at, left_at = where[: len(mine)], where[len(mine) :]
    values = sessions.values

    closing = np.full(len(changed), _NEVER)
    over = parts.ended[mine] | parts.overtaken[mine]
    np.minimum.at(closing, at[over], mine[over])
    np.minimum.at(closing, left_at, leaving)
    closing[values["closed"][changed]] = -1
    # Whatever closed a session before this part had come after an earlier part of it: the session was known.
    values["corrected"][rows[mine > closing[at]]] = True
    closes = leaving == closing[left_at]

    groups = grouped(rows)
    own, last = groups.rows, mine[groups.last()]
    values["uploads"][own] += groups.counts()
    values["readings"][own] += groups.sums(parts.readings[mine])
    measured_ms = np.maximum(parts.last_measured_ms[mine], parts.started_ms[mine])
    values["ended_ms"][own] = np.maximum(values["ended_ms"][own], groups.highest(measured_ms))
    values["known_at_ms"][own] = np.maximum(values["known_at_ms"][own], groups.highest(parts.received_at_ms[mine]))
    np.maximum.at(values["known_at_ms"], left_rows[closes], parts.received_at_ms[leaving[closes]])
    for name in ("material", "firmware", "session_no", "started_ms"):
        values[name][own] = getattr(parts, name)[last]
    values["closed"][changed] = closing < _NEVER
    values["over_seq"][changed] = newest[values["slot"][changed]]
    sessions.touch(changed)
    return rows, changed


def announce(sessions: Store, changed: Rows) -> Rows:
    """Which of the changed sessions have a version to write.

    New ones, closed ones and closed ones that changed again; of an open reported session the parts are not worth a
    version each, a detected one changes seldom.
    """
    values = sessions.values[changed]
    version = values["uploads"] + values["closed"]
    is_news = version > values["announced"]
    speaks = (values["announced"] == 0) | (is_news & (values["closed"] | values["detected"]))
    sessions.values["announced"][changed[speaks]] = version[speaks]
    speaking: Rows = changed[speaks]
    return speaking


def beyond_reach(sessions: Store, newest: Ints, lowest_hole: Ints) -> Rows:
    """Closed reported sessions that no upload can change any more: dedup would refuse it as late.

    Args:
        newest: Newest number of all devices, by slot.
        lowest_hole: The lowest number below dedup's window that is waited for, by slot. It belongs to no session that
            was over before it.
    """
    rows = sessions.rows()
    values = sessions.values
    over = rows[values["closed"][rows] & ~values["detected"][rows]]
    over_seq, slot = values["over_seq"][over], values["slot"][over]
    gone: Rows = over[(over_seq <= newest[slot] - WINDOW) & (over_seq < lowest_hole[slot])]
    return gone


def fields(session: np.void) -> dict[str, Any]:
    """A row of sessions as Python's own values, all at once: NumPy hands single fields out many times slower."""
    return dict(zip(session.dtype.names or (), session.item(), strict=True))


def shared_facts(known: Mapping[str, Any], device_id: str, session_id: str) -> dict[str, Any]:
    """What the contracts of all products' sessions share (`schemas.facts.Session`), from the session's `fields`."""
    return {
        "session_id": session_id,
        "version": known["announced"],
        "status": status(known),
        "device_id": device_id,
        "material": known["material"].decode(),
        "firmware": known["firmware"].decode(),
        "session_no": known["session_no"] or None,
        "started_at_ms": known["started_ms"],
        "ended_at_ms": known["ended_ms"],
        "reading_count": known["readings"],
        "known_at_ms": known["known_at_ms"],
    }


def status(session: Mapping[str, Any]) -> Status:
    """The status of a session's newest version, from its `fields`."""
    if session["withdrawn"]:
        return "withdrawn"
    if not session["closed"]:
        return "open"
    return "corrected" if session["corrected"] else "closed"
