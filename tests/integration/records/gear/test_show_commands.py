"""`vaxel gearbox show` as a user types it: what a set would do, and what comes next."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.integration.records.gear import looking
from tests.integration.records.gear.filling import NOW, Filler, Wanted, ago
from tests.integration.records.gear.looking import DORMANT, IN_USE, KEY, Call, reported

pytestmark = pytest.mark.postgres

fill, call = looking.fill, looking.call


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
