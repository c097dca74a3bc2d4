"""What we wrote last into a field of a record system. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.gearbox_ledger import ChangeSetKind

Place = tuple[str, str]
"""A field of a row: the key's JSON text and the field's name."""


@dataclass(frozen=True, slots=True)
class LastWrite:
    """The newest write of ours of one field. Values are canonical JSON texts.

    Attributes:
        before: What the field held until then.
        stored: What the record system's own rules made of `after`; None where it holds `after` itself.
        lake_snapshot: Of the change set that wrote it.
        took_back: Of an undo: the value that the undone set had sent, where the record system had made another of it.
    """

    change_set_id: int
    kind: ChangeSetKind
    before: str
    after: str
    stored: str | None
    lake_snapshot: int
    at: datetime
    took_back: str | None = None

    def left(self, value: str) -> bool:
        """Whether a field that holds this value is as the write left it."""
        return value in (self.after, self.stored)
