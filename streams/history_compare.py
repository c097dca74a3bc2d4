"""Sessions told anew against the newest versions in the lake: what would change, and what is left alone. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isclose
from typing import Any, Literal

import pyarrow as pa

from streams.history import Retold, Session, Untellable

Left = Literal["open", "cut_off", "unsettled", "lake_behind", "uploads_gone", Untellable]
"""Why a session is left as it is: it goes on; what ends it lies beyond what was read; the stream itself may change it
yet; its version follows from an upload that the lake does not hold yet; the lake holds no upload of it; or it cannot be
told anew."""

TOLERANCE = 1e-9
"""Relative, and absolute below 1: another processor or library may add up floats to another last digit."""
NOT_COMPARED = frozenset(
    ("session_id", "version", "status", "known_at_ms", "changed_readings", "changed_end_ms", "changed_amount")
)
"""What says which version it is, not what the session was."""


@dataclass(frozen=True)
class Change:
    """One session that is told otherwise now.

    Attributes:
        before: Its newest version in the lake; None: it was none.
        after: The version to write. It is withdrawn where nothing tells of it any more.
        fields: Names of the fields that differ; none of a session that appears or is withdrawn.
    """

    before: Session | None
    after: Session
    fields: tuple[str, ...]

    @property
    def kind(self) -> Literal["changed", "appears", "withdrawn"]:
        """What happens to it."""
        if self.after["status"] == "withdrawn":
            return "withdrawn"
        return "appears" if self.before is None or self.before["status"] == "withdrawn" else "changed"


@dataclass
class Compared:
    """What came of comparing. `left` counts sessions that were not compared."""

    changes: list[Change] = field(default_factory=list)
    same: int = 0
    left: Counter[Left] = field(default_factory=Counter)


@dataclass(frozen=True)
class Bounds:
    """What is compared.

    Attributes:
        from_ms, to_ms: Sessions that begin in [from_ms, to_ms).
        received_ms: By device: of an earlier upload nothing can change any more. Missing: of none.
        measured_ms: By device: a power curve that ended, with a pause, before that cannot either.
        pause_ms: How long that pause is.
        unsettled: Compare what the stream may still change, too.
        newest_ms: By device: when Kafka took in the newest of its uploads that were looked at.
    """

    from_ms: int
    to_ms: int
    received_ms: Mapping[str, int]
    measured_ms: Mapping[str, int]
    pause_ms: int
    unsettled: bool
    newest_ms: Mapping[str, int]


def compare(told: Retold, known: pa.Table, amount: str, bounds: Bounds) -> Compared:
    """What differs between the sessions told anew and those known.

    Args:
        known: Newest versions by the contract's names, also of sessions shortly before and after the period.
        amount: The field that `changed_amount` speaks of.
    """
    compared = Compared()
    before_of = dict(zip(known.column("session_id").to_pylist(), range(known.num_rows), strict=True))
    started_ms, statuses = (known.column(name).to_pylist() for name in ("started_at_ms", "status"))
    known_ms = known.column("known_at_ms").to_pylist()
    names = {name: known.column(name).to_pylist() for name in ("material", "firmware")}
    sessions = named_as_before(told.sessions, known)
    pairs: list[tuple[Session, int]] = []
    met: set[str] = set()
    for session in sessions:
        row = before_of.get(session["session_id"])
        met.add(session["session_id"])
        begins_ms = session["started_at_ms"] if row is None else started_ms[row]
        if not bounds.from_ms <= begins_ms < bounds.to_ms:
            continue
        reason = _left(session, None if row is None else (statuses[row], known_ms[row]), told, bounds)
        if reason is not None:
            compared.left[reason] += 1
        elif row is None:
            compared.changes.append(Change(None, _version(session, None, amount, bounds), ()))
        else:
            pairs.append((_as_told_of(session, names, row), row))
    _compare_pairs(compared, pairs, known, amount, bounds)
    for session_id, row in before_of.items():
        if session_id in met or not bounds.from_ms <= started_ms[row] < bounds.to_ms:
            continue
        before = known.slice(row, 1).to_pylist()[0]
        _compare_missing(compared, before, told, amount, bounds)
    return compared


def named_as_before(sessions: Sequence[Session], known: pa.Table) -> list[Session]:
    """The same sessions, those found in power curves under the names that they have in the lake.

    Such a session keeps the name of the first start it was ever seen with, as in the stream: it takes the first name,
    not taken yet, of those that the lake knows within its time; without one it is new and has its own.
    """
    spans: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
    if "source" in known.column_names:
        names = ("device_id", "session_id", "started_at_ms", "ended_at_ms", "source", "status")
        for device_id, session_id, start_ms, end_ms, source, status in zip(
            *(known.column(name).to_pylist() for name in names), strict=True
        ):
            if source == "power_curve" and status != "withdrawn":
                spans[device_id].append((start_ms, end_ms, int(session_id.rpartition(":")[2])))
    for own in spans.values():
        own.sort()
    taken: defaultdict[str, set[int]] = defaultdict(set)
    renamed = []
    for session in sessions:
        if session.get("source") != "power_curve":
            renamed.append(session)
            continue
        device_id = session["device_id"]
        label_ms = _label(session, spans.get(device_id, ()), taken[device_id])
        taken[device_id].add(label_ms)
        renamed.append({**session, "session_id": f"{device_id}:{label_ms}"})
    return renamed


def _as_told_of(session: Session, names: Mapping[str, Sequence[str]], row: int) -> Session:
    """The session, under the model and firmware that the lake tells it of if it was found in a power curve.

    They are those of the upload that was the newest when it was told, which says nothing of the cycle.
    """
    if session.get("source") != "power_curve":
        return session
    return {**session, **{name: known[row] for name, known in names.items()}}


def _label(session: Session, spans: Sequence[tuple[int, int, int]], taken: set[int]) -> int:
    start_ms, end_ms = session["started_at_ms"], session["ended_at_ms"]
    # Known sessions of one device do not overlap, so all that reach into this one lie next to each other.
    first = max(bisect_left(spans, (start_ms,)) - 1, 0)
    inside = []
    for known_start_ms, known_end_ms, label_ms in spans[first:]:
        if known_start_ms >= end_ms:
            break
        if known_end_ms > start_ms:
            inside.append(label_ms)
    label_ms = min((own for own in inside if own not in taken), default=start_ms)
    while label_ms in taken:
        label_ms += 1
    return int(label_ms)


def _left(session: Session, known: tuple[str, int] | None, told: Retold, bounds: Bounds) -> Left | None:
    """Why a session is left alone; None if it is compared.

    Args:
        known: Status of its newest version, and when that became known; None: it has none.
    """
    known_status, known_at_ms = known if known is not None else (None, 0)
    is_curve = session.get("source") == "power_curve"
    untellable = told.untellable_curves.get(session["device_id"]) if is_curve else None
    untellable = untellable or told.untellable.get(session["session_id"])
    if untellable is not None:
        return untellable
    if known_status == "open" or (known_status is None and session["status"] == "open"):
        return "open"
    if session["status"] == "open":
        return "cut_off"
    if known_at_ms > bounds.newest_ms[session["device_id"]]:
        return "lake_behind"
    is_settled = _ended_long_ago(session, bounds) if is_curve else _came_long_ago(session, bounds)
    return None if is_settled or bounds.unsettled else "unsettled"


def _came_long_ago(session: Session, bounds: Bounds) -> bool:
    """All that told of it came before the uploads that dedup can still tell apart."""
    return bool(session["known_at_ms"] < bounds.received_ms.get(session["device_id"], 0))


def _ended_long_ago(session: Session, bounds: Bounds) -> bool:
    return bool(session["ended_at_ms"] + bounds.pause_ms < bounds.measured_ms.get(session["device_id"], 0))


def _compare_missing(compared: Compared, before: Session, told: Retold, amount: str, bounds: Bounds) -> None:
    """Look at a session that the lake knows and nothing tells of."""
    if before["status"] == "withdrawn":
        compared.same += 1
        return
    if before.get("source") != "power_curve" or before["device_id"] not in bounds.newest_ms:
        compared.left["uploads_gone"] += 1
        return
    reason = _left(before, (before["status"], before["known_at_ms"]), told, bounds)
    if reason is not None:
        compared.left[reason] += 1
        return
    compared.changes.append(Change(before, _version({**before, "status": "withdrawn"}, before, amount, bounds), ()))


def _compare_pairs(
    compared: Compared, pairs: Sequence[tuple[Session, int]], known: pa.Table, amount: str, bounds: Bounds
) -> None:
    rows = known.take(pa.array([row for _, row in pairs], pa.int64()))
    names = [name for name in known.column_names if name not in NOT_COMPARED]
    differing: defaultdict[int, list[str]] = defaultdict(list)
    for name in names:
        for place in _unequal([session.get(name) for session, _ in pairs], rows.column(name).to_pylist()):
            differing[place].append(name)
    statuses = rows.column("status").to_pylist()
    appearing = [place for place, status in enumerate(statuses) if status == "withdrawn"]
    for place in sorted({*differing, *appearing}):
        session, before = pairs[place][0], rows.slice(place, 1).to_pylist()[0]
        fields = () if statuses[place] == "withdrawn" else tuple(differing[place])
        compared.changes.append(Change(before, _version(session, before, amount, bounds), fields))
    compared.same += len(pairs) - len({*differing, *appearing})


def _unequal(told: Sequence[Any], known: Sequence[Any]) -> Iterator[int]:
    """Places at which two columns differ by more than the last digits."""
    if told == known:
        return
    for place, (new, old) in enumerate(zip(told, known, strict=True)):
        if new != old and not _is_close(new, old):
            yield place


def _is_close(new: Any, old: Any) -> bool:
    if isinstance(new, list) and isinstance(old, list):
        return len(new) == len(old) and all(a == b or _is_close(a, b) for a, b in zip(new, old, strict=True))
    if not isinstance(new, int | float) or not isinstance(old, int | float):
        return False
    if isinstance(new, int) and isinstance(old, int):
        return False  # of ms since 1970 the tolerance would be seconds
    return isclose(new, old, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _version(session: Session, before: Session | None, amount: str, bounds: Bounds) -> Session:
    """The version to write: the next one, with what changed since the one before.

    It is known since the newest upload that was looked at, and versions count by `known_at_ms`, then by number: so it
    is newer than the one before it, and older than what the stream tells of any upload that comes after. That one may
    have the same number, or a lower one, since the stream knows nothing of this one.
    """
    known_at_ms = bounds.newest_ms[session["device_id"]]
    if before is None:
        return {**session, "version": 1, "status": "closed", "known_at_ms": known_at_ms} | _NOTHING_BEFORE
    status = "withdrawn" if session["status"] == "withdrawn" else "corrected"
    return {
        **session,
        "version": before["version"] + 1,
        "status": status,
        "known_at_ms": known_at_ms,
        "changed_readings": session["reading_count"] - before["reading_count"],
        "changed_end_ms": session["ended_at_ms"] - before["ended_at_ms"],
        "changed_amount": session[amount] - before[amount],
    }


_NOTHING_BEFORE: Session = dict.fromkeys(("changed_readings", "changed_end_ms", "changed_amount"))
