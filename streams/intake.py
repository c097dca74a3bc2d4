"""From records of Kafka to a batch for the logic, and the refusals of those that are no uploads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from operator import attrgetter
from typing import Protocol

import numpy as np
import pyarrow as pa

from schemas.failures import KEPT_BYTES, REPAIRED_HEADER, FailedEvent
from schemas.fields import IDENTIFIER
from streams.admission import STAGE
from streams.batch import Batch, Place
from streams.decode import Decoder
from streams.quoting import kept_key
from streams.refusal import Refused
from streams.repair_rule import AS_IS

UNNAMED = "unnamed"
"""A repair that no rule of ours can have been: anything may stand in a header."""
_REPAIR = re.compile(rf"{AS_IS}|{IDENTIFIER.removesuffix('$').removeprefix('^')}-[0-9a-f]{{12}}")
_KEY, _VALUE, _OFFSET, _TIMESTAMP, _HEADERS = map(attrgetter, ("key", "value", "offset", "timestamp", "headers"))


class Record(Protocol):
    """What is needed of a record. `timestamp` is when the broker took it in, in ms since 1970."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


def taken_in(decoder: Decoder, place: Place, records: Sequence[Record]) -> tuple[Batch, list[FailedEvent]]:
    """The uploads among the records of one partition, and a failed event for each of the others."""
    values = list(map(_VALUE, records))
    decoded = decoder.decode(values)
    chosen = records
    if len(decoded.rows) < len(records):
        rows = decoded.rows.to_pylist()
        chosen, values = [records[row] for row in rows], [values[row] for row in rows]
    batch = Batch(
        place,
        decoded.uploads,
        _texts(list(map(_KEY, chosen))),
        np.fromiter(map(_OFFSET, chosen), np.int64, len(chosen)),
        np.fromiter(map(_TIMESTAMP, chosen), np.int64, len(chosen)),
        values,
        _repairs(chosen),
    )
    return batch, [_failed(place, records[row], why) for row, why in decoded.refused]


def _repairs(records: Sequence[Record]) -> list[str | None] | None:
    """By which repair each record came back from the failed events; None where none did. Devices send no headers."""
    if not any(map(_HEADERS, records)):
        return None
    return [_repair(record) for record in records]


def _repair(record: Record) -> str | None:
    names = [value for name, value in record.headers if name == REPAIRED_HEADER]
    if not names:
        return None
    name = (names[0] or b"").decode("utf-8", "replace")
    return name if _REPAIR.fullmatch(name) else UNNAMED


def _failed(place: Place, record: Record, why: Refused) -> FailedEvent:
    original, detail = record.value or b"", why.detail
    if len(original) > KEPT_BYTES:
        whole = f"all {len(original)} of sha256 {hashlib.sha256(original).hexdigest()}"
        detail = f"{detail}; the first {KEPT_BYTES} bytes are kept, {whole}"
    return FailedEvent(
        topic=place.topic,
        partition=place.partition,
        offset=record.offset,
        received_at_ms=record.timestamp,
        device_id=kept_key(_text(record.key)),
        reason=why.reason,
        detail=detail,
        stage=STAGE,
        original=original[:KEPT_BYTES],
        field=why.field,
        found=why.found,
        accepted=why.accepted,
        seq=why.seq,
        material=why.material,
        firmware=why.firmware,
        repair=_repair(record),
    )


def _texts(keys: list[bytes | None]) -> pa.Array:
    try:
        return pa.array(keys, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:  # one that is not UTF-8 makes the whole cast fail
        return pa.array([_text(key) for key in keys], pa.string())


def _text(key: bytes | None) -> str | None:
    try:
        return key.decode("utf-8") if key is not None else None
    except UnicodeDecodeError:
        return None
