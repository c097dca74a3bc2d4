"""`vaxel seed` and `vaxel gearbox` as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.integration.records.conftest import Lake
from vaxel.__main__ import run

pytestmark = pytest.mark.postgres

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def call(
    lake: Lake, records_dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """`call("gearbox", "plan")` gives the exit code and what was printed."""
    known = {
        "VAXEL_KAFKA": "nowhere:1",
        "VAXEL_LAKE_CATALOG": lake.catalog,
        "VAXEL_LAKE_FILES": str(lake.files),
        "VAXEL_RECORDS": records_dsn,
        "COLUMNS": "160",
    }
    for name, value in known.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> tuple[int, str]:
        code = run(arguments)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


def reported(call: Call, *arguments: str) -> Any:
    code, text = call(*arguments, "--json")
    assert code == 0, text
    return json.loads(text)


def test_a_plan_shows_before_and_after_and_changes_no_record(call: Call) -> None:
    code, text = call("gearbox", "plan", "crm.customer_usage")
    assert code == 0
    assert "crm.customer_usage: change set 1, 10 changes in 3 of 3 rows" in text
    assert "go, 3 of 3 rows, within the flow's limits" in text
    assert "next_best_action" in text
    assert "replace shoes" in text
    assert reported(call, "gearbox", "log") == []


def test_all_flows_are_planned_applied_and_looked_back_at(call: Call) -> None:
    planned = reported(call, "gearbox", "plan")
    assert [(entry["flow"], entry["decision"]) for entry in planned] == [
        ("crm.customer_usage", "go"),
        ("erp.sales_usage", "go"),
    ]
    assert [entry["flow"] for entry in reported(call, "gearbox", "plan", "--all")] == [row["flow"] for row in planned]
    assert call("gearbox", "plan", "--all", "erp.sales_usage")[0] == 2
    applied = reported(call, "gearbox", "apply", "--all", "--by", "anna")
    assert [entry["changes"] for entry in applied] == [entry["changes"] for entry in planned]
    assert [entry["changes"] for entry in reported(call, "gearbox", "apply", "--all")] == [0, 0]
    log = reported(call, "gearbox", "log", "--table", "erp.monthly_sales", "--key", "material=WM-8030", "--limit", "3")
    assert [(row["who"], row["key"]["material"]) for row in log] == [("anna", "WM-8030")] * 3
    code, text = call("gearbox", "log", "--key", "customer_id=cu-1")
    assert code == 0
    assert "anna" in text


def test_a_kept_change_set_is_shown_and_applied_by_its_number(call: Call) -> None:
    (planned,) = reported(call, "gearbox", "plan", "crm.customer_usage")
    number = str(planned["change_set_id"])
    assert reported(call, "gearbox", "show", number)["status"] == "planned"
    assert call("gearbox", "apply", number) == (0, "crm.customer_usage: 10 changes in 3 rows written\n")
    assert call("gearbox", "apply", number) == (0, "crm.customer_usage: 0 changes in 0 rows written\n")
    code, text = call("gearbox", "show", number)
    assert code == 0
    assert "applied by" in text
    assert {change["status"] for change in reported(call, "gearbox", "show", number)["changes"]} == {"applied"}


def test_a_row_somebody_edited_meanwhile_is_told_and_gives_exit_code_1(call: Call, records_dsn: str) -> None:
    (planned,) = reported(call, "gearbox", "plan", "crm.customer_usage")
    with psycopg.connect(records_dsn) as connection:
        connection.execute("UPDATE crm.customer SET name = 'Someone Else' WHERE customer_id = 'cu-1'")
    code, text = call("gearbox", "apply", str(planned["change_set_id"]))
    assert code == 1
    assert "1 rows left as they are: somebody else changed them" in text
    assert call("gearbox", "apply", "crm.customer_usage")[0] == 0


def test_a_flow_that_fails_is_told_and_holds_up_no_other(call: Call, records_dsn: str) -> None:
    with psycopg.connect(records_dsn) as connection:
        connection.execute("ALTER TABLE crm.customer DROP COLUMN engagement")
    code, text = call("gearbox", "plan")
    assert code == 2
    assert "erp.sales_usage: change set 1, " in text
    code, text = call("gearbox", "apply", "--all")
    assert code == 2
    assert text.count("vaxel: crm.customer_usage: The record systems at ") == 1
    assert "erp.sales_usage: 357 changes in 117 rows written\n" in text
    code, text = call("gearbox", "apply", "--all", "--json")
    assert code == 2
    told, shown = sorted(text.splitlines(), reverse=True)
    crm, erp = json.loads(shown)
    assert (crm["flow"], erp["flow"], erp["changes"]) == ("crm.customer_usage", "erp.sales_usage", 0)
    assert told == f"vaxel: crm.customer_usage: {crm['error']}"


def test_the_worst_of_the_flows_gives_the_exit_code(call: Call, records_dsn: str) -> None:
    with psycopg.connect(records_dsn) as connection:
        connection.execute("ALTER TABLE crm.customer DROP COLUMN engagement")
        connection.execute("ALTER TABLE erp.monthly_sales ADD CHECK (activated_qty IS NULL)")
    code, text = call("gearbox", "apply", "--all")
    assert code == 3
    assert "vaxel: crm.customer_usage: " in text
    assert "vaxel: erp.sales_usage: " in text


def test_keys_that_the_target_does_not_hold_are_named(call: Call, records_dsn: str) -> None:
    with psycopg.connect(records_dsn) as connection:
        connection.execute("DELETE FROM erp.monthly_sales WHERE material = 'SH-220' AND month = '2026-04-01'")
    named = "erp.sales_usage: erp.monthly_sales has no row for SH-220 2026-04-01; none was added\n"
    assert named in call("gearbox", "plan", "erp.sales_usage")[1]
    assert named in call("gearbox", "show", "1")[1]
    (shift,) = reported(call, "gearbox", "apply", "erp.sales_usage")
    assert (shift["missing_rows"], shift["missing_keys"]) == (1, [{"material": "SH-220", "month": "2026-04-01"}])
    assert named in call("gearbox", "apply", "erp.sales_usage")[1]


def test_values_are_shown_as_they_are_one_change_a_line(call: Call, records_dsn: str) -> None:
    with psycopg.connect(records_dsn) as connection:
        connection.execute("UPDATE crm.customer SET engagement = '[/b] \x1b[31m' WHERE customer_id = 'cu-1'")
    code, text = call("gearbox", "plan", "crm.customer_usage")
    assert code == 0
    assert [line.split() for line in text.splitlines() if "cu-1" in line and "engagement" in line] == [
        ["cu-1", "engagement", "[/b]", "\\x1b[31m", "daily"]
    ]
    call("gearbox", "apply", "crm.customer_usage")
    code, text = call("gearbox", "log", "--key", "customer_id=cu-1", "--limit", "2")
    assert code == 0
    assert len(text.splitlines()) == 2 + 2 + 1
    assert text.splitlines()[-1] == "(2 rows; times are UTC)"


def test_a_plan_says_how_many_changes_it_does_not_show(call: Call) -> None:
    assert "(10 rows shown, 347 left out)" in call("gearbox", "plan", "erp.sales_usage")[1]


def test_without_a_lake_the_way_to_one_is_told(call: Call, records_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAXEL_LAKE_CATALOG", records_dsn)
    code, text = call("gearbox", "plan", "erp.sales_usage")
    assert code == 3
    assert text.count("\n") == 1
    assert "holds no lake yet: `vaxel run` or `vaxel sink lake` makes one." in text


def test_a_user_without_a_name_is_told_by_number(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    monkeypatch.setattr("os.getuid", lambda: 4711)
    reported(call, "gearbox", "apply", "crm.customer_usage")
    assert {row["who"] for row in reported(call, "gearbox", "log")} == {"uid 4711"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["plan", "erp.sales_usage", "--snapshot", "999999"],
            "The lake has no snapshot 999999: those it keeps are numbered 0 to",
        ),
        (["plan", "crm.nothing"], "There is no flow 'crm.nothing'; flows are crm.customer_usage, erp.sales_usage."),
        (["show", "99"], "There is no change set 99"),
        (["apply", "99"], "There is no change set 99"),
        (["apply"], "give either the number of a change set, or a flow, or --all"),
        (["apply", "1", "--all"], "give either the number of a change set, or a flow, or --all"),
        (["log", "--key", "material"], "give NAME=VALUE"),
        (["log", "--table", "erp.sales"], "There is no record table 'erp.sales'; tables are erp.material"),
    ],
)
def test_a_wrong_call_gets_one_line_and_exit_code_2(call: Call, arguments: list[str], told: str) -> None:
    code, text = call("gearbox", *arguments)
    assert code == 2
    assert told in text
    assert text.count("\n") == 1


def test_record_systems_that_do_not_answer_give_exit_code_3(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAXEL_RECORDS", "postgresql://user:very-secret@127.0.0.1:1/nowhere")
    code, text = call("gearbox", "plan")
    assert code == 3
    assert "127.0.0.1:1/nowhere" in text
    assert "very-secret" not in text


def test_seeding_twice_writes_once(call: Call) -> None:
    fleet = ("seed", "--washers", "5", "--shoes", "4")
    assert reported(call, *fleet)["erp.serial_number"] == 9
    assert set(reported(call, *fleet).values()) == {0}
    assert call(*fleet)[1].startswith("rows written: erp.material 0, ")
