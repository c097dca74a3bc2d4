"""How the gearbox stands: queues, ages, what was written, which systems are left alone. Only reads.

A moment of the ledger; ages come out of it with the caller's `now`. What the lake holds is the caller's to add, for the
gear ratio and for the age of facts: stages do not know each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sinks.records.database import Connection
from sinks.records.gear.flow import Flow, Gear

Waiting = Literal["go", "wait", "needs_approval", "approved", "sent"]
"""What an open change is waiting for: `go`: nothing but to be applied; `wait`: its window, or the end of a freeze;
`approved`: it needed a person, who has approved; `sent`: the record system's answer."""
WAITING: tuple[Waiting, ...] = ("go", "wait", "needs_approval", "approved", "sent")
Breaker = Literal["closed", "open", "half_open"]


@dataclass(frozen=True)
class FlowFigures:
    """Attributes:
    open_sets: Change sets of which something may still be written.
    open: Changes of these that are not settled, by what they wait for.
    refused: Changes of these that will not be written.
    oldest_at: When the oldest set with a change in `open` was planned.
    planned_at: When a set of the flow was last planned.
    written_at: When the flow last wrote something.
    """

    flow: str
    system: str
    open_sets: int
    open: Mapping[Waiting, int]
    refused: int
    oldest_at: datetime | None
    planned_at: datetime | None
    written_at: datetime | None


@dataclass(frozen=True)
class FieldFigures:
    """Attributes:
    written_at: When the field was last written in any row; None: never.
    lake_snapshot: The snapshot of which the newest written value is.
    """

    flow: str
    table: str
    field: str
    gear: Gear
    written_at: datetime | None
    lake_snapshot: int | None


@dataclass(frozen=True)
class SystemFigures:
    """Attributes:
    rows_written: Rows of this system that were written, ever; a row that was written twice counts twice.
    left_out: Changes that were sent and not written: the row was no longer as planned, or the system refused.
    """

    system: str
    rows_written: int
    left_out: int
    breaker: Breaker
    breaker_reason: str | None
    retry_at: datetime | None


@dataclass(frozen=True)
class Freeze:
    """A freeze in force or to come; `*` is all systems, `excepted` are flows that may move all the same."""

    freeze_id: int
    system: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    declared_by: str
    excepted: Sequence[str]


@dataclass(frozen=True)
class Figures:
    """All of it, of one moment."""

    flows: Sequence[FlowFigures]
    fields: Sequence[FieldFigures]
    systems: Sequence[SystemFigures]
    freezes: Sequence[Freeze]

    @property
    def rows_written(self) -> int:
        """In all systems."""
        return sum(system.rows_written for system in self.systems)


def per_row(events: int, rows_written: int) -> float | None:
    """The gear ratio: events that came in, per row that was written; None while nothing was.

    >>> per_row(3000, 10), per_row(5, 0)
    (300.0, None)
    """
    return events / rows_written if rows_written else None


def figures(connection: Connection, flows: Sequence[Flow], systems: Sequence[str], now: datetime) -> Figures:
    """How it stands, for these flows and any other that has left something in the ledger, by name."""
    return Figures(
        _flows(connection, flows, now),
        [_field(connection, flow, name) for flow in flows for name in flow.fields],
        _systems(connection, systems),
        _freezes(connection, now),
    )


_QUEUE = """
SELECT change_set.flow, change_set.system, change_set.change_set_id, change_set.planned_at,
  CASE WHEN sent.change_no IS NOT NULL THEN 'sent'
       WHEN decision = 'needs_approval' AND word.is_approved THEN 'approved'
       ELSE decision END AS waiting, count(*) AS changes
FROM gearbox.change_set
JOIN gearbox.change USING (change_set_id)
LEFT JOIN LATERAL (
  SELECT is_approved FROM gearbox.approval
  WHERE approval.change_set_id = change_set.change_set_id AND approval.content_hash = change_set.content_hash
  ORDER BY approval_no DESC LIMIT 1) AS word ON true
LEFT JOIN (SELECT change_set_id, unnest(change_nos) AS change_no, state
           FROM gearbox.chunk JOIN gearbox.change_set USING (change_set_id)
           WHERE state <> 'cancelled' AND status = 'open') AS sent USING (change_set_id, change_no)
WHERE status = 'open' AND expires_at > %s AND sent.state IS DISTINCT FROM 'applied'
GROUP BY 1, 2, 3, 4, 5"""


