"""Why a value is in a record: from the value back to change, approval, flow version and lake snapshot. Only reads.

What the lake says of the sessions behind it is for the caller to add: stages do not know each other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from schemas.gearbox_ledger import Decision
from schemas.records import RecordTable
from sinks.records.database import Connection
from sinks.records.gear import reading
from sinks.records.gear.log import COLUMNS, LogRow
from sinks.records.gear.reading import ApprovalView, SetHead
from sinks.records.gear.whys import WHY
from sinks.records.values import Key, Value, from_text, json_text, key_text

Standing = Literal["ours", "edited", "put_back", "never_written", "no_row"]
"""`edited`: somebody set another value after us; `put_back`: the record system was restored to a state before our last
write; `no_row`: the target does not hold the key."""

EVENTS_SHOWN = 5


@dataclass(frozen=True)
class Event:
    """One time that the gearbox wrote, or meant to write, the field.

    Attributes:
        row: The audit's own.
        head: The change set; None: the audit names none.
        approvals: Of exactly what the set holds, oldest first.
        rule: By what rule the change passed without anybody's approval; None where somebody approved.
        why: The model's evidence for the row.
    """

    row: LogRow
    head: SetHead | None
    approvals: Sequence[ApprovalView] = ()
    rule: str | None = None
    why: Mapping[str, Any] = field(default_factory=dict)

    @property
    def told(self) -> str | None:
        """What the audit says of it beside the values."""
        if self.row.detail is None:
            return None
        detail = json.loads(self.row.detail)
        return str(detail["reason"]) if isinstance(detail, dict) and detail.get("reason") else None

    @property
    def sessions(self) -> tuple[Any, ...]:
        """Sessions that the model names as behind the value: ids, or objects with `session_id` and `version`."""
        named = self.why.get("sessions") or self.why.get("session_sample") or ()
        return tuple(named) if isinstance(named, list) else ()


@dataclass(frozen=True)
class Open:
    """A change of the field that may still be written."""

    change_set_id: int
    after: str
    decision: Decision
    reason: str
    not_before: datetime | None


@dataclass(frozen=True)
class Explanation:
    """One field of one row.

    Attributes:
        held: JSON of the value that it has now; None without the row.
        events: Newest first, a few.
        older: Events that are not among them.
        open: Changes that wait.
    """

    field: str
    held: str | None
    standing: Standing
    events: Sequence[Event]
    older: int
    open: Sequence[Open]

    @property
    def written(self) -> Event | None:
        """The last write."""
        return next((event for event in self.events if event.row.event == "written"), None)


def why(
    connection: Connection,
    table: RecordTable,
    key: Key,
    fields: Sequence[str],
    held: Mapping[str, Value] | None,
) -> list[Explanation]:
    """What is known of each of these fields, in their order.

    Args:
        held: What the row's fields hold now, read from the record system; None: it has no such row.
    """
    asked = {"table": table.full_name, "key": key_text(table.key, key), "fields": list(fields)}
    rows = _audit(connection, asked)
    numbers = sorted({row.change_set_id for group in rows.values() for row in group if row.change_set_id is not None})
    heads = reading.heads_of(connection, numbers)
    words = {number: reading.approvals(connection, head) for number, head in heads.items()}
    changes = _changes(connection, numbers, asked)
    waiting = _open(connection, asked)
    since = _put_back(connection, table.system)
    found = []
    for name in fields:
        shown = rows[name][:EVENTS_SHOWN]
        last = next((row for row in rows[name] if row.event == "written"), None)
        if last is not None and last not in shown:
            shown = [*shown[:-1], last]
        events = [_event(row, heads, words, changes) for row in shown]
        standing = _standing(table, name, last, held, since)
        now = None if held is None else json_text(held[name])
        found.append(Explanation(name, now, standing, events, len(rows[name]) - len(shown), waiting[name]))
    return found


def touched(connection: Connection, table: RecordTable, key: Key) -> list[str]:
    """Fields of the row of which audit or open change sets tell something, in the table's order."""
    asked = {"table": table.full_name, "key": key_text(table.key, key), "fields": list(table.column_names)}
    named = set(_audit(connection, asked)) | set(_open(connection, asked))
    return [name for name in table.column_names if name in named]


