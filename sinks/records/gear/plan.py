"""The plan: the difference between what a flow wants and what its target holds, as changes. Pure; nothing is written.

Differences are found on whole columns; only what differs becomes a Python value.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from schemas.gearbox_ledger import Op
from sinks.records.gear.changes import Change, ChangeSet
from sinks.records.gear.flow import Flow
from sinks.records.gear.last_write import LastWrite, Place
from sinks.records.gear.money import CURRENCY, most, moved_by_currency
from sinks.records.gear.wanted import COMPLETE_SHARE, WHY
from sinks.records.values import Key, Value, json_text, key_text, to_json

ROW_VERSION = "row_version"
MISSING_KEYS_KEPT = 20
"""Keys without a target row that a change set names; the rest is only counted."""
NULL = "null"

Last = Callable[[Sequence[Place]], Mapping[Place, LastWrite]]
"""Our last write of each of these fields, where there is one."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A change with its place in the order: the key's own values, then the field's number in the flow."""

    key: Key
    field_number: int
    change: Change

    @property
    def order(self) -> tuple[Key, int]:
        return self.key, self.field_number

    @property
    def place(self) -> Place:
        return self.change.key, self.change.field


def plan(flow: Flow, wanted: pa.Table, held: pa.Table, lake_snapshot: int, last: Last) -> ChangeSet:
    """The changes that make the target's fed fields equal to the wanted ones, ordered by key and field.

    Equal values make no change. A null makes none either, unless the field is declared `null_overwrites`. What the
    record system made of our last value by a rule of its own makes none, while the same value is wanted. A row that the
    target does not hold is added where the flow adds rows, else only named. A row that the model does not name stays as
    it is, unless the flow removes rows and the row is ours.

    Args:
        wanted: As `wanted.conform` gives it: key, fields, evidence, gate.
        held: Key, fields and `row_version` of the target's rows.
        last: Asked at most once, for what differs and what may be removed.
    """
    wanted_keys, held_keys = _comparable(flow, wanted, held)
    held_rows = pc.index_in(wanted_keys, held_keys)
    new = wanted.filter(pc.is_null(held_rows))
    updates = _updates(flow, held, wanted, held_rows)
    deletes = _deletes(flow, held.filter(pc.invert(pc.is_in(held_keys, wanted_keys)))) if flow.removes_rows else []
    places = [found.place for found in (*updates, *deletes)]
    known = last(places) if places else {}
    kept = [
        *(_inserts(flow, new) if flow.adds_rows else ()),
        *(found for found in updates if not _is_of_a_rule(found.change, known.get(found.place))),
        *_of_our_rows(deletes, known),
    ]
    kept.sort(key=lambda found: found.order)
    changes = tuple(found.change for found in kept)
    moved = moved_by_currency(changes, flow.money_field)
    missing = new.slice(0, 0) if flow.adds_rows else new.select(flow.key)
    return ChangeSet(
        kind="plan",
        flow=flow.name,
        flow_version=flow.full_version,
        lake_snapshot=lake_snapshot,
        system=flow.system,
        target_table=flow.target,
        target_rows=len(held),
        changes=changes,
        missing_rows=len(missing),
        missing_keys=tuple(_first_keys(flow, missing)),
        money=None if flow.money_field is None else most(moved),
        moved=moved,
    )


def _comparable(flow: Flow, wanted: pa.Table, held: pa.Table) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """One column for each of the two tables, equal where all columns of the key are."""
    first, *others = flow.key
    left, right = wanted.column(first), held.column(first)
    for name in others:
        (left, right), _ = _numbered(left, right)
        (more_left, more_right), count = _numbered(wanted.column(name), held.column(name))
        left, right = (pc.add(pc.multiply(one, count), more) for one, more in ((left, more_left), (right, more_right)))
    return left, right


def _numbered(left: pa.ChunkedArray, right: pa.ChunkedArray) -> tuple[tuple[pa.ChunkedArray, pa.ChunkedArray], int]:
    """A number from 0 for each value, the same in both columns, and how many values there are."""
    values = pc.unique(pa.chunked_array([*left.chunks, *right.chunks], left.type))
    numbers = (pc.index_in(column, values).cast(pa.int64()) for column in (left, right))
    return (next(numbers), next(numbers)), len(values)


def _keys(flow: Flow, table: pa.Table) -> list[Key]:
    return list(zip(*(table.column(name).to_pylist() for name in flow.key), strict=True))


def _first_keys(flow: Flow, missing: pa.Table) -> list[str]:
    ordered = missing.sort_by([(name, "ascending") for name in flow.key])
    return [key_text(flow.key, key) for key in _keys(flow, ordered.slice(0, MISSING_KEYS_KEPT))]


