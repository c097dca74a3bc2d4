"""`vaxel gearbox check`: one bad flow for each kind of fault that only the lake or the record system can tell."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from schemas.errors import UnreachableError
from sinks.records.gear import flow as flows
from sinks.records.gear.check import check_flow
from sinks.records.gear.flow import Flow, parse
from sinks.records.gear.places import Places, places
from sinks.records.gear.systems import System
from sinks.records.targets.opening import open_target
from sinks.records.targets.target import Target
from tests.integration.records.conftest import Lake
from vaxel.commands import gearbox_check

pytestmark = pytest.mark.postgres

DECLARATION = """
version = 1
title = "Units that were heard of"
target = "erp.monthly_sales"
key = ["material", "month"]
[limits]
max_rows = 100
max_share_of_rows = 1.0
max_rows_per_day = 100
[approval]
role = "erp_approver"
[completeness]
min_share = 0.9
[fields.activated_qty]
gear = "live"
[fields.usage_per_session]
gear = "nightly"
"""
MODEL = """
select material, month, 1::bigint as activated_qty, 2.50::decimal(14, 2) as usage_per_session,
       1.0::double as gate_complete_share, 'a' as why_sample
from records.erp.monthly_sales
"""

Check = Callable[..., list[str]]


@pytest.fixture
def there(lake: Lake, records_dsn: str) -> Places:
    return places({}, lake.catalog, records_dsn)


@pytest.fixture
def check(there: Places) -> Check:
    """`check(declaration, model, systems=...)`: the faults of a flow that reads `there`."""

    def check(
        declaration: str = DECLARATION,
        model: str = MODEL,
        systems: Mapping[str, System] = there.systems,
        reach: bool = True,
    ) -> list[str]:
        return faults_of(parse("erp.try", declaration, model), there, systems, reach=reach)

    return check


def faults_of(flow: Flow, there: Places, systems: Mapping[str, System], *, reach: bool = True) -> list[str]:
    with closing(open_target(there.systems[flow.system], there.addresses[flow.system])) as target:
        targets: dict[str, Target] = {flow.system: target} if reach else {}
        return check_flow(flow, there.catalog, there.records, targets, systems)


def test_a_good_flow_has_no_fault(check: Check) -> None:
    assert check() == []


@pytest.mark.parametrize("name", flows.names())
def test_the_flows_that_are_shipped_have_no_fault(name: str, there: Places) -> None:
    assert faults_of(flows.load(name), there, there.systems) == []


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("from records.erp.monthly_sales", "from records.erp.sales", "model.sql: The model of flow 'erp.try' does not"),
        ("select material", "select materiel", "model.sql: The model of flow 'erp.try' does not fit: Binder Error: "),
        ("select material", "selekt material", "model.sql: The model of flow 'erp.try' does not fit: "),
        (
            "'a' as why_sample",
            "'a' as why_sample; select 2",
            "model.sql: The model of flow 'erp.try' is not one SELECT",
        ),
        ("select material, month", "select month", "model.sql: does not give material, which the flow names"),
        (
            "'a' as why_sample",
            "'a' as why_sample, 3 as colour",
            "model.sql: gives colour, which nobody asks for; accepted are material, month, activated_qty, "
            "usage_per_session, why_* and gate_complete_share",
        ),
        (
            "'a' as why_sample",
            "'a' as why_sample, 'b' as why_sample",
            "model.sql: gives why_sample twice; once is accepted",
        ),
        (
            "1::bigint as activated_qty",
            "'1' as activated_qty",
            "model.sql: gives activated_qty as string, and erp.monthly_sales.activated_qty is integer; "
            "accepted is an integer",
        ),
        (
            "2.50::decimal(14, 2)",
            "2.5::double",
            "model.sql: gives usage_per_session as double, and erp.monthly_sales.usage_per_session is decimal; "
            "accepted is DECIMAL or an integer",
        ),
        (
            "select material, month",
            "select material, month::varchar as month",
            "model.sql: gives month as string, and erp.monthly_sales.month is date; accepted is DATE",
        ),
        (
            ", 'a' as why_sample",
            "",
            "model.sql: gives no evidence, so nothing could be explained; accepted is any column",
        ),
        (
            "1.0::double as gate_complete_share, ",
            "",
            "model.sql: does not give gate_complete_share, which [completeness] is about",
        ),
    ],
)
def test_a_fault_of_the_model_is_told(check: Check, right: str, wrong: str, expected: str) -> None:
    assert right in MODEL
    (fault,) = check(model=MODEL.replace(right, wrong))
    assert fault.startswith(f"erp.try: {expected}"), fault


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        (
            "max_rows_per_day = 100",
            "max_rows_per_day = 99",
            "limits.max_rows_per_day: 99 is below max_rows 100: a set between them would never be written; accepted is "
            "max_rows or more",
        ),
        (
            "max_rows = 100",
            "max_rows = 100\nmax_money = 2\nmax_money_per_day = 3",
            "limits.max_money: limits money, and money_field does not name the field that moves it",
        ),
        (
            "[completeness]\nmin_share = 0.9\n",
            "",
            "model.sql: gives gate_complete_share, and no [completeness] says what is enough",
        ),
        (
            "version = 1",
            'version = 1\nconsent_subject = "why_customer"',
            "consent_subject: why_customer is no column; accepted are material, month, why_sample",
        ),
    ],
)
def test_a_fault_between_declaration_and_model_is_told(check: Check, right: str, wrong: str, expected: str) -> None:
    assert right in DECLARATION
    assert check(DECLARATION.replace(right, wrong, 1)) == [f"erp.try: {expected}"]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"nightly": "25:00-05:00"}, "erp.nightly '25:00-05:00' is no window; accepted is 00:00-23:59"),
        ({"nightly": "05:00-05:00"}, "erp.nightly '05:00-05:00' is empty; begin and end have to differ"),
        ({"change_window": "Sun 02:00-06:99"}, "erp.change_window 'Sun 02:00-06:99' is no window; accepted is 00:00-"),
        (
            {"time_zone": "Europe/Atlantis"},
            "erp.time_zone 'Europe/Atlantis' is none; accepted are names such as Europe",
        ),
    ],
)
def test_a_window_that_never_opens_is_told(check: Check, there: Places, changed: dict[str, str], expected: str) -> None:
    systems = {"erp": there.systems["erp"].model_copy(update=changed)}
    (fault,) = check(systems=systems)
    assert fault.startswith(f"erp.try: systems.toml: {expected}")


def test_a_system_that_nobody_knows_is_told(check: Check) -> None:
    assert check(systems={}, reach=False) == [
        "erp.try: systems.toml: erp is not declared",
        "erp.try: target: nobody knows how to reach erp; known are none",
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE erp.monthly_sales DROP COLUMN activated_qty",
        "ALTER TABLE erp.monthly_sales ALTER activated_qty TYPE text",
        "REVOKE UPDATE ON erp.monthly_sales FROM vaxel_erp",
        "DROP TABLE erp.monthly_sales CASCADE; CREATE VIEW erp.monthly_sales AS SELECT 1 AS material, 2 AS month",
    ],
    ids=["column gone", "column of another type", "no right", "table gone"],
)
def test_what_the_record_system_lacks_is_told(check: Check, records_dsn: str, statement: str) -> None:
    change(records_dsn, statement)
    faults = check(model=MODEL.replace("select material, month", "select 'a' as material, date '2026-05-01' as month"))
    assert faults
    assert all(fault.startswith("erp.try: target: ") for fault in faults)


def test_a_key_that_may_be_there_twice_is_told(check: Check, records_dsn: str) -> None:
    change(records_dsn, "ALTER TABLE erp.monthly_sales DROP CONSTRAINT monthly_sales_pkey")
    assert check() == ["erp.try: target: The primary key of erp.monthly_sales is not material, month."]


def test_a_lake_that_does_not_answer_is_no_fault_of_the_flow(there: Places) -> None:
    flow = parse("erp.try", DECLARATION, MODEL)
    with pytest.raises(UnreachableError):
        check_flow(flow, "postgresql://127.0.0.1:1/gone", there.records, {}, there.systems)


def change(records_dsn: str, statement: str) -> None:
    with psycopg.connect(records_dsn) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def vaxel(there: Places, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """`vaxel("--dir", ...)`: exit code and output of `vaxel gearbox check --dir ...`."""
    variables = {
        "VAXEL_KAFKA": "127.0.0.1:1",
        "VAXEL_LAKE_CATALOG": there.catalog,
        "VAXEL_LAKE_FILES": str(tmp_path),
        "VAXEL_RECORDS": there.records,
    }

    app = typer.Typer()
    app.command()(gearbox_check.check)

    def vaxel(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(words), env=variables)
        return result.exit_code, result.output if result.exception is None else f"{result.output}{result.exception}"

    return vaxel


def write(folder: Path, declaration: str = DECLARATION, model: str = MODEL) -> Path:
    folder.mkdir()
    (folder / "flow.toml").write_text(declaration, "utf-8")
    (folder / "model.sql").write_text(model, "utf-8")
    return folder


def test_the_command_checks_a_flow_that_is_not_shipped_yet(
    vaxel: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    code, said = vaxel("--dir", str(write(tmp_path / "erp.new")))
    assert code == 0, said
    assert said.splitlines() == [
        "erp.new: approval: nobody holds the role erp_approver, so nobody can approve (worth a look)",
        "erp.new: feeds erp.monthly_sales: activated_qty (live), usage_per_session (nightly); "
        "over 0 rows: erp_approver",
    ]


def test_the_command_ends_with_1_and_tells_every_fault(vaxel: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    broken = DECLARATION.replace('"live"', '"soon"').replace("version = 1\n", "")
    code, said = vaxel("--dir", str(write(tmp_path / "erp.new", broken)), "--json")
    assert code == 1
    (found,) = json.loads(said.splitlines()[0])
    assert found["flow"] == "erp.new"
    assert [fault.split(": ")[1] for fault in found["faults"]] == ["version", "fields.activated_qty.gear"]


def test_the_command_checks_a_shipped_flow_by_its_name(vaxel: Callable[..., tuple[int, str]]) -> None:
    code, said = vaxel("erp.sales_usage")
    assert code == 0, said
    assert "erp.sales_usage: feeds erp.monthly_sales: activated_qty (hourly), in_use_qty (nightly)" in said


def test_a_folder_without_a_flow_and_a_name_that_is_none_are_told(
    vaxel: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    assert "There is no flow.toml of flow" in vaxel("--dir", str(tmp_path))[1]
    assert "There is no flow 'erp.nothing'; flows are " in vaxel("erp.nothing")[1]
    assert "give either the flow 'a' or --dir" in vaxel("a", "--dir", str(tmp_path))[1]
