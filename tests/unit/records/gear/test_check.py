"""What `vaxel gearbox check` finds in a declaration alone: each fault a line with its place, and what is accepted."""

from __future__ import annotations

import pytest

from sinks.records.gear.check import read_flow, summary, warnings_of
from sinks.records.gear.flow import Flow

DECLARATION = """
version = 1
title = "How customers use what they own"
target = "crm.customer"
key = ["customer_id"]
consent_subject = "customer_id"
[limits]
max_rows = 10
max_share_of_rows = 0.5
max_rows_per_day = 20
[approval]
role = "crm_approver"
free_rows = 5
[fields.engagement]
gear = "nightly"
[fields.next_best_action]
gear = "live"
purpose = ["care"]
"""


def a_flow(declaration: str = DECLARATION) -> Flow:
    flow, faults = read_flow("crm.try", declaration, "select 1")
    assert faults == []
    assert flow is not None
    return flow


def test_a_good_declaration_has_no_fault_and_tells_what_it_feeds_at_which_gear() -> None:
    assert summary(a_flow()) == (
        "crm.try: feeds crm.customer: engagement (nightly), next_best_action (live); over 5 rows: crm_approver"
    )


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("version = 1", "version = ", "flow.toml: "),
        ('target = "crm.customer"', 'target = "crm.client"', "target 'crm.client' is no record table; known: erp."),
        ('key = ["customer_id"]', 'key = ["email"]', "is not the key of crm.customer: ('customer_id',)"),
        ('key = ["customer_id"]', "", "key: is missing"),
        ("[fields.engagement]", "[fields.mood]", "crm.customer has no changeable field mood"),
        ("max_rows = 10", "", "limits.max_rows: is missing"),
        ("max_rows = 10", "max_rows = 0", "limits.max_rows: Input should be greater than 0"),
        ('gear = "nightly"', 'gear = "weekly"', "fields.engagement.gear: Input should be 'live', 'hourly', 'nightly'"),
        ('gear = "nightly"', "colour = 1", "fields.engagement.colour: is no setting; accepted are gear, null_overwr"),
        ("version = 1", "version = 1\ncolour = 1", "colour: is no setting; accepted are title, version, target, key"),
        ("free_rows = 5", "rows = 5", "approval.rows: is no setting; accepted are role, free_rows, free_share"),
        ("[fields.engagement]", "[fields.email]", "email is personal and no purpose is declared"),
        ('consent_subject = "customer_id"', "", "next_best_action needs a consent, and consent_subject does not say"),
        ('purpose = ["care"]', 'purpose = ["profit"]', "fields.next_best_action.purpose.0: Input should be 'contract'"),
        ("version = 1", 'version = 1\nmoney_field = "price"', "money_field 'price' is not one of the fields"),
        ("version = 1", "version = 1\nadds_rows = true", "it adds rows and does not feed name, email, language"),
    ],
)
def test_a_fault_of_the_declaration_is_told_with_its_place(right: str, wrong: str, expected: str) -> None:
    assert right in DECLARATION
    flow, faults = read_flow("crm.try", DECLARATION.replace(right, wrong, 1), "select 1")
    assert flow is None
    assert any(expected in fault for fault in faults), faults
    assert all(fault.startswith("crm.try: ") and "\n" not in fault for fault in faults)


def test_limits_that_are_not_there_are_told_with_what_they_hold() -> None:
    unlimited = DECLARATION.replace("[limits]\nmax_rows = 10\nmax_share_of_rows = 0.5\nmax_rows_per_day = 20\n", "")
    _, faults = read_flow("crm.try", unlimited, "select 1")
    assert faults == [
        "crm.try: limits: is missing; it holds at least max_rows, max_share_of_rows, max_rows_per_day",
    ]


def test_all_faults_of_a_declaration_are_told_at_once() -> None:
    _, faults = read_flow(
        "crm.try", DECLARATION.replace("max_rows = 10", "").replace('"nightly"', '"soon"'), "select 1"
    )
    assert len(faults) == 2


def test_an_approval_that_nobody_can_give_is_worth_a_look() -> None:
    assert warnings_of(a_flow(), ["Bea Berg"]) == []
    assert warnings_of(a_flow(), []) == [
        "crm.try: approval: nobody holds the role crm_approver, so nobody can approve",
    ]


def test_an_approval_that_is_never_asked_for_is_worth_a_look() -> None:
    (never,) = warnings_of(a_flow(DECLARATION.replace("free_rows = 5", "free_rows = 10")), ["Bea Berg"])
    assert never == ("crm.try: approval: free_rows 10 is not below max_rows 10: by its rows, no set ever needs one")
    (none,) = warnings_of(a_flow(DECLARATION.replace('[approval]\nrole = "crm_approver"\nfree_rows = 5\n', "")), [])
    assert none == "crm.try: approval: no set ever needs one; [approval] with a role asks for it"
