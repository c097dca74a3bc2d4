"""How a washing machine ages, and at whose hands."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.washer_owner import Owner, owner
from producers.washer_wear import Wear, scale_growth_mm, wear_so_far

PATIENT = Owner(
    inlet_c=12.0,
    hardness_dh=20.0,
    load=1.0,
    weights=(1.0, 1.0, 1.0, 1.0, 1.0),
    lint_per_kg=0.001,
    cleans_at=0.6,
    descales_at_mm=3.0,
    forgets_door=0.0,
)


def after(cycles: int, wear: Wear, of: Owner = PATIENT) -> Wear:
    for _ in range(cycles):
        wear = wear.after(15.0, 57.0, 4.0, of)
    return wear


def test_scale_by_hand() -> None:
    """20 °dH are 356 mg/l; 15 l at 60 °C lose 8 % of their 5.34 g: 0.427 g of 67.5 g a millimetre."""
    assert scale_growth_mm(15.0, 60.0, 20.0) == pytest.approx(0.427 / 67.5, rel=0.001)
    assert scale_growth_mm(15.0, 20.0, 20.0) == 0


def test_hard_water_scales_the_heater_until_it_is_descaled() -> None:
    soft = Owner(**{**{name: getattr(PATIENT, name) for name in PATIENT.__slots__}, "hardness_dh": 4.0})
    half_a_year = after(120, Wear(3_000.0))
    assert half_a_year.condition.extra_heat > 3 * after(120, Wear(3_000.0), soft).condition.extra_heat > 0
    assert half_a_year.condition.lost_heater > 0
    grown = [after(cycles, Wear(3_000.0)).scale_mm for cycles in range(0, 3_000, 100)]
    assert 2.5 < max(grown) < 3.0
    assert any(later < earlier for earlier, later in pairwise(grown))


def test_the_drain_blocks_until_the_filter_is_cleaned() -> None:
    blocked = [after(cycles, Wear(3_000.0)).blocked for cycles in range(149)]
    assert blocked == sorted(blocked)
    assert 0.55 < blocked[-1] < 0.6
    assert after(152, Wear(3_000.0)).blocked < 0.02


def test_a_bearing_fails_late_and_then_fast() -> None:
    sound, old, broken = (Wear(1_000.0, cycles).condition for cycles in (200, 1_000, 5_000))
    assert sound.extra_friction < 0.01
    assert (old.extra_friction, old.vibration_kg) == (1.2, 0.25)
    assert broken.extra_friction == 3 * old.extra_friction


@given(
    country=st.sampled_from(["SE", "DE", "GB", "FI", "US", "JP", "AT"]),
    seed=st.integers(0, 2**32),
    cycles=st.integers(0, 20_000),
)
def test_owners_and_machines_stay_in_bounds_and_the_same_nature_gives_the_same(
    country: str, seed: int, cycles: int
) -> None:
    nature = Random(seed)
    one = owner(country, nature)
    wear = wear_so_far(cycles, one, nature)
    again = Random(seed)
    assert (owner(country, again), wear_so_far(cycles, one, again)) == (one, wear)
    rng = Random(seed)
    shares = [one.load_share(rng) for _ in range(50)]
    assert 0.35 < min(shares) < max(shares) < 1.5
    assert 0 <= wear.scale_mm < one.descales_at_mm
    assert 0 <= wear.blocked < one.cleans_at <= 0.75
    condition = wear.condition
    assert 0 <= condition.extra_heat < 0.25
    assert 0 <= condition.lost_heater < 0.1
    assert 0 <= condition.extra_friction <= 3.6


def test_water_is_harder_in_germany_than_in_finland() -> None:
    mean = {country: sum(owner(country, Random(seed)).hardness_dh for seed in range(100)) for country in ("DE", "FI")}
    assert mean["DE"] > 2 * mean["FI"]
