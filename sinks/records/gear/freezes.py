"""The freeze calendar in the ledger: when nothing may move, who said so, and which flows may all the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.errors import UsageError
from sinks.records.database import Connection, session
from sinks.records.gear import flow as flows
from sinks.records.gear.audit import append
from sinks.records.gear.calendar import EVERY_SYSTEM, Freeze, instant_told
from sinks.records.gear.chain import AuditRow, instant_text
from sinks.records.gear.people import CALENDAR_KEEPER, holder
from sinks.records.gear.systems import systems

_CALENDAR_LOCK = 7_305_826
"""Advisory lock: shared by who sends, alone by who declares."""
_FREEZES = """SELECT own.*, coalesce(
    (SELECT array_agg(flow ORDER BY flow) FROM gearbox.freeze_exception e WHERE e.freeze_id = own.freeze_id), '{}'
  ) AS excepted
  FROM gearbox.freeze AS own"""


@dataclass(frozen=True)
class Declared:
    """A freeze as it was declared, and what became of it."""

    freeze: Freeze
    declared_by: str
    declared_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None


def declare(dsn: str, system: str, starts_at: datetime, ends_at: datetime, reason: str, by: str, now: datetime) -> int:
    """Declares that nothing moves in a system (`*`: in any), [starts_at, ends_at), and gives the freeze's number.

    Raises:
        UsageError: There is no such system, the freeze is none or has ended, or `by` may not declare it.
    """
    if system != EVERY_SYSTEM and system not in systems():
        raise UsageError(f"There is no record system {system!r}; there are {', '.join(systems())}, and * for all.")
    if ends_at <= starts_at:
        raise UsageError(
            f"A freeze from {instant_told(starts_at)} cannot end at {instant_told(ends_at)}: give a later end."
        )
    if ends_at <= now:
        raise UsageError(f"A freeze that has ended at {instant_told(ends_at)} holds nothing: give an end to come.")
    told = _reason(reason, "a freeze")
    with session(dsn) as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_CALENDAR_LOCK])
        keeper = holder(connection, by, CALENDAR_KEEPER, "declare a freeze")
        row = connection.execute(
            """INSERT INTO gearbox.freeze (system, starts_at, ends_at, reason, declared_by, declared_at)
               VALUES (%s, %s, %s, %s, %s, %s) RETURNING freeze_id""",
            [system, starts_at, ends_at, told, keeper, now],
        ).fetchone()
        assert row is not None, "RETURNING gives the inserted row"
        freeze = Freeze(row["freeze_id"], system, starts_at, ends_at, told)
        append(connection, [declared_row(freeze, keeper)], now)
    return freeze.freeze_id


def lift(dsn: str, freeze_id: int, by: str, now: datetime) -> None:
    """Ends a freeze before its time, or takes it back before it has begun.

    Raises:
        UsageError: There is no such freeze, it is over, or `by` may not lift it.
    """
    with session(dsn) as connection, connection.transaction():
        keeper = holder(connection, by, CALENDAR_KEEPER, "lift a freeze")
        _standing(connection, freeze_id, now)
        connection.execute(
            "UPDATE gearbox.freeze SET lifted_at = %s, lifted_by = %s WHERE freeze_id = %s", [now, keeper, freeze_id]
        )
        append(connection, [lifted_row(freeze_id, keeper)], now)


def except_flow(dsn: str, freeze_id: int, flow: str, reason: str, by: str, now: datetime) -> bool:
    """Lets a flow move in spite of a freeze; False: it may already.

    Raises:
        UsageError: There is no such freeze or flow, the freeze is over or not for the flow, or `by` may not.
    """
    system = flows.load(flow).system
    told = _reason(reason, "an exception")
    with session(dsn) as connection, connection.transaction():
        keeper = holder(connection, by, CALENDAR_KEEPER, "except a flow")
        row = _standing(connection, freeze_id, now)
        if row["system"] not in (system, EVERY_SYSTEM):
            raise UsageError(f"Freeze {freeze_id} is of {row['system']}, and flow {flow} feeds {system}.")
        new = connection.execute(
            """INSERT INTO gearbox.freeze_exception (freeze_id, flow, reason, given_by, given_at)
               VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING flow""",
            [freeze_id, flow, told, keeper, now],
        ).fetchone()
        if new is None:
            return False
        append(connection, [excepted_row(freeze_id, flow, told, keeper)], now)
    return True


def hold_calendar(connection: Connection) -> None:
    """Nobody declares a freeze until the caller's transaction ends; waits for who is about to."""
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_CALENDAR_LOCK])


