"""Rows out of records: pure, no Kafka, no DuckDB. What cannot be read is an error that names its place.

Our own stages wrote these records, so an unreadable one is a fault of ours or of the storage below Kafka: the sink
stops at it rather than passing it by.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from schemas.errors import OutsideError
from schemas.evolution import with_additions
from schemas.failures import HEADERS, FailedEvent
from schemas.fields import IDENTIFIER, Contract
from schemas.forms import arrow_schema, as_in_lake

_IDENTIFIER = re.compile(IDENTIFIER)


@dataclass(frozen=True, slots=True)
class Record:
    """One record of Kafka, as far as the lake needs it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def frame_batches(record: Record, contract: type[Contract]) -> list[pa.RecordBatch]:
    """The batches of the Arrow IPC stream that the record holds; none for a stream without rows.

    Raises:
        OutsideError: no stream, a cut stream, other columns than the contract's, or a null where it allows none.
    """
    expected = arrow_schema(contract)
    try:
        with pa.ipc.open_stream(record.value or b"") as stream:
            found = stream.schema
            batches = [batch for batch in stream if batch.num_rows]
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(record, f"no Arrow stream ({error})") from error
    if len(found.names) < len(expected.names):
        rows = with_additions(pa.Table.from_batches(batches, found), contract)
        found, batches = rows.schema, rows.to_batches() if batches else []
    if found.names != expected.names or found.types != expected.types:
        raise _unreadable(record, f"columns {_columns(found)}, expected {_columns(expected)}")
    for batch in batches:
        for field, column in zip(expected, batch.columns, strict=True):
            if column.null_count and not field.nullable:
                raise _unreadable(record, f"null in column {field.name!r}")
    return batches


def frame_rows(batches: Sequence[pa.RecordBatch], contract: type[Contract]) -> pa.Table:
    """One table, as the lake holds it, of the batches of many frames."""
    schema = arrow_schema(contract)
    plain = [pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in batches]
    return as_in_lake(pa.Table.from_batches(plain, schema), contract)


def json_rows(records: Sequence[Record], contract: type[Contract]) -> pa.Table:
    """One row a record, in their order.

    Raises:
        OutsideError: a value that is not the contract's JSON.
    """
    listed = b"[" + b",".join(record.value or b"null" for record in records) + b"]"
    try:
        models = TypeAdapter(list[contract]).validate_json(listed)  # type: ignore[valid-type]
        whole = len(models) == len(records)
    except ValidationError:
        whole = False
    if not whole:
        # A broken value shifts or hides the others in the list: one by one, the first broken one is found.
        models = [_one(record, contract) for record in records]
    return _rows(models, contract)


def failed_rows(records: Sequence[Record]) -> pa.Table:
    """One row a failed event: its place and reason from the headers, its bytes as the stream wrote them.

    An optional value without a header is null: older workers wrote fewer of them.

    Raises:
        OutsideError: a header is missing or not what the contract says.
    """
    return _rows([_failed(record) for record in records], FailedEvent)


def _failed(record: Record) -> FailedEvent:
    try:
        headers = {name: value.decode() for name, value in record.headers if name in HEADERS and value is not None}
        return FailedEvent.model_validate(
            {**headers, "device_id": _device(record.key), "original": record.value or b""}
        )
    except (ValidationError, UnicodeDecodeError) as error:
        raise _unreadable(record, _reason(error)) from error


def _one(record: Record, contract: type[Contract]) -> Contract:
    try:
        return contract.model_validate_json(record.value or b"")
    except ValidationError as error:
        raise _unreadable(record, _reason(error)) from error


def _rows(models: Sequence[Contract], contract: type[Contract]) -> pa.Table:
    schema = arrow_schema(contract)
    if not models:
        return as_in_lake(schema.empty_table(), contract)
    values = zip(*map(attrgetter(*schema.names), models), strict=True)
    arrays = [pa.array(column, field.type) for column, field in zip(values, schema, strict=True)]
    return as_in_lake(pa.Table.from_arrays(arrays, schema=schema), contract)


def _device(key: bytes | None) -> str | None:
    """The key if it is a device's name, else None: older workers kept whatever somebody had written there."""
    try:
        text = "" if key is None else key.decode()
    except UnicodeDecodeError:
        return None
    return text if _IDENTIFIER.fullmatch(text) else None


def _reason(error: ValidationError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "a header that is not UTF-8"
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'record'}: {first['msg']}"


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)


def _unreadable(record: Record, found: str) -> OutsideError:
    return OutsideError(
        f"Cannot read record {record.topic!r} partition {record.partition} offset {record.offset}: {found}. "
        "The sink stops here, nothing behind it is taken; the writer and the lake have to run the same contracts."
    )
