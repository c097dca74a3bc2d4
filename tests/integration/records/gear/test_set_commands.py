"""`vaxel gearbox list | show`: what became of a set's changes, told by outcome; who approved; what is refused."""

from __future__ import annotations

from datetime import date

import pytest

from tests.integration.records.gear import looking
from tests.integration.records.gear.filling import NOW, Filler, Wanted, ago
from tests.integration.records.gear.looking import DORMANT, IN_USE, KEY, Call, reported

pytestmark = pytest.mark.postgres

fill, call = looking.fill, looking.call
FREE = "over the free size"


def materials(count: int, reason: str = "within", first: int = 0) -> list[Wanted]:
    return [
        Wanted((f"M{first + index}", date(2026, 3, 1)), IN_USE, 1, 2, decision="needs_approval", reason=reason)
        for index in range(count)
    ]


def tallied(call: Call, number: int) -> list[str]:
    code, text = call("show", str(number))
    assert code == 0, text
    return [line.strip() for line in text.splitlines() if line.startswith("  ") and " in " in line and "M" not in line]


def test_show_tells_by_outcome_what_became_of_changes_whatever_was_said_when_they_were_planned(
    call: Call, fill: Filler
) -> None:
    number = fill.add_set(*materials(4, "one"), *materials(4, "another", 4), status="applied")
    left_out = {
        2: ("conflict", "holds 7, 1 was planned upon"),
        3: ("conflict", "holds 8, 1 was planned upon"),
        4: ("conflict", "the row is gone"),
        5: ("turned_down", "turned down: the month is closed"),
    }
    fill.approve(number, "Bert Ek", "sales_lead", NOW)
    fill.carry(number, [1, 2, 3, 4, 5, 6, 7], NOW, left_out=left_out)  # type: ignore[arg-type]
    assert sorted(tallied(call, number)) == [
        "1 approved by Bert Ek, goes when no gear or freeze holds it up (another) in 1 row, and never went: "
        "the set is closed",
        "1 change in 1 row: left alone (the row is gone)",
        "1 change in 1 row: turned down by the system (the month is closed)",
        "2 changes in 2 rows: left alone (no longer as planned)",
        "3 changes in 3 rows: written",
    ]


def test_show_of_an_open_set_tells_what_is_left_by_decision_and_reason(call: Call, fill: Filler) -> None:
    refused = Wanted(("M9", date(2026, 3, 1)), IN_USE, 1, 2, decision="refused", reason="no consent")
    number = fill.add_set(*materials(3, FREE), *materials(1, "a person set it", 5), refused)
    fill.carry(number, [1], NOW)
    fill.approve(number, "Bert Ek", "sales_lead", NOW)
    fill.approve(number, "Carl Ek", "sales_lead", NOW)
    who = "approved by Bert Ek and Carl Ek"
    assert sorted(tallied(call, number)) == [
        f"1 {who}, goes when no gear or freeze holds it up (a person set it) in 1 row",
        "1 change in 1 row: written",
        "1 refused (no consent) in 1 row",
        f"2 {who}, go when no gear or freeze holds them up (over the free size) in 2 rows",
    ]
    cells = [line.split() for line in call("show", str(number))[1].splitlines() if line.startswith("M")]
    assert [row[5] for row in cells] == ["approved"] * 4 + ["refused"]


def test_show_of_a_set_that_ended_unapproved_does_not_say_it_twice_of_what_was_refused(
    call: Call, fill: Filler
) -> None:
    refused = Wanted(KEY, IN_USE, 1, 2, decision="refused", reason="no consent")
    number = fill.add_set(refused, *materials(1, FREE), status="expired")
    assert tallied(call, number) == [
        "1 needs an approval (over the free size) in 1 row, and never went: the set is closed",
        "1 refused (no consent) in 1 row",
    ]


def test_list_tells_what_is_refused_and_what_waits_for_an_approval(call: Call, fill: Filler) -> None:
    refused = Wanted(KEY, IN_USE, 1, 2, decision="refused", reason="no consent")
    asking = fill.add_set(refused, Wanted(KEY, DORMANT, 1, 2, decision="refused"), *materials(3))
    fill.carry(asking, [3], NOW)
    given = fill.add_set(refused, *materials(3))
    fill.approve(given, "Bert Ek", "sales_lead", NOW)
    over = fill.add_set(*materials(3), refused, status="applied")
    fill.carry(over, [1, 2], NOW, left_out={2: ("conflict", "the row is gone")})
    nothing = fill.add_set(refused, status="refused")
    void = fill.add_set(refused, status="superseded")
    found = {row["change_set_id"]: (row["needing_approval"], row["refused"]) for row in reported(call, "list")}
    assert found == {asking: (2, 2), given: (0, 1), over: (0, 2), nothing: (0, 1), void: (0, None)}
    lines = call("list")[1].splitlines()
    cells = {line.split()[0]: line.split() for line in lines if "plan" in line}
    assert cells[str(asking)][3:9] == ["open", "2", "5", "1", "0", "2"]
    assert cells[str(given)][3:9] == ["open", "given", "4", "0", "0", "1"]
    assert cells[str(void)][3:9] == ["superseded", "-", "1", "0", "0", "-"]


def test_the_list_fits_a_terminal_of_120_columns(call: Call, fill: Filler) -> None:
    first = fill.add_set(*materials(1), status="superseded", planned_by="Anna Holmberg", planned_at=ago(days=900))
    own = Wanted(("cu-1",), "engagement", None, "daily", decision="needs_approval")
    fill.add_set(own, table="crm.customer", kind="compensate", undoes=first, planned_at=ago(minutes=59))
    longer = len("erp.spare_parts_demand") - len("crm.customer_usage")
    assert max(map(len, call("list")[1].splitlines())) + longer <= 120


def test_why_tells_who_approved_what_is_to_come(call: Call, fill: Filler) -> None:
    number = fill.add_set(Wanted(KEY, IN_USE, 7, 8, decision="needs_approval", reason=FREE))
    asked = ("why", "erp.monthly_sales", "WM-8030", "2026-03-01", IN_USE)
    assert "needs an approval (over the free size)" in call(*asked)[1]
    fill.approve(number, "Bert Ek", "sales_lead", NOW)
    assert "approved by Bert Ek, goes when no gear or freeze holds it up (over the free size)" in call(*asked)[1]
    fill.approve(number, "Carl Ek", "sales_lead", NOW, is_approved=False)
    assert "needs an approval (over the free size)" in call(*asked)[1]


def test_status_tells_facts_by_their_snapshot_when_the_lake_is_not_asked(call: Call, fill: Filler) -> None:
    number = fill.add_set(Wanted(KEY, IN_USE, 7, 8), snapshot=41, status="applied")
    fill.carry(number, [1], ago(hours=1))
    code, text = call("status", "--no-lake")
    assert code == 0, text
    rows = {line.split()[1]: line.split() for line in text.splitlines() if line.startswith("erp.monthly_sales")}
    assert rows[IN_USE][3:7] == ["1", "h", "snapshot", "41"]
    assert rows[DORMANT][3:5] == ["-", "-"]
