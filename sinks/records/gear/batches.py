"""From changes to rows that a record system can write, and from its answer to audit rows. Pure."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from schemas.records import Kind, RecordTable
from sinks.records.gear.chain import AuditRow
from sinks.records.gear.changes import Change, ChangeSet
from sinks.records.targets.target import TURNED_DOWN, RowWrite, Written
from sinks.records.values import Key, Value, from_json, from_text, json_text

Numbered = tuple[int, Change]
"""A change with its number in its set."""


@dataclass(frozen=True, slots=True)
class Row:
    """The changes of one row that go together."""

    changes: tuple[Numbered, ...]

    @property
    def numbers(self) -> list[int]:
        return [number for number, _ in self.changes]


def rows_of(changes: Iterable[Numbered]) -> list[Row]:
    """Neighbours of one key as a row each; changes of a set are ordered by key."""
    return [Row(tuple(own)) for _, own in groupby(changes, lambda numbered: numbered[1].key)]


def without(rows: Iterable[Row], numbers: Collection[int]) -> list[Row]:
    """The rows without the changes of these numbers."""
    return rows_of(numbered for row in rows for numbered in row.changes if numbered[0] not in numbers)


def index_of(rows: Sequence[Row], part: Row) -> int:
    """Where the row is that the part is of; rows are in the order of their numbers."""
    return bisect_right(rows, part.changes[0][0], key=lambda row: row.changes[0][0]) - 1


def writes(table: RecordTable, rows: Sequence[Row], *, is_strict: bool) -> list[RowWrite]:
    """The rows as the target takes them.

    Args:
        is_strict: The row's version must be the one that was planned upon: of a way back, where an equal value alone
            does not tell that nobody has touched it.
    """
    kinds = {column.name: column.kind for column in table.columns}
    # Of 100,000 changes many hold the same value, so each text is read once; keys differ, so they are read together.
    read, read_part = cache(from_text), cache(from_json)
    keys = json.loads(f"[{','.join(row.changes[0][1].key for row in rows)}]")
    parts = [[read_part(kinds[name], key[name]) for key in keys] for name in table.key]
    return [
        _write(kinds, read, row, key, is_strict=is_strict)
        for row, key in zip(rows, zip(*parts, strict=True), strict=True)
    ]


def _write(
    kinds: Mapping[str, Kind], read: Callable[[Kind, str], Value], row: Row, key: Key, *, is_strict: bool
) -> RowWrite:
    first = row.changes[0][1]
    before: dict[str, Value] = {}
    after: dict[str, Value] = {}
    for _, change in row.changes:
        kind = kinds[change.field]
        if change.op != "insert":
            before[change.field] = read(kind, change.before)
        if change.op != "delete":
            after[change.field] = read(kind, change.after)
    version = first.row_version if is_strict or first.op == "delete" else None
    return RowWrite(first.op, key, version, before, after)


def outcome(
    change_set_id: int, change_set: ChangeSet, rows: Sequence[Row], written: Written, who: str
) -> tuple[list[AuditRow], list[int]]:
    """Audit rows of a batch, in the order of its changes, and the numbers of the changes that were left out."""
    whole = {left.row: left.reason for left in written.left_out if left.field is None}
    single = {(left.row, left.field): left.reason for left in written.left_out if left.field is not None}
    flow, table = change_set.flow, change_set.target_table
    told: list[AuditRow] = []
    left_out: list[int] = []
    for index, row in enumerate(rows):
        for number, change in row.changes:
            reason = whole.get(index) or single.get((index, change.field))
            event, stored, detail = "written", None, None
            if reason is not None:
                is_turned_down = reason.startswith(TURNED_DOWN)
                event = "turned_down" if is_turned_down else "conflict"
                detail = json.dumps({"reason": reason}, ensure_ascii=False)
                left_out.append(number)
            elif (index, change.field) in written.stored:
                stored = json_text(written.stored[index, change.field])
            told.append(
                AuditRow(
                    event,  # type: ignore[arg-type]  # one of two literals
                    who,
                    change_set_id,
                    number,
                    flow,
                    table,
                    change.key,
                    change.field,
                    change.before,
                    change.after,
                    stored,
                    detail,
                )
            )
    return told, left_out


def turned_down(
    change_set_id: int, change_set: ChangeSet, row: Row, reason: str, who: str
) -> tuple[list[AuditRow], list[int]]:
    """Audit rows of a row that the record system refuses by a rule of its own."""
    detail = json.dumps({"reason": reason}, ensure_ascii=False)
    told = [
        AuditRow(
            "turned_down",
            who,
            change_set_id,
            number,
            change_set.flow,
            change_set.target_table,
            change.key,
            change.field,
            change.before,
            change.after,
            None,
            detail,
        )
        for number, change in row.changes
    ]
    return told, row.numbers
