"""The audit: what was changed in record systems, by whom and why, and whether that is the whole story."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from sinks.records.database import Connection, session
from sinks.records.flow import Flow, load, names
from sinks.records.ledger import key_json
from sinks.records.target import read_rows
from sinks.records.values import Json, from_json


def log(
    dsn: str, table: str | None = None, key: Mapping[str, Json] | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Newest audit rows first.

    Args:
        table: Only this target table.
        key: Only rows whose key holds these values; a part of a key is enough.
        limit: At most so many.
    """
    with session(dsn) as connection:
        return connection.execute(
            """SELECT * FROM gearbox.audit
               WHERE (%(table)s::text IS NULL OR target_table = %(table)s)
                 AND (%(key)s::jsonb IS NULL OR key @> %(key)s::jsonb)
               ORDER BY audit_no DESC LIMIT %(limit)s""",
            {"table": table, "key": None if key is None else Jsonb(dict(key)), "limit": limit},
        ).fetchall()


def audit_consistent(dsn: str) -> list[str]:
    """What does not agree between record systems, applied changes and audit; empty when everything does.

    Each fed field holds what its last audit row says; a field without an audit row was never filled; each applied
    change has its audit row, and each audit row its applied change.
    """
    faults = [fault for name in names() for fault in _fields_unlike_audit(dsn, load(name))]
    with session(dsn) as connection:
        return faults + _changes_unlike_audit(connection)


def _fields_unlike_audit(dsn: str, flow: Flow) -> list[str]:
    with session(dsn) as connection:
        rows = connection.execute(
            """SELECT DISTINCT ON (key, field) key, field, after FROM gearbox.audit
               WHERE target_table = %s ORDER BY key, field, audit_no DESC""",
            [flow.target],
        ).fetchall()
    audited = {(_hashable(row["key"]), row["field"]): row["after"] for row in rows}
    faults = []
    for row in read_rows(dsn, flow).to_pylist():
        key = key_json(flow.table, tuple(row[name] for name in flow.key))
        for field in flow.fields:
            told = from_json(flow.table.column(field).kind, audited.get((_hashable(key), field)))
            if row[field] != told:
                faults.append(f"{flow.target} {key} {field} holds {row[field]}, the audit's last word is {told}")
    return faults


def _changes_unlike_audit(connection: Connection) -> list[str]:
    rows = connection.execute(
        """SELECT change_set_id, change_no, change.status, audit.audit_no
           FROM gearbox.change FULL JOIN gearbox.audit USING (change_set_id, change_no)
           WHERE (change.status = 'applied') IS DISTINCT FROM (audit.audit_no IS NOT NULL)
              OR (audit.key, audit.field, audit.before, audit.after)
                 IS DISTINCT FROM (change.key, change.field, change.before, change.after) AND audit.audit_no IS NOT NULL
           ORDER BY 1, 2"""
    ).fetchall()
    return [
        f"change {row['change_no']} of change set {row['change_set_id']} is {row['status']}, "
        f"its audit row is {'missing' if row['audit_no'] is None else 'there, number ' + str(row['audit_no'])}"
        for row in rows
    ]


def _hashable(key: dict[str, Json]) -> tuple[tuple[str, Json], ...]:
    return tuple(sorted(key.items()))
