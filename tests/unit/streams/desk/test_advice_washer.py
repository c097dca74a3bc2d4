"""What owners of washing machines are told, and what they are spared."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from producers.wash_cycle import Condition, wash_cycle
from producers.wash_recipes import nominal_load_kg
from schemas.catalogue import WASHER_BY_MATERIAL, WASHERS, WasherModel
from schemas.uploads import Programme
from streams.desk.advice_history import PastCycle
from streams.desk.advice_washer import (
    EXTRA_HEAT_PCT,
    cost_of,
    cycle_cost,
    descale,
    extra_heat_pct,
    filter_blocking,
    load_share,
    load_too_small,
)
from tests.unit.streams.desk.advice_cases import MATERIAL, PRICES, a_past_cycle, cycles
from tests.unit.streams.desk.building import NOON_MS

MODEL = WASHER_BY_MATERIAL[MATERIAL]
HOT: tuple[Programme, ...] = ("cotton", "synthetics", "eco")


def simulated(model: WasherModel, programme: Programme, share: float, condition: Condition, seed: int) -> PastCycle:
    """A cycle of the simulator's machine, measured on its curve."""
    rng = np.random.Generator(np.random.PCG64(seed))
    load_kg = nominal_load_kg(model, programme) * share
    curve = wash_cycle(model, programme, load_kg, 14.0, rng, condition=condition)
    hot = curve.power_w >= 0.8 * model.heater_w
    return a_past_cycle(
        programme=programme,
        water_l=float(curve.water_l[-1]),
        heater_w=float(curve.power_w[hot].mean()),
        heating_k_per_min=float(curve.temperature_c[: curve.heat_end].max() - 14.0) / (hot.sum() * 0.25),
    )


@pytest.mark.parametrize("model", WASHERS, ids=lambda model: model.material)
@pytest.mark.parametrize("programme", HOT)
def test_scale_is_told_from_load_and_programme(model: WasherModel, programme: Programme) -> None:
    for share in (0.5, 1.0, 1.4):
        for scale_mm in (0.0, 1.0, 2.0):
            cycle = simulated(model, programme, share, Condition(0.07 * scale_mm, 0.02 * scale_mm), 7)
            assert extra_heat_pct(cycle, model) == pytest.approx(7.0 * scale_mm, abs=3.0)


@pytest.mark.parametrize("programme", HOT)
def test_the_load_is_told_by_the_water(programme: Programme) -> None:
    for share in (0.5, 0.8, 1.4):
        assert load_share(simulated(MODEL, programme, share, Condition(), 7), MODEL) == pytest.approx(share, abs=0.01)


def test_a_machine_with_a_millimetre_of_scale_is_to_be_descaled_and_a_clean_one_is_not() -> None:
    clean = [simulated(MODEL, "cotton", 0.6 + number / 10, Condition(), number) for number in range(8)]
    scaled = [simulated(MODEL, "cotton", 0.6 + number / 10, Condition(0.07, 0.02), number) for number in range(5)]
    assert descale(clean, MATERIAL) is None
    assert descale([*clean, *scaled[:2]], MATERIAL) is None
    found = descale([*clean, *scaled], MATERIAL)
    assert found is not None
    assert float(found.evidence["extra_heating_energy_pct"]) > EXTRA_HEAT_PCT


def test_a_machine_that_was_better_than_its_model_is_held_against_itself() -> None:
    good = cycles(12, heating_k_per_min=1.45)
    assert descale([*good, *cycles(2, heating_k_per_min=1.35)], MATERIAL) is None
    assert descale([*good, *cycles(5, heating_k_per_min=1.35)], MATERIAL) is not None
    assert descale(cycles(12, heating_k_per_min=1.35), MATERIAL) is None


def test_what_cannot_be_told_is_not_said() -> None:
    assert descale(cycles(heating_k_per_min=1.1, is_intact=False), MATERIAL) is None
    assert descale(cycles(heating_k_per_min=1.1), "PLUG-METER") is None
    assert filter_blocking(cycles(drain_s=None)) is None
    assert load_too_small(cycles(water_l=None), MATERIAL) is None
    assert cycle_cost(cycles(), MATERIAL, None, 0) is None
    assert cycle_cost(cycles(energy_wh=None), MATERIAL, PRICES, 0) is None


