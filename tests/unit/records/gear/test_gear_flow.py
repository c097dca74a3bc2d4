"""A flow's declaration: what it may say, and what is refused with its place."""

from __future__ import annotations

import pytest

from schemas.errors import UsageError
from sinks.records.gear import flow as flows
from sinks.records.gear.flow import PERSONAL, Flow
from sinks.records.gear.systems import systems

DECLARATION = """
version = 3
title = "Of tests"
target = "crm.customer"
key = ["customer_id"]
limits = { max_rows = 10, max_share_of_rows = 0.5, max_rows_per_day = 100 }
fields.engagement = { gear = "nightly" }
"""


def parsed(more: str = "", model: str = "select 1") -> Flow:
    return flows.parse("f", DECLARATION + more, model)


@pytest.mark.parametrize("name", flows.names())
def test_every_flow_in_the_package_can_be_read_and_its_system_is_declared(name: str) -> None:
    flow = flows.load(name)
    assert flow.name == name
    assert flow.system in systems()
    assert flow.table.full_name == flow.target


@pytest.mark.parametrize("name", flows.names())
def test_no_flow_in_the_package_feeds_personal_data_without_a_purpose(name: str) -> None:
    flow = flows.load(name)
    assert [
        field
        for field, fed in flow.fields.items()
        if flow.table.column(field).data_class in PERSONAL and not fed.purpose
    ] == []


def test_a_field_is_kept_for_a_person_and_from_nulls_unless_it_is_declared_otherwise() -> None:
    fed = parsed().fields["engagement"]
    assert (fed.person_wins, fed.null_overwrites, fed.purpose) == ("keep", False, ())


def test_a_flow_adds_and_removes_no_rows_unless_it_is_declared() -> None:
    assert (parsed().adds_rows, parsed().removes_rows) == (False, False)


def test_the_system_is_the_first_part_of_the_target() -> None:
    assert parsed().system == "crm"


def test_the_version_of_a_flow_changes_with_its_model_and_its_declaration() -> None:
    versions = {parsed().full_version, parsed(model="select 2").full_version, parsed("every_s = 60").full_version}
    assert len(versions) == 3
    assert all(version.startswith("3-") for version in versions)


@pytest.mark.parametrize(
    ("purpose", "consents"),
    [
        ("[]", set()),
        ('["contract"]', set()),
        ('["contract", "health"]', set()),
        ('["care"]', {"care"}),
        ('["care", "coaching"]', {"care", "coaching"}),
    ],
)
def test_a_consent_is_needed_where_every_purpose_rests_on_one(purpose: str, consents: set[str]) -> None:
    declared = f'consent_subject = "customer_id"\nfields.next_best_action = {{ gear = "live", purpose = {purpose} }}'
    declared = DECLARATION.replace("fields.engagement", declared + "\nfields.engagement")
    assert flows.parse("f", declared, "").consents("next_best_action") == consents


def test_an_unknown_flow_is_told_together_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no flow 'erp\.nothing'; flows are .*crm\.customer_usage"):
        flows.load("erp.nothing")


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ('target = "crm.customer"', 'target = "crm.client"', "target 'crm.client' is no record table"),
        ('key = ["customer_id"]', 'key = ["name"]', "is not the key of crm.customer"),
        ("fields.engagement", "fields.mood", "crm.customer has no changeable field mood"),
        ("fields.engagement", "fields.customer_id", "crm.customer has no changeable field customer_id"),
        ("fields.engagement", "fields.email", "email is personal and no purpose is declared"),
        ('gear = "nightly"', 'gear = "weekly"', "fields.engagement.gear"),
        ('gear = "nightly"', 'gear = "nightly", person_wins = "maybe"', "fields.engagement.person_wins"),
        ('gear = "nightly"', 'gear = "nightly", purpose = ["fun"]', "fields.engagement.purpose"),
        ('gear = "nightly"', 'gear = "nightly", purpose = ["health"]', "consent_subject does not say whose"),
        ("max_rows = 10", "max_rows = 0", "limits.max_rows"),
        ("max_share_of_rows = 0.5", "max_share_of_rows = 1.5", "limits.max_share_of_rows"),
        (", max_rows_per_day = 100", "", "limits.max_rows_per_day"),
        ('title = "Of tests"', 'title = ""', "title"),
        ("version = 3", "version = ", "Cannot read flow 'f'"),
        ("version = 3", "colour = 1\nversion = 3", "colour"),
        ("version = 3", 'money_field = "products_in_use"\nversion = 3', "is not one of the fields"),
        ("version = 3", 'money_field = "engagement"\nversion = 3', "have no max_money"),
        ("version = 3", "adds_rows = true\nversion = 3", "does not feed name, email"),
        ("version = 3", "removes_rows = true\nversion = 3", "it removes rows and does not feed name, email"),
        ("version = 3", 'approval = { role = "CRM" }\nversion = 3', "approval.role"),
        ("version = 3", "completeness = { min_share = 0 }\nversion = 3", "completeness.min_share"),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused_with_its_place(right: str, wrong: str, told: str) -> None:
    assert right in DECLARATION
    with pytest.raises(UsageError) as refused:
        flows.parse("f", DECLARATION.replace(right, wrong), "select 1")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
