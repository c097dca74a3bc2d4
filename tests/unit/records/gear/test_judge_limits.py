"""How much a set may move at once, on a day, and without an approval."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from sinks.records.gear.changes import ChangeSet, Verdict
from sinks.records.gear.flow import Approval, Completeness
from sinks.records.gear.judge import Size, judge
from tests.unit.records.gear.judging import IN_USE, PLACE, TOMORROW, a_set, rows, verdict, verdicts
from tests.unit.records.gear.sales import NOON, change, last_write, sales, situation

# Limits of the set


@pytest.mark.parametrize(
    ("limits", "change_set", "reason"),
    [
        ({"max_rows": 3}, a_set(*rows(4)), "4 rows would change, the flow's limit is 3"),
        (
            {"max_share_of_rows": 0.5},
            a_set(*rows(3), target_rows=5),
            "3 of 5 rows (60.0%) would change, the flow's limit is 50.0%",
        ),
        ({"max_rows": 3}, a_set(*rows(4, op="insert"), target_rows=5), "4 rows would change, the flow's limit is 3"),
        ({"max_money": Decimal(9)}, a_set(change(), money=Decimal("9.01")), "9.01 of money would move, the flow's lim"),
    ],
)
def test_a_set_over_a_limit_is_refused_as_a_whole_with_what_was_found(
    limits: dict[str, Any], change_set: ChangeSet, reason: str
) -> None:
    judged = judge(sales(limits=limits), change_set, situation(is_approved=True, approved_now_at=NOON))
    assert judged.refused_because is not None
    assert judged.refused_because.startswith(reason)
    assert {one.verdict for one in judged.change_set.changes} == {Verdict("refused", judged.refused_because)}


@pytest.mark.parametrize(
    ("limits", "change_set"),
    [
        ({"max_rows": 3}, a_set(*rows(3), change("M-00000", field="sold_qty"))),
        ({"max_share_of_rows": 0.5}, a_set(*rows(3), target_rows=6)),
        ({"max_share_of_rows": 0.5}, a_set(*rows(3, op="insert"), target_rows=0)),
        ({"max_share_of_rows": 0.5}, a_set(*rows(3, op="insert"), target_rows=2)),
        ({"max_money": Decimal(9)}, a_set(change(), money=Decimal(9))),
    ],
    ids=["rows", "share", "rows added to an empty table", "more rows added than there are", "money"],
)
def test_a_set_at_its_limit_goes(limits: dict[str, Any], change_set: ChangeSet) -> None:
    assert verdict(sales(limits=limits), change_set)[0] == "go"


def test_a_part_of_a_set_is_judged_by_the_size_of_the_whole() -> None:
    """Of a set that is half written, or a chunk of it: it does not become a small one by that."""
    whole = a_set(*rows(4))
    part = replace(whole, changes=whole.changes[3:])
    flow = sales(approval=Approval(role="erp_approver", free_rows=3))
    assert judge(flow, part, situation()).change_set.changes[0].verdict.decision == "go"
    assert judge(flow, part, situation(), Size.of(whole)).change_set.changes[0].verdict.decision == "needs_approval"
    assert judge(sales(limits={"max_rows": 3}), part, situation(), Size.of(whole)).refused_because is not None


# The free size


@pytest.mark.parametrize(
    ("approval", "change_set", "told"),
    [
        ({}, a_set(change()), "1 rows would change, more than 0 need an approval of role boss"),
        ({"free_rows": 3}, a_set(*rows(4)), "4 rows would change, more than 3 need an approval of role boss"),
        ({"free_rows": 3}, a_set(*rows(3)), None),
        (
            {"free_rows": 9, "free_share": 0.5},
            a_set(*rows(3), target_rows=5),
            "3 of 5 rows (60.0%) would change, more than 50.0% need an approval of role boss",
        ),
        ({"free_rows": 9, "free_share": 0.5}, a_set(*rows(3), target_rows=6), None),
        (
            {"free_rows": 9, "free_share": 0.5},
            a_set(*rows(3, op="insert"), target_rows=0),
            "3 rows would be added and none is there, more than 50.0% need an approval of role boss",
        ),
        (
            {"free_rows": 9, "free_money": Decimal(5)},
            a_set(change(), money=Decimal("5.01")),
            "5.01 of money would move, more than 5 need an approval of role boss",
        ),
        ({"free_rows": 9, "free_money": Decimal(5)}, a_set(change(), money=Decimal(5)), None),
    ],
)
def test_a_set_beyond_the_free_size_needs_an_approval_of_the_flows_role(
    approval: dict[str, Any], change_set: ChangeSet, told: str | None
) -> None:
    flow = sales(approval=Approval(role="boss", **approval))
    expected = ("go", "within the flow's limits") if told is None else ("needs_approval", told)
    assert verdict(flow, change_set) == expected
    assert verdict(flow, change_set, is_approved=True)[0] == "go"


# Limits of the day


def test_rows_over_the_days_limit_wait_for_the_systems_midnight() -> None:
    flow = sales(limits={"max_rows_per_day": 10})
    changes = [one for row in rows(4) for one in (replace(row, field="sold_qty"), row)]
    found = verdicts(flow, a_set(*changes), rows_today=8)
    assert [one.decision for one in found] == ["go"] * 4 + ["wait"] * 4
    assert found[-1] == Verdict("wait", "the flow's limit of 10 rows a day is reached", TOMORROW)


def test_rows_that_do_not_go_today_take_nothing_of_the_day() -> None:
    flow = sales(limits={"max_rows_per_day": 2})
    changes = rows(4)
    last = {(one.key, one.field): last_write(after="9") for one in changes[:2]}
    assert [one.decision for one in verdicts(flow, a_set(*changes), last=last)] == ["refused"] * 2 + ["go"] * 2


def test_a_row_that_would_move_too_much_money_today_waits_and_a_smaller_one_goes() -> None:
    flow = sales(money_field=IN_USE, limits={"max_money": Decimal(100), "max_money_per_day": Decimal(10)})
    moves = {"A": ("0", "4"), "B": ("0", "9"), "C": ("5", "4"), "D": ("1", "2")}
    changes = [change(material, before=before, after=after) for material, (before, after) in moves.items()]
    found = verdicts(flow, a_set(*changes, money=Decimal(15)), money_today={"": Decimal(5)})
    assert [one.decision for one in found] == ["go", "wait", "go", "wait"]
    assert found[1].reason == "with it, more than the flow's limit of 10 of money a day would move"
    assert found[1].not_before == TOMORROW


def test_a_row_of_which_a_part_was_approved_is_one_row_of_the_day() -> None:
    flow = sales(limits={"max_rows_per_day": 2}, fields={IN_USE: {"person_wins": "ask"}})
    changes = [change("A", field="sold_qty"), change("A"), change("B"), change("C")]
    last = {PLACE: last_write(after="9")}
    found = verdicts(flow, a_set(*changes), last=last, is_approved=True)
    assert [one.decision for one in found] == ["go", "go", "go", "wait"]


def test_what_needed_no_approval_goes_before_what_did_when_the_day_is_short() -> None:
    """So an approval takes nothing away from what goes without one."""
    flow = sales(limits={"max_rows_per_day": 1}, completeness=Completeness(min_share=1))
    change_set = a_set(change("A", gates='{"complete_share":0.5}'), change("B"))
    assert [one.decision for one in verdicts(flow, change_set)] == ["needs_approval", "go"]
    assert [one.decision for one in verdicts(flow, change_set, is_approved=True)] == ["wait", "go"]
