"""The forms of all contracts are the contracts' own."""

from __future__ import annotations

import json
import types
from typing import Annotated, Any, Union, get_args, get_origin

import duckdb
import pyarrow as pa
import pytest

from schemas.facts import Receipt, Run, ShoeReading, WashCycle, WasherReading
from schemas.failures import FailedEvent
from schemas.fields import Contract
from schemas.forms import arrow_schema, columns, duckdb_columns, duckdb_structure, lake_types
from schemas.uploads import ShoeUpload, WasherUpload
from tests.unit.streams.building import a_plug_upload, a_shoe_upload, a_washer_upload, encoded

CONTRACTS = [WasherUpload, ShoeUpload, Receipt, WasherReading, ShoeReading, WashCycle, Run, FailedEvent]


def allows_none(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return allows_none(get_args(annotation)[0])
    return get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_field_has_a_column_of_its_name_and_nullability(contract: type[Contract]) -> None:
    expected = [(name, allows_none(field.annotation)) for name, field in contract.model_fields.items()]
    assert [(field.name, field.nullable) for field in arrow_schema(contract)] == expected


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_field_says_what_it_means(contract: type[Contract]) -> None:
    assert all(column.meaning and column.data_class for column in columns(contract))


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_duckdb_table_of_the_contract_takes_its_arrow_columns(contract: type[Contract]) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"create table facts ({duckdb_columns(contract)})")
        rows = lake_types(contract).empty_table()
        connection.register("rows", rows)
        connection.execute("insert into facts by name select * from rows")
        assert connection.sql("from facts").to_arrow_table().column_names == rows.column_names


@pytest.mark.parametrize("upload", [a_washer_upload(), a_plug_upload(), a_shoe_upload()])
def test_duckdb_reads_an_upload_by_its_structure_as_the_contract_reads_it(upload: dict[str, Any]) -> None:
    contract = ShoeUpload if "run_no" in upload else WasherUpload
    query = f"select unnest(json_transform_strict($1, '{duckdb_structure(contract)}'))"
    with duckdb.connect() as connection:
        table = connection.sql(query, params=[encoded(upload).decode()]).to_arrow_table()
    expected = contract.model_validate(upload).model_dump()
    assert table.cast(pa.schema([field.with_nullable(True) for field in arrow_schema(contract)])).to_pylist() == [
        expected
    ]
    assert list(json.loads(duckdb_structure(contract))) == list(expected)
