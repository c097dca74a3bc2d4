"""The plan: the difference between what a flow wants and what its target holds, as data. Nothing is written here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sinks.records.flow import Flow
from sinks.records.values import Key, Value
from sinks.records.wanted import WHY

ROW_VERSION = "row_version"
MISSING_KEYS_KEPT = 20
"""Keys without a target row that a change set names; the rest is only counted."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one row: what it shall become, and the row version this was decided on.

    Attributes:
        key: The row, in the order of the flow's key.
        before: Precondition: the change holds only while the target's field still has this value,
        row_version: and its row this version.
        why: Evidence the model gave for the row.
    """

    key: Key
    field: str
    before: Value
    after: Value
    row_version: int
    why: dict[str, Any]


@dataclass(frozen=True)
class ChangeSet:
    """All changes one run of one flow wants, from one lake snapshot.

    Attributes:
        target_rows: Rows of the target when it was read.
        missing_keys: First keys the model names and the target does not hold: a flow changes rows, it adds none.
    """

    flow: str
    flow_version: str
    lake_snapshot: int
    target_table: str
    target_rows: int
    missing_keys: tuple[Key, ...]
    missing_rows: int
    changes: tuple[Change, ...]

    @property
    def changed_rows(self) -> int:
        return len({change.key for change in self.changes})


def plan(flow: Flow, wanted: pa.Table, target: pa.Table, lake_snapshot: int) -> ChangeSet:
    """The changes that make the target's fed fields equal to the wanted ones, ordered by key and field.

    Equal values make no change. A null makes none either, unless the field is declared `null_overwrites`. Rows the
    model does not name stay as they are.

    Args:
        wanted: As `wanted.conform` gives it: key, fields, evidence.
        target: Key, fields and `row_version` of the target's rows.
    """
    keys = list(flow.key)
    pairs = _numbered(wanted, keys, "wanted_row").join(
        _numbered(target, keys, "target_row"), keys, join_type="left outer"
    )
    pairs = pairs.sort_by("wanted_row")
    held = pc.is_valid(pairs.column("target_row"))
    missing = pairs.filter(pc.invert(held))
    pairs = pairs.filter(held)
    after = wanted.take(pairs.column("wanted_row"))
    before = target.take(pairs.column("target_row"))
    changes = [change for name in flow.fields for change in _field_changes(flow, name, before, after)]
    changes.sort(key=lambda found: found[0])
    return ChangeSet(
        flow.name,
        flow.full_version,
        lake_snapshot,
        flow.target,
        len(target),
        _keys(flow, missing.slice(0, MISSING_KEYS_KEPT)),
        len(missing),
        tuple(change for _row, change in changes),
    )


def _numbered(table: pa.Table, keys: list[str], name: str) -> pa.Table:
    return table.select(keys).append_column(name, pa.array(range(len(table)), pa.int64()))


def _keys(flow: Flow, table: pa.Table) -> tuple[Key, ...]:
    return tuple(zip(*(table.column(name).to_pylist() for name in flow.key), strict=True))


def _field_changes(flow: Flow, name: str, before: pa.Table, after: pa.Table) -> list[tuple[int, Change]]:
    """Changes of one field, each with the number of its row; found on columns, built only where something differs."""
    differs = _differs(before.column(name), after.column(name))
    if not flow.fields[name].null_overwrites:
        differs = pc.and_(differs, pc.is_valid(after.column(name)))
    rows = pc.indices_nonzero(differs)
    before, after = before.take(rows), after.take(rows)
    evidence = after.select([column for column in after.column_names if column.startswith(WHY)]).to_pylist()
    return [
        (row, Change(key, name, old, new, row_version, {what.removeprefix(WHY): found for what, found in why.items()}))
        for row, key, old, new, row_version, why in zip(
            rows.to_pylist(),
            _keys(flow, after),
            before.column(name).to_pylist(),
            after.column(name).to_pylist(),
            before.column(ROW_VERSION).to_pylist(),
            evidence,
            strict=True,
        )
    ]


def _differs(left: pa.ChunkedArray, right: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether two values are not the same; a null is the same as a null only."""
    one_is_null = pc.not_equal(pc.is_null(left), pc.is_null(right))
    return pc.or_(one_is_null, pc.fill_null(pc.not_equal(left, right), False))
