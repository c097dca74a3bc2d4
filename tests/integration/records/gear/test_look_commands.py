"""`vaxel gearbox list | log | status` as a user types them, and metrics and health as they are served."""

from __future__ import annotations

import json
import urllib.request
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError

import pytest

from sinks.records.gear import places
from tests.integration.records.conftest import Lake
from tests.integration.records.gear import looking
from tests.integration.records.gear.conftest import Ledger
from tests.integration.records.gear.filling import NOW, Filler, Wanted, ago
from tests.integration.records.gear.looking import DORMANT, IN_USE, KEY, Call, reported
from vaxel.gearbox_metrics import serving

pytestmark = pytest.mark.postgres

fill, call, written = looking.fill, looking.call, looking.written


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
