"""The audit's chain: each row's hash goes over its columns and the hash before. Pure."""

from __future__ import annotations

import hashlib
import json.encoder
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Final

from schemas.gearbox_ledger import AuditEvent

GENESIS: Final = bytes(32)
"""The hash before the first row."""

_quoted = json.encoder.encode_basestring


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One event, as the audit keeps it; number, instant and hash are given when it is appended.

    Attributes:
        who: A person's canonical name, or the gearbox itself.
        key: Of a field: JSON object of the row's key, as `values.key_text`.
        before: Of a field: canonical JSON, as `values.json_text`; so are `after` and `stored`.
        stored: What the record system made of `after`, where it is something else.
        detail: JSON object of whatever else there is to say.
    """

    event: AuditEvent
    who: str
    change_set_id: int | None = None
    change_no: int | None = None
    flow: str | None = None
    target_table: str | None = None
    key: str | None = None
    field: str | None = None
    before: str | None = None
    after: str | None = None
    stored: str | None = None
    detail: str | None = None


columns_of = attrgetter(*(field.name for field in fields(AuditRow)))
"""A row's columns, in the table's order."""


def row_hash(previous: bytes, audit_no: int, at: datetime, row: AuditRow) -> bytes:
    """SHA-256 over the hash before and the canonical JSON array of number, instant (ISO 8601, UTC) and columns."""
    return columns_hash(previous, audit_no, instant_text(at), *columns_of(row))


def instant_text(at: datetime) -> str:
    """An instant as it goes into the hash: the same instant in any time zone is the same text."""
    return at.astimezone(UTC).isoformat()


def columns_hash(
    previous: bytes,
    audit_no: int,
    at_text: str,
    event: str,
    who: str,
    change_set_id: int | None,
    change_no: int | None,
    flow: str | None,
    target_table: str | None,
    key: str | None,
    field: str | None,
    before: str | None,
    after: str | None,
    stored: str | None,
    detail: str | None,
) -> bytes:
    """As `row_hash`, of columns in the table's order."""
    # Written out, since a million rows are hashed in one go: it is the text that `json.dumps` makes, in half the time.
    text = (
        f'[{audit_no},"{at_text}",{_quoted(event)},{_quoted(who)}'
        f",{'null' if change_set_id is None else change_set_id},{'null' if change_no is None else change_no}"
        f",{'null' if flow is None else _quoted(flow)},{'null' if target_table is None else _quoted(target_table)}"
        f",{'null' if key is None else _quoted(key)},{'null' if field is None else _quoted(field)}"
        f",{'null' if before is None else _quoted(before)},{'null' if after is None else _quoted(after)}"
        f",{'null' if stored is None else _quoted(stored)},{'null' if detail is None else _quoted(detail)}]"
    )
    return hashlib.sha256(previous + text.encode()).digest()
