"""How long values stay: each table has an age, each class its time, and a rule that cannot work is refused."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import UsageError
from schemas.forms import columns
from schemas.lake import TABLES
from schemas.retention import (
    AGEING,
    DAY_MS,
    HOUR_MS,
    NEVER,
    STRICTER,
    Policy,
    Removal,
    duration_ms,
    policy_from,
    removals,
)

NOW_MS = 1_000 * DAY_MS


def test_every_table_has_an_age_or_says_that_it_has_none() -> None:
    assert set(AGEING) | NEVER == {table.name for table in TABLES}
    assert not set(AGEING) & NEVER


@pytest.mark.parametrize("table", [table for table in TABLES if table.name in AGEING], ids=lambda table: table.name)
def test_the_age_is_by_an_instant_that_every_row_has(table: Any) -> None:
    by = next(column for column in columns(table.contract) if column.lake_name == AGEING[table.name].by)
    assert by.is_instant
    assert not by.nullable
    assert by.data_class not in STRICTER


def test_without_a_policy_nothing_goes() -> None:
    assert removals(Policy(), NOW_MS) == ()


def test_rows_go_with_their_class_and_stricter_values_earlier() -> None:
    policy = policy_from({"usage": "100d", "health": "30d", "location": "200d", "readings_shoe": {"usage": "50d"}})
    of_readings = [removal for removal in removals(policy, NOW_MS) if removal.table == "readings_shoe"]
    assert of_readings == [
        Removal("readings_shoe", "measured_at", NOW_MS - 50 * DAY_MS, "usage"),
        Removal(
            "readings_shoe", "measured_at", NOW_MS - 30 * DAY_MS, "health",
            ("heart_rate_bpm", "ground_contact_ms", "contact_balance_pct"),
        ),
    ]  # fmt: skip


def test_every_value_of_a_stricter_class_goes_by_it_whatever_the_table() -> None:
    for data_class in ("personal", "health", "location"):
        found = removals(Policy({data_class: DAY_MS}), NOW_MS)
        for table in (table for table in TABLES if table.name in AGEING):
            names = {column.lake_name for column in columns(table.contract) if column.data_class == data_class}
            ours = [removal for removal in found if removal.table == table.name]
            whole = any(not removal.columns and not removal.condition for removal in ours)
            assert whole or names == {name for removal in ours for name in removal.columns}, table.name


def test_advice_that_tells_of_health_goes_whole_with_it() -> None:
    told = [removal for removal in removals(Policy({"health": DAY_MS}), NOW_MS) if removal.table == "insight_versions"]
    assert [(removal.columns, removal.condition) for removal in told] == [((), "uses_health"), (("evidence",), "")]


@pytest.mark.parametrize(
    ("text", "expected"), [("12h", 12 * HOUR_MS), ("30d", 30 * DAY_MS), ("2w", 14 * DAY_MS), ("1 y", 365 * DAY_MS)]
)
def test_durations(text: str, expected: int) -> None:
    assert duration_ms(text) == expected


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"healht": "30d"}, "Unknown data class 'healht'"),
        ({"health": "30"}, "Cannot read the duration '30'"),
        ({"health": "-1d"}, "Cannot read the duration"),
        ({"health": 30}, "Cannot read the duration 30"),
        ({"readings": {"health": "30d"}}, "Unknown table 'readings'"),
        ({"sink_position": {"technical": "1d"}}, "Unknown table 'sink_position'"),
        ({"readings_washer": {"health": "30d"}}, "Nothing in table 'readings_washer' goes by class 'health'"),
        ({"technical": "30d"}, "Nothing in the lake goes by class 'technical' alone"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(document: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        policy_from(document)
    assert str(refused.value).startswith(told)