def _flows(connection: Connection, flows: Sequence[Flow], now: datetime) -> list[FlowFigures]:
    system_of = {flow.name: flow.system for flow in flows}
    planned: dict[str, datetime] = {}
    for row in connection.execute(
        "SELECT flow, system, max(planned_at) AS at FROM gearbox.change_set GROUP BY flow, system"
    ):
        system_of.setdefault(row["flow"], row["system"])
        planned[row["flow"]] = row["at"]
    written = {
        row["flow"]: row["at"]
        for row in connection.execute(
            """SELECT flow, max(chunk.closed_at) AS at FROM gearbox.chunk JOIN gearbox.change_set USING (change_set_id)
               WHERE state = 'applied' AND cardinality(change_nos) > coalesce(cardinality(left_out), 0)
               GROUP BY flow"""
        )
    }
    waiting: defaultdict[str, dict[Waiting, int]] = defaultdict(lambda: dict.fromkeys(WAITING, 0))
    refused: defaultdict[str, int] = defaultdict(int)
    sets: defaultdict[str, set[int]] = defaultdict(set)
    oldest: dict[str, datetime] = {}
    for row in connection.execute(_QUEUE, [now]):
        name = row["flow"]
        sets[name].add(row["change_set_id"])
        if row["waiting"] == "refused":
            refused[name] += row["changes"]
            continue
        waiting[name][row["waiting"]] += row["changes"]
        oldest[name] = min(row["planned_at"], oldest.get(name, row["planned_at"]))
    return [
        FlowFigures(
            name,
            system_of[name],
            len(sets[name]),
            waiting[name],
            refused[name],
            oldest.get(name),
            planned.get(name),
            written.get(name),
        )
        for name in sorted(system_of)
    ]


def _field(connection: Connection, flow: Flow, name: str) -> FieldFigures:
    row = connection.execute(
        """SELECT at, lake_snapshot FROM gearbox.audit LEFT JOIN gearbox.change_set USING (change_set_id)
           WHERE event = 'written' AND audit.target_table || ' ' || field = %s ORDER BY audit_no DESC LIMIT 1""",
        [f"{flow.target} {name}"],
    ).fetchone()
    at, snapshot = (None, None) if row is None else (row["at"], row["lake_snapshot"])
    return FieldFigures(flow.name, flow.target, name, flow.fields[name].gear, at, snapshot)


def _systems(connection: Connection, systems: Sequence[str]) -> list[SystemFigures]:
    """A chunk says how many rows it may write; of one that left changes out, those with another change were written."""
    counts = {
        row["system"]: row
        for row in connection.execute(
            """SELECT system, sum(written)::bigint AS written, sum(left_out)::bigint AS left_out FROM (
                 SELECT system, written_rows AS written, 0 AS left_out FROM gearbox.chunk
                 WHERE state = 'applied' AND coalesce(cardinality(left_out), 0) = 0
                 UNION ALL
                 SELECT system, count(DISTINCT key) FILTER (WHERE change_no <> ALL (left_out)),
                   count(*) FILTER (WHERE change_no = ANY (left_out))
                 FROM gearbox.chunk JOIN gearbox.change
                   ON change.change_set_id = chunk.change_set_id AND change_no = ANY (change_nos)
                 WHERE state = 'applied' AND cardinality(left_out) > 0 GROUP BY system, chunk_id
               ) AS chunks GROUP BY system"""
        )
    }
    breakers = {row["system"]: row for row in connection.execute("SELECT * FROM gearbox.breaker")}
    found = []
    for name in sorted({*systems, *counts, *breakers}):
        count, breaker = counts.get(name), breakers.get(name)
        found.append(
            SystemFigures(
                name,
                0 if count is None else count["written"],
                0 if count is None else count["left_out"],
                "closed" if breaker is None else breaker["state"],
                None if breaker is None else breaker["reason"],
                None if breaker is None else breaker["retry_at"],
            )
        )
    return found


def _freezes(connection: Connection, now: datetime) -> list[Freeze]:
    rows = connection.execute(
        """SELECT freeze_id, system, starts_at, ends_at, declared.reason, declared_by,
             array_remove(array_agg(flow ORDER BY flow), NULL) AS excepted
           FROM gearbox.freeze AS declared LEFT JOIN gearbox.freeze_exception USING (freeze_id)
           WHERE lifted_at IS NULL AND ends_at > %s GROUP BY declared.freeze_id ORDER BY starts_at, freeze_id""",
        [now],
    )
    return [Freeze(**row) for row in rows]
