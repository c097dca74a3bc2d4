"""Change sets as a person looks at them: what they would do, who approved, what became of each change. Only reads.

A change's outcome is nowhere written but follows from the chunks: a number in an applied chunk was written, unless it
was left out; then the audit says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from schemas.errors import UsageError
from schemas.gearbox_ledger import ChangeSetKind, ChangeSetStatus, Decision, Op
from sinks.records.database import Connection, session
from sinks.records.gear.whys import WHY

Outcome = Literal["written", "conflict", "turned_down", "left_out", "sent", "open", "never"]
"""What became of a change. `left_out`: not written, and the audit does not say why; `sent`: on its way; `open`: nothing
yet; `never`: its set was closed before."""

BECAME = """
  CASE WHEN carried.state = 'sent' THEN 'sent'
       WHEN carried.is_left_out THEN coalesce(told.event, 'left_out')
       WHEN carried.state = 'applied' THEN 'written'
       WHEN change_set.status = 'open' THEN 'open' ELSE 'never' END"""
FROM_CHANGES = """
  FROM gearbox.change JOIN gearbox.change_set USING (change_set_id)
  LEFT JOIN (SELECT change_set_id, unnest(change_nos) AS change_no, state, left_out FROM gearbox.chunk
             WHERE state <> 'cancelled' AND change_set_id = ANY (%(sets)s)) AS piece USING (change_set_id, change_no)
  CROSS JOIN LATERAL (SELECT piece.state, coalesce(change_no = ANY (piece.left_out), false) AS is_left_out) AS carried
  LEFT JOIN (SELECT DISTINCT ON (change_set_id, change_no) change_set_id, change_no, event, stored, detail
             FROM gearbox.audit
             WHERE change_set_id = ANY (%(sets)s) AND event IN ('written', 'conflict', 'turned_down')
             ORDER BY change_set_id, change_no, audit_no DESC) AS told USING (change_set_id, change_no)
  WHERE change_set_id = ANY (%(sets)s)"""
"""All changes of the sets asked for, with the chunk that carried each and what the audit says of it."""


@dataclass(frozen=True)
class SetHead:
    """A change set without its changes; names as in `schemas.gearbox_ledger`.

    Attributes:
        is_approved: The newest word on exactly this content is an approval.
        written: Changes that were written.
        left_out: Changes that were sent and not written.
        needing_approval: Of an open set, changes that wait for a person; none once it is approved.
        refused: Changes that will not go, as judged when planned; once the set is over, when it was applied. None: it
            ended before that was asked.
        put_back_at: When its record system was declared put back since the set was closed: what it wrote counts as
            never made. None: it was not.
    """

    change_set_id: int
    kind: ChangeSetKind
    flow: str
    flow_version: str
    lake_snapshot: int
    system: str
    target_table: str
    target_rows: int
    changes: int
    changed_rows: int
    missing_rows: int
    missing_keys: list[str]
    money: Decimal | None
    undoes: int | None
    reason: str | None
    content_hash: str
    status: ChangeSetStatus
    planned_by: str
    planned_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    is_approved: bool
    written: int
    left_out: int
    needing_approval: int
    refused: int | None
    put_back_at: datetime | None


@dataclass(frozen=True)
class ApprovalView:
    """What a person said of a set; `fits`: of exactly what it holds."""

    person: str
    role: str
    is_approved: bool
    is_immediate: bool
    reason: str | None
    decided_at: datetime
    fits: bool


@dataclass(frozen=True)
class Tally:
    """So many changes of a set came to the same, for the same reason.

    Attributes:
        decision: Of what was not sent, how it was judged when planned; of what was sent, it says nothing any more.
        reason: Of that decision; of what was sent and not written, what the audit says, without values.
    """

    decision: Decision | None
    reason: str
    not_before: datetime | None
    outcome: Outcome
    changes: int
    rows: int


@dataclass(frozen=True)
class ChangeView:
    """One change and what became of it.

    Attributes:
        detail: JSON of the audit row that tells the outcome; None without one.
        stored: What the record system made of `after`, where it is something else.
    """

    change_no: int
    op: Op
    key: str
    field: str
    before: str
    after: str
    why: str
    decision: Decision
    reason: str
    not_before: datetime | None
    outcome: Outcome
    stored: str | None
    detail: str | None


@dataclass(frozen=True)
class SetView:
    """One set; `changes` may be its first ones only."""

    head: SetHead
    approvals: Sequence[ApprovalView]
    tallies: Sequence[Tally]
    changes: Sequence[ChangeView]


@contextmanager
def looking(ledger_dsn: str) -> Iterator[Connection]:
    """A connection that sees one moment of the ledger and can write nothing.

    Raises: as `database.session`.
    """
    with session(ledger_dsn) as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield connection


def sets(connection: Connection, *, flow: str | None = None, is_open: bool = False, limit: int = 50) -> list[SetHead]:
    """Change sets, newest first.

    Args:
        is_open: Only those of which something may still be written.
    """
    return _heads(
        connection,
        "WHERE (%(flow)s::text IS NULL OR flow = %(flow)s) AND (NOT %(open)s OR status = 'open')",
        {"flow": flow, "open": is_open, "limit": limit},
    )


def one_set(connection: Connection, change_set_id: int, most: int | None = None) -> SetView:
    """One set with its approvals, its tallies, and its first changes.

    Args:
        most: Most changes; a row that is added or deleted counts as one and comes whole. None: all.

    Raises:
        UsageError: There is none of that number.
    """
    found = _heads(connection, "WHERE change_set_id = %(id)s", {"id": change_set_id, "limit": 1})
    if not found:
        newest = sets(connection, limit=1)
        known = str(newest[0].change_set_id) if newest else "not planned yet"
        raise UsageError(f"There is no change set {change_set_id}; the newest is {known}. See `vaxel gearbox list`.")
    head = found[0]
    return SetView(head, approvals(connection, head), _tallies(connection, head), _changes(connection, head, most))


def approvals(connection: Connection, head: SetHead) -> list[ApprovalView]:
    """What people said of a set, oldest first."""
    rows = connection.execute(
        """SELECT person, role, is_approved, is_immediate, reason, decided_at, content_hash = %s AS fits
           FROM gearbox.approval WHERE change_set_id = %s ORDER BY approval_no""",
        [head.content_hash, head.change_set_id],
    )
    return [ApprovalView(**row) for row in rows]


def heads_of(connection: Connection, numbers: Sequence[int]) -> dict[int, SetHead]:
    """Heads of the sets of these numbers."""
    found = _heads(connection, "WHERE change_set_id = ANY (%(ids)s)", {"ids": list(numbers), "limit": len(numbers)})
    return {head.change_set_id: head for head in found}


def _heads(connection: Connection, where: str, arguments: dict[str, Any]) -> list[SetHead]:
    rows = connection.execute(
        f"""SELECT change_set.*, word.is_approved, carried.sent - carried.left_out AS written, carried.left_out,
             CASE WHEN word.is_approved THEN 0 ELSE pending.asking END AS needing_approval,
             CASE WHEN status = 'open' THEN pending.refused
                  WHEN status IN ('applied', 'refused') THEN changes - carried.sent END AS refused,
             (SELECT max(declared_at) FROM gearbox.restore
              WHERE restore.system = change_set.system AND declared_at >= closed_at) AS put_back_at
           FROM gearbox.change_set CROSS JOIN LATERAL (
             SELECT coalesce((SELECT is_approved FROM gearbox.approval
                              WHERE approval.change_set_id = change_set.change_set_id
                                AND approval.content_hash = change_set.content_hash
                              ORDER BY approval_no DESC LIMIT 1), false) AS is_approved) AS word
           CROSS JOIN LATERAL (
             SELECT coalesce(sum(cardinality(change_nos)), 0)::bigint AS sent,
               coalesce(sum(cardinality(left_out)), 0)::bigint AS left_out
             FROM gearbox.chunk WHERE chunk.change_set_id = change_set.change_set_id AND state = 'applied') AS carried
           CROSS JOIN LATERAL (  -- only of open sets, for there may be a million changes in each
             SELECT count(*) FILTER (WHERE decision = 'refused') AS refused,
               count(*) FILTER (WHERE decision = 'needs_approval') AS asking
             FROM gearbox.change LEFT JOIN (
               SELECT unnest(change_nos) AS change_no, true AS is_sent FROM gearbox.chunk
               WHERE chunk.change_set_id = change_set.change_set_id AND state <> 'cancelled') AS piece USING (change_no)
             WHERE status = 'open' AND change.change_set_id = change_set.change_set_id AND is_sent IS NULL) AS pending
           {where} ORDER BY change_set_id DESC LIMIT %(limit)s""".encode(),
        arguments,
    )
    return [SetHead(**row) for row in rows]


def _tallies(connection: Connection, head: SetHead) -> list[Tally]:
    """A conflict's reason names two values, which differ from row to row: they are told alike."""
    rows = connection.execute(
        f"""SELECT CASE WHEN is_unsent THEN decision END AS decision,
             CASE WHEN is_unsent THEN reason
                  WHEN outcome NOT IN ('conflict', 'turned_down') THEN ''
                  WHEN detail::jsonb ->> 'reason' LIKE '%% was planned upon' THEN 'no longer as planned'
                  ELSE coalesce(detail::jsonb ->> 'reason', '') END AS reason,
             CASE WHEN is_unsent THEN not_before END AS not_before,
             outcome, count(*) AS changes, count(DISTINCT key) AS rows
           FROM (SELECT key, decision, change.reason, not_before, {BECAME} AS outcome, told.detail
                 {FROM_CHANGES}) AS one
           CROSS JOIN LATERAL (SELECT outcome IN ('open', 'never') AS is_unsent) AS asked
           GROUP BY 1, 2, 3, 4 ORDER BY changes DESC, outcome, decision, reason""".encode(),
        {"sets": [head.change_set_id]},
    )
    return [Tally(**row) for row in rows]


def _changes(connection: Connection, head: SetHead, most: int | None) -> list[ChangeView]:
    """The set's first changes; the fields of a row that is added or deleted are counted by the first of them."""
    rows = connection.execute(
        f"""WITH begun AS (
             SELECT change_no, CASE WHEN op = 'update' THEN change_no ELSE min(change_no) OVER (PARTITION BY key, op)
                    END AS first_no
             FROM gearbox.change WHERE change_set_id = ANY (%(sets)s)),
           chosen AS (SELECT change_no FROM (SELECT change_no, dense_rank() OVER (ORDER BY first_no) AS place
                      FROM begun) AS placed WHERE place <= coalesce(%(most)s, place))
           SELECT change_no, op, key, field, before, after, {WHY} AS why, decision, change.reason, not_before,
             {BECAME} AS outcome, told.stored, told.detail
           {FROM_CHANGES} AND change_no IN (SELECT change_no FROM chosen) ORDER BY change_no""".encode(),
        {"sets": [head.change_set_id], "most": most},
    )
    return [ChangeView(**row) for row in rows]
