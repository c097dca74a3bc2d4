"""Forms derived from a contract: Arrow schema, DuckDB structure, JSON Schema, SQL columns. Nobody writes them by hand.

| contract     | Arrow         | DuckDB structure | DuckDB column | PostgreSQL column |
|--------------|---------------|------------------|---------------|-------------------|
| bool         | bool          | BOOLEAN          | BOOLEAN       | boolean           |
| int          | int64         | DOUBLE           | BIGINT        | bigint            |
| int, an instant `*_ms` | int64 | DOUBLE          | TIMESTAMP `*` | timestamptz `*` |
| float        | float64       | DOUBLE           | DOUBLE        | double precision  |
| str, Literal | string        | VARCHAR          | VARCHAR       | text              |
| bytes        | binary        | -                | BLOB          | bytea             |
| date         | date32        | -                | DATE          | date              |
| list[x]      | list<x>       | [x]              | x[]           | x[]               |

Instants are milliseconds, but DuckDB's own TIMESTAMP (microseconds) in the lake: a TIMESTAMP_MS is cast where it is
compared with one, and DuckLake then reads all files of a table instead of those of a day.

Integers are parsed as DOUBLE because DuckDB rounds 1.5 into an integer field without a word; whether a value is whole
is checked on the column afterwards.
"""

from __future__ import annotations

import json
import types
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pyarrow as pa
from annotated_types import Ge, Le, MaxLen
from pydantic.fields import FieldInfo

from schemas.fields import Contract

INSTANT_UNIT = "ms since 1970 UTC"
Kind = Literal["bool", "int", "float", "str", "bytes", "date"]
_KINDS: dict[type, Kind] = {bool: "bool", int: "int", float: "float", str: "str", bytes: "bytes", date: "date"}
_ARROW: dict[Kind, pa.DataType] = {
    "bool": pa.bool_(),
    "int": pa.int64(),
    "float": pa.float64(),
    "str": pa.string(),
    "bytes": pa.binary(),
    "date": pa.date32(),
}
_STRUCTURE: dict[Kind, str] = {"bool": "BOOLEAN", "int": "DOUBLE", "float": "DOUBLE", "str": "VARCHAR"}
_DUCKDB: dict[Kind, str] = {
    "bool": "BOOLEAN",
    "int": "BIGINT",
    "float": "DOUBLE",
    "str": "VARCHAR",
    "bytes": "BLOB",
    "date": "DATE",
}


@dataclass(frozen=True)
class Shape:
    """What values of one field, or of one element of a list field, may be."""

    kind: Kind
    nullable: bool
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    choices: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Column:
    """One field of a contract, taken apart. `is_addition`: it may be left out, and is null then."""

    name: str
    value: Shape
    is_list: bool
    list_nullable: bool
    max_length: int | None
    meaning: str
    unit: str
    data_class: str
    is_addition: bool = False

    @property
    def nullable(self) -> bool:
        return self.list_nullable if self.is_list else self.value.nullable

    @property
    def lake_name(self) -> str:
        """Instants lose their unit where the database has a type for them: `started_at_ms` becomes `started_at`.

        `at_ms` becomes `happened_at`: a column `at` would have to be quoted, since AT is a word of DuckDB's SQL.
        """
        name = self.name.removesuffix("_ms") if self.is_instant else self.name
        return "happened_at" if name == "at" else name

    @property
    def is_instant(self) -> bool:
        return self.name.endswith("_ms") and self.unit == INSTANT_UNIT and not self.is_list


@cache
def columns(model: type[Contract]) -> tuple[Column, ...]:
    """The contract's fields in order of declaration."""
    return tuple(_column(name, field) for name, field in model.model_fields.items())


@cache
def arrow_schema(model: type[Contract]) -> pa.Schema:
    """Arrow schema of rows of the contract; instants stay int64 milliseconds."""
    return pa.schema([pa.field(column.name, _arrow_type(column), column.nullable) for column in columns(model)])


def duckdb_structure(model: type[Contract], without: frozenset[str] = frozenset()) -> str:
    """The structure that DuckDB's json_transform takes, as JSON text.

    Args:
        without: Additions that the texts leave out: strictly read, a missing key is an error.
    """
    return json.dumps(
        {
            column.name: [_STRUCTURE[column.value.kind]] if column.is_list else _STRUCTURE[column.value.kind]
            for column in columns(model)
            if column.name not in without
        }
    )


