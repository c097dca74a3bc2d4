"""What `vaxel gearbox why` prints: the way back from a value, as lines or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from schemas.records import RecordTable
from sinks.lake.answers import table_lines
from sinks.records.gear.explain import Event, Explanation, Gone, Open
from sinks.records.gear.put_backs import PutBack
from sinks.records.gear.reading import SetHead
from sinks.records.values import Key, key_text
from vaxel.commands.gearbox_text import (
    NOTHING,
    age_told,
    counted,
    decision_told,
    from_ledger,
    instant_told,
    key_told,
    plain,
    told,
    value_of,
)
from vaxel.evidence import Evidence, SessionBehind

_LISTS = ("sessions", "session_sample")
_SESSION = ("session", "version", "status", "device", "start", "end", "Wh or m", "uploads", "in the stream", "received")


@dataclass(frozen=True)
class Behind:
    """What the lake adds. Attributes: times: of the snapshots that it still has; fields: of their last writes."""

    times: Mapping[int, datetime]
    fields: dict[str, Evidence]


def why_lines(
    table: RecordTable,
    key: Key,
    found: Sequence[Explanation],
    behind: Behind,
    now: datetime,
    gone: Gone | None = None,
) -> Iterator[str]:
    """Lines for people: each field with its last write, what was before, what is to come; then the sessions.

    Args:
        gone: What is known of the row where the record system does not hold it.
    """
    yield f"{table.full_name} {key_told(key_text(table.key, key))}"
    if gone is not None:
        yield f"{table.system} has no such row now{_what_became(table, gone, now)}."
        yield from (_to_come(table, one) for one in gone.open if not found)
    elif not found:
        yield "No flow feeds a field of it, and the gearbox never wrote one."
    seen: set[int] = set()
    for one in found:
        yield ""
        yield f"{one.field}: {_standing(table, one)}"
        put_backs = list(one.put_backs)
        for event in one.events:
            while put_backs and put_backs[0].at >= event.row.at:
                yield f"  {_put_back_told(table, put_backs.pop(0), now)}"
            yield from _event_lines(table, event, behind.times, seen, now)
        if one.older:
            yield f"  and {counted(one.older, 'older event')}: vaxel gearbox log --table {table.full_name}"
        yield from (_to_come(table, waiting) for waiting in one.open)
    yield from _evidence_lines(found, behind.fields)


def _to_come(table: RecordTable, waiting: Open) -> str:
    verdict = decision_told(waiting.decision, waiting.reason, waiting.not_before, waiting.approved_by)
    after = told(value_of(table.full_name, waiting.field, waiting.after))
    return f"  to come: change set {waiting.change_set_id} would make {waiting.field} {after}: {verdict}"


def _what_became(table: RecordTable, gone: Gone, now: datetime) -> str:
    """The rest of a sentence that says that the row is not there."""
    if gone.last is None:
        return ", and the gearbox never wrote one"
    by = f"change set {gone.last.change_set_id}"
    if gone.head is not None and gone.head.undoes is not None:
        by += f", the way back of change set {gone.head.undoes},"
    at = _at(gone.last.at, now)
    if gone.standing == "deleted":
        return f": {by} deleted it {at}, by {gone.last.who}"
    if gone.put_back is not None:
        return (
            f": {_put_back_told(table, gone.put_back, now)}; {by} wrote it before, {at}, and that counts as never made"
        )
    return f": {by} wrote it {at}, and somebody else has removed it since"


def _put_back_told(table: RecordTable, put_back: PutBack, now: datetime) -> str:
    return f"{table.system} was declared put back {_at(put_back.at, now)} by {put_back.who}: {put_back.reason}"


def _at(at: datetime, now: datetime) -> str:
    return f"{instant_told(at)} ({age_told((now - at).total_seconds())} ago)"


def _standing(table: RecordTable, one: Explanation) -> str:
    held = told(value_of(table.full_name, one.field, one.held))
    event = one.written
    ours = None if event is None else event.row.after if event.row.stored is None else event.row.stored
    last = told(value_of(table.full_name, one.field, ours))
    return {
        "ours": f"{held}, as the gearbox wrote it",
        "edited": f"{held}; somebody else set it after the gearbox wrote {last}",
        "put_back": f"{held}; counts as not ours: {table.system} was declared put back after the gearbox wrote {last}",
        "never_written": f"{held}, never written by the gearbox",
        "no_row": "no row" if event is None else f"no row; the gearbox wrote {last}",
    }[one.standing]


def _event_lines(
    table: RecordTable, event: Event, times: Mapping[int, datetime], seen: set[int], now: datetime
) -> Iterator[str]:
    row = event.row
    before, after, stored = (
        told(value_of(table.full_name, row.field, text)) for text in (row.before, row.after, row.stored)
    )
    what = {"written": "written", "conflict": "left alone", "turned_down": "turned down"}.get(row.event, row.event)
    became = f", kept by {table.system} as {stored}" if row.stored is not None else ""
    why = f": {event.told}" if event.told is not None else ""
    yield f"  {what} {_at(row.at, now)} by {row.who}: {before} -> {after}{became}{why}"
    head = event.head
    if head is None:
        return
    if head.change_set_id in seen:
        yield f"    change set {head.change_set_id}, as above{_rule(event)}"
    else:
        seen.add(head.change_set_id)
        yield from _set_lines(head, event, times)
    facts = {name: value for name, value in event.why.items() if name not in _LISTS}
    if facts:
        yield f"    evidence: {', '.join(f'{name} {told(value)}' for name, value in facts.items())}"


def _set_lines(head: SetHead, event: Event, times: Mapping[int, datetime]) -> Iterator[str]:
    kind = {"plan": "a plan", "undo": "the way back", "compensate": "credit lines"}[head.kind]
    undone = "" if head.undoes is None else f" of change set {head.undoes}"
    at = times.get(head.lake_snapshot)
    made = f" of {instant_told(at)}" if at is not None else ", which has expired" if times else ""
    yield f"    change set {head.change_set_id}: {kind}{undone} by flow {head.flow}, version {head.flow_version}"
    planned = f"planned by {head.planned_by} at {instant_told(head.planned_at)}"
    yield f"    from lake snapshot {head.lake_snapshot}{made}; {planned}"
    if head.undoes is not None and head.reason is not None:
        yield f"    asked for because: {head.reason}"
    for word in event.approvals:
        said = "approved" if word.is_approved else "rejected"
        why = "" if word.reason is None else f": {word.reason}"
        yield f"    {said} by {word.person} as {word.role} at {instant_told(word.decided_at)}{why}"
    if event.rule is not None:
        yield f"    let through by rule: {event.rule}"


def _rule(event: Event) -> str:
    return "" if event.rule is None else f"; let through by rule: {event.rule}"


def _evidence_lines(explained: Sequence[Explanation], fields: Mapping[str, Evidence]) -> Iterator[str]:
    """Sessions, once for all fields that come from the same."""
    groups: dict[int, tuple[Evidence, Event, list[str]]] = {}
    for one in explained:
        found, event = fields.get(one.field), one.written
        if found is not None and event is not None:
            groups.setdefault(id(found), (found, event, []))[2].append(one.field)
    for found, event, names in groups.values():
        at = f"lake snapshot {found.snapshot} of {instant_told(found.snapshot_at)}"
        known = "as it was known then" if found.is_exact else "as it is known now: the value's own snapshot has expired"
        share = share_told(len(found.sessions), event)
        yield ""
        yield f"sessions behind {', '.join(names)}, {known} ({at}){share}:"
        yield from table_lines(_SESSION, map(_session_cells, found.sessions), len(found.sessions))


def share_told(shown: int, event: Event) -> str:
    """How many of the sessions behind a value are shown; nothing where all are."""
    known = event.session_count
    if known is not None and shown >= known:
        return ""
    of = f"; {shown} of {'an unknown number' if known is None else f'{known:,}'}"
    return f"{of}, a sample" if event.names_a_sample else f"{of}, more with --sessions {known}"


def _session_cells(one: SessionBehind) -> list[Any]:
    amount = one.energy_wh if one.energy_wh is not None else one.distance_m
    places = ", ".join(
        f"{part.topic}[{part.partition}]@{part.first_offset}..{part.last_offset}" for part in one.uploads
    )
    times = [at for part in one.uploads for at in (part.first_received_at, part.last_received_at)]
    received = " to ".join(instant_told(at) for at in sorted({min(times), max(times)})) if times else None
    cells = [
        one.session_id,
        one.version,
        one.status if one.status is not None else "not in the lake",
        one.device_id,
        one.started_at,
        one.ended_at,
        amount,
        sum(part.count for part in one.uploads),
        places or None,
        received,
    ]
    return [NOTHING if cell is None else cell for cell in cells]


def why_row(
    table: RecordTable,
    key: Key,
    found: Sequence[Explanation],
    behind: Behind,
    trouble: Exception | None,
    gone: Gone | None = None,
) -> dict[str, Any]:
    """The same for JSON."""
    name = table.full_name
    row: dict[str, Any] = plain(
        {
            "table": name,
            "key": dict(zip(table.key, key, strict=True)),
            "fields": [
                {
                    "field": one.field,
                    "value": value_of(name, one.field, one.held),
                    "standing": one.standing,
                    "events": [_event_row(name, event, behind.times) for event in one.events],
                    "older_events": one.older,
                    "open": [_open_row(name, waiting) for waiting in one.open],
                    "put_backs": one.put_backs,
                    "session_count": None if one.written is None else one.written.session_count,
                    "lake": behind.fields.get(one.field),
                }
                for one in found
            ],
            "gone": None if gone is None else _gone_row(name, gone),
            "lake_error": None if trouble is None else str(trouble),
        }
    )
    return row


def _open_row(table: str, waiting: Open) -> dict[str, Any]:
    return asdict(waiting) | {"after": value_of(table, waiting.field, waiting.after)}


def _gone_row(table: str, gone: Gone) -> dict[str, Any]:
    return {
        "standing": gone.standing,
        "last_write": None if gone.last is None else from_ledger(table, asdict(gone.last)),
        "change_set": gone.head,
        "put_back": gone.put_back,
        "open": [_open_row(table, waiting) for waiting in gone.open],
    }


def _event_row(table: str, event: Event, times: Mapping[int, datetime]) -> dict[str, Any]:
    snapshot_at = None if event.head is None else times.get(event.head.lake_snapshot)
    return {
        **from_ledger(table, asdict(event.row)),
        "change_set": event.head,
        "lake_snapshot_at": snapshot_at,
        "approvals": list(event.approvals),
        "rule": event.rule,
        "why": event.why,
    }
