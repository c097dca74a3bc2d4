"""One odd session must not stop the desk: whatever the contracts let in, every rule says something readable or nothing.

Instants are those that the engine admits: neither before a model was made nor ahead of the clock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import WASHERS
from schemas.desk import Alert, Insight
from schemas.facts import CycleAnomaly
from schemas.reference import MOST_PRICE, Goal
from schemas.uploads import Programme
from streams.desk.advice import ADVICE_STORES, Adviser
from streams.desk.alerts import ALERT_STORES, AlertBook
from streams.desk.fleet_shift import SHIFT_STORES, FleetShift
from streams.desk.register import Known
from streams.store import Store
from tests.unit.examples import examples
from tests.unit.streams.desk.building import (
    ANNA,
    DAY_MS,
    NOON_MS,
    a_cycle,
    a_run,
    consents,
    contracts,
    custodies,
)

EXTREMES = (0.0, 5e-324, 1e-9, 0.03, 1.0, 300.0, 3_550.0, 10_000.0, 1e6, 1e39, 1.7e308)
SIGNED = (*EXTREMES, *(-value for value in EXTREMES))
UNREADABLE = re.compile(r"\b(nan|inf|infinity)\b|∞|[{}]", re.IGNORECASE)
STORES: Mapping[str, np.dtype[np.void]] = {**ADVICE_STORES, **ALERT_STORES, **SHIFT_STORES}

amounts = st.sampled_from(EXTREMES)
maybe = st.none() | amounts
signed = st.none() | st.sampled_from(SIGNED)
zones_s = st.none() | st.lists(amounts, max_size=5)
gap_ms = st.sampled_from([0, 1, 3_600_000, DAY_MS, 2 * DAY_MS, 30 * DAY_MS, 200 * DAY_MS, -DAY_MS, -20 * DAY_MS])
shared: dict[str, Any] = {
    "version": st.sampled_from([1, 3, 2**31 - 1, 2**31, 2**53]),
    "status": st.sampled_from(["closed", "closed", "corrected", "withdrawn", "open"]),
    "material": st.sampled_from([*(model.material for model in WASHERS), "X"]),
    "firmware": st.sampled_from(["0.0.0", "3.2.0", "9999.9999.9999"]),
    "reading_count": st.sampled_from([0, 1, 700, 2**53 - 1]),
    "changed_amount": signed,
    "changed_end_ms": st.none() | st.sampled_from([0, DAY_MS, -DAY_MS, 2**62]),
    "lasts_ms": st.sampled_from([0, 1, 3_600_000, 2 * DAY_MS]),
    "gap_ms": gap_ms,
}
washes = st.fixed_dictionaries(
    {
        **shared,
        "programme": st.none() | st.sampled_from(get_args(Programme)),
        "anomalies": st.none() | st.lists(st.sampled_from(get_args(CycleAnomaly)), max_size=2),
        "energy_wh": amounts,
        **dict.fromkeys(("water_l", "heat_energy_wh", "heater_w", "heating_k_per_min", "drain_s", "spin_w"), maybe),
        "max_drum_rpm": maybe,
    }
)
strides = st.fixed_dictionaries(
    {
        **shared,
        "distance_m": amounts,
        "steps": st.none() | st.sampled_from([0, 1, 10**4, 10**18]),
        **dict.fromkeys(("avg_cadence_spm", "avg_ground_contact_ms", "avg_contact_balance_pct", "load"), signed),
        "moving_s": maybe,
        "heart_rate_zone_s": zones_s,
    }
)
wishes = st.fixed_dictionaries(
    {
        "country": st.sampled_from(["DE", "US", "ZZ"]),
        "time_zone": st.sampled_from(["Europe/Berlin", "Europe", ""]),
        "language": st.sampled_from(["de", "en", "sv", "", "\u0000"]),
        "insights_per_week": st.sampled_from([0, 1, 50, 10**9]),
        "goal": st.none() | st.sampled_from(get_args(Goal)),
        "weekly_km": st.sampled_from([None, 0.0, 5e-324, 0.1, 30.0, 500.0]),
        "runs_per_week": st.sampled_from([None, 1, 4, 14]),
    }
)
prices = st.sampled_from([0.0, 5e-324, 0.4, MOST_PRICE])


def known(wanted: Mapping[str, Any], price: float) -> Known:
    contract = contracts((0, None)).model_dump() | {"energy_price_per_kwh": [price], "currency": ["XXX"]}
    agreed = consents(*((ANNA, purpose, 0, None) for purpose in ("care", "coaching", "health")))
    return Known(
        custody=custodies((ANNA, 0, None), **wanted),
        contract=type(contracts()).model_validate(contract),
        consent=agreed,
    )


def sessions(build: Any, usual: Sequence[Mapping[str, Any]], odd: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    """A life of usual sessions with the odd ones among them, each some time after the one before."""
    at_ms = NOON_MS
    for fields in [*usual, *odd, *usual, *odd]:
        own = dict(fields)
        at_ms += own.pop("gap_ms")
        lasts_ms = own.pop("lasts_ms")
        yield build(at_ms, ended_at_ms=at_ms + lasts_ms, **own)


def books() -> tuple[Adviser, AlertBook, FleetShift]:
    stores = {name: Store(dtype) for name, dtype in STORES.items()}
    return Adviser(stores), AlertBook(stores), FleetShift(stores)


def no_constant(name: str) -> float:
    raise AssertionError(f"{name} in evidence")


def is_readable(told: Sequence[Insight | Alert]) -> bool:
    for one in told:
        json.loads(one.evidence, parse_constant=no_constant)
        text = one.reason if isinstance(one, Alert) else f"{one.title} {one.text} {one.reason}"
        assert not UNREADABLE.search(text), text
    return True


@given(
    odd=st.lists(washes, min_size=1, max_size=12), wanted=wishes, price=prices, kind=st.sampled_from(["cotton", "eco"])
)
@examples(10)
def test_any_cycle_that_the_contract_lets_in(
    odd: list[dict[str, Any]], wanted: dict[str, Any], price: float, kind: str
) -> None:
    adviser, book, fleet = books()
    usual = {"gap_ms": DAY_MS, "lasts_ms": 7_200_000, "programme": kind, "anomalies": [], "drain_s": 300.0,
             "heater_w": 2_090.0, "heating_k_per_min": 1.35}  # fmt: skip
    for cycle in sessions(a_cycle, [usual] * 6, odd):
        is_readable(adviser.after_cycle(7, cycle, known(wanted, price)))
        is_readable(book.after_cycle(7, cycle))
        fleet.after_cycle(7, cycle)
    is_readable(book.dormant(NOON_MS + 9_000 * DAY_MS, lambda _slot: "w-1"))
    is_readable(fleet.told())


@given(odd=st.lists(strides, min_size=1, max_size=12), wanted=wishes)
@examples(10)
def test_any_run_that_the_contract_lets_in(odd: list[dict[str, Any]], wanted: dict[str, Any]) -> None:
    adviser, book, fleet = books()
    usual = {"gap_ms": 2 * DAY_MS, "lasts_ms": 3_600_000, "avg_contact_balance_pct": 50.2, "load": 100.0,
             "heart_rate_zone_s": [0.0, 0.0, 0.0, 1_800.0, 1_750.0]}  # fmt: skip
    for run in sessions(a_run, [usual] * 8, odd):
        is_readable(adviser.after_run(7, run, known(wanted, 0.4)))
        is_readable(book.after_run(7, run))
        fleet.after_run(7, run)
    assert adviser.total_km(7) >= 0
    is_readable(book.dormant(NOON_MS + 9_000 * DAY_MS, lambda _slot: "s-1"))
    is_readable(fleet.told())
