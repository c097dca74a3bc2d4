"""What people said of a change set, bound to its content."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.errors import UsageError
from sinks.records.database import Connection, session
from sinks.records.gear import flow as flows
from sinks.records.gear.audit import append
from sinks.records.gear.calendar import instant_told
from sinks.records.gear.chain import AuditRow
from sinks.records.gear.names import is_same
from sinks.records.gear.people import holder


@dataclass(frozen=True)
class Approval:
    """What one person said of one change set.

    Attributes:
        is_approved: Else it was rejected.
        is_immediate: Gears and windows do not hold it up; freezes do.
    """

    change_set_id: int
    content_hash: str
    person: str
    role: str
    is_approved: bool
    is_immediate: bool
    reason: str | None
    decided_at: datetime


@dataclass(frozen=True)
class Standing:
    """What was said of a change set with this content.

    Attributes:
        approved_by: In the order in which they did.
        approved_now_at: Since when gears and windows do not hold it up; None: they do.
    """

    approved_by: tuple[str, ...]
    rejected_by: str | None
    is_approved: bool
    approved_now_at: datetime | None


def approve(
    dsn: str, change_set_id: int, who: str, now: datetime, *, is_immediate: bool = False, reason: str | None = None
) -> Approval:
    """Approves an open change set, as it is.

    Raises:
        UsageError: There is no such set, it is not open, `who` may not approve it or has already.
    """
    with session(dsn) as connection, connection.transaction():
        row = _open(connection, change_set_id, now)
        role = _role(row)
        person = holder(connection, who, role, f"approve change set {change_set_id}")
        if is_same(person, row["planned_by"]):
            raise UsageError(
                f"{person} planned change set {change_set_id}: somebody else with the role {role} approves."
            )
        earlier = connection.execute(
            """SELECT bool_or(is_immediate) AS is_immediate FROM gearbox.approval
               WHERE change_set_id = %s AND content_hash = %s AND person = %s AND is_approved HAVING count(*) > 0""",
            [change_set_id, row["content_hash"], person],
        ).fetchone()
        if earlier is not None and (earlier["is_immediate"] or not is_immediate):
            raise UsageError(f"{person} has approved change set {change_set_id} already.")
        told = Approval(change_set_id, row["content_hash"], person, role, True, is_immediate, _line(reason), now)
        _write(connection, told, row)
    return told


def reject(dsn: str, change_set_id: int, who: str, now: datetime, *, reason: str) -> Approval:
    """Ends an open change set: nothing more of it is written. Who planned it may reject it, too.

    Raises:
        UsageError: There is no such set, it is not open, `who` may not reject it, or no reason is given.
    """
    line = _line(reason)
    if line is None:
        raise UsageError("Say why: a rejection needs a reason.")
    with session(dsn) as connection, connection.transaction():
        row = _open(connection, change_set_id, now)
        role = _role(row)
        person = holder(connection, who, role, f"reject change set {change_set_id}")
        connection.execute(
            """UPDATE gearbox.change_set SET status = 'rejected', reason = %s, closed_at = %s
               WHERE change_set_id = %s""",
            [f"{person}: {line}", now, change_set_id],
        )
        told = Approval(change_set_id, row["content_hash"], person, role, False, False, line, now)
        _write(connection, told, row)
    return told


def standing(connection: Connection, change_set_id: int, content_hash: str) -> Standing:
    """What was said of the set; what was said of another content does not count."""
    rows = connection.execute(
        """SELECT person, is_approved, is_immediate, decided_at FROM gearbox.approval
           WHERE change_set_id = %s AND content_hash = %s ORDER BY approval_no""",
        [change_set_id, content_hash],
    ).fetchall()
    approved_by = tuple(dict.fromkeys(row["person"] for row in rows if row["is_approved"]))
    rejected_by = next((str(row["person"]) for row in rows if not row["is_approved"]), None)
    is_approved = bool(approved_by) and rejected_by is None
    immediate = [row["decided_at"] for row in rows if row["is_approved"] and row["is_immediate"]]
    return Standing(approved_by, rejected_by, is_approved, min(immediate) if immediate and is_approved else None)


def is_asked(connection: Connection, flow: str, now: datetime) -> bool:
    """Whether people are asked to approve a plan of the flow, or have: it is not to be taken from under them."""
    row = connection.execute(
        """SELECT EXISTS (
             SELECT FROM gearbox.change_set AS own WHERE flow = %s AND kind = 'plan' AND status = 'open'
               AND expires_at > %s AND (
                 EXISTS (SELECT FROM gearbox.change WHERE change.change_set_id = own.change_set_id
                         AND decision = 'needs_approval')
                 OR EXISTS (SELECT FROM gearbox.approval WHERE approval.change_set_id = own.change_set_id))
           ) AS is_asked""",
        [flow, now],
    ).fetchone()
    assert row is not None, "a SELECT without FROM has a row"
    return bool(row["is_asked"])


def said(connection: Connection) -> tuple[int, ...]:
    """Changes whenever somebody approves, rejects, freezes, lifts or excepts."""
    row = connection.execute(
        """SELECT (SELECT count(*) FROM gearbox.approval) AS approvals,
             (SELECT count(*) FROM gearbox.freeze) AS freezes,
             (SELECT count(lifted_at) FROM gearbox.freeze) AS lifted,
             (SELECT count(*) FROM gearbox.freeze_exception) AS exceptions"""
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return tuple(row.values())


def audit_row(told: Approval, flow: str, target_table: str) -> AuditRow:
    """The audit row that goes with it."""
    detail = {
        "content_hash": told.content_hash,
        "role": told.role,
        "is_immediate": told.is_immediate,
        "reason": told.reason,
    }
    return AuditRow(
        "approved" if told.is_approved else "rejected",
        told.person,
        told.change_set_id,
        flow=flow,
        target_table=target_table,
        detail=json.dumps(detail, ensure_ascii=False),
    )


def _open(connection: Connection, change_set_id: int, now: datetime) -> dict[str, Any]:
    """The open set of that number, held until the transaction ends."""
    row = connection.execute(
        """SELECT flow, target_table, status, reason, content_hash, planned_by, expires_at, closed_at
           FROM gearbox.change_set WHERE change_set_id = %s FOR UPDATE""",
        [change_set_id],
    ).fetchone()
    if row is None:
        newest = connection.execute("SELECT max(change_set_id) AS number FROM gearbox.change_set").fetchone()
        known = None if newest is None else newest["number"]
        raise UsageError(f"There is no change set {change_set_id}; the newest is {known or 'not planned yet'}.")
    if row["status"] != "open":
        why = f" ({row['reason']})" if row["reason"] else ""
        raise UsageError(f"Change set {change_set_id} is {row['status']}{why}: only an open one is decided upon.")
    if row["expires_at"] <= now:
        raise UsageError(
            f"Change set {change_set_id} has expired at {instant_told(row['expires_at'])}. "
            f"Plan it anew: vaxel gearbox plan {row['flow']}."
        )
    return row


def _role(row: dict[str, Any]) -> str:
    approval = flows.load(row["flow"]).approval
    if approval is None:
        raise UsageError(
            f"Flow {row['flow']} names nobody who decides: give it [approval] with a role in its flow.toml."
        )
    return approval.role


def _write(connection: Connection, told: Approval, row: dict[str, Any]) -> None:
    connection.execute(
        """INSERT INTO gearbox.approval
             (change_set_id, content_hash, person, role, is_approved, is_immediate, reason, decided_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
        [
            told.change_set_id,
            told.content_hash,
            told.person,
            told.role,
            told.is_approved,
            told.is_immediate,
            told.reason,
            told.decided_at,
        ],
    )
    append(connection, [audit_row(told, row["flow"], row["target_table"])], told.decided_at)


def _line(text: str | None) -> str | None:
    """The text in one line; None where there is none."""
    return " ".join((text or "").split()) or None
