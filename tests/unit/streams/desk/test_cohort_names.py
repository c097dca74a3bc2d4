"""A device that makes up firmware versions costs little, and watches what is not made up no worse."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from streams.cohorts import MOST_FIRMWARES
from streams.desk import alerts
from streams.desk.alerts import ALERT_STORES, AlertBook
from streams.desk.cohort_names import Cohort, CohortNames
from streams.desk.fleet_shift import SHIFT_STORES, FleetShift
from streams.store import Store
from tests.unit.streams.desk.building import DAY_MS, NOON_MS, a_cycle

MINUTE_MS = 60_000


def stores(of: Mapping[str, np.dtype[np.void]]) -> dict[str, Store]:
    return {name: Store(dtype) for name, dtype in of.items()}


def made_up(number: int) -> str:
    return f"1.{number // 10_000}.{number % 10_000}"


def test_a_firmware_above_a_small_number_is_one_like_the_others() -> None:
    kept = stores(SHIFT_STORES)
    kept["shift_cohorts"].take(40_000)
    fleet = FleetShift(kept)
    fleet.after_cycle(1, a_cycle(firmware="3.2.0"))
    assert kept["shift_devices"].values["cohort"][0].max() == 40_000


def test_of_one_model_only_so_many_firmwares_are_watched() -> None:
    kept = stores(SHIFT_STORES)
    fleet = FleetShift(kept)
    for number in range(MOST_FIRMWARES + 50):
        fleet.after_cycle(1, a_cycle(NOON_MS + number * MINUTE_MS, firmware=made_up(number)))
    fleet.after_cycle(2, a_cycle(NOON_MS, material="WM-6010"))
    fleet.after_cycle(3, a_cycle(NOON_MS, firmware=made_up(0)))
    assert len(kept["shift_cohorts"]) == MOST_FIRMWARES + 1
    assert len(kept["shift_looks"]) == MOST_FIRMWARES + 1
    sessions = kept["shift_looks"].values["sessions"][kept["shift_looks"].rows()]
    assert sorted(sessions.tolist()) == [1] * MOST_FIRMWARES + [2]


def test_alerts_remember_no_name_that_no_device_has_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "UNUSED_NAMES", 20)
    kept = stores(ALERT_STORES)
    book = AlertBook(kept)
    for day in range(12):
        book.after_cycle(2, a_cycle(NOON_MS + day * DAY_MS, firmware="3.2.0"))
    for number in range(200):
        book.after_cycle(1, a_cycle(NOON_MS + number * MINUTE_MS, firmware=made_up(number)))
    assert len(kept["alert_cohorts"]) <= 2 * 2 + 20
    told = book.dormant(NOON_MS + 100 * DAY_MS, lambda slot: f"w-{slot}")
    assert {alert.device_id: alert.firmware for alert in told} == {"w-1": made_up(199), "w-2": "3.2.0"}


def test_names_that_are_let_go_free_their_numbers() -> None:
    names = CohortNames(stores(ALERT_STORES)["alert_cohorts"])
    numbers = [names.number(Cohort("washer", "WM-7020", made_up(number))) for number in range(3)]
    names.keep({numbers[1]})
    assert len(names) == 1
    assert names.name(numbers[1]).firmware == made_up(1)
    assert names.number(Cohort("washer", "WM-7020", made_up(1))) == numbers[1]
    assert names.number(Cohort("washer", "WM-7020", made_up(7))) in {numbers[0], numbers[2]}
