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
from sinks.records.gear import put_backs, reading
from sinks.records.gear.log import COLUMNS, LogRow
from sinks.records.gear.put_backs import PutBack
from sinks.records.gear.reading import ApprovalView, SetHead
from sinks.records.gear.whys import WHY
from sinks.records.values import Key, Value, from_text, json_text, key_text

Standing = Literal["ours", "edited", "put_back", "never_written", "no_row"]
"""`edited`: somebody set another value after us; `put_back`: the record system was declared put back since our last
write, which counts as never made, whatever the field holds; `no_row`: the target does not hold the key."""
RowStanding = Literal["deleted", "put_back", "removed", "never_written"]
"""Of a row that is not there: we deleted it; the record system was declared put back since we wrote it; somebody else
removed it since; we never wrote it."""

EVENTS_SHOWN = 5
# Sorted by an expression: by the number itself, the audit would be read from its end until the key is met.
_LAST_OF_ROW = f"""
SELECT {COLUMNS}, (SELECT op FROM gearbox.change WHERE change.change_set_id = audit.change_set_id
                   AND change.change_no = audit.change_no) AS op
FROM gearbox.audit WHERE event = 'written' AND target_table = %(table)s AND key = %(key)s ORDER BY -audit_no LIMIT 1
"""


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

    @property
    def names_a_sample(self) -> bool:
        """Whether there may be more sessions behind the value than the model names."""
        return bool(self.sessions) and not self.why.get("sessions")

    @property
    def session_count(self) -> int | None:
        """How many sessions are behind the value; None: the evidence does not say."""
        if not self.names_a_sample:
            return len(self.sessions)
        count = self.why.get("session_count")
        return count if isinstance(count, int) else None


@dataclass(frozen=True)
class Open:
    """A change of the field that may still be written; `approved_by`: who said so last, if nobody has rejected it."""

    change_set_id: int
    field: str
    after: str
    decision: Decision
    reason: str
    not_before: datetime | None
    approved_by: str | None


@dataclass(frozen=True)
class Explanation:
    """One field of one row.

    Attributes:
        held: JSON of the value that it has now; None without the row.
        events: Newest first, a few.
        older: Events that are not among them.
        open: Changes that wait.
        put_backs: When the record system was declared put back since the oldest of these events, newest first.
    """

    field: str
    held: str | None
    standing: Standing
    events: Sequence[Event]
    older: int
    open: Sequence[Open]
    put_backs: Sequence[PutBack] = ()

    @property
    def written(self) -> Event | None:
        """The last write."""
        return next((event for event in self.events if event.row.event == "written"), None)


@dataclass(frozen=True)
class Gone:
    """A row that the record system does not hold.

    Attributes:
        last: Our last write of any of its fields; None without one.
        head: The change set of that write.
        put_back: When its record system was last declared put back, where that was since.
        open: Changes that may still be written into it, the newest set first.
    """

    standing: RowStanding
    last: LogRow | None
    head: SetHead | None
    put_back: PutBack | None
    open: Sequence[Open]


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
    restores = put_backs.since(connection, table.system, None)
    since = restores[0].at if restores else None
    found = []
    for name in fields:
        shown = rows[name][:EVENTS_SHOWN]
        last = next((row for row in rows[name] if row.event == "written"), None)
        if last is not None and last not in shown:
            shown = [*shown[:-1], last]
        events = [_event(row, heads, words, changes) for row in shown]
        standing = _standing(table, name, last, held, since)
        now = None if held is None else json_text(held[name])
        between = [one for one in restores if shown and one.at >= shown[-1].at]
        found.append(Explanation(name, now, standing, events, len(rows[name]) - len(shown), waiting[name], between))
    return found


def gone(connection: Connection, table: RecordTable, key: Key) -> Gone:
    """What is known of a row that the record system does not hold."""
    asked = {"table": table.full_name, "key": key_text(table.key, key), "fields": list(table.column_names)}
    waiting = [one for group in _open(connection, asked).values() for one in group]
    waiting.sort(key=lambda one: -one.change_set_id)
    found = connection.execute(_LAST_OF_ROW.encode(), asked).fetchone()
    if found is None:
        return Gone("never_written", None, None, None, waiting)
    op, last = found.pop("op"), LogRow(**found)
    number = last.change_set_id
    head = None if number is None else reading.heads_of(connection, [number]).get(number)
    restores = put_backs.since(connection, table.system, last.at, most=1)
    standing: RowStanding = "put_back" if restores else "deleted" if op == "delete" else "removed"
    return Gone(standing, last, head, restores[0] if restores else None, waiting)


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
    if since is not None and last.at <= since:  # as `situation.last_writes` counts
        return "put_back"
    ours = [from_text(table.column(name).kind, text) for text in (last.after, last.stored) if text is not None]
    return "ours" if held[name] in ours else "edited"


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
        """SELECT change.change_set_id, after, decision, change.reason, not_before, field,
             (SELECT CASE WHEN is_approved THEN person END FROM gearbox.approval
              WHERE approval.change_set_id = change.change_set_id AND approval.content_hash = change_set.content_hash
              ORDER BY approval_no DESC LIMIT 1) AS approved_by
           FROM gearbox.change JOIN gearbox.change_set USING (change_set_id)
           WHERE status = 'open' AND target_table = %(table)s AND key = %(key)s AND field = ANY (%(fields)s)
             AND NOT EXISTS (SELECT FROM gearbox.chunk WHERE chunk.change_set_id = change.change_set_id
                             AND state <> 'cancelled' AND change_no = ANY (change_nos))
           ORDER BY change_set_id DESC""",
        asked,
    ):
        waiting[row["field"]].append(Open(**row))
    return waiting