def _updates(flow: Flow, held: pa.Table, wanted: pa.Table, held_rows: pa.Array) -> list[_Found]:
    """Changes of fields of rows that both hold.

    Args:
        held_rows: Of each wanted row, the number of the row with its key; null: it is not held.
    """
    differing = {name: _differs(flow, name, held.column(name).take(held_rows), wanted) for name in flow.fields}
    any_differs = functools.reduce(pc.or_, differing.values())
    # Key, evidence and gates are told once for each row, not for each field of it.
    rows = pc.indices_nonzero(pc.and_(pc.is_valid(held_rows), any_differs))
    after, before = wanted.take(rows), held.take(held_rows.take(rows))
    told = _Told.of(flow, after)
    versions = before.column(ROW_VERSION).to_pylist()
    found = []
    for number, name in enumerate(flow.fields):
        own = pc.indices_nonzero(differing[name].take(rows))
        texts = zip(
            own.to_pylist(), _texts(before.column(name).take(own)), _texts(after.column(name).take(own)), strict=True
        )
        found += [told.change("update", row, number, name, old, new, versions[row]) for row, old, new in texts]
    return found


def _differs(flow: Flow, name: str, before: pa.ChunkedArray, wanted: pa.Table) -> pa.ChunkedArray:
    """Whether two values are not the same, and the wanted one may replace the held one."""
    after = wanted.column(name)
    values_differ = pc.fill_null(pc.not_equal(before, after), False)
    if flow.fields[name].null_overwrites:
        return pc.or_(values_differ, pc.xor(pc.is_null(before), pc.is_null(after)))
    return pc.or_(values_differ, pc.and_(pc.is_null(before), pc.is_valid(after)))


def _inserts(flow: Flow, new: pa.Table) -> list[_Found]:
    told = _Told.of(flow, new)
    return [
        told.change("insert", row, number, name, NULL, after, None)
        for number, name in enumerate(flow.fields)
        for row, after in enumerate(_texts(new.column(name)))
    ]


def _deletes(flow: Flow, surplus: pa.Table) -> list[_Found]:
    told = _Told.of(flow, surplus, is_named=False)
    versions = surplus.column(ROW_VERSION).to_pylist()
    return [
        told.change("delete", row, number, name, before, NULL, versions[row])
        for number, name in enumerate(flow.fields)
        for row, before in enumerate(_texts(surplus.column(name)))
    ]


def _is_of_a_rule(change: Change, last: LastWrite | None) -> bool:
    """Whether the field holds what the record system itself made of the very value that is wanted."""
    return last is not None and last.after == change.after and last.stored == change.before


def _of_our_rows(deletes: Sequence[_Found], known: Mapping[Place, LastWrite]) -> Iterable[_Found]:
    """Those of rows that we added and whose fields nobody else filled.

    A field with a value that we never wrote is a person's, and so is the row; a row that we deleted, and that is there
    again, is a person's, too.
    """
    foreign = {found.change.key for found in deletes if found.change.before != NULL and found.place not in known}
    ours = {found.change.key for found in deletes if found.place in known and known[found.place].after != NULL}
    return (found for found in deletes if found.change.key in ours and found.change.key not in foreign)


@dataclass(frozen=True)
class _Told:
    """What all changes of a row tell alike."""

    keys: Sequence[Key]
    key_texts: Sequence[str]
    gates: Sequence[str]
    why: Sequence[str]

    @classmethod
    def of(cls, flow: Flow, rows: pa.Table, *, is_named: bool = True) -> _Told:
        """Args:
        is_named: The model names the rows, so there is evidence of them.
        """
        keys = _keys(flow, rows)
        texts = [key_text(flow.key, key) for key in keys]
        currency = {} if flow.money_currency_field is None else {CURRENCY: flow.money_currency_field}
        if not is_named:
            return cls(keys, texts, _objects(rows, currency), ["{}"] * len(keys))
        evidence = {name.removeprefix(WHY): name for name in rows.column_names if name.startswith(WHY)}
        gates = currency | ({"complete_share": COMPLETE_SHARE} if COMPLETE_SHARE in rows.column_names else {})
        if flow.consent_subject is not None:
            gates["subject"] = flow.consent_subject
        return cls(keys, texts, _objects(rows, gates), _objects(rows, evidence))

    def change(self, op: Op, row: int, number: int, name: str, before: str, after: str, version: int | None) -> _Found:
        change = Change(op, self.key_texts[row], name, before, after, version, self.gates[row], self.why[row])
        return _Found(self.keys[row], number, change)


def _texts(column: pa.ChunkedArray) -> list[str]:
    values = cast(list[Value], column.to_pylist())
    texts = {value: json_text(value) for value in set(values)}
    return [texts[value] for value in values]


def _objects(rows: pa.Table, columns: Mapping[str, str]) -> list[str]:
    """Of each row, the JSON object of these columns by these names."""
    if not columns:
        return ["{}"] * len(rows)
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
    values = (rows.column(name).to_pylist() for name in columns.values())
    return [encode(dict(zip(columns, row, strict=True))) for row in zip(*values, strict=True)]


def _plain(value: Any) -> Any:
    """The form in JSON of evidence that JSON does not know."""
    if isinstance(value, datetime):  # within a list or struct it may come without a zone
        return to_json(value if value.tzinfo is not None else value.replace(tzinfo=UTC))
    return to_json(value) if isinstance(value, date) else str(value)
