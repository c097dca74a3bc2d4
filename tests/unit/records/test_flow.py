from __future__ import annotations

import pytest

from schemas.errors import UsageError
from sinks.records import flow as flows

DECLARATION = """
version = 3
target = "crm.customer"
key = ["customer_id"]
approval = "none"
limits = { max_rows = 10, max_share_of_rows = 0.5 }
fields.engagement = { gear = "nightly" }
"""


def test_every_flow_in_the_package_can_be_read() -> None:
    assert [flows.load(name).name for name in flows.names()] == ["crm.customer_usage", "erp.sales_usage"]


def test_a_null_overwrites_only_where_it_is_declared() -> None:
    declared = flows.parse(
        "f", DECLARATION + "fields.last_used_at = { gear = 'live', null_overwrites = true }", ""
    ).fields
    assert [name for name, field in declared.items() if field.null_overwrites] == ["last_used_at"]


def test_fields_for_which_a_model_may_find_nothing_are_emptied_by_a_null() -> None:
    """A count is 0 then; of the others null is the answer, and an older figure would speak of somebody else's units."""
    declared = {name: field for flow in flows.names() for name, field in flows.load(flow).fields.items()}
    assert [name for name, field in declared.items() if field.null_overwrites] == [
        "last_used_at",
        "next_best_action",
        "sessions_per_unit",
        "usage_per_session",
        "label_deviation_pct",
    ]


def test_the_version_of_a_flow_changes_with_its_model() -> None:
    one, other = (flows.parse("f", DECLARATION, model) for model in ("select 1", "select 2"))
    assert one.full_version.startswith("3-")
    assert one.full_version != other.full_version


def test_an_unknown_flow_is_told_together_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no flow 'erp\.nothing'; flows are crm\.customer_usage, erp\.sales_usage"):
        flows.load("erp.nothing")


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ('target = "crm.client"', 'target = "crm.customer"', "target 'crm.client' is no record table"),
        ('key = ["name"]', 'key = ["customer_id"]', "is not the key of crm.customer"),
        ("fields.mood", "fields.engagement", "crm.customer has no changeable field mood"),
        ("fields.customer_id", "fields.engagement", "crm.customer has no changeable field customer_id"),
        ('gear = "weekly"', 'gear = "nightly"', "fields.engagement.gear"),
        ("max_rows = 0", "max_rows = 10", "limits.max_rows"),
        ("version = ", "version = 3", "Cannot read flow 'f'"),
        ("colour = 1\nversion = 3", "version = 3", "colour"),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused_with_its_place(wrong: str, right: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        flows.parse("f", DECLARATION.replace(right, wrong), "select 1")
    assert told in str(refused.value)
