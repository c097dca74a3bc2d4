"""What a judgement needs to know, read from the ledger and from CRM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import pyarrow.compute as pc
from psycopg.types.json import Json

from schemas.records import CONSENT
from sinks.records.database import Connection
from sinks.records.gear import approvals, chunks, freezes, put_backs
from sinks.records.gear.calendar import midnight_before
from sinks.records.gear.changes import Change
from sinks.records.gear.flow import Flow, Purpose
from sinks.records.gear.judge import LastWrite, Situation
from sinks.records.gear.money import Moved
from sinks.records.gear.places import Places
from sinks.records.targets.opening import open_target

Pair = tuple[str, str]
"""Key (JSON) and field."""

# By the index `audit_written` alone: any other that has the numbers in order would be read from its end, in the hope of
# meeting the key soon.
_LAST = """
SELECT asked.key, asked.field, last.change_set_id, change_set.kind, last.before, last.after, last.stored,
  change_set.lake_snapshot, last.at, taken.after AS took_back
FROM ROWS FROM (json_array_elements_text(%(keys)s), json_array_elements_text(%(fields)s)) AS asked (key, field)
CROSS JOIN LATERAL (
  SELECT change_set_id, before, after, stored, at FROM gearbox.audit
  WHERE event = 'written' AND target_table = %(table)s AND audit.key = asked.key AND audit.field = asked.field
  ORDER BY -audit_no LIMIT 1
) AS last
JOIN gearbox.change_set USING (change_set_id)
LEFT JOIN LATERAL (
  SELECT after FROM gearbox.audit
  WHERE change_set.kind = 'undo' AND event = 'written' AND target_table = %(table)s AND audit.key = asked.key
    AND audit.field = asked.field AND audit.change_set_id = change_set.undoes
  ORDER BY -audit_no LIMIT 1
) AS taken ON true
WHERE last.at > coalesce((SELECT max(declared_at) FROM gearbox.restore WHERE system = %(system)s), '-infinity')
"""
_MONEY_SINCE = """
SELECT coalesce(gates::jsonb ->> 'currency', '') AS currency, sum(abs(
  coalesce((audit.after::jsonb #>> '{}')::numeric, 0) - coalesce((audit.before::jsonb #>> '{}')::numeric, 0)
)) AS moved
FROM gearbox.audit LEFT JOIN gearbox.change USING (change_set_id, change_no)
WHERE event = 'written' AND flow = %s AND audit.field = %s AND at >= %s GROUP BY 1
"""


def last_writes(connection: Connection, flow: Flow, pairs: Sequence[Pair]) -> dict[Pair, LastWrite]:
    """Our newest write of each of these fields, if there is one since the system was last put back."""
    if not pairs:
        return {}
    rows = connection.execute(
        _LAST,
        {
            # As one text: an array of keys, each full of quotes, costs the client thirty times as much.
            "keys": Json([key for key, _ in pairs]),
            "fields": Json([field for _, field in pairs]),
            "table": flow.target,
            "system": flow.system,
        },
    )
    return {
        (row["key"], row["field"]): LastWrite(
            row["change_set_id"],
            row["kind"],
            row["before"],
            row["after"],
            row["stored"],
            row["lake_snapshot"],
            row["at"],
            row["took_back"],
        )
        for row in rows
    }


def consenting(places: Places, flow: Flow, now: datetime) -> dict[Purpose, frozenset[str]]:
    """Who agrees now to each purpose that the flow asks for; CRM is asked each time, for people change their minds."""
    purposes = frozenset[Purpose]().union(*(flow.consents(field) for field in flow.fields))
    if not purposes:
        return {}
    target = open_target(places.systems[CONSENT.system], places.addresses[CONSENT.system])
    try:
        held = target.read(CONSENT, ("customer_id", "purpose", "granted_at", "withdrawn_at"))
    finally:
        target.close()
    withdrawn = held.column("withdrawn_at")
    holds = pc.and_(
        pc.less_equal(held.column("granted_at"), now), pc.or_kleene(pc.is_null(withdrawn), pc.greater(withdrawn, now))
    )
    agreed = held.filter(holds)
    return {
        purpose: frozenset(agreed.filter(pc.equal(agreed.column("purpose"), purpose)).column("customer_id").to_pylist())
        for purpose in purposes
    }


def day_so_far(connection: Connection, flow: Flow, places: Places, now: datetime) -> tuple[int, Moved]:
    """Rows that a flow has sent since midnight in its record system's time zone, and the money that it has moved."""
    since = midnight_before(places.systems[flow.system], now)
    rows = chunks.rows_since(connection, flow.name, since)
    if flow.money_field is None:
        return rows, {}
    found = connection.execute(_MONEY_SINCE, [flow.name, flow.money_field, since])
    return rows, {row["currency"]: row["moved"] for row in found}


def situation(
    connection: Connection,
    flow: Flow,
    changes: Iterable[Change],
    consents: Mapping[Purpose, frozenset[str]],
    places: Places,
    now: datetime,
    *,
    planned_at: datetime,
    approval_of: tuple[int, str] | None,
) -> Situation:
    """What is known now of these changes.

    Args:
        approval_of: Number and content hash of the set that people may have approved; None of one just planned.
    """
    system = places.systems[flow.system]
    standing = None if approval_of is None else approvals.standing(connection, *approval_of)
    put_back = put_backs.newest(connection, flow.system)
    rows_today, money_today = day_so_far(connection, flow, places, now)
    return Situation(
        now=now,
        system=system,
        freezes=freezes.in_force(connection, flow.system, now),
        last=last_writes(connection, flow, [(change.key, change.field) for change in changes]),
        consenting=consents,
        is_approved=standing is not None and standing.is_approved,
        approved_now_at=None if standing is None else standing.approved_now_at,
        planned_at=planned_at,
        put_back_at=None if put_back is None else put_back.at,
        rows_today=rows_today,
        money_today=money_today,
    )
