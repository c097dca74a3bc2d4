"""Change sets in the ledger: kept once, never edited, closed with a reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from psycopg.rows import tuple_row

from schemas.errors import UsageError
from schemas.gearbox_ledger import ChangeSetStatus
from sinks.records.database import Connection
from sinks.records.gear import whys
from sinks.records.gear.audit import append
from sinks.records.gear.chain import AuditRow
from sinks.records.gear.changes import Change, ChangeSet, Verdict
from sinks.records.gear.refusals import of_newer_facts

_FLOW_LOCK = 7_305_824
"""First number of the advisory lock under which sets of one flow are kept."""
_CHANGE = "change_no, op, key, field, before, after, row_version, gates, why, decision, reason, not_before"
_SOME = _CHANGE.replace("why", f"{whys.WHY_OF_SOME} AS why")


@dataclass(frozen=True)
class Stored:
    """A change set as the ledger holds it; `numbers` goes with `change_set.changes`."""

    change_set_id: int
    change_set: ChangeSet
    numbers: tuple[int, ...]
    content_hash: str
    status: ChangeSetStatus
    reason: str | None
    planned_by: str
    planned_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Kept:
    """A set's number, and whether it is new: the same content that is open already is not kept twice."""

    change_set_id: int
    is_new: bool


def keep(
    connection: Connection,
    change_set: ChangeSet,
    who: str,
    now: datetime,
    *,
    expires_after: timedelta,
    refused_because: str | None = None,
) -> Kept | None:
    """Keeps a judged change set; None when it holds no change.

    Older open plans of the same flow are superseded, for their facts are older, unless the content is the same: then
    the older one stays, with its approvals. Sets of kind undo and compensate supersede none but one of the same content
    that cannot be applied any more.

    Args:
        refused_because: It is kept as refused, for this reason.

    Raises:
        UsageError: An open plan of the flow is of newer facts.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_FLOW_LOCK, change_set.flow])
        if change_set.undoes is not None:  # before the audit's lock: who says something of that set takes both
            query = "SELECT FROM gearbox.change_set WHERE change_set_id = %s FOR KEY SHARE"
            connection.execute(query, [change_set.undoes])
        content_hash = change_set.content_hash()
        for row in _open(connection, change_set):
            if row["expires_at"] <= now:  # nobody can approve or apply it any more
                close(connection, row["change_set_id"], "expired", "nobody applied it in time", who, now)
                continue
            number, is_plan = int(row["change_set_id"]), change_set.kind == "plan"
            is_same = bool(change_set.changes) and row["content_hash"] == content_hash
            has_its_versions = is_plan or (
                is_same and _versions(connection, number) == [c.row_version for c in change_set.changes]
            )
            if is_same and has_its_versions and refused_because is None:
                return Kept(number, is_new=False)
            if is_plan:
                if change_set.lake_snapshot < row["lake_snapshot"]:
                    raise UsageError(of_newer_facts(number, row["lake_snapshot"], change_set.lake_snapshot))
                close(connection, number, "superseded", "a newer plan of the flow", who, now)
            elif is_same:  # it could not be applied any more
                since = "nothing of it may go" if has_its_versions else "its rows were changed since"
                close(connection, number, "superseded", f"{since}, and it was asked for anew", who, now)
        if not change_set.changes:
            return None
        known = _told_already(connection, change_set, content_hash)
        if known is not None:
            return Kept(known, is_new=False)
        number = _insert(connection, change_set, content_hash, who, now, now + expires_after, refused_because)
        detail = {
            "kind": change_set.kind,
            "content_hash": content_hash,
            "changes": len(change_set.changes),
            "rows": change_set.changed_rows,
            "lake_snapshot": change_set.lake_snapshot,
            "flow_version": change_set.flow_version,
            "undoes": change_set.undoes,
            "refused_because": refused_because,
        }
        told = AuditRow(
            "planned", who, number, flow=change_set.flow, target_table=change_set.target_table, detail=_json(detail)
        )
        append(connection, [told], now)
        return Kept(number, is_new=True)


def close(
    connection: Connection, change_set_id: int, status: ChangeSetStatus, reason: str | None, who: str, now: datetime
) -> None:
    """Ends an open change set, in the caller's transaction or in one of its own."""
    with connection.transaction():
        row = connection.execute(
            """UPDATE gearbox.change_set SET status = %s, reason = coalesce(%s, reason), closed_at = %s
               WHERE change_set_id = %s AND status = 'open' RETURNING flow, target_table""",
            [status, reason, now, change_set_id],
        ).fetchone()
        if row is not None:
            detail = _json({"status": status, "reason": reason})
            told = AuditRow(
                "closed", who, change_set_id, flow=row["flow"], target_table=row["target_table"], detail=detail
            )
            append(connection, [told], now)


def load(connection: Connection, change_set_id: int, numbers: Sequence[int] | None = None) -> Stored:
    """The change set of that number, with all its changes or those of these numbers.

    Raises:
        UsageError: There is none.
    """
    head = connection.execute("SELECT * FROM gearbox.change_set WHERE change_set_id = %s", [change_set_id]).fetchone()
    if head is None:
        newest = connection.execute("SELECT max(change_set_id) AS number FROM gearbox.change_set").fetchone()
        known = newest["number"] if newest is not None else None
        raise UsageError(f"There is no change set {change_set_id}; the newest is {known or 'not planned yet'}.")
    columns, which, arguments = _CHANGE, "", [change_set_id]
    if numbers is not None:
        columns = _SOME
        which, arguments = " AND change_no = ANY (%s)", [change_set_id, list(numbers)]  # type: ignore[list-item]
    with connection.cursor(row_factory=tuple_row) as cursor:
        query = f"SELECT {columns} FROM gearbox.change WHERE change_set_id = %s{which} ORDER BY change_no"
        rows = cursor.execute(query.encode(), arguments).fetchall()
    return _stored(head, rows)