def test_the_saving_is_the_labels_ratio_at_the_contracts_prices() -> None:
    found = cycle_cost(cycles(count=11, every_days=2.0), MATERIAL, PRICES, 0)
    assert found is not None
    # 1.2 kWh at 0.40 and 55 l at 4.50 a cubic metre; eco: 1.2 kWh * 730/1200 and 55 l * 44/55
    assert found.evidence["cost"] == round(0.48 + 0.2475, 4)
    assert found.evidence["saving"] == round(0.7275 - (0.73 * 0.40 + 0.044 * 4.50), 4)
    # The 11th cycle back is 20 days old: 11 in three weeks.
    assert found.evidence["cycles_per_week"] == round(11 / 3, 2)
    assert found.evidence["saving_a_year"] == pytest.approx(0.2375 * 11 / 21 * 365, abs=0.01)


def test_money_is_exact() -> None:
    assert cost_of(100.0, 1.0, replace(PRICES, energy_price_per_kwh=0.1, water_price_per_m3=0.2)) == Decimal("0.0102")


def test_a_saving_is_not_told_of_where_there_is_none() -> None:
    assert cycle_cost(cycles(programme="eco"), MATERIAL, PRICES, 0) is None
    dear_water = replace(PRICES, energy_price_per_kwh=0.0, water_price_per_m3=0.0)
    assert cycle_cost(cycles(), MATERIAL, dear_water, 0) is None
    assert cycle_cost([*cycles(programme="eco"), a_past_cycle()], MATERIAL, PRICES, 0) is None


def test_a_rhythm_of_less_than_a_week_is_none() -> None:
    assert cycle_cost(cycles(), MATERIAL, PRICES, NOON_MS - 6 * 86_400_000) is None


@pytest.mark.parametrize(("drain_s", "is_told"), [(375.0, False), (405.0, True), (480.0, True)])
def test_a_drain_is_blocking_when_it_takes_a_third_longer_than_at_its_best(drain_s: float, is_told: bool) -> None:
    history = [*cycles(20)[:12], *cycles(5, drain_s=drain_s)]
    assert (filter_blocking(history) is not None) is is_told


def test_programmes_that_drain_less_often_are_held_against_the_others() -> None:
    assert filter_blocking([*cycles(12, programme="eco", drain_s=225.0), *cycles(5)]) is None
    assert filter_blocking([*cycles(12), *cycles(5, programme="eco", drain_s=360.0)]) is not None


def test_one_slow_drain_is_no_blocked_filter() -> None:
    assert filter_blocking([*cycles(20)[:16], *cycles(2, drain_s=600.0)]) is None


def test_three_small_loads_in_ten_could_have_been_fewer() -> None:
    small = {"water_l": 46.0, "energy_wh": 1_050.0}
    assert load_too_small([*cycles(20), *cycles(2, **small)], MATERIAL) is None
    found = load_too_small([*cycles(20), *cycles(3, **small)], MATERIAL)
    assert found is not None
    assert found.evidence["spared_wh"] == 2 * 1_050.0 - 1_200
    assert load_too_small([*cycles(20), *cycles(3, **small), a_past_cycle()], MATERIAL) is None


def test_quick_and_wool_are_meant_to_be_small() -> None:
    assert load_too_small(cycles(20, programme="quick", water_l=25.0), MATERIAL) is None


@pytest.mark.parametrize("heater_w", [0.0, MODEL.motor_w / 2, float(MODEL.motor_w), MODEL.motor_w + 1e-9])
def test_a_heater_that_seems_to_draw_nothing_is_no_baseline(heater_w: float) -> None:
    assert extra_heat_pct(a_past_cycle(heater_w=heater_w), MODEL) is None
    assert descale([*cycles(4, heater_w=heater_w), *cycles(8)], MATERIAL) is None
    scaled = cycles(8, heating_k_per_min=1.25)
    assert descale([*cycles(4, heater_w=heater_w), *scaled], MATERIAL) == descale(scaled, MATERIAL) is not None


def test_suds_that_seem_to_warm_at_once_are_no_baseline() -> None:
    assert descale([*cycles(4, heating_k_per_min=1e300), *cycles(8)], MATERIAL) is None
