"""A wash cycle obeys physics and keeps near its label."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.wash_cycle import RECIPES, STEP_MS, heat_capacity_kj_per_k, nominal_load_kg, wash_cycle
from schemas.catalogue import WASHERS, WasherModel
from schemas.uploads import Programme

PROGRAMMES: tuple[Programme, ...] = get_args(Programme)


@settings(max_examples=30)
@given(
    model=st.sampled_from(WASHERS),
    programme=st.sampled_from(PROGRAMMES),
    load=st.floats(0.2, 1.4),
    inlet_c=st.floats(4.0, 22.0),
    seed=st.integers(0, 2**32),
)
def test_the_heater_gives_what_the_masses_take_up(
    model: WasherModel, programme: Programme, load: float, inlet_c: float, seed: int
) -> None:
    load_kg = load * nominal_load_kg(model, programme)
    curve = wash_cycle(model, programme, load_kg, inlet_c, np.random.default_rng(seed))
    filled_l = curve.water_l[np.argmax(curve.power_w > 1_000)]
    rise_c = RECIPES[programme].suds_c - inlet_c
    needed_wh = heat_capacity_kj_per_k(float(filled_l), load_kg) * rise_c * model.heating_factor / 3.6
    assert curve.heater_wh == pytest.approx(needed_wh, rel=1e-3)
    assert curve.energy_wh.sum() > curve.heater_wh
    assert curve.temperature_c.max() == pytest.approx(max(RECIPES[programme].suds_c, inlet_c + 3), abs=1.0)
    assert (np.diff(curve.water_l) >= 0).all()
    assert curve.drum_rpm.max() <= model.max_rpm


@pytest.mark.parametrize("model", WASHERS, ids=lambda model: model.material)
@pytest.mark.parametrize("programme", PROGRAMMES)
def test_a_nominal_load_draws_what_the_label_says(model: WasherModel, programme: Programme) -> None:
    curve = wash_cycle(model, programme, nominal_load_kg(model, programme), 15.0, np.random.default_rng(1))
    promise = model.labels[programme]
    allowed = 0.05 if model.material != "WM-1150" else 0.20  # the model whose label flatters
    assert curve.energy_wh.sum() == pytest.approx(promise.energy_wh, rel=allowed)
    assert curve.water_l[-1] == pytest.approx(promise.water_l, abs=0.01)
    assert curve.power_w.size * STEP_MS / 60_000 == pytest.approx(RECIPES[programme].minutes, rel=0.25)
