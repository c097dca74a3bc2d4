"""The way back: a change set that takes another one back, planned, judged, approved and audited like any other.

In:            an applied change set, or a part of it; what its fields hold now.
Out:           a change set of kind `undo` (or `compensate`, for lines of final invoices) in the ledger.
Guarantee:     a field that somebody has touched since, a person or another set of ours, is not taken back.
On failure:    nothing is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from schemas.errors import UsageError
from schemas.records import BY_NAME
from sinks.records.billing import credits as credit_lines
from sinks.records.database import Connection, session
from sinks.records.gear import chunks, put_backs, sets
from sinks.records.gear.calendar import instant_told
from sinks.records.gear.changes import Change, ChangeSet
from sinks.records.gear.flow import Flow
from sinks.records.gear.money import currency_of, gates_of
from sinks.records.gear.places import Clock, Places
from sinks.records.gear.plan import ROW_VERSION
from sinks.records.gear.planning import Planned, keep_judged
from sinks.records.gear.sets import Stored
from sinks.records.gear.settling import Link, refuse_if_put_back, settle_if_free
from sinks.records.targets.opening import open_target
from sinks.records.targets.target import Target
from sinks.records.values import Json, from_json, json_text, key_text

Held = Mapping[str, tuple[Mapping[str, str], int]]
"""By key (JSON): values (JSON) by field, and the row's version."""


def plan_undo(
    change_set_id: int,
    flow: Flow,
    places: Places,
    who: str,
    clock: Clock,
    reason: str,
    *,
    key: Mapping[str, Json] | None = None,
    fields: Sequence[str] = (),
) -> list[Planned]:
    """Plans the way back of what was written of a change set.

    Args:
        reason: Why; goes into the ledger.
        key: Only rows whose key holds these values; a part of a key is enough.
        fields: Only these fields; none: all.

    Raises:
        UsageError: Nothing was written of it, or nothing that was asked for, or nothing since the record system was
            put back; or no reason is given.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise UsageError("Say why: taking a change set back needs a reason.")
    target = open_target(places.systems[flow.system], places.addresses[flow.system])
    try:
        with session(places.ledger) as connection:
            settle_if_free(Link(connection, target, places, clock, who), flow.system)
            refuse_if_put_back(connection, target, flow.system)
            stored = _written(connection, change_set_id)
            _refuse_written_before_a_restore(connection, flow, change_set_id)
            chosen = [
                change
                for change in stored.change_set.changes
                if (not fields or change.field in fields) and _fits(change.key, key or {})
            ]
            if not chosen:
                raise UsageError(f"Change set {change_set_id} has written nothing of what was asked for.")
            held = _held(target, flow, chosen)
            return _planned(connection, target, flow, places, stored, chosen, held, who, clock, reason)
    finally:
        target.close()


def _planned(
    connection: Connection,
    target: Target,
    flow: Flow,
    places: Places,
    stored: Stored,
    chosen: Sequence[Change],
    held: Held,
    who: str,
    clock: Clock,
    reason: str,
) -> list[Planned]:
    ways: list[tuple[str, Sequence[Change]]] = []
    if flow.shape == "billing":
        records = {name: target.read(BY_NAME[name], BY_NAME[name].column_names) for name in credit_lines.RECORDS}
        final = credit_lines.final_keys(chosen, records)
        ways.append(
            ("compensate", credit_lines.compensation(flow, [c for c in chosen if c.key in final], records, reason))
        )
        chosen = [change for change in chosen if change.key not in final]
    ways.append(("undo", back(chosen, held)))
    planned = []
    for kind, changes in ways:
        if changes:
            back_set = ChangeSet(
                kind,  # type: ignore[arg-type]  # one of two literals
                flow.name,
                flow.full_version,
                stored.change_set.lake_snapshot,
                flow.system,
                flow.target,
                stored.change_set.target_rows,
                tuple(changes),
                undoes=stored.change_set_id,
                asked_because=reason,
            )
            planned.append(keep_judged(connection, flow, places, back_set, who, clock))
    if not planned:
        raise UsageError(
            f"All that change set {stored.change_set_id} wrote of it is back already: nothing is left to undo."
        )
    return planned


def back(written: Sequence[Change], held: Held) -> list[Change]:
    """The changes that take these back, ordered as they are; none where the field holds the value before already.

    What a field holds now is the new precondition. Where that is not what was written, the judge refuses it, with the
    reason: so it is seen in the set.
    """
    return [change for one in written if (change := _back(one, held.get(one.key))) is not None]


def _back(written: Change, found: tuple[Mapping[str, str], int] | None) -> Change | None:
    told = gates_of(currency_of(written.gates)), written.why
    if written.op == "delete":
        if found is not None:
            return None
        return Change("insert", written.key, written.field, "null", written.before, None, *told)
    if found is None:
        return None
    values, version = found
    now = values[written.field]
    if written.op == "insert":
        return Change("delete", written.key, written.field, now, "null", version, *told)
    if now == written.before:
        return None
    return Change("update", written.key, written.field, now, written.before, version, *told)


def _written(connection: Connection, change_set_id: int) -> Stored:
    numbers = chunks.written_numbers(connection, change_set_id)
    stored = sets.load(connection, change_set_id, numbers)
    if not numbers:
        raise UsageError(f"Change set {change_set_id} has written nothing, so there is nothing to undo.")
    return stored


def _refuse_written_before_a_restore(connection: Connection, flow: Flow, change_set_id: int) -> None:
    """A restore ends all open sets, so all that a set wrote lies on one side of it."""
    put_back = put_backs.newest(connection, flow.system)
    if put_back is None:
        return
    since = connection.execute(
        "SELECT 1 FROM gearbox.audit WHERE change_set_id = %s AND event = 'written' AND at > %s LIMIT 1",
        [change_set_id, put_back.at],
    ).fetchone()
    if since is None:
        raise UsageError(
            f"{put_back.who} declared {flow.system} put back at {instant_told(put_back.at)}: what "
            f"change set {change_set_id} wrote before counts as never made, so there is nothing to undo. What is "
            f"missing, a plan tells: vaxel gearbox plan {flow.name}"
        )


def _fits(key: str, wanted: Mapping[str, Json]) -> bool:
    own = json.loads(key)
    return all(str(own.get(name)) == str(value) for name, value in wanted.items())


def _held(target: Target, flow: Flow, changes: Sequence[Change]) -> dict[str, tuple[dict[str, str], int]]:
    """What the rows hold now."""
    table = flow.table
    fields = tuple(dict.fromkeys(change.field for change in changes))
    keys = [
        tuple(from_json(table.column(name).kind, parts[name]) for name in table.key)
        for parts in (json.loads(key) for key in dict.fromkeys(change.key for change in changes))
    ]
    found = {}
    for row in target.read_keys(table, fields, keys).to_pylist():
        key = key_text(table.key, tuple(row[name] for name in table.key))
        found[key] = ({name: json_text(row[name]) for name in fields}, row[ROW_VERSION])
    return found
