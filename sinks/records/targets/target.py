"""What every record system can do for the gearbox; `tests/integration/records/targets` holds all kinds to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import pyarrow as pa

from schemas.gearbox_ledger import Op
from schemas.records import RecordTable
from sinks.records.values import Key, Value

ROW_VERSION: Final = "row_version"


def columns_read(table: RecordTable, fields: Sequence[str]) -> tuple[str, ...]:
    """Key and fields, each once: what `read` gives beside the row version."""
    return tuple(dict.fromkeys((*table.key, *fields)))


@dataclass(frozen=True, slots=True)
class RowWrite:
    """One row to write.

    Attributes:
        key: In the order of the table's key.
        row_version: The version that must be met, of an undo; None: any, only the values count (field-level merge).
        before: What each field must hold, or it is left alone; empty of an insert.
        after: What each field shall hold; empty of a delete.
    """

    op: Op
    key: Key
    row_version: int | None
    before: Mapping[str, Value]
    after: Mapping[str, Value]


@dataclass(frozen=True)
class Batch:
    """Rows that go together.

    Attributes:
        token: UUID by which the record system knows the batch for ever.
        rows: Each key once.
        deadline_at: Nothing of it may be written after this instant (begin of a freeze, or the most a batch may take).
    """

    token: str
    change_set_id: int
    table: RecordTable
    rows: Sequence[RowWrite]
    deadline_at: datetime


TURNED_DOWN: Final = "turned down"
"""Begin of the reason of a row that the record system refused by a rule of its own, while it took others."""


@dataclass(frozen=True)
class LeftOut:
    """A field that was not written, and why: the row or the value was no longer as planned.

    Attributes:
        row: Index in the batch's rows.
        field: None: nothing of the row was written.
        reason: A sentence's end, such as `holds "9", "7" was planned upon`.
    """

    row: int
    field: str | None
    reason: str


@dataclass(frozen=True)
class Written:
    """What became of a batch.

    Attributes:
        left_out: Fields that were not written.
        stored: By (row, field): what the system's own rules made of a value, where it is not the value that was sent.
    """

    left_out: tuple[LeftOut, ...] = ()
    stored: Mapping[tuple[int, str], Value] = field(default_factory=dict)


class Target(Protocol):
    """One record system. Not shared between threads."""

    system: str

    def check(self, table: RecordTable, fields: Sequence[str], ops: Collection[Op] = ("insert", "update")) -> list[str]:
        """What is not there as declared: no such table or column, another type, no right to do what `ops` name.

        One sentence each; empty when all is well.
        """

    def read(self, table: RecordTable, fields: Sequence[str]) -> pa.Table:
        """Key, fields (as `RecordTable.arrow_schema`) and `row_version` (int64) of all rows, in no order."""

    def read_keys(self, table: RecordTable, fields: Sequence[str], keys: Sequence[Key]) -> pa.Table:
        """As `read`, of the rows with these keys; a key without a row has none."""

    def write(self, batch: Batch) -> Written:
        """Writes a batch, and keeps its token with the outcome in the record system itself.

        A token that is known already writes nothing and gives its outcome.

        Raises:
            UnreachableError: It did not answer, is locked or read-only; nothing was written.
            OutcomeUnknownError: It went away meanwhile, written or not.
            RecordRefusedError: A rule of its own refuses; nothing was written.
        """

    def cancel(self, token: str) -> Written | None:
        """What became of a batch whose outcome is unknown: its outcome if it was written; else None, and then it never
        will be, however late its last packet arrives."""

    def unknown(self, tokens: Collection[str]) -> set[str]:
        """Those of these tokens, all of batches it had acknowledged, that it does not know: it was put back to an older
        state."""

    def close(self) -> None:
        """Gives up its connection; safe to call again."""
