"""Whose use a session was: the session joined with custody and contract as of when it began. Pure.

Sessions are kept for `KEPT_MS` after they became known, so that a registration or a correction that comes late changes
whose they were: a new version, same session. What is told in the end does not depend on what came first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from zlib import crc32

import numpy as np

from schemas.desk import Usage, UsageStatus
from schemas.facts import Run, WashCycle
from streams.desk.register import Known
from streams.desk.zones import zone_of
from streams.keyed import KeyedRows
from streams.store import Rows, Store

KEPT_MS = 92 * 86_400_000
"""A quarter: longer than books stay open. Corrections of older sessions are a matter of the lake."""

USED = np.dtype(
    [
        ("slot", "i8"),
        ("label_ms", "i8"),
        ("session_version", "i8"),
        ("version", "i8"),
        ("told", "u4"),
        ("withdrawn", "?"),
        ("is_run", "?"),
        ("started_ms", "i8"),
        ("ended_ms", "i8"),
        ("known_at_ms", "i8"),
        ("energy_wh", "f8"),
        ("water_l", "f8"),
        ("distance_m", "f8"),
        ("material", "S64"),
        ("firmware", "S16"),
    ]
)
"""A session in the state. `told`: a checksum of whose use it was said to be; figures that are not known are NaN."""

USAGE_STORES = {"usage": USED}


@dataclass(frozen=True)
class _Owner:
    """Whose use a session was."""

    status: UsageStatus
    subject: str | None = None
    custody_kind: str | None = None
    custody_from_ms: int | None = None
    country: str | None = None
    time_zone: str | None = None
    contract_no: str | None = None
    contract_kind: str | None = None

    def checksum(self, session_version: int) -> int:
        return crc32(repr((self, session_version)).encode())


class UsageBook:
    """The sessions of a partition, and whose they were."""

    def __init__(self, stores: dict[str, Store]) -> None:
        self._store = stores["usage"]
        self._rows = KeyedRows(self._store, "slot", "label_ms")

    def take(self, slot: int, session: WashCycle | Run, known: Known) -> Usage | None:
        """Note a version of a session; gives its use if there is news. Open sessions and old versions are none.

        A version is newer that became known later, and of two that became known at once the one with the higher number:
        one that a backfill wrote may have a number that the stream, which knows nothing of it, gives away again.
        """
        if session.status == "open":
            return None
        label_ms = int(session.session_id.rpartition(":")[2])
        row = self._rows.find(slot, label_ms)
        values = self._store.values
        if row is not None and (session.known_at_ms, session.version) <= (
            values["known_at_ms"][row],
            values["session_version"][row],
        ):
            return None
        row = self._rows.row(slot, label_ms)
        is_run = isinstance(session, Run)
        values = self._store.values
        values["session_version"][row] = session.version
        values["withdrawn"][row] = session.status == "withdrawn"
        values["is_run"][row] = is_run
        values["started_ms"][row], values["ended_ms"][row] = session.started_at_ms, session.ended_at_ms
        values["known_at_ms"][row] = session.known_at_ms
        values["material"][row], values["firmware"][row] = session.material.encode(), session.firmware.encode()
        water_l = None if isinstance(session, Run) else session.water_l
        values["water_l"][row] = np.nan if water_l is None else water_l
        values["energy_wh"][row] = np.nan if isinstance(session, Run) else session.energy_wh
        values["distance_m"][row] = session.distance_m if isinstance(session, Run) else np.nan
        return self._told(row, session.device_id, _owner_in(values[row], known))

    def learn(self, devices: dict[int, tuple[str, Known]]) -> list[Usage]:
        """What changes since record systems told of these devices: by slot, their name and all that is known."""
        if not devices:
            return []
        rows = self._store.rows()
        rows = rows[np.isin(self._store.values["slot"][rows], list(devices))]
        told = []
        for row in rows.tolist():
            own = self._store.values[row]
            device_id, known = devices[int(own["slot"])]
            owner = _owner_in(own, known)
            if own["told"] != owner.checksum(int(own["session_version"])):
                told.append(self._told(row, device_id, owner))
        return told

    def forget(self, now_ms: int) -> None:
        """Let go of sessions known for longer than `KEPT_MS`."""
        rows: Rows = self._store.rows()
        self._rows.forget(rows[self._store.values["known_at_ms"][rows] < now_ms - KEPT_MS].tolist())

    def forget_devices(self, slots: Rows) -> None:
        """Forget devices whose slots are given back."""
        rows = self._store.rows()
        self._rows.forget(rows[np.isin(self._store.values["slot"][rows], slots)].tolist())

    def _told(self, row: int, device_id: str, owner: _Owner) -> Usage:
        """The use in a row, as its next version."""
        own = self._store.values[row]
        own["told"], own["version"] = owner.checksum(int(own["session_version"])), own["version"] + 1
        self._store.touch(np.array([row]))
        return Usage.model_validate(
            {
                "session_id": f"{device_id}:{own['label_ms']}",
                "version": int(own["version"]),
                "session_version": int(own["session_version"]),
                "device_id": device_id,
                "product": "shoe" if own["is_run"] else "washer",
                "material": own["material"].decode(),
                "firmware": own["firmware"].decode(),
                "started_at_ms": int(own["started_ms"]),
                "ended_at_ms": int(own["ended_ms"]),
                "local_day": _local_day(int(own["started_ms"]), owner.time_zone),
                **{name: _figure(own[name]) for name in ("energy_wh", "water_l", "distance_m")},
                **{name: getattr(owner, name) for name in _OWNER_FIELDS},
                "known_at_ms": int(own["known_at_ms"]),
            }
        )


_OWNER_FIELDS = tuple(_Owner.__dataclass_fields__)


def _owner_in(used: np.void, known: Known) -> _Owner:
    """Whose use the session in a row was."""
    return _Owner("withdrawn") if used["withdrawn"] else _owner(known, int(used["started_ms"]))


def _owner(known: Known, at_ms: int) -> _Owner:
    if not known.is_registered:
        return _Owner("unknown_device")
    custody, contract = known.custody_at(at_ms), known.contract_at(at_ms)
    owner = _Owner("unowned")
    if custody is not None:
        owner = _Owner("attributed", custody.subject, custody.kind, custody.from_ms, custody.country, custody.time_zone)
    if contract is not None:
        owner = replace(owner, contract_no=contract.contract_no, contract_kind=contract.kind)
    return owner


def _local_day(at_ms: int, time_zone: str | None) -> date | None:
    zone = None if time_zone is None else zone_of(time_zone)
    return None if zone is None else datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date()


def _figure(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