def status_of(connection: Connection, change_set_id: int, *, is_held: bool = False) -> ChangeSetStatus:
    """A set's status; held, nobody changes it until the caller's transaction ends."""
    query = f"SELECT status FROM gearbox.change_set WHERE change_set_id = %s{' FOR SHARE' if is_held else ''}"
    row = connection.execute(query.encode(), [change_set_id]).fetchone()
    assert row is not None, "change sets are never deleted"
    return cast(ChangeSetStatus, row["status"])


def open_sets(connection: Connection, system: str) -> dict[int, str]:
    """Numbers of the open sets of a record system with their flows, oldest first: in this order they are applied."""
    query = "SELECT change_set_id, flow FROM gearbox.change_set WHERE system = %s AND status = 'open' ORDER BY 1"
    return {row["change_set_id"]: row["flow"] for row in connection.execute(query, [system])}


def _open(connection: Connection, change_set: ChangeSet) -> list[dict[str, Any]]:
    return connection.execute(
        """SELECT change_set_id, content_hash, expires_at, lake_snapshot FROM gearbox.change_set
           WHERE flow = %s AND kind = %s AND status = 'open' ORDER BY change_set_id FOR UPDATE""",
        [change_set.flow, change_set.kind],
    ).fetchall()


def _versions(connection: Connection, change_set_id: int) -> list[int | None]:
    """Of each change of a set, the version of its row when it was planned."""
    rows = connection.execute(
        "SELECT row_version FROM gearbox.change WHERE change_set_id = %s ORDER BY change_no", [change_set_id]
    )
    return [row["row_version"] for row in rows]


def _told_already(connection: Connection, change_set: ChangeSet, content_hash: str) -> int | None:
    """The flow's newest plan, if it is over, said the same, and nothing of it may go: it need not be said each time."""
    if any(change.verdict.decision != "refused" for change in change_set.changes):
        return None
    row = connection.execute(
        """SELECT change_set_id, content_hash, status FROM gearbox.change_set WHERE flow = %s AND kind = %s
           ORDER BY change_set_id DESC LIMIT 1""",
        [change_set.flow, change_set.kind],
    ).fetchone()
    is_same = row is not None and row["content_hash"] == content_hash and row["status"] in ("applied", "refused")
    return row["change_set_id"] if row is not None and is_same else None


def _insert(
    connection: Connection,
    change_set: ChangeSet,
    content_hash: str,
    who: str,
    now: datetime,
    expires_at: datetime,
    refused_because: str | None,
) -> int:
    values: dict[str, Any] = {
        "kind": change_set.kind,
        "flow": change_set.flow,
        "flow_version": change_set.flow_version,
        "lake_snapshot": change_set.lake_snapshot,
        "system": change_set.system,
        "target_table": change_set.target_table,
        "target_rows": change_set.target_rows,
        "changes": len(change_set.changes),
        "changed_rows": change_set.changed_rows,
        "missing_rows": change_set.missing_rows,
        "missing_keys": list(change_set.missing_keys),
        "money": change_set.money,
        "undoes": change_set.undoes,
        "reason": change_set.asked_because if refused_because is None else refused_because,
        "content_hash": content_hash,
        "status": "open" if refused_because is None else "refused",
        "planned_by": who,
        "planned_at": now,
        "expires_at": expires_at,
    }
    names, places = ", ".join(values), ", ".join(f"%({name})s" for name in values)
    row = connection.execute(
        f"INSERT INTO gearbox.change_set ({names}) VALUES ({places}) RETURNING change_set_id".encode(), values
    ).fetchone()
    assert row is not None, "RETURNING gives the inserted row"
    number = int(row["change_set_id"])
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY gearbox.change (change_set_id, {_CHANGE}) FROM STDIN".encode()) as copy,
    ):
        told = zip(change_set.changes, whys.kept(change_set.changes), strict=True)
        for change_no, (change, why) in enumerate(told, start=1):
            verdict = change.verdict
            copy.write_row(
                (
                    number,
                    change_no,
                    change.op,
                    change.key,
                    change.field,
                    change.before,
                    change.after,
                    change.row_version,
                    change.gates,
                    why,
                    verdict.decision,
                    verdict.reason,
                    verdict.not_before,
                )
            )
    return number


def _stored(head: dict[str, Any], rows: list[tuple[Any, ...]]) -> Stored:
    verdicts: dict[tuple[Any, ...], Verdict] = {}
    changes = tuple(
        # One object for equal verdicts.
        Change(*(*row[1:8], why, verdicts.setdefault(row[9:], Verdict(*row[9:]))))
        for row, why in zip(rows, whys.told(row[8] for row in rows), strict=True)
    )
    change_set = ChangeSet(
        head["kind"],
        head["flow"],
        head["flow_version"],
        head["lake_snapshot"],
        head["system"],
        head["target_table"],
        head["target_rows"],
        changes,
        head["missing_rows"],
        tuple(head["missing_keys"]),
        head["money"],
        head["undoes"],
        head["reason"] if head["undoes"] is not None else None,
    )
    return Stored(
        head["change_set_id"],
        change_set,
        tuple(row[0] for row in rows),
        head["content_hash"],
        head["status"],
        head["reason"],
        head["planned_by"],
        head["planned_at"],
        head["expires_at"],
    )


def _json(detail: dict[str, Any]) -> str:
    return json.dumps(detail, ensure_ascii=False, separators=(",", ":"))
