"""What was written before: newer facts, a person's edit since, and the way back."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from sinks.records.gear.flow import Flow
from sinks.records.gear.judge import judge
from tests.unit.records.gear.judging import FLOW, IN_USE, PLACE, a_set, rows, verdict
from tests.unit.records.gear.sales import NOON, change, key, last_write, sales, situation

# Older facts


@pytest.mark.parametrize(("snapshot", "decision"), [(41, "refused"), (40, "go"), (39, "go")])
def test_a_plan_of_older_facts_than_were_written_last_is_refused(snapshot: int, decision: str) -> None:
    found = verdict(FLOW, a_set(change()), last={PLACE: last_write(lake_snapshot=snapshot)})
    assert found[0] == decision
    if decision == "refused":
        assert found[1] == "change set 12 wrote it from lake snapshot 41, this one is of 40"


# A person's edit


def won_by(person_wins: str) -> Flow:
    return sales(fields={IN_USE: {"person_wins": person_wins}})


@pytest.mark.parametrize(
    ("person_wins", "is_approved", "decision", "reason"),
    [
        ("keep", False, "refused", "a person set it since change set 12 wrote it, and that is kept"),
        ("keep", True, "refused", "a person set it since change set 12 wrote it, and that is kept"),
        ("ask", False, "needs_approval", "a person set it since change set 12 wrote it"),
        ("ask", True, "go", "approved"),
        ("overwrite", False, "go", "within the flow's limits"),
    ],
)
def test_what_a_person_set_since_our_last_write_is_kept_asked_for_or_overwritten(
    person_wins: str, is_approved: bool, decision: str, reason: str
) -> None:
    last = {PLACE: last_write(after="3")}
    assert verdict(won_by(person_wins), a_set(change()), last=last, is_approved=is_approved) == (decision, reason)


@pytest.mark.parametrize("last", [None, last_write(after="4"), last_write(after="3", stored="4")])
def test_what_we_wrote_or_the_record_system_made_of_it_is_no_persons_edit(last: Any) -> None:
    known = {} if last is None else {PLACE: last}
    assert verdict(won_by("keep"), a_set(change()), last=known)[0] == "go"


def test_a_row_of_ours_that_a_person_removed_is_not_added_again() -> None:
    added = [change(op="insert", field=field, before="null", row_version=None) for field in FLOW.fields]
    assert verdict(FLOW, a_set(*added), last={PLACE: last_write()})[0] == "refused"


# The way back


@pytest.mark.parametrize(
    ("before", "last", "reason"),
    [
        ("4", None, "change set 12 did not write it, as far as is known"),
        ("4", last_write(change_set_id=13), "change set 13 wrote it since"),
        ("5", last_write(), "a person set it since change set 12 wrote it"),
    ],
)
@pytest.mark.parametrize("kind", ["undo", "compensate"])
def test_only_what_the_set_wrote_last_and_holds_still_is_taken_back(
    kind: str, before: str, last: Any, reason: str
) -> None:
    undo = a_set(change(before=before, after="3"), kind=kind, undoes=12)
    known = {} if last is None else {PLACE: last}
    assert verdict(won_by("overwrite"), undo, last=known, is_approved=True) == ("refused", reason)


@pytest.mark.parametrize("last", [last_write(), last_write(after="3.9", stored="4"), last_write(lake_snapshot=99)])
def test_the_way_back_always_needs_an_approval_and_then_goes(last: Any) -> None:
    undo = a_set(change(before="4", after="3"), kind="undo", undoes=12)
    known = {PLACE: last}
    assert verdict(FLOW, undo, last=known) == ("needs_approval", "taking back change set 12 needs an approval")
    assert verdict(FLOW, undo, last=known, is_approved=True) == ("go", "approved")


def test_the_way_back_may_be_as_large_as_what_it_takes_back_on_the_same_day() -> None:
    flow = sales(limits={"max_rows": 3, "max_share_of_rows": 0.1, "max_rows_per_day": 4, "max_money": Decimal(1)})
    changes = rows(4, before="4", after="3")
    undo = a_set(*changes, kind="undo", undoes=12, money=Decimal(9), target_rows=4)
    last = {(one.key, one.field): last_write() for one in changes}
    judged = judge(flow, undo, situation(last=last, is_approved=True, rows_today=4))
    assert judged.refused_because is None
    assert {one.verdict.decision for one in judged.change_set.changes} == {"go"}


def test_what_was_written_before_a_restore_is_not_taken_back_and_the_reason_is_the_restore() -> None:
    undo = a_set(change(before="4", after="3"), kind="undo", undoes=12)
    refused = ("refused", "erp was declared put back since change set 12 wrote it")
    assert verdict(FLOW, undo, is_approved=True, put_back_at=NOON) == refused
    assert verdict(FLOW, undo, is_approved=True, put_back_at=NOON, last={PLACE: last_write()})[0] == "go"


def test_a_credit_line_is_a_new_row_so_nobody_wrote_it_before() -> None:
    added = change(op="insert", before="null", row_version=None)
    credit = a_set(added, kind="compensate", undoes=12)
    assert verdict(FLOW, credit, is_approved=True)[0] == "go"
    assert verdict(FLOW, credit, last={PLACE: last_write(change_set_id=13)}, is_approved=True)[0] == "refused"
    assert verdict(FLOW, replace(credit, kind="undo"), is_approved=True)[0] == "refused"


def test_a_field_that_the_flow_feeds_no_longer_can_still_be_taken_back() -> None:
    undo = a_set(change(field="dormant_qty", before="4", after="3"), kind="undo", undoes=12)
    assert verdict(FLOW, undo, last={(key("A"), "dormant_qty"): last_write()}, is_approved=True)[0] == "go"


@pytest.mark.parametrize(
    ("kind", "after", "decision"), [("undo", "5", "needs_approval"), ("undo", "6", "go"), ("plan", "5", "go")]
)
def test_the_value_that_was_taken_back_needs_an_approval(kind: Any, after: str, decision: str) -> None:
    last = {PLACE: last_write(change_set_id=13, kind=kind, before="5", after="4")}
    found = verdict(FLOW, a_set(change(before="4", after=after)), last=last)
    assert found[0] == decision
    if decision == "needs_approval":
        assert found[1] == "it is the value that change set 13 took back"
        assert verdict(FLOW, a_set(change(before="4", after=after)), last=last, is_approved=True)[0] == "go"


def test_the_value_that_was_taken_back_is_known_by_what_was_sent_too() -> None:
    """Of 5 the record system had made 6; what the model wants again is 5."""
    last = {PLACE: last_write(change_set_id=13, kind="undo", before="6", after="4", took_back="5")}
    assert verdict(FLOW, a_set(change(before="4", after="5")), last=last)[0] == "needs_approval"