def _standing(
    table: RecordTable, name: str, last: LogRow | None, held: Mapping[str, Value] | None, since: datetime | None
) -> Standing:
    if held is None:
        return "no_row"
    if last is None:
        return "never_written"
    ours = [from_text(table.column(name).kind, text) for text in (last.after, last.stored) if text is not None]
    if held[name] in ours:
        return "ours"
    return "put_back" if since is not None and last.at < since else "edited"


def _event(
    row: LogRow,
    heads: Mapping[int, SetHead],
    words: Mapping[int, Sequence[ApprovalView]],
    changes: Mapping[tuple[int, str], dict[str, Any]],
) -> Event:
    head = None if row.change_set_id is None else heads.get(row.change_set_id)
    if head is None or row.field is None:
        return Event(row, head)
    approvals = [word for word in words[head.change_set_id] if word.fits]
    change = changes.get((head.change_set_id, row.field))
    is_approved = any(word.is_approved for word in approvals)
    rule = None if is_approved or change is None else str(change["reason"])
    return Event(row, head, approvals, rule, {} if change is None else json.loads(change["why"]))


def _audit(connection: Connection, asked: Mapping[str, Any]) -> defaultdict[str, list[LogRow]]:
    rows: defaultdict[str, list[LogRow]] = defaultdict(list)
    for row in connection.execute(
        f"""SELECT {COLUMNS} FROM gearbox.audit
            WHERE event = 'written' AND target_table = %(table)s AND key = %(key)s AND field = ANY (%(fields)s)
            UNION ALL
            SELECT {COLUMNS} FROM gearbox.audit
            WHERE event IN ('conflict', 'turned_down') AND target_table = %(table)s AND key = %(key)s
              AND field = ANY (%(fields)s)
            ORDER BY audit_no DESC""".encode(),
        asked,
    ):
        rows[row["field"]].append(LogRow(**row))
    return rows


def _changes(
    connection: Connection, numbers: Sequence[int], asked: Mapping[str, Any]
) -> dict[tuple[int, str], dict[str, Any]]:
    """The row's changes in those sets, by set and field."""
    rows = connection.execute(
        f"""SELECT change_set_id, field, reason, {WHY} AS why FROM gearbox.change
            WHERE change_set_id = ANY (%(sets)s) AND key = %(key)s AND field = ANY (%(fields)s)""".encode(),
        {**asked, "sets": list(numbers)},
    )
    return {(row["change_set_id"], row["field"]): row for row in rows}


def _open(connection: Connection, asked: Mapping[str, Any]) -> defaultdict[str, list[Open]]:
    waiting: defaultdict[str, list[Open]] = defaultdict(list)
    for row in connection.execute(
        """SELECT change.* FROM gearbox.change JOIN gearbox.change_set USING (change_set_id)
           WHERE status = 'open' AND target_table = %(table)s AND key = %(key)s AND field = ANY (%(fields)s)
             AND NOT EXISTS (SELECT FROM gearbox.chunk WHERE chunk.change_set_id = change.change_set_id
                             AND state <> 'cancelled' AND change_no = ANY (change_nos))
           ORDER BY change_set_id DESC""",
        asked,
    ):
        waiting[row["field"]].append(
            Open(row["change_set_id"], row["after"], row["decision"], row["reason"], row["not_before"])
        )
    return waiting


def _put_back(connection: Connection, system: str) -> datetime | None:
    """When the system was last put back to an older state."""
    row = connection.execute(
        "SELECT max(declared_at) AS at FROM gearbox.restore WHERE system = %s", [system]
    ).fetchone()
    at: datetime | None = None if row is None else row["at"]
    return at
