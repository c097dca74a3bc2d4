"""Alerts on machines that wear, and on devices that are used no more."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.desk import Alert
from schemas.facts import Run, WashCycle
from streams.desk.alerts import ALERT_STORES, KEPT, AlertBook
from streams.desk.alerts_features import figures, ratios
from streams.desk.alerts_type_test import TYPE_TEST
from streams.store import Store, from_frame, to_frame
from tests.unit.examples import examples

DAY_MS = 86_400_000
START_MS = 1_780_000_000_000
NEW = TYPE_TEST["WM-7020", "cotton"]


def stores() -> dict[str, Store]:
    return {name: Store(dtype) for name, dtype in ALERT_STORES.items()}


def a_cycle(number: int, *, drag: float = 1.0, effort: float = 1.0, drain: float = 1.0, **fields: Any) -> WashCycle:
    """The number-th cycle of a machine that takes so many times what a new one takes."""
    at_ms = START_MS + number * DAY_MS
    rpm, litres, rise = fields.get("max_drum_rpm", NEW.top_rpm), 55.0, 1.5
    told: dict[str, Any] = {
        "session_id": f"wm-1-{at_ms}", "version": 20, "status": "closed", "device_id": "wm-1", "material": "WM-7020",
        "firmware": "4.0.0", "session_no": number + 1, "started_at_ms": at_ms, "ended_at_ms": at_ms + 7_000_000,
        "reading_count": 480, "known_at_ms": at_ms + 7_001_000, "source": "reported", "programme": "cotton",
        "energy_wh": 1_200.0, "peak_w": 2_150.0, "water_l": litres, "heating_k_per_min": rise,
        "heater_w": effort * NEW.effort_wh_per_k_l * litres * rise * 60, "max_drum_rpm": rpm,
        "spin_w": drag * NEW.drag_nm * rpm * 2 * np.pi / 60, "drain_s": drain * NEW.drain_s, "anomalies": [],
    }  # fmt: skip
    return WashCycle(**told | fields)


def a_run(number: int, **fields: Any) -> Run:
    at_ms = START_MS + number * DAY_MS
    told: dict[str, Any] = {
        "session_id": f"sh-1-{at_ms}", "version": 9, "status": "closed", "device_id": "sh-1", "material": "SH-220",
        "firmware": "2.0.1", "session_no": number + 1, "started_at_ms": at_ms, "ended_at_ms": at_ms + 2_000_000,
        "reading_count": 600, "known_at_ms": at_ms, "distance_m": 5_000.0, "steps": 5_000, "avg_cadence_spm": 165.0,
        "avg_heart_rate_bpm": None, "max_heart_rate_bpm": None, "avg_ground_contact_ms": None,
    }  # fmt: skip
    return Run(**told | fields)


def told(book: AlertBook, cycles: Iterable[WashCycle]) -> list[Alert]:
    return [alert for cycle in cycles for alert in book.after_cycle(7, cycle)]


def kinds(alerts: Iterable[Alert]) -> list[tuple[str, str]]:
    return [(alert.kind, alert.status) for alert in alerts]


def test_a_cycle_as_new_has_ratios_of_one() -> None:
    found = ratios(a_cycle(0))
    assert (found.drag, found.effort, found.drain, found.speed) == pytest.approx((1, 1, 1, 1))
    assert figures(a_cycle(0, drag=2.0)).drag_nm == pytest.approx(2 * NEW.drag_nm)


@pytest.mark.parametrize(
    "fields", [{"anomalies": ["power_cut"]}, {"material": "PLUG-METER"}, {"programme": None}, {"material": "WM-0"}]
)
def test_of_a_disturbed_cycle_or_an_unknown_model_nothing_is_concluded(fields: dict[str, Any]) -> None:
    assert all(np.isnan([ratios(a_cycle(0, drag=3.0, **fields)).drag, ratios(a_cycle(0, **fields)).effort]))


def test_a_sound_machine_raises_nothing() -> None:
    assert told(AlertBook(stores()), (a_cycle(number, drag=1.05, effort=0.97) for number in range(100))) == []


@pytest.mark.parametrize(
    ("kind", "worn"),
    [("bearing", {"drag": 1.5}), ("heater_scale", {"effort": 1.15}), ("drain_pump", {"drain": 1.8})],
)
def test_wear_is_raised_once_most_of_the_last_cycles_show_it_and_cleared_by_repair(
    kind: str, worn: dict[str, float]
) -> None:
    book, numbers = AlertBook(stores()), count()
    assert told(book, (a_cycle(next(numbers)) for _ in range(12))) == []
    [raised] = told(book, (a_cycle(next(numbers), **worn) for _ in range(12)))
    assert (raised.kind, raised.status, raised.version, raised.device_id) == (kind, "raised", 1, "wm-1")
    assert raised.score >= raised.threshold > 0
    assert f"raised from {raised.threshold:.0f}" in raised.reason
    assert json.loads(raised.evidence)
    [cleared] = told(book, (a_cycle(next(numbers)) for _ in range(12)))
    assert (cleared.kind, cleared.status, cleared.version) == (kind, "cleared", 2)
    assert cleared.alert_id == raised.alert_id
    [again] = told(book, (a_cycle(next(numbers), **worn) for _ in range(12)))
    assert again.alert_id != raised.alert_id


def test_one_odd_cycle_raises_nothing() -> None:
    book = AlertBook(stores())
    assert told(book, (a_cycle(number, drag=9.0 if number % 4 == 3 else 1.0) for number in range(60))) == []


def test_a_drum_that_often_cannot_spin_raises_unbalance() -> None:
    cycles = [a_cycle(number, max_drum_rpm=0.7 * NEW.top_rpm if number % 2 else NEW.top_rpm) for number in range(12)]
    [alert] = told(AlertBook(stores()), cycles)
    assert (alert.kind, alert.score) == ("unbalance", 50.0)


def test_a_corrected_version_counts_once_and_a_withdrawn_cycle_not_at_all() -> None:
    book = AlertBook(stores())
    told(book, (a_cycle(number) for number in range(6)))
    versions = [a_cycle(6, drag=2.0, version=20 + more, status="corrected") for more in range(12)]
    assert told(book, versions) == []
    withdrawn = [a_cycle(7 + number, drag=2.0, status="withdrawn") for number in range(12)]
    assert told(book, withdrawn) == []
    assert kinds(told(book, (a_cycle(7 + number, drag=2.0) for number in range(5)))) == [("bearing", "raised")]


def test_an_open_version_says_nothing() -> None:
    assert told(AlertBook(stores()), (a_cycle(number, drag=2.0, status="open") for number in range(20))) == []


@given(st.permutations(range(10)), st.integers(0, 9), st.floats(1.0, 1.5, allow_nan=False))
@examples(25)
def test_what_is_kept_does_not_depend_on_the_order_nor_on_repeats(order: list[int], twice: int, drag: float) -> None:
    cycles = [a_cycle(number, drag=1 + (drag - 1) * number / 9) for number in range(10)]
    straight, shuffled = stores(), stores()
    told(AlertBook(straight), cycles)
    told(AlertBook(shuffled), [cycles[number] for number in [*order, twice]])

    def kept(of: dict[str, Store]) -> list[tuple[int, float]]:
        row = of["alert_devices"].values[0]
        return sorted(zip(row["start_s"].tolist(), row["ratio"][::4].tolist(), strict=True))

    assert kept(straight)[-10:] == kept(shuffled)[-10:]


def test_the_newest_cycles_stay_whatever_late_ones_come() -> None:
    kept = stores()
    book = AlertBook(kept)
    told(book, (a_cycle(100 + number) for number in range(KEPT)))
    assert told(book, (a_cycle(number, drag=3.0) for number in range(50))) == []
    assert kept["alert_devices"].values[0]["start_s"].min() == (START_MS + 100 * DAY_MS) // 1000


def test_a_restart_changes_nothing() -> None:
    cycles = [a_cycle(number, drag=1.5) for number in range(30)]
    whole, begun = stores(), stores()
    expected = told(AlertBook(whole), cycles)
    found = told(AlertBook(begun), cycles[:3])
    after = stores()
    for name, store in after.items():
        saved = begun[name].delta(0)
        assert saved is not None
        store.restore([from_frame(to_frame(saved), ALERT_STORES[name])])
    assert found + told(AlertBook(after), cycles[3:]) == expected != []


def test_a_device_used_regularly_is_dormant_after_four_times_its_rhythm_until_it_is_used_again() -> None:
    book = AlertBook(stores())
    for number in range(0, 100, 10):
        assert book.after_run(4, a_run(number)) == []
    last_ms = START_MS + 90 * DAY_MS + 2_000_000
    assert book.dormant(last_ms + 40 * DAY_MS, str) == []
    [alert] = book.dormant(last_ms + 40 * DAY_MS + 1_000, lambda slot: f"sh-{slot}")
    assert (alert.kind, alert.status, alert.device_id, alert.product) == ("dormant", "raised", "sh-4", "shoe")
    assert "every 10.0 days" in alert.reason
    assert book.dormant(last_ms + 60 * DAY_MS, str) == []
    [cleared] = book.after_run(4, a_run(150, device_id="sh-4"))
    assert (cleared.kind, cleared.status, cleared.alert_id) == ("dormant", "cleared", alert.alert_id)


def test_holidays_and_devices_without_a_rhythm_are_not_dormant() -> None:
    book = AlertBook(stores())
    for number in range(20):
        book.after_run(1, a_run(number))
        book.after_cycle(3, a_cycle(number))
    for number in range(7):
        book.after_run(2, a_run(number))
    assert book.dormant(START_MS + 33 * DAY_MS, str) == []
    assert [alert.device_id for alert in book.dormant(START_MS + 34 * DAY_MS, str)] == ["3"]
    assert book.dormant(START_MS + 47 * DAY_MS, str) == []
    assert [alert.device_id for alert in book.dormant(START_MS + 48 * DAY_MS, str)] == ["1"]


def test_forgotten_devices_leave_no_row() -> None:
    kept = stores()
    book = AlertBook(kept)
    told(book, [a_cycle(0)])
    book.forget([7, 8])
    assert len(kept["alert_devices"]) == 0
