"""`vaxel gearbox why` as a user types it: from a value in a record system to the uploads behind it."""

from __future__ import annotations

import pytest

from tests.integration.records.gear import looking
from tests.integration.records.gear.conftest import Ledger
from tests.integration.records.gear.filling import Filler, Wanted, ago
from tests.integration.records.gear.looking import DORMANT, IN_USE, KEY, SESSION, Call, reported

pytestmark = pytest.mark.postgres

fill, call, written = looking.fill, looking.call, looking.written


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
