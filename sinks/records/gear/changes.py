"""Changes as data: what a flow run, or its way back, would do to a record system. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from schemas.gearbox_ledger import ChangeSetKind, Decision, Op


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to become of a change.

    Attributes:
        not_before: Of `wait`: when it may go at the earliest.
    """

    decision: Decision
    reason: str
    not_before: datetime | None = None


PENDING = Verdict("refused", "not judged")


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one row. Key and values are canonical JSON texts (`values.json_text`).

    Attributes:
        key: JSON object of the key's columns, in the key's order.
        before: Precondition: the change holds only while the field still has this value.
        row_version: The row's version when planned; None of a row that is added.
        gates: JSON object of what the model told for the completeness and consent gates.
        why: JSON object of the model's evidence for the row.
    """

    op: Op
    key: str
    field: str
    before: str
    after: str
    row_version: int | None
    gates: str = "{}"
    why: str = "{}"
    verdict: Verdict = PENDING

    def judged(self, verdict: Verdict) -> Change:
        return replace(self, verdict=verdict)


@dataclass(frozen=True)
class ChangeSet:
    """All changes that one run of one flow wants, from one lake snapshot; number `n` of the ledger is `changes[n - 1]`.

    Attributes:
        target_rows: Rows of the target when it was read.
        missing_keys: First keys (JSON) that the model names and the target does not hold, where the flow adds no rows.
        money: What the flow's money field moves by, in the currency in which that is most; None where it has none.
        undoes: The change set that this one takes back.
        asked_because: Of an undo: why it was asked for.
        moved: Of a set just planned, `money` by currency.
    """

    kind: ChangeSetKind
    flow: str
    flow_version: str
    lake_snapshot: int
    system: str
    target_table: str
    target_rows: int
    changes: tuple[Change, ...]
    missing_rows: int = 0
    missing_keys: tuple[str, ...] = ()
    money: Decimal | None = None
    undoes: int | None = None
    asked_because: str | None = None
    moved: Mapping[str, Decimal] = field(default_factory=dict, compare=False)

    @cached_property
    def changed_rows(self) -> int:
        return len({change.key for change in self.changes})

    @cached_property
    def held_rows(self) -> int:
        """Of the changed rows, those that are there already."""
        return len({change.key for change in self.changes if change.op != "insert"})

    def content_hash(self) -> str:
        """SHA-256 over everything that would be written and why: what an approval is bound to.

        Numbers, instants and names of the ledger are not part of it, nor is what was judged: the same content planned
        again has the same hash.
        """
        digest = hashlib.sha256()
        head = [self.kind, self.flow, self.flow_version, self.system, self.target_table, self.undoes]
        digest.update(json.dumps(head).encode())
        for change in self.changes:
            row = (change.op, change.key, change.field, change.before, change.after, change.why)
            digest.update("\x1f".join(row).encode() + b"\x1e")
        return digest.hexdigest()