def json_schema(model: type[Contract]) -> dict[str, Any]:
    """JSON Schema (2020-12) of the contract, with meaning, unit and data class of each field."""
    schema = model.model_json_schema()
    for column in columns(model):
        told = schema["properties"][column.name]
        # Of a type that may be null, pydantic tells them of the type alone.
        told |= {"description": column.meaning, "unit": column.unit, "class": column.data_class}
    return schema


def duckdb_columns(model: type[Contract]) -> str:
    """Column list of a CREATE TABLE in DuckDB; names are quoted because `offset` is a word of SQL."""
    return ", ".join(f'"{column.lake_name}" {_duckdb_type(column)}' for column in columns(model))


def lake_types(model: type[Contract]) -> pa.Schema:
    """Arrow schema of the contract's rows as the lake holds them: instants are timestamps, renamed `*_at`."""
    return pa.schema(
        [
            pa.field(column.lake_name, pa.timestamp("us") if column.is_instant else _arrow_type(column))
            for column in columns(model)
        ]
    )


def as_in_lake(rows: pa.Table, model: type[Contract]) -> pa.Table:
    """Rows of a contract (`arrow_schema`) as the lake holds them."""
    types = lake_types(model)
    in_ms = [pa.timestamp("ms") if pa.types.is_timestamp(field.type) else field.type for field in types]
    return rows.rename_columns(types.names).cast(pa.schema(list(zip(types.names, in_ms, strict=True)))).cast(types)


def _arrow_type(column: Column) -> pa.DataType:
    kind = _ARROW[column.value.kind]
    return pa.list_(kind) if column.is_list else kind


def _duckdb_type(column: Column) -> str:
    if column.is_instant:
        return "TIMESTAMP"
    return _DUCKDB[column.value.kind] + ("[]" if column.is_list else "")


def _column(name: str, field: FieldInfo) -> Column:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    annotation, metadata, nullable = _unwrap(field.annotation, list(field.metadata))
    described: dict[str, Any] = dict(extra)
    meaning = field.description or ""
    for entry in metadata:
        if isinstance(entry, FieldInfo):
            meaning = meaning or entry.description or ""
            if isinstance(entry.json_schema_extra, dict):
                described = {**entry.json_schema_extra, **described}
    is_list = get_origin(annotation) is list
    max_length = next((entry.max_length for entry in _flat(metadata) if isinstance(entry, MaxLen)), None)
    if is_list:
        element, element_metadata, element_nullable = _unwrap(get_args(annotation)[0], [])
        value = _shape(element, element_metadata, element_nullable)
    else:
        value = _shape(annotation, metadata, nullable)
    return Column(
        name,
        value,
        is_list,
        is_list and nullable,
        max_length,
        meaning,
        str(described.get("unit", "")),
        str(described.get("class", "")),
        not field.is_required(),
    )


def _unwrap(annotation: Any, metadata: list[Any]) -> tuple[Any, list[Any], bool]:
    """The bare type below `Annotated` and `| None`, all metadata on the way, and whether None is allowed."""
    nullable = False
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *found = get_args(annotation)
            metadata = metadata + found
        elif get_origin(annotation) in (Union, types.UnionType):
            others = [argument for argument in get_args(annotation) if argument is not type(None)]
            nullable = nullable or len(others) < len(get_args(annotation))
            assert len(others) == 1, f"a contract field has one type, found {annotation!r}"
            annotation = others[0]
        else:
            return annotation, metadata, nullable


def _flat(metadata: list[Any]) -> list[Any]:
    return [part for entry in metadata for part in (entry.metadata if isinstance(entry, FieldInfo) else [entry])]


def _shape(annotation: Any, metadata: list[Any], nullable: bool) -> Shape:
    if get_origin(annotation) is Literal:
        return Shape("str", nullable, choices=get_args(annotation))
    minimum = maximum = pattern = None
    for entry in _flat(metadata):
        if isinstance(entry, Ge):
            minimum = entry.ge
        elif isinstance(entry, Le):
            maximum = entry.le
        else:
            pattern = getattr(entry, "pattern", None) or pattern
    return Shape(_KINDS[annotation], nullable, minimum, maximum, pattern)  # type: ignore[arg-type]
