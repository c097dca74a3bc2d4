"""A model reads one snapshot of the lake beside the record systems, gives what it produced, and changes nothing."""

from __future__ import annotations

import pyarrow as pa
import pytest

from schemas.errors import OutsideError, UnreachableError, UsageError
from sinks.records.gear.flow import Flow, parse
from sinks.records.gear.model import newest_snapshot, produced_columns, run
from tests.conftest import FreshDatabase
from tests.integration.records.conftest import NEWEST, Lake, cycle

pytestmark = pytest.mark.postgres

DECLARATION = """
version = 1
title = "Washing machines by model"
target = "erp.material"
key = ["material"]
[fields.description]
gear = "live"
[limits]
max_rows = 10
max_share_of_rows = 1.0
max_rows_per_day = 10
"""
CYCLES = "select 'WM-8030' as material, count(*) as cycles from lake.wash_cycles"


def flow(model_sql: str) -> Flow:
    return parse("erp.try", DECLARATION, model_sql)


def test_the_rows_come_back_as_the_model_gave_them(lake: Lake, records_dsn: str) -> None:
    produced, _ = run(flow(CYCLES), lake.catalog, records_dsn)
    assert produced.to_pylist() == [{"material": "WM-8030", "cycles": 8}]
    assert produced.schema.field("cycles").type == pa.int64()


def test_a_model_sees_lake_views_and_record_tables_together(lake: Lake, records_dsn: str) -> None:
    joined = """select unit.material, count(*) as cycles from lake.wash_cycles as cycle
                join records.erp.serial_number as unit on unit.serial = cycle.device_id group by all"""
    produced, _ = run(flow(joined), lake.catalog, records_dsn)
    assert produced.to_pylist() == [{"material": "WM-8030", "cycles": 8}]


def test_an_older_snapshot_is_read_as_it_was(lake: Lake, records_dsn: str) -> None:
    before = newest_snapshot(lake.catalog)
    lake.write(cycle("wm-2", NEWEST, 500.0))
    assert newest_snapshot(lake.catalog) > before
    now, newest = run(flow(CYCLES), lake.catalog, records_dsn)
    then, read = run(flow(CYCLES), lake.catalog, records_dsn, before)
    assert (now.column("cycles").to_pylist(), newest) == ([9], newest_snapshot(lake.catalog))
    assert (then.column("cycles").to_pylist(), read) == ([8], before)


def test_a_snapshot_that_is_not_there_is_named(lake: Lake, records_dsn: str) -> None:
    with pytest.raises(UsageError, match=r"^The lake has no snapshot 99999: those it keeps are numbered \d+ to \d+\.$"):
        run(flow(CYCLES), lake.catalog, records_dsn, 99_999)


def test_columns_are_told_without_running_the_model(lake: Lake, records_dsn: str) -> None:
    fails_when_run = "select material, error('it was run') as description from records.erp.material; -- the end"
    columns = produced_columns(flow(fails_when_run), lake.catalog, records_dsn)
    assert columns.names == ["material", "description"]
    with pytest.raises(UnreachableError, match="it was run"):
        run(flow(fails_when_run), lake.catalog, records_dsn)


@pytest.mark.parametrize(
    "statement",
    [
        "delete from records.erp.material",
        "select 1 as material; select 2 as material",
        "copy (select 1) to '/dev/null'",
        "-- nothing",
    ],
)
def test_anything_but_one_select_is_refused(lake: Lake, records_dsn: str, statement: str) -> None:
    for ask in (run, produced_columns):
        with pytest.raises(UsageError, match=r"^The model of flow 'erp\.try' is not one SELECT: "):
            ask(flow(statement), lake.catalog, records_dsn)


@pytest.mark.parametrize("statement", ["select nothing from lake.wash_cycles", "select from", "from lake.no_such"])
def test_a_model_that_does_not_fit_is_told_in_one_line(lake: Lake, records_dsn: str, statement: str) -> None:
    for ask in (run, produced_columns):
        with pytest.raises(UsageError, match=r"^The model of flow 'erp\.try' does not fit: .+$"):
            ask(flow(statement), lake.catalog, records_dsn)


def test_a_value_that_does_not_fit_is_not_quoted(lake: Lake, records_dsn: str) -> None:
    with pytest.raises(UsageError) as raised:
        run(flow("select name::integer as material from records.crm.customer"), lake.catalog, records_dsn)
    assert str(raised.value) == "The model of flow 'erp.try' does not fit a value: ConversionException"


def test_a_lake_that_is_not_there_is_said_so_without_a_password(
    fresh_database: FreshDatabase, records_dsn: str
) -> None:
    with pytest.raises(OutsideError, match="holds no lake yet"):
        run(flow(CYCLES), fresh_database(), records_dsn)
    with pytest.raises(UnreachableError) as raised:
        run(flow(CYCLES), "postgresql://someone:secret@127.0.0.1:1/gone", records_dsn)
    assert "127.0.0.1:1/gone" in str(raised.value)
    assert "secret" not in str(raised.value)
