"""The short cut of the alerts' benchmark against the stream's own way."""

from __future__ import annotations

from dataclasses import astuple
from statistics import median

import pytest

from benchmarks.alerts_fleet import wash_cycle_of
from benchmarks.cycle_quality import Told, told
from schemas.catalogue import WASHER_BY_MATERIAL
from schemas.facts import WashCycle
from streams.desk.alerts_features import DISTURBED, figures, ratios
from streams.desk.alerts_type_test import TYPE_TEST


@pytest.fixture(scope="module")
def cycles() -> list[Told]:
    return list(told(3, 10, 8, 0.0).values())


def test_figures_measured_on_the_curve_are_those_of_the_streams_facts(cycles: list[Told]) -> None:
    compared = 0
    for one in cycles:
        assert one.fact is not None
        fact = WashCycle(**one.fact)
        if fact.status == "open" or not DISTURBED.isdisjoint(fact.anomalies or ()):
            continue
        compared += 1
        assert astuple(figures(wash_cycle_of(one.cycle))) == pytest.approx(astuple(figures(fact)), rel=0.01)
    assert compared > 40


def test_the_type_test_is_what_new_machines_do(cycles: list[Told]) -> None:
    found = [ratios(WashCycle(**one.fact)) for one in cycles if one.fact is not None and _is_as_new(one)]
    assert len(found) > 10
    for name in ("drag", "effort", "drain", "speed"):
        assert median(getattr(one, name) for one in found) == pytest.approx(1, abs=0.05)
    assert {material for material, _ in TYPE_TEST} == set(WASHER_BY_MATERIAL)


def _is_as_new(one: Told) -> bool:
    shape = one.cycle.session.shape
    return shape is not None and shape.bearing < 0.02 and shape.scale_mm < 0.3 and shape.blocked_share < 0.1
