"""The forms of all contracts are the contracts' own."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

import duckdb
import pyarrow as pa
import pytest

from schemas.facts import Receipt, Run, ShoeReading, WashCycle, WasherReading
from schemas.failures import FailedEvent
from schemas.fields import Contract
from schemas.fleet import FleetDevice, LifeEvent
from schemas.forms import arrow_schema, columns, duckdb_columns, duckdb_structure, lake_types
from schemas.lake import SinkPosition
from schemas.truth import TrueRecord, TrueSession, TrueTotal, TrueUpload
from schemas.uploads import ShoeUpload, WasherUpload, WasherUploadV2
from tests.unit.streams.building import a_plug_upload, a_second_washer_upload, a_shoe_upload, a_washer_upload, encoded

CONTRACTS: list[type[Contract]] = [
    *(WasherUpload, WasherUploadV2, ShoeUpload, Receipt, WasherReading, ShoeReading, WashCycle, Run, FailedEvent),
    *(SinkPosition, FleetDevice, LifeEvent, TrueUpload, TrueRecord, TrueSession, TrueTotal),
]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


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
def test_a_duckdb_table_of_the_contract_takes_its_arrow_columns(
    connection: duckdb.DuckDBPyConnection, contract: type[Contract]
) -> None:
    connection.execute(f"create or replace table facts ({duckdb_columns(contract)})")
    rows = lake_types(contract).empty_table()
    connection.register("rows", rows)
    connection.execute("insert into facts by name select * from rows")
    assert connection.sql("from facts").to_arrow_table().column_names == rows.column_names


UPLOADS: list[tuple[type[Contract], dict[str, Any]]] = [
    (WasherUpload, a_washer_upload()),
    (WasherUpload, a_plug_upload()),
    (WasherUpload, a_washer_upload(alert="door_open", board_no=2)),
    (WasherUploadV2, a_second_washer_upload()),
    (ShoeUpload, a_shoe_upload()),
    (ShoeUpload, a_shoe_upload(contact_balance_pct=[49.5, None], location_consent=False)),
]


@pytest.mark.parametrize(("contract", "upload"), UPLOADS)
def test_duckdb_reads_an_upload_by_its_structure_as_the_contract_reads_it(
    connection: duckdb.DuckDBPyConnection, contract: type[Contract], upload: dict[str, Any]
) -> None:
    left_out = frozenset(column.name for column in columns(contract) if column.name not in upload)
    structure = duckdb_structure(contract, without=left_out)
    query = f"select unnest(json_transform_strict($1, '{structure}'))"
    table = connection.sql(query, params=[encoded(upload).decode()]).to_arrow_table()
    expected = contract.model_validate(upload).model_dump(exclude=set(left_out))
    known = [field.with_nullable(True) for field in arrow_schema(contract) if field.name not in left_out]
    assert table.cast(pa.schema(known)).to_pylist() == [expected]
    assert list(json.loads(structure)) == list(expected)


@pytest.mark.parametrize("contract", [WasherUpload, WasherUploadV2, ShoeUpload])
def test_additions_are_the_fields_with_a_default_and_only_they_may_be_left_out(contract: type[Contract]) -> None:
    additions = {name for name, field in contract.model_fields.items() if not field.is_required()}
    assert {column.name for column in columns(contract) if column.is_addition} == additions
    assert set(json.loads(duckdb_structure(contract, frozenset(additions)))) == set(contract.model_fields) - additions
