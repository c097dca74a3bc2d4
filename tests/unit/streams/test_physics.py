"""What no device can have measured is refused with the field and both values."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.catalogue import LAUNCHED_MS, LONGEST_SESSION_MS
from schemas.failures import FailedEvent
from streams.product import SHOE, WASHER, Product
from streams.state import State
from tests.unit.streams.building import NOON_MS, a_shoe_upload, a_washer_upload, taken_in

MINUTE = [0, 30_000, 60_000]


def a_minute(distance_m: list[float]) -> dict[str, Any]:
    three = {name: [value] * 3 for name, value in (("cadence_spm", 170.0), ("heart_rate_bpm", 150.0))}
    return a_shoe_upload(offset_ms=MINUTE, distance_m=distance_m, ground_contact_ms=[240.0] * 3, **three)


REFUSED: list[tuple[str, Product, dict[str, Any], str, str]] = [
    ("more power than the model draws", WASHER, a_washer_upload(power_w=[3_500.0, 1.0]), "out_of_physics", "power_w"),
    ("suds above boiling", WASHER, a_washer_upload(temperature_c=[104.0, None]), "out_of_physics", "temperature_c"),
    ("water that flows back", WASHER, a_washer_upload(water_l=[9.0, 8.0]), "out_of_physics", "water_l"),
    ("a way that shrinks", SHOE, a_minute([10.0, 90.0, 80.0]), "out_of_physics", "distance_m"),
    ("faster than anybody", SHOE, a_minute([0.0, 400.0, 800.0]), "out_of_physics", "distance_m"),
    ("before its model was made", WASHER, a_washer_upload(start_ms=LAUNCHED_MS["WM-6010"] - 1,
     cycle_started_ms=LAUNCHED_MS["WM-6010"] - 1), "time_out_of_bounds", "start_ms"),
    ("a cycle that begins after it", WASHER, a_washer_upload(cycle_started_ms=NOON_MS + 5_000), "wrong_session",
     "cycle_started_ms"),
    ("a cycle of days", WASHER, a_washer_upload(cycle_started_ms=NOON_MS - LONGEST_SESSION_MS), "wrong_session",
     "cycle_started_ms"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "product", "upload", "reason", "field"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_cannot_be_is_refused(
    case: str, product: Product, upload: dict[str, Any], reason: str, field: str
) -> None:
    event = refusal(product, upload)
    assert event is not None, case
    assert (event.reason, event.field) == (reason, field)
    assert event.found
    assert event.accepted
    assert event.material == upload["material"]


POSSIBLE = [
    ("all the power of its model", WASHER, a_washer_upload(power_w=[3_000.0, 1.0])),
    ("another maker's machine", WASHER, a_washer_upload(material="OTHER", power_w=[9_000.0, 1.0])),
    ("boiling suds", WASHER, a_washer_upload(temperature_c=[100.0, None])),
    ("rounded water", WASHER, a_washer_upload(water_l=[9.0, 8.96])),
    ("a sprint", SHOE, a_minute([0.0, 330.0, 660.0])),
    ("a jump of a second", SHOE, a_shoe_upload(distance_m=[0.0, 40.0])),
]


@pytest.mark.parametrize(("case", "product", "upload"), POSSIBLE, ids=[case[0] for case in POSSIBLE])
def test_what_can_be_is_let_in(case: str, product: Product, upload: dict[str, Any]) -> None:
    assert refusal(product, upload) is None, case


def refusal(product: Product, upload: dict[str, Any]) -> FailedEvent | None:
    (outputs,) = taken_in(product, State(product), [upload])
    return outputs.failed[0] if outputs.failed else None
