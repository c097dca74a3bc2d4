"""What PostgreSQL holds of the record systems' tables is what `schemas.records` says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from schemas.record_form import DECIMAL_DIGITS, DECIMAL_PLACES, PRECISE_DIGITS, PRECISE_PLACES
from schemas.records import SYSTEMS, TABLES, RecordTable, system_ddl

pytestmark = pytest.mark.postgres

VALUES: dict[str, tuple[Any, Any]] = {
    "text": ("Ätran 8; drop table", "ö" * 300),
    "integer": (2**63 - 1, -(2**63)),
    "decimal": (Decimal("123456789012.34"), Decimal("-0.01")),
    "precise": (Decimal("123456789012.345678"), Decimal("-0.000001")),
    "date": (date(2026, 5, 3), date(1999, 12, 31)),
    "instant": (datetime(2026, 5, 3, 7, 10, 0, 123_456, UTC), datetime(1970, 1, 1, tzinfo=UTC)),
}
NUMERIC = {"decimal": (DECIMAL_DIGITS, DECIMAL_PLACES), "precise": (PRECISE_DIGITS, PRECISE_PLACES)}


@pytest.fixture(scope="module")
def systems(postgres_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """The record systems as their own DDL makes them, in a schema of nobody else's; gone afterwards."""
    name = f"it-{uuid4().hex}"
    with psycopg.connect(postgres_dsn, autocommit=True) as server:
        server.execute(f'create database "{name}"'.encode())
        try:
            with psycopg.connect(postgres_dsn.rsplit("/", 1)[0] + f"/{name}") as connection:
                for _ in range(2):  # running it again changes nothing
                    for system in SYSTEMS:
                        connection.execute(system_ddl(system).encode())
                connection.commit()
                yield connection
        finally:
            server.execute(f'drop database "{name}" with (force)'.encode())


def information(connection: psycopg.Connection[Any], table: RecordTable) -> dict[str, dict[str, Any]]:
    cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
    cursor.execute(
        "select column_name, data_type, is_nullable, column_default, numeric_precision, numeric_scale "
        "from information_schema.columns where table_schema = %s and table_name = %s order by ordinal_position",
        [table.system, table.name],
    )
    return {row["column_name"]: row for row in cursor}


def spelled(kind: str) -> str:
    """A type as information_schema has it."""
    return "numeric" if kind.startswith("numeric") else kind.replace("timestamptz", "timestamp with time zone")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.full_name)
def test_a_table_has_the_declared_columns_and_the_row_version_in_order(
    systems: psycopg.Connection[Any], table: RecordTable
) -> None:
    held = information(systems, table)
    assert list(held) == [*table.column_names, "row_version"]
    for column in table.columns:
        found = held[column.name]
        assert found["data_type"] == spelled(column.postgres_type), column.name
        assert found["is_nullable"] == ("YES" if column.nullable else "NO"), column.name
        if column.kind in NUMERIC:
            assert (found["numeric_precision"], found["numeric_scale"]) == NUMERIC[column.kind], column.name
    version = held["row_version"]
    assert (version["data_type"], version["is_nullable"], version["column_default"]) == ("bigint", "NO", "1")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.full_name)
def test_a_table_has_the_declared_key(systems: psycopg.Connection[Any], table: RecordTable) -> None:
    found = systems.execute(
        "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey) "
        "where i.indrelid = %s::regclass and i.indisprimary order by array_position(i.indkey, a.attnum)",
        [table.full_name],
    ).fetchall()
    assert tuple(row[0] for row in found) == table.key


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.full_name)
def test_a_row_comes_back_as_it_was_written_and_each_update_raises_its_version(
    systems: psycopg.Connection[Any], table: RecordTable
) -> None:
    names = ", ".join(f'"{name}"' for name in table.column_names)
    places = ", ".join(["%s"] * len(table.columns))
    rows = [tuple(VALUES[column.kind][number] for column in table.columns) for number in (0, 1)]
    with systems.transaction(force_rollback=True):
        for row in rows:
            systems.execute(f"insert into {table.full_name} ({names}) values ({places})".encode(), row)
        found = systems.execute(f"select {names}, row_version from {table.full_name}".encode()).fetchall()
        assert sorted(found, key=repr) == sorted([(*row, 1) for row in rows], key=repr)
        column = table.columns[-1].name
        systems.execute(f'update {table.full_name} set "{column}" = "{column}"'.encode())
        versions = systems.execute(f"select row_version from {table.full_name}".encode()).fetchall()
        assert versions == [(2,), (2,)]


def test_a_record_system_has_no_table_that_nobody_declared(systems: psycopg.Connection[Any]) -> None:
    found = systems.execute(
        "select table_schema || '.' || table_name from information_schema.tables where table_schema = any(%s)",
        [list(SYSTEMS)],
    ).fetchall()
    assert {row[0] for row in found} == {table.full_name for table in TABLES}
