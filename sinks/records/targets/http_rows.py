"""One row of a batch in an HTTP record system: read, compared, written on condition that nobody was faster."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from schemas.records import RecordTable
from sinks.records.targets.comparing import left_out_of_delete, left_out_of_update
from sinks.records.targets.http_link import GONE, NOT_AS_THOUGHT, ROW_REFUSED, Link
from sinks.records.targets.http_plan import OTHERWISE, from_values, to_values
from sinks.records.targets.target import ROW_VERSION, Batch, LeftOut, RowWrite
from sinks.records.values import Key, Value, to_json

TRIES: Final = 5
"""So often a row is read anew that somebody else changed between our reading and writing."""


@dataclass
class RowOutcome:
    """What became of a row; `is_written`: at least one field, or the row itself."""

    is_written: bool
    left_out: list[LeftOut] = field(default_factory=list)
    stored: dict[tuple[int, str], Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Held:
    """A row as the record system holds it."""

    row_version: int
    values: Mapping[str, Value]


def row_path(table: RecordTable, key: Key) -> str:
    text = json.dumps([to_json(part) for part in key], ensure_ascii=False, separators=(",", ":"))
    return f"tables/{quote(table.name, safe='')}/rows/{quote(text, safe='')}"


def read_row(link: Link, table: RecordTable, key: Key, fields: Sequence[str], most_s: float) -> Held | None:
    """The row with that key, or None."""
    path = f"{row_path(table, key)}?fields={quote(','.join(fields), safe='')}"
    answer = link.ask("GET", path, expected=(GONE,), most_s=most_s)
    if answer.status == GONE:
        return None
    values = from_values(table, answer.body["values"])
    return Held(int(answer.body[ROW_VERSION]), {name: values[name] for name in fields})


@dataclass(frozen=True)
class RowWriter:
    """Writes one row of a batch."""

    link: Link
    batch: Batch
    number: int
    most_s: float

    @property
    def row(self) -> RowWrite:
        return self.batch.rows[self.number]

    def write(self) -> RowOutcome:
        """What became of the row; asked again with the same token, the same."""
        if self.row.op == "insert":
            return self._insert()
        fields = list(dict.fromkeys((*self.row.before, *self.row.after)))
        for _ in range(TRIES):
            held = read_row(self.link, self.batch.table, self.row.key, fields, self.most_s)
            left_out = self._left_out(held)
            names = [name for name in self.row.after if name not in {item.field for item in left_out}]
            if held is None or any(item.field is None for item in left_out) or (self.row.op == "update" and not names):
                return self._known() or RowOutcome(False, left_out)
            answer = self._send(held.row_version, names)
            if answer is not None:
                return self._outcome(answer, left_out)
        return RowOutcome(False, [LeftOut(self.number, None, "was changed again and again while it was written")])

    def _insert(self) -> RowOutcome:
        answer = self.link.ask(
            "PUT",
            row_path(self.batch.table, self.row.key),
            {"values": to_values(self.row.after)},
            {"If-None-Match": "*", **self._known_as},
            (NOT_AS_THOUGHT,),
            ROW_REFUSED,
            self.most_s,
        )
        if answer.status == NOT_AS_THOUGHT:
            return self._known() or RowOutcome(False, [LeftOut(self.number, None, "the row is there already")])
        return self._outcome(answer.body, [])

    def _send(self, row_version: int, names: list[str]) -> Mapping[str, Any] | None:
        """The record system's answer; None: somebody was faster."""
        is_delete = self.row.op == "delete"
        answer = self.link.ask(
            "DELETE" if is_delete else "PATCH",
            row_path(self.batch.table, self.row.key),
            None if is_delete else {"values": to_values({name: self.row.after[name] for name in names})},
            {"If-Match": f'"{row_version}"', **self._known_as},
            (GONE, NOT_AS_THOUGHT),
            ROW_REFUSED,
            self.most_s,
        )
        return None if answer.status in (GONE, NOT_AS_THOUGHT) else answer.body

    def _left_out(self, held: Held | None) -> list[LeftOut]:
        if held is None:
            return [LeftOut(self.number, None, "the row is gone")]
        differing = {
            name: value
            for name, value in held.values.items()
            if name in self.row.before and value != self.row.before[name]
        }
        compare = left_out_of_delete if self.row.op == "delete" else left_out_of_update
        return compare(self.number, self.row, held.row_version, differing)

    def _known(self) -> RowOutcome | None:
        """What became of the row when this batch, sent before, wrote it: then it is our own value that is met."""
        answer = self.link.ask(
            "GET", f"batches/{self.batch.token}/rows/{self.number}", expected=(GONE,), most_s=self.most_s
        )
        return None if answer.status == GONE else self._outcome(answer.body, [])

    def _outcome(self, answer: Mapping[str, Any], left_out: list[LeftOut]) -> RowOutcome:
        if self.row.op == "delete":
            return RowOutcome(True)
        found = from_values(self.batch.table, answer["values"])
        told = {item.field: item for item in left_out}
        left_out = [
            told.get(name, LeftOut(self.number, name, OTHERWISE)) for name in self.row.after if name not in found
        ]
        other = {(self.number, name): value for name, value in found.items() if value != self.row.after[name]}
        return RowOutcome(True, left_out, other)

    @property
    def _known_as(self) -> dict[str, str]:
        return {"Idempotency-Key": f"{self.batch.token}/{self.number}"}
