"""Sessions that devices name themselves: uploads carry the session's start, and each adds its part. Pure.

Parts only add up, so the order of arrival does not matter. A session is over when its last upload has been seen, when
its device's newest upload becomes one that belongs to something else, or when it was overtaken like that before its
first part came. It is corrected when a part arrives after that. Its version is the number of its uploads, plus one
when it is over: higher after every change, and the same at the end however the input was cut into batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.dedupe import WINDOW
from streams.store import Rows, Store

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.bytes_]

SESSION_FIELDS: list[tuple[str, str]] = [
    ("slot", "i8"),
    ("started_ms", "i8"),
    ("ended_ms", "i8"),
    ("session_no", "i8"),
    ("uploads", "i8"),
    ("readings", "i8"),
    ("over_seq", "i8"),
    ("known_at_ms", "i8"),
    ("announced", "i8"),
    ("closed", "?"),
    ("corrected", "?"),
    ("material", "S64"),
    ("firmware", "S16"),
]
"""Fields that the sessions of all products share.

`over_seq`: its device's newest number when it last changed; `announced`: the version last written.
"""


class SessionIndex:
    """Finds the row of a session by device slot and start."""

    def __init__(self, sessions: Store) -> None:
        self._sessions = sessions
        rows = sessions.rows()
        values = sessions.values[rows]
        keys = zip(values["slot"].tolist(), values["started_ms"].tolist(), strict=True)
        self._rows: dict[tuple[int, int], int] = dict(zip(keys, rows.tolist(), strict=True))

    def find(self, slot: int, started_ms: int) -> int | None:
        """The session's row, or None."""
        return self._rows.get((slot, started_ms))

    def rows_of(self, slot: Ints, started_ms: Ints) -> Rows:
        """The row of each session, taking new rows for new ones."""
        pairs, inverse = np.unique(np.column_stack([slot, started_ms]), axis=0, return_inverse=True)
        keys = [(int(pair[0]), int(pair[1])) for pair in pairs]
        new = [key for key in keys if key not in self._rows]
        if new:
            rows = self._sessions.take(len(new))
            self._sessions.values["slot"][rows] = [key[0] for key in new]
            self._sessions.values["started_ms"][rows] = [key[1] for key in new]
            self._rows.update(zip(new, rows.tolist(), strict=True))
        return np.array([self._rows[key] for key in keys], dtype=np.int64)[inverse.reshape(-1)]

    def forget(self, rows: Rows) -> None:
        """Give the rows of sessions back that nothing can change any more."""
        for slot, started_ms in zip(
            self._sessions.values["slot"][rows].tolist(),
            self._sessions.values["started_ms"][rows].tolist(),
            strict=True,
        ):
            del self._rows[slot, started_ms]
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
    values = sessions.values

    closing = np.full(len(values), np.iinfo(np.int64).max)
    over = parts.ended[mine] | parts.overtaken[mine]
    np.minimum.at(closing, rows[over], mine[over])
    np.minimum.at(closing, left_rows, leaving)
    closing[values["closed"]] = -1
    # Whatever closed a session before this part had come after an earlier part of it: the session was known.
    values["corrected"][rows[mine > closing[rows]]] = True

    np.add.at(values["uploads"], rows, 1)
    np.add.at(values["readings"], rows, parts.readings[mine])
    np.maximum.at(values["known_at_ms"], rows, parts.received_at_ms[mine])
    np.maximum.at(values["known_at_ms"], left_rows, parts.received_at_ms[leaving])
    np.maximum.at(values["ended_ms"], rows, np.maximum(parts.last_measured_ms[mine], parts.started_ms[mine]))
    for name in ("material", "firmware", "session_no"):
        values[name][rows] = getattr(parts, name)[mine]

    changed = np.unique(np.concatenate([rows, left_rows]))
    values["closed"][changed] = closing[changed] < np.iinfo(np.int64).max
    values["over_seq"][changed] = newest[values["slot"][changed]]
    sessions.touch(changed)
    return rows, changed


def announce(sessions: Store, changed: Rows) -> Rows:
    """Which of the changed sessions have a version to write: new ones, closed ones, closed ones that changed again."""
    values = sessions.values[changed]
    version = values["uploads"] + values["closed"]
    speaks = (values["announced"] == 0) | (values["closed"] & (version > values["announced"]))
    sessions.values["announced"][changed[speaks]] = version[speaks]
    return changed[speaks]


def beyond_reach(sessions: Store, newest: Ints) -> Rows:
    """Closed sessions that no upload can change any more: dedup would refuse it as late."""
    rows = sessions.rows()
    values = sessions.values[rows]
    return rows[values["closed"] & (values["over_seq"] <= newest[values["slot"]] - WINDOW)]


def status(session: np.void) -> str:
    """The status of a session's newest version."""
    if not session["closed"]:
        return "open"
    return "corrected" if session["corrected"] else "closed"