def in_force(connection: Connection, system: str, now: datetime) -> tuple[Freeze, ...]:
    """Freezes of a system that are not over, those to come too, by their begin."""
    rows = connection.execute(
        f"{_FREEZES} WHERE system IN (%s, '*') AND lifted_at IS NULL AND ends_at > %s ORDER BY starts_at, freeze_id",
        [system, now],
    )
    return tuple(_freeze(row) for row in rows)


def listing(connection: Connection, now: datetime, *, with_past: bool = False) -> list[Declared]:
    """Freezes of all systems by their begin; with those that are over, or without."""
    rows = connection.execute(
        f"{_FREEZES} WHERE %s OR (lifted_at IS NULL AND ends_at > %s) ORDER BY starts_at, freeze_id", [with_past, now]
    )
    return [
        Declared(_freeze(row), row["declared_by"], row["declared_at"], row["lifted_by"], row["lifted_at"])
        for row in rows
    ]


def declared_row(freeze: Freeze, by: str) -> AuditRow:
    """The audit row of a freeze that was declared."""
    detail: dict[str, str | int] = {
        "freeze": freeze.freeze_id,
        "is": "declared",
        "system": freeze.system,
        "starts_at": instant_text(freeze.starts_at),
        "ends_at": instant_text(freeze.ends_at),
        "reason": freeze.reason,
    }
    return AuditRow("frozen", by, detail=_json(detail))


def lifted_row(freeze_id: int, by: str) -> AuditRow:
    """The audit row of a freeze that was lifted."""
    return AuditRow("frozen", by, detail=_json({"freeze": freeze_id, "is": "lifted"}))


def excepted_row(freeze_id: int, flow: str, reason: str, by: str) -> AuditRow:
    """The audit row of a flow that was excepted from a freeze."""
    return AuditRow("frozen", by, flow=flow, detail=_json({"freeze": freeze_id, "is": "excepted", "reason": reason}))


def _freeze(row: dict[str, Any]) -> Freeze:
    return Freeze(
        row["freeze_id"], row["system"], row["starts_at"], row["ends_at"], row["reason"], frozenset(row["excepted"])
    )


def _standing(connection: Connection, freeze_id: int, now: datetime) -> dict[str, Any]:
    """The freeze of that number, held until the transaction ends; it is neither over nor lifted."""
    row = connection.execute("SELECT * FROM gearbox.freeze WHERE freeze_id = %s FOR UPDATE", [freeze_id]).fetchone()
    if row is None:
        raise UsageError(f"There is no freeze {freeze_id}; vaxel gearbox freeze list shows those there are.")
    if row["lifted_at"] is not None:
        raise UsageError(f"Freeze {freeze_id} was lifted already, by {row['lifted_by']}.")
    if row["ends_at"] <= now:
        raise UsageError(f"Freeze {freeze_id} has ended already, at {instant_told(row['ends_at'])}.")
    return row


def _reason(text: str, of_what: str) -> str:
    told = " ".join(text.split())
    if not told:
        raise UsageError(f"Say why: {of_what} needs a reason.")
    return told


def _json(detail: Mapping[str, str | int]) -> str:
    return json.dumps(detail, ensure_ascii=False)
