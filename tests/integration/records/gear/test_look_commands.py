"""`vaxel gearbox list | show | why | log | status` as a user types them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import psycopg
import pytest

from schemas.records import system_ddl
from sinks.records.gear import places
from tests.integration.records.conftest import NEWEST, Lake
from tests.integration.records.gear.conftest import Ledger
from tests.integration.records.gear.filling import NOW, Filler, Wanted, ago
from vaxel.__main__ import run
from vaxel.gearbox_metrics import serving

pytestmark = pytest.mark.postgres

Call = Callable[..., tuple[int, str]]
KEY = ("WM-8030", date(2026, 3, 1))
IN_USE, DORMANT = "in_use_qty", "dormant_qty"
SESSION = f"wm-1@{NEWEST - timedelta(hours=1):%Y%m%dT%H%M}"
UPLOAD = f"""
INSERT INTO uploads
  (topic, "partition", "offset", received_at, device_id, seq, outcome, last_measured_at, reading_count)
VALUES ('telemetry.washer', 2, 70, TIMESTAMP '{NEWEST}', 'wm-1', 8, 'accepted', TIMESTAMP '{NEWEST}', 50),
       ('telemetry.washer', 2, 75, TIMESTAMP '{NEWEST}', 'wm-1', 9, 'accepted', TIMESTAMP '{NEWEST}', 50),
       ('telemetry.washer', 2, 76, TIMESTAMP '{NEWEST}', 'wm-1', 9, 'duplicate', TIMESTAMP '{NEWEST}', 50)"""


@pytest.fixture
def fill(ledger: Ledger) -> Filler:
    """A ledger, and beside it an ERP with one row."""
    with psycopg.connect(ledger.owner) as connection:
        connection.execute(system_ddl("erp").encode())
        connection.execute(
            f"INSERT INTO erp.monthly_sales (material, month, sold_qty, {IN_USE}) VALUES (%s, %s, 9, 7)".encode(), KEY
        )
    return Filler(ledger.owner)


@pytest.fixture
def call(
    lake: Lake, ledger: Ledger, fill: Filler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """`call("show", "1")` gives the exit code and what was printed."""
    known = {
        "VAXEL_KAFKA": "nowhere:1",
        "VAXEL_LAKE_CATALOG": lake.catalog,
        "VAXEL_LAKE_FILES": str(lake.files),
        "VAXEL_RECORDS": ledger.owner,
        "VAXEL_RECORDS_ERP": ledger.owner,
        "VAXEL_LEDGER": ledger.dsn,
    }
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    stopped = places.Clock(now=lambda: NOW)
    monkeypatch.setattr(places, "Clock", lambda: stopped)

    def call(*arguments: str) -> tuple[int, str]:
        code = run(("gearbox", *arguments))
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


def reported(call: Call, *arguments: str) -> Any:
    code, text = call(*arguments, "--json")
    assert code == 0, text
    return json.loads(text)


@pytest.fixture
def written(fill: Filler, lake: Lake) -> int:
    """A set that Bert approved and that wrote 7 where nothing was, from the newest snapshot of the lake."""
    lake.write(UPLOAD)
    with psycopg.connect(lake.catalog) as connection:
        row = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshot").fetchone()
    assert row is not None
    why = {"session_count": 7, "session_sample": [SESSION, "wm-9@never"], "as_of": "2026-05-15T12:00:00Z"}
    number = fill.add_set(
        Wanted(KEY, IN_USE, None, 7, decision="needs_approval", reason="over the free size", why=why),
        Wanted(KEY, DORMANT, None, 2, why=why),
        status="applied",
        snapshot=row[0],
        planned_at=ago(hours=3),
    )
    fill.approve(number, "Bert Ek", "sales_lead", ago(hours=2))
    fill.carry(number, [1, 2], ago(hours=1), left_out={2: ("conflict", "the row was changed")})
    return number


def test_why_goes_from_the_value_to_uploads(call: Call, written: int) -> None:
    code, text = call("why", "erp.monthly_sales", "WM-8030", "2026-03-01", IN_USE)
    assert code == 0, text
    lines = text.splitlines()
    assert lines[0] == "erp.monthly_sales WM-8030 2026-03-01"
    assert "in_use_qty: 7, as the gearbox wrote it" in lines
    assert "  written 2026-05-15 11:00:00 UTC (1 h ago) by gearbox: - -> 7" in lines
    assert f"    change set {written}: a plan by flow erp.sales_usage, version 1-abc" in lines
    assert any(line.startswith("    from lake snapshot ") and "; planned by anna at" in line for line in lines)
    assert "    approved by Bert Ek as sales_lead at 2026-05-15 10:00:00 UTC" in lines
    assert "    evidence: session_count 7, as_of 2026-05-15T12:00:00Z" in lines
    (known,) = [line.split() for line in lines if line.startswith(SESSION)]
    assert known[1:4] == ["1", "closed", "wm-1"]
    assert {"616.0", "2", "telemetry.washer[2]@70..75"} <= set(known)
    (unknown,) = [line for line in lines if line.startswith("wm-9@never")]
    assert "not in the lake" in unknown


def test_why_of_a_row_tells_all_fields_of_flows_and_what_was_left_out(call: Call, written: int) -> None:
    found = reported(call, "why", "erp.monthly_sales", "month=2026-03-01", "material=WM-8030")
    by_name = {entry["field"]: entry for entry in found["fields"]}
    assert {"activated_qty", IN_USE, DORMANT} <= set(by_name)
    assert (by_name[IN_USE]["standing"], by_name[IN_USE]["value"]) == ("ours", 7)
    (event,) = by_name[DORMANT]["events"]
    assert (event["event"], event["detail"]) == ("conflict", {"reason": "the row was changed"})
    assert (by_name[DORMANT]["standing"], by_name[DORMANT]["value"]) == ("never_written", None)
    session = by_name[IN_USE]["lake"]["sessions"][0]
    assert (session["session_id"], session["energy_wh"], session["uploads"][0]["count"]) == (SESSION, 616.0, 2)
    assert by_name[IN_USE]["lake"]["is_exact"]
    assert found["key"] == {"material": "WM-8030", "month": "2026-03-01"}


def test_why_tells_an_edit_and_a_snapshot_that_has_expired(call: Call, ledger: Ledger, fill: Filler) -> None:
    number = fill.add_set(
        Wanted(KEY, IN_USE, None, 6, why={"sessions": [{"session_id": SESSION, "version": 1}]}),
        snapshot=99_999,
        status="applied",
    )
    fill.carry(number, [1], ago(hours=1))
    code, text = call("why", "erp.monthly_sales", "WM-8030", "2026-03-01", IN_USE)
    assert code == 0, text
    assert "in_use_qty: 7; somebody else set it after the gearbox wrote 6" in text
    assert "from lake snapshot 99999, which has expired" in text
    assert "let through by rule: 3 of 117 rows, within the flow's free size" in text
    assert "as it is known now: the value's own snapshot has expired" in text


def test_why_of_a_row_that_is_not_there_is_exit_code_1_and_a_wrong_call_2(call: Call) -> None:
    code, text = call("why", "erp.monthly_sales", "WM-1", "2026-03-01")
    assert (code, text.splitlines()[1]) == (1, "erp has no such row now, and the gearbox never wrote one.")
    for arguments, told in (
        (("erp.sales", "WM-8030"), "There is no record table 'erp.sales'; tables are erp.material"),
        (("erp.monthly_sales", "WM-8030"), "is material month; month is not given"),
        (("erp.monthly_sales", "WM-8030", "2026-03-01", "colour"), "has no field 'colour'; its fields are sold_qty"),
        (("erp.monthly_sales", "WM-8030", "soon"), "month 'soon' is not a date"),
        (("erp.monthly_sales", "year=1", "WM-8030", "2026-03-01"), "has no column year; it is material month"),
        (("erp.monthly_sales", "WM-8030", "2026-03-01", IN_USE, "x"), "Cannot tell what 'x' is"),
    ):
        code, text = call("why", *arguments)
        assert code == 2
        assert told in text


def test_why_tells_what_the_ledger_knows_though_the_lake_is_away(
    call: Call, written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAXEL_LAKE_CATALOG", "postgresql://postgres@127.0.0.1:1/none")
    code, text = call("why", "erp.monthly_sales", "WM-8030", "2026-03-01", IN_USE)
    assert code == 3
    assert f"change set {written}: a plan by flow erp.sales_usage" in text
    assert "what is behind it cannot be told: The lake's catalogue" in text


def test_show_tells_what_a_set_would_do_and_the_next_step(call: Call, fill: Filler) -> None:
    number = fill.add_set(
        Wanted(KEY, IN_USE, 7, None),
        Wanted(KEY, DORMANT, None, 2, decision="wait", reason="gear nightly", not_before=NOW + timedelta(hours=11)),
        missing_keys=['{"material":"SH-1","month":"2026-01-01"}'],
        planned_at=ago(minutes=3),
    )
    code, text = call("show", str(number))
    assert code == 0, text
    lines = text.splitlines()
    assert lines[0] == f"change set {number}, a plan of erp.sales_usage (version 1-abc): open, void in 6 d"
    assert lines[1].startswith("It holds 2 changes in 1 row of the 117 in erp.monthly_sales, from lake snapshot 1; ")
    assert lines[1].endswith("planned by anna at 2026-05-15 11:57:00 UTC, 3 min ago.")
    assert "  1 goes (3 of 117 rows, within the flow's free size) in 1 row" in lines
    assert "  1 waits until 2026-05-15 23:00:00 UTC (gear nightly) in 1 row" in lines
    assert "erp.monthly_sales has no row for SH-1 2026-01-01; none is added" in lines
    assert "approved by nobody" in lines
    assert f"next: vaxel gearbox apply {number}    # write what may go now" in lines
    table = [line.split() for line in lines if line.startswith("WM-8030")]
    assert table[0][:5] == ["WM-8030", "2026-03-01", IN_USE, "7", "-"]
    assert table[1][-4:] == ["2", "wait", "gear", "nightly"]


def test_show_asks_for_an_approval_until_there_is_one(call: Call, fill: Filler) -> None:
    number = fill.add_set(Wanted(KEY, IN_USE, 7, 8, decision="needs_approval", reason="over the free size"))
    assert f"next: vaxel gearbox approve {number} --by WHO " in call("show", str(number))[1]
    fill.approve(number, "Bert Ek", "sales_lead", NOW, content_hash="of something else")
    assert "does not count" in call("show", str(number))[1]
    fill.approve(number, "Bert Ek", "sales_lead", NOW)
    text = call("show", str(number))[1]
    assert "approved by Bert Ek as sales_lead" in text
    assert f"next: vaxel gearbox apply {number} " in text
    assert "approve " not in text
    assert "1 approved by Bert Ek, goes when no gear or freeze holds it up (over the free size) in 1 row" in text
    assert "needs an approval" not in text


def test_show_says_a_reason_once_where_it_is_the_same_for_all(call: Call, fill: Filler) -> None:
    number = fill.add_set(Wanted(KEY, IN_USE, 7, 8, reason="tiny"), Wanted(KEY, DORMANT, 7, 8, reason="tiny"))
    assert call("show", str(number))[1].count("tiny") == 1


def test_show_shows_added_rows_as_rows_and_says_how_much_more_there_is(call: Call, fill: Filler) -> None:
    added = [
        Wanted((f"M{index}", date(2026, 3, 1)), field, None, index * 10 + place, op="insert")
        for index in range(3)
        for place, field in enumerate((IN_USE, DORMANT))
    ]
    number = fill.add_set(*added)
    lines = call("show", str(number), "--changes", "2")[1].splitlines()
    assert "rows to add:" in lines
    assert [line.split() for line in lines if line.startswith("M")] == [
        ["M0", "2026-03-01", "0", "1"],
        ["M1", "2026-03-01", "10", "11"],
    ]
    assert lines[-1] == "2 more changes; all of them: --changes 0"
    assert len(reported(call, "show", str(number), "--changes", "0")["changes_shown"]) == 6


def test_show_of_a_set_that_is_not_there_names_the_newest(call: Call, fill: Filler) -> None:
    code, text = call("show", "7")
    assert (code, "the newest is not planned yet" in text) == (2, True)


def test_missing_values_empty_texts_and_terminal_codes_are_shown_as_they_are(call: Call, fill: Filler) -> None:
    number = fill.add_set(Wanted(("cu-1",), "engagement", None, ""), Wanted(("cu-2",), "engagement", "\x1b[31m", "a"),
                          table="crm.customer", status="applied")  # fmt: skip
    fill.carry(number, [1, 2], ago(hours=1))
    code, text = call("log", "--table", "crm.customer")
    assert code == 0, text
    cells = [line.split() for line in text.splitlines() if " cu-" in line]
    assert cells[0][5:9] == ["cu-2", "engagement", "\\x1b[31m", "a"]
    assert cells[1][5:9] == ["cu-1", "engagement", "-", '""']


def test_log_shows_writes_and_with_events_all_that_happened(call: Call, written: int, fill: Filler) -> None:
    fill.tell("frozen", "bert", NOW, system="erp", reason="year end")
    (row,) = reported(call, "log", "--set", str(written), "--field", IN_USE, "--since", "2h")
    assert (row["key"], row["before"], row["after"]) == ({"material": "WM-8030", "month": "2026-03-01"}, None, 7)
    assert reported(call, "log", "--since", "10 min") == []
    text = call("log", "--events")[1]
    assert "reason year end, system erp" in text
    assert "reason the row was changed" in text
    for arguments in (
        ("--since", "soon"),
        ("--key", "material"),
        ("--table", "erp.sales"),
        ("--table", "erp.monthly_sales", "--field", "x"),
    ):
        assert call("log", *arguments)[0] == 2


def test_list_shows_sets_newest_first(call: Call, written: int, fill: Filler) -> None:
    number = fill.add_set(Wanted(KEY, IN_USE, 7, 8))
    assert [row["change_set_id"] for row in reported(call, "list")] == [number, written]
    assert [row["change_set_id"] for row in reported(call, "list", "--open")] == [number]
    line = next(line for line in call("list")[1].splitlines() if " applied " in line)
    assert line.split() == [str(written), "plan", "erp.sales_usage", "applied", "given", "2", "1", "1", "0", "3", "h",
                            "anna"]  # fmt: skip
    assert call("list", "--flow", "nothing")[0] == 2


def test_status_tells_queues_ages_ratio_breakers_and_freezes(call: Call, written: int, fill: Filler) -> None:
    fill.add_set(Wanted(KEY, IN_USE, 7, 8, decision="wait", not_before=NOW), planned_at=ago(days=3))
    fill.break_off("crm", "does not answer", NOW + timedelta(minutes=1))
    fill.freeze("*", ago(days=1), NOW + timedelta(days=1), "erp.sales_usage")
    code, text = call("status")
    assert code == 0, text
    lines = [line.split() for line in text.splitlines() if line]
    (sales,) = [line for line in lines if line[0] == "erp.sales_usage"]
    assert sales[1:7] == ["1", "0", "1", "0", "0", "0"]
    assert sales[8:10] == ["3", "d"]
    (field,) = [line for line in lines if line[:2] == ["erp.monthly_sales", IN_USE]]
    assert field[3:5] == ["1", "h"]
    (erp,) = [line for line in lines if line[0] == "erp"]
    assert erp[:5] == ["erp", "yes", "1", "1", "6.0"]
    (crm,) = [line for line in lines if line[0] == "crm"]
    assert crm[1:4] == ["no,", "again", "at"]
    assert "1 row written in all; 6 uploads with 100 readings came in: 6.0 uploads per row" in text
    assert "year end" in text
    found = reported(call, "status")
    assert found["total"]["uploads_per_row"] == 6.0
    ages = {
        field["field"]: (field["age_s"], field["facts_at"])
        for field in found["fields"]
        if field["flow"] == "erp.sales_usage"
    }
    assert ages[IN_USE][0] == 3600.0
    assert ages[IN_USE][1] is not None
    assert ages[DORMANT] == (None, None)


def test_status_tells_what_the_ledger_knows_though_the_lake_is_away(
    call: Call, written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAXEL_LAKE_CATALOG", "postgresql://postgres@127.0.0.1:1/none")
    code, text = call("status")
    assert code == 3
    assert "1 row written in all" in text
    assert "ratios and ages of facts cannot be told" in text
    assert call("status", "--no-lake")[0] == 0


def test_a_ledger_that_does_not_answer_is_exit_code_3(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAXEL_LEDGER", "postgresql://postgres@127.0.0.1:1/none")
    assert call("list")[0] == 3
    assert call("status")[0] == 3
    assert call("log")[0] == 3


def test_metrics_and_health_are_served_from_ledger_and_lake(
    call: Call, written: int, ledger: Ledger, lake: Lake, fill: Filler, capsys: pytest.CaptureFixture[str]
) -> None:
    where = places.places({"VAXEL_LEDGER": ledger.dsn}, lake.catalog, ledger.owner)
    with serving(where, Path(".vaxel"), 0):
        address = capsys.readouterr().err.removeprefix("metrics: ").strip()
        with urllib.request.urlopen(address) as answer:
            text = answer.read().decode()
        assert 'vaxel_gearbox_written_rows{system="erp"} 1.0' in text
        assert 'vaxel_gearbox_uploads_per_row{system="erp"} 6.0' in text
        health = address.replace("/metrics", "/health")
        with urllib.request.urlopen(health) as answer:
            assert json.load(answer)["status"] == "green"
        fill.break_off("crm", "does not answer", NOW)
        with pytest.raises(HTTPError) as red:
            urllib.request.urlopen(health)
        with red.value as refused:
            assert json.load(refused)["problems"] == [
                "crm is not called until 2026-05-15 12:00:00+00:00: does not answer"
            ]
    with serving(where, Path(".vaxel"), None):
        assert capsys.readouterr().err == ""
