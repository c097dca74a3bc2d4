"""A held firmware gets a rule proposed, if anybody knows its unit."""

from __future__ import annotations

import pytest

from schemas.units import CONVERSIONS
from streams.repair_proposal import Cohort, proposals
from streams.repair_rule import KNOWN, Convert
from streams.repair_toml import read_rule

WATER = Cohort("WM-6010", "2.4.0", "water_l", "ml", "l", 30)


def steps(text: str) -> list[tuple[str, str, str]]:
    rule = read_rule(text, "x")
    assert rule.select.reason == "cohort_differs"
    return [(step.field, step.unit, step.to) for step in rule.rewrite if isinstance(step, Convert)]


def test_all_fields_of_a_firmware_are_turned_back_by_one_rule() -> None:
    power = Cohort("WM-6010", "2.4.0", "power_w", "factor 3.1", "W", 40)
    other = Cohort("WM-6010", "2.5.0", "water_l", "cl", "l", 1)
    first, second = proposals([other, power, WATER])
    assert steps(first.text) == [("power_w", "factor 3.1", "W"), ("water_l", "ml", "l")]
    assert steps(second.text) == [("water_l", "cl", "l")]
    assert (second.material, second.firmware) == ("WM-6010", "2.5.0")
    rule = read_rule(first.text, "x")
    assert (rule.select.material, rule.select.firmware) == ("WM-6010", "2.4.0")
    assert "water_l in ml instead of l (30 held)" in rule.why


@pytest.mark.parametrize(
    "cohort",
    [
        Cohort("WM-6010", "2.4.0", "water_l", "pints", "l", 1),
        Cohort("WM-6010", "2.4.0", "water_l", "kW", "W", 1),
        Cohort("WM-6010", "2.4.0", "colour", "ml", "l", 1),
        Cohort("WM-6010", "2.4.0", None, "ml", "l", 1),
        Cohort(None, "2.4.0", "water_l", "ml", "l", 1),
        Cohort("WM-6010", None, "water_l", "ml", "l", 1),
        Cohort("WM-6010", "2.4.0", "water_l", None, None, 1),
    ],
)
def test_nothing_is_proposed_where_nobody_knows_the_unit(cohort: Cohort) -> None:
    assert not cohort.is_known()
    assert proposals([cohort]) == []


def test_every_known_unit_of_every_field_can_be_proposed() -> None:
    for column in KNOWN.values():
        for unit in CONVERSIONS.get(column.unit, {}):
            cohort = Cohort("M" * 64, "9999.9999.9999", column.name, unit, column.unit, 1)
            (proposal,) = proposals([cohort])
            assert steps(proposal.text) == [(column.name, unit, column.unit)]
