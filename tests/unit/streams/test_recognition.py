"""Programmes recognised in power curves: simulated machines behind a plug meter that knows watts and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from producers.uploads import Session
from producers.wash_cycle import AS_NEW, Condition, wash_cycle
from producers.wash_recipes import nominal_load_kg
from producers.washer_cycle import told
from producers.washer_uploads import Board, Counters
from schemas.catalogue import WASHER_BY_MATERIAL, WASHERS, WasherModel
from schemas.uploads import Programme
from streams.product import WASHER
from streams.recognition import USUAL_FIGURES, recognised
from streams.state import State
from tests.unit.streams.building import NOON_MS, Upload, a_plug_upload, newest_sessions, taken_in
from tests.unit.streams.simulated import facts_of

PROGRAMMES: list[Programme] = ["cotton", "synthetics", "eco", "quick", "wool"]
STEP_MS = 15_000


def plugged(watts: Sequence[float], quiet_minutes: int = 20) -> list[Upload]:
    """Uploads of a plug meter in front of it, with quiet behind it."""
    power_w = [*watts, *[2.0] * (quiet_minutes * 4)]
    return [
        a_plug_upload(
            seq=seq, start_ms=NOON_MS + first * STEP_MS, sent_at_ms=NOON_MS + (first + 21) * STEP_MS, lead_ms=STEP_MS,
            offset_ms=[STEP_MS * at for at in range(len(power_w[first : first + 20]))],
            power_w=power_w[first : first + 20],
        )
        for seq, first in enumerate(range(0, len(power_w), 20))
    ]  # fmt: skip


def a_fact(uploads: Sequence[Upload]) -> dict[str, Any]:
    (fact,) = newest_sessions(taken_in(WASHER, State(WASHER), uploads)).values()
    return fact


def watts(
    model: WasherModel, programme: Programme, share: float = 1.0, inlet_c: float = 15.0, condition: Condition = AS_NEW
) -> list[float]:
    load_kg = nominal_load_kg(model, programme) * share
    noise = np.random.default_rng(5)
    made: list[float] = wash_cycle(model, programme, load_kg, inlet_c, noise, condition=condition).power_w.tolist()
    return made


@pytest.mark.parametrize("model", WASHERS, ids=lambda model: model.material)
@pytest.mark.parametrize("programme", PROGRAMMES)
def test_a_nominal_cycle_of_each_model_is_recognised_by_its_power_alone(
    model: WasherModel, programme: Programme
) -> None:
    fact = a_fact(plugged(watts(model, programme)))
    assert (fact["programme"], fact["programme_source"], fact["source"]) == (programme, "recognised", "power_curve")


@pytest.mark.parametrize("programme", ["cotton", "synthetics", "eco"])
def test_little_laundry_cold_water_and_scale_hide_no_long_programme(programme: Programme) -> None:
    for model in WASHERS:
        for share, inlet_c in ((0.5, 10.0), (1.3, 10.0), (0.5, 18.0), (1.3, 18.0)):
            curve = watts(model, programme, share, inlet_c, Condition(extra_heat=0.1, lost_heater=0.03))
            assert a_fact(plugged(curve))["programme"] == programme


def test_a_cycle_that_goes_on_has_no_programme_yet() -> None:
    curve = watts(WASHER_BY_MATERIAL["WM-7020"], "quick")
    uploads = plugged(curve, quiet_minutes=5)
    fact = a_fact(uploads)
    assert (fact["status"], fact["programme"], fact["programme_source"]) == ("open", None, None)


def test_a_cycle_of_which_a_tenth_is_not_known_has_no_programme() -> None:
    uploads = plugged(watts(WASHER_BY_MATERIAL["WM-7020"], "quick"))
    fact = a_fact([*uploads[:4], *uploads[5:]])
    assert (fact["programme"], fact["anomalies"]) == (None, ["readings_missing"])


def test_what_is_like_none_of_our_programmes_is_not_recognised() -> None:
    a_minute, an_hour = 60_000, 3_600_000
    assert recognised(an_hour, 0, 100.0, 0.0) is None, "cold"
    assert recognised(an_hour, 10 * a_minute, 400.0, 300.0) is None, "an hour: none of ours is"
    assert recognised(3 * an_hour, 60 * a_minute, 2_100.0, 1_900.0) is None, "boiled"
    assert recognised(a_minute, a_minute, 30.0, 30.0) is None, "the heater alone"
    assert recognised(130 * a_minute, 29 * a_minute, 1_067.0, 1_000.0) is None, "a dishwasher, at 40 W between heatings"
    assert recognised(195 * a_minute, 17 * a_minute, 704.0, 600.0) is None, "a dishwasher, at 35 W between heatings"
    assert recognised(46 * a_minute, 10 * a_minute, 327.0, 325.0) is None, "an iron, at 3 W between heatings"
    assert recognised(130 * a_minute, 33 * a_minute, 2_070.0, 1_100.0) is None, "a dryer's heat pump, 600 W"
    for name, (minutes, heat_wh, rest_w) in USUAL_FIGURES.items():
        rest_ms = round((minutes - 10) * a_minute)
        assert (
            recognised(round(minutes * a_minute), 10 * a_minute, heat_wh + rest_w * rest_ms / an_hour, heat_wh) == name
        )


def test_a_machine_that_does_not_say_its_programme_shows_it() -> None:
    model = WASHER_BY_MATERIAL["WM-7020"]
    curve = wash_cycle(model, "eco", nominal_load_kg(model, "eco"), 15.0, np.random.default_rng(5))
    session = Session("washer", "w-1", model.material, 1, NOON_MS, NOON_MS, 0.0, 1, None)
    cycle = told(session, curve, None, [], Board("w-1", model.material, "1.0.0"), Counters(1, 0, 0.0, 0.0), Random(1))
    (fact,) = facts_of([upload.value for upload in cycle.uploads()])
    assert (fact["programme"], fact["programme_source"]) == ("eco", "recognised")
