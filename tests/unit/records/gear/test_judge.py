"""The judge: consent, completeness, freezes and gears, and which of two rules decides."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

import pytest

from sinks.records.gear.changes import Change, Verdict
from sinks.records.gear.flow import Approval, Completeness, Flow
from sinks.records.gear.judge import Judged, judge
from tests.unit.records.gear.judging import FLOW, HOUR, IN_USE, PLACE, a_set, freeze, verdict, verdicts
from tests.unit.records.gear.sales import NOON, change, key, last_write, sales, situation


def test_a_small_change_goes_and_nothing_else_of_it_is_different() -> None:
    planned = a_set(change(gates='{"subject":"cu-1"}', why='{"x":1}'))
    judged = judge(FLOW, planned, situation())
    assert judged == Judged(a_set(planned.changes[0].judged(Verdict("go", "within the flow's limits"))), None)


def test_nothing_to_change_is_nothing_to_judge() -> None:
    assert judge(sales(approval=Approval(role="r")), a_set(), situation()) == Judged(a_set(), None)


# Consent

ADVICE = sales(consent_subject="why_customer", fields={IN_USE: {"purpose": ("care", "coaching")}})


@pytest.mark.parametrize(
    ("subject", "consenting", "decision"),
    [
        ("cu-1", {"care": frozenset(["cu-1"]), "coaching": frozenset()}, "go"),
        ("cu-1", {"coaching": frozenset(["cu-1", "cu-2"])}, "go"),
        ("cu-1", {"care": frozenset(["cu-2"])}, "refused"),
        ("cu-1", {"health": frozenset(["cu-1"])}, "refused"),
        ("cu-1", {}, "refused"),
        (None, {"care": frozenset(["cu-1"])}, "refused"),
    ],
)
def test_a_field_is_written_only_with_a_consent_to_one_of_its_purposes(
    subject: str | None, consenting: dict[str, frozenset[str]], decision: str
) -> None:
    asked = change(gates=json.dumps({"subject": subject}))
    found = verdict(ADVICE, a_set(asked), consenting=consenting, is_approved=True)
    assert found[0] == decision
    if decision == "refused":
        assert found[1] == "whom it is about has not agreed to care or coaching"


def test_nobody_is_asked_where_the_model_does_not_say_whom_it_is_about() -> None:
    assert verdict(ADVICE, a_set(change()), consenting={"care": frozenset(["cu-1"])})[0] == "refused"


def test_taking_a_value_away_needs_no_consent() -> None:
    assert verdict(ADVICE, a_set(change(gates='{"subject":"cu-1"}', after="null")))[0] == "go"


def test_taking_it_back_needs_no_consent() -> None:
    undo = a_set(change(before="4", after="3"), kind="undo", undoes=12)
    assert verdict(ADVICE, undo, last={PLACE: last_write()}, is_approved=True)[0] == "go"


def test_a_field_beside_it_that_needs_none_goes() -> None:
    found = verdicts(ADVICE, a_set(change(field="sold_qty"), change()))
    assert [one.decision for one in found] == ["go", "refused"]


# Completeness

ASKING = sales(completeness=Completeness(min_share=0.95))


@pytest.mark.parametrize(
    ("gates", "why", "told"),
    [
        ('{"complete_share":0.94}', "{}", "94.0% of the device months are complete, 95% are asked"),
        (
            '{"complete_share":0.2}',
            '{"complete_device_months":3,"device_months":14}',
            "3 of 14 device months are complete, 95% are asked",
        ),
        ('{"complete_share":0.95}', "{}", None),
        ('{"complete_share":null}', "{}", None),
        ("{}", "{}", None),
    ],
)
def test_a_row_that_is_not_complete_enough_needs_an_approval(gates: str, why: str, told: str | None) -> None:
    change_set = a_set(change(gates=gates, why=why))
    expected = ("go", "within the flow's limits") if told is None else ("needs_approval", told)
    assert verdict(ASKING, change_set) == expected
    assert verdict(ASKING, change_set, is_approved=True)[0] == "go"
    assert verdict(FLOW, change_set)[0] == "go"


# Freezes and gears


def geared(gear: str) -> Flow:
    return sales(fields={IN_USE: {"gear": gear}})


def test_in_a_freeze_everything_waits_until_its_end_and_approvals_do_not_help() -> None:
    known: dict[str, Any] = {"freezes": (freeze(-1, 2), freeze(2, 3)), "is_approved": True, "approved_now_at": NOON}
    (found,) = verdicts(FLOW, a_set(change()), **known)
    assert found == Verdict("wait", "frozen until 2026-05-06 15:00 UTC: stocktaking", NOON + 3 * HOUR)


def test_an_excepted_flow_goes_in_a_freeze() -> None:
    assert verdict(FLOW, a_set(change()), freezes=(freeze(-1, 2, excepted=frozenset(["sales"])),))[0] == "go"


@pytest.mark.parametrize(
    ("gear", "not_before", "shown"),
    [
        ("hourly", "2026-05-06T13:00+00:00", "2026-05-06 13:00 UTC"),
        ("nightly", "2026-05-06T23:00+00:00", "2026-05-06 23:00 UTC"),
        ("change_window", "2026-05-10T00:00+00:00", "2026-05-10 00:00 UTC"),
    ],
)
def test_a_field_waits_for_its_gear_unless_it_was_approved_to_go_at_once(
    gear: str, not_before: str, shown: str
) -> None:
    change_set, at = a_set(change()), datetime.fromisoformat(not_before)
    told = Verdict("wait", f"its gear is {gear}: not before {shown}", at)
    assert verdicts(geared(gear), change_set, is_approved=True) == [told]
    assert verdict(geared(gear), change_set, now=at)[0] == "go"
    assert verdict(geared(gear), change_set, is_approved=True, approved_now_at=NOON) == ("go", "approved")


def test_each_field_has_its_own_gear() -> None:
    found = verdicts(geared("nightly"), a_set(change(field="sold_qty"), change()))
    assert [one.decision for one in found] == ["go", "wait"]


# Which rule decides


def test_the_first_rule_that_refuses_decides_then_the_first_that_asks_then_the_first_that_waits() -> None:
    flow = sales(
        consent_subject="why_customer",
        fields={IN_USE: {"purpose": ("care",), "gear": "nightly"}},
        completeness=Completeness(min_share=1),
        approval=Approval(role="boss"),
    )
    change_set = a_set(change(gates='{"subject":"cu-1","complete_share":0.5}'))
    frozen = (freeze(-1, 2),)
    stale = {PLACE: last_write(after="3", lake_snapshot=41)}
    edited = {PLACE: last_write(after="3")}
    agreed: dict[str, Any] = {"consenting": {"care": frozenset(["cu-1"])}}
    told = [
        verdict(flow, change_set, last=stale, freezes=frozen)[1],
        verdict(flow, change_set, last=edited, freezes=frozen)[1],
        verdict(flow, change_set, last=edited, freezes=frozen, **agreed)[1],
        verdict(flow, change_set, freezes=frozen, **agreed)[1],
        verdict(flow.model_copy(update={"completeness": None}), change_set, freezes=frozen, **agreed)[1],
        verdict(flow, change_set, freezes=frozen, is_approved=True, **agreed)[1],
        verdict(flow, change_set, is_approved=True, **agreed)[1],
    ]
    assert [text[:16] for text in told] == [
        "change set 12 wr",
        "whom it is about",
        "a person set it ",
        "50.0% of the dev",
        "1 rows would cha",
        "frozen until 202",
        "its gear is nigh",
    ]


@pytest.mark.parametrize("op", ["insert", "delete"])
def test_all_fields_of_a_row_that_is_added_or_removed_share_the_most_restrictive_verdict(op: Any) -> None:
    flow = sales(fields={IN_USE: {"gear": "nightly"}, "usage_per_session": {"gear": "change_window"}})
    whole = [change("A", op=op, field=field) for field in flow.fields]
    beside = change("B", op="update", field="sold_qty")
    found = verdicts(flow, a_set(*whole, beside))
    assert [(one.decision, one.reason[:12]) for one in found] == [("wait", "its gear is ")] * 3 + [
        ("go", "within the f")
    ]
    assert {one.not_before for one in found[:3]} == {datetime.fromisoformat("2026-05-10T00:00+00:00")}
    edited = verdicts(flow, a_set(*whole, beside), last={(key("A"), "sold_qty"): last_write(after="9")})
    assert [one.decision for one in edited] == ["refused"] * 3 + ["go"]


def test_fields_of_a_row_that_is_changed_do_not_hold_each_other_up() -> None:
    found = verdicts(FLOW, a_set(change(field="sold_qty"), change()), last={PLACE: last_write(after="9")})
    assert [one.decision for one in found] == ["go", "refused"]


def test_to_judge_changes_costs_little_more_than_to_make_them() -> None:
    """100,000 are to be judged in half a second; held against a work of the same kind, for a core may be busy."""
    flow = sales(limits={"max_rows": 10**6, "max_rows_per_day": 10**6}, completeness=Completeness(min_share=1))
    keys, gate = [key(str(number)) for number in range(20_000)], '{"subject":"cu-1","complete_share":1.0}'
    known = situation(last={(one, IN_USE): last_write() for one in keys})
    making, judging = [], []
    for _ in range(3):
        began = time.process_time()
        changes = tuple(Change("update", one, IN_USE, "4", "5", 9, gate, "{}") for one in keys)
        made = time.process_time()
        judge(flow, a_set(*changes, target_rows=10**6), known)
        making.append(made - began)
        judging.append(time.process_time() - made)
    assert min(judging) < 6 * min(making)
