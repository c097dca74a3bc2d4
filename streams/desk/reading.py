"""Kafka records of the desk's input topics as arrivals. Pure.

Our own stages wrote them, so one that cannot be read is a fault of ours: the desk stops at it rather than passing it
by, as the lake's sink does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from schemas import topics
from schemas.errors import OutsideError
from schemas.evolution import with_additions
from schemas.facts import Receipt, Run, ShoeReading, WashCycle, WasherReading
from schemas.fields import Contract
from schemas.forms import arrow_schema
from schemas.reference import ConsentReference, ContractReference, CustodyReference, DeviceReference, Reference
from streams.desk.arrivals import Arrivals, Refused
from streams.frames import read_frame

T = TypeVar("T", bound=Contract)

INPUTS = (
    *topics.REFERENCES,
    topics.RECEIPTS,
    topics.SESSIONS_WASHER,
    topics.SESSIONS_SHOE,
    topics.READINGS_WASHER,
    topics.READINGS_SHOE,
    topics.FAILED_EVENTS,
)
"""What the desk reads; partition n of each speaks of the same devices."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as Kafka has it."""

    topic: str
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def arrivals(records: Sequence[Record]) -> Arrivals:
    """What the records of one partition say, each topic in its order.

    Raises:
        OutsideError: a record is not what its topic's contract says.
    """
    by_topic: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_topic[record.topic].append(record)
    return Arrivals(
        receipts=_rows(by_topic[topics.RECEIPTS], Receipt),
        readings={
            "washer": _rows(by_topic[topics.READINGS_WASHER], WasherReading),
            "shoe": _rows(by_topic[topics.READINGS_SHOE], ShoeReading),
        },
        cycles=_models(by_topic[topics.SESSIONS_WASHER], WashCycle),
        runs=_models(by_topic[topics.SESSIONS_SHOE], Run),
        refused=[refused for record in by_topic[topics.FAILED_EVENTS] if (refused := _refused(record)) is not None],
        references=references([record for topic in topics.REFERENCES for record in by_topic[topic]]),
    )


_REFERENCES: Mapping[str, type[Reference]] = {
    topics.REFERENCE_DEVICE: DeviceReference,
    topics.REFERENCE_CUSTODY: CustodyReference,
    topics.REFERENCE_CONTRACT: ContractReference,
    topics.REFERENCE_CONSENT: ConsentReference,
}


def references(records: Sequence[Record]) -> list[Reference]:
    """What record systems told; a record without a value says nothing.

    Raises:
        OutsideError: a record is not what its topic's contract says.
    """
    return [_one(record, _REFERENCES[record.topic]) for record in records if record.value]


def _rows(records: Sequence[Record], contract: type[Contract]) -> pa.Table:
    schema = arrow_schema(contract)
    tables = [schema.empty_table()]
    for record in records:
        try:
            table = with_additions(read_frame(record.value or b""), contract)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(record, f"no Arrow stream ({error})") from error
        if table.schema.names != schema.names or table.schema.types != schema.types:
            raise _unreadable(record, f"columns {', '.join(table.column_names)}, expected {', '.join(schema.names)}")
        tables.append(table.cast(schema))
    return pa.concat_tables(tables)


def _models(records: Sequence[Record], contract: type[T]) -> list[T]:
    listed = b"[" + b",".join(record.value or b"null" for record in records) + b"]"
    try:
        return TypeAdapter(list[contract]).validate_json(listed)  # type: ignore[valid-type]
    except ValidationError:
        # One by one, the broken one is found.
        return [_one(record, contract) for record in records]


def _one(record: Record, contract: type[T]) -> T:
    try:
        return contract.model_validate_json(record.value or b"")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "record"
        raise _unreadable(record, f"{place}: {first['msg']}") from error


_REFUSED_HEADERS = ("seq", "reason", "field", "found", "accepted", "received_at_ms", "topic")


def _refused(record: Record) -> Refused | None:
    """A refused upload whose device is known; None for others."""
    told = {name: value.decode(errors="replace") for name, value in record.headers if value is not None}
    if record.key is None or not {"reason", "received_at_ms", "topic"} <= told.keys():
        return None
    event = {name: told.get(name) for name in _REFUSED_HEADERS}
    del event["topic"]
    device_id = record.key.decode(errors="replace")
    product = "washer" if told["topic"] == topics.TELEMETRY_WASHER else "shoe"
    try:
        return _REFUSED.validate_python({**event, "device_id": device_id, "product": product})
    except ValidationError as error:
        raise _unreadable(record, error.errors(include_input=False, include_url=False)[0]["msg"]) from error


_REFUSED: TypeAdapter[Refused] = TypeAdapter(Refused)


def _unreadable(record: Record, found: str) -> OutsideError:
    return OutsideError(
        f"cannot read record {record.topic!r} offset {record.offset}: {found}. The desk stops here, nothing behind it "
        "is taken in; the writer and the desk have to run the same contracts"
    )
