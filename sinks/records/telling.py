"""What outbox entries ask for, built from the rows behind them. Pure.

Of a unit that ERP no longer holds nothing is told: what was, stays. Custody that cannot be told in full is told without
the intervals that do not fit, as nobody's: else what the one before agreed to would go on for whoever has it now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from schemas.outbox import ReferenceKind
from schemas.reference import Reference
from sinks.records.references import (
    RefusedError,
    Rows,
    SubjectOf,
    consent_reference,
    contract_reference,
    custody_reference,
    device_reference,
)

Wanted = tuple[ReferenceKind, str]
"""What to tell, and of which device."""


@dataclass(frozen=True)
class Refused:
    """Rows of a device that cannot be told in full; their entry stays in the outbox."""

    kind: ReferenceKind
    device_id: str
    reason: str

    @property
    def wanted(self) -> Wanted:
        return self.kind, self.device_id


def told(
    wanted: Iterable[Wanted], rows: Rows, revision: int, subject_of: SubjectOf
) -> tuple[list[tuple[ReferenceKind, Reference]], list[Refused]]:
    """A record for each device and kind that is wanted, once however often it is; and those that cannot be told.

    Custody may be both: told as far as it can be, and refused.
    """
    built: list[tuple[ReferenceKind, Reference]] = []
    refused: list[Refused] = []
    for kind, device_id in dict.fromkeys(wanted):
        try:
            built += [(kind, reference) for reference in _of(rows, kind, device_id, revision, subject_of)]
        except RefusedError as error:
            refused.append(Refused(kind, device_id, str(error)))
            if kind == "custody":
                built += [(kind, reference) for reference in _readable(rows, device_id, revision, subject_of)]
    return built, refused


def _of(rows: Rows, kind: ReferenceKind, device_id: str, revision: int, subject_of: SubjectOf) -> Iterator[Reference]:
    if kind == "device" and device_id in rows.devices:
        yield device_reference(rows.devices[device_id], revision)
    elif kind == "custody":
        yield custody_reference(device_id, rows.custodies.get(device_id, ()), revision, subject_of)
    elif kind == "contract":
        yield contract_reference(device_id, rows.contracts.get(device_id, ()), rows.prices, revision)
    elif kind == "consent":
        yield consent_reference(device_id, rows.consents.get(device_id, ()), revision, subject_of)


def _readable(rows: Rows, device_id: str, revision: int, subject_of: SubjectOf) -> Iterator[Reference]:
    """Custody without what cannot be told of it; nothing where that is the device itself."""
    held = rows.custodies.get(device_id, ())
    with suppress(RefusedError):
        yield custody_reference(device_id, held, revision, subject_of, without_unknown_kinds=True)
