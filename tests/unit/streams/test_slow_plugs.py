"""Wash cycles behind plugs that report no oftener than each minute."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from streams.product import WASHER
from streams.state import State
from tests.unit.streams.building import NOON_MS, Upload, a_plug_upload, taken_in
from tests.unit.streams.test_step_detected import cycles, found


def each_minute(late_ms: Sequence[int]) -> list[Upload]:
    """Uploads of ten readings, one a minute, each late by so much, in turns: a cycle of 100 minutes, then quiet."""
    watts, uploads, now_ms = [2.0] * 10 + [2_000.0] * 20 + [150.0] * 80 + [2.0] * 30, list[Upload](), NOON_MS
    for seq, first in enumerate(range(0, len(watts), 10)):
        offset_ms = [60_000 * number + late_ms[number % len(late_ms)] * bool(number) for number in range(10)]
        uploads.append(
            a_plug_upload(
                seq=seq, start_ms=now_ms, sent_at_ms=now_ms + 600_000, lead_ms=60_000,
                offset_ms=offset_ms, power_w=watts[first : first + 10],
            )
        )  # fmt: skip
        now_ms += 600_000
    return uploads


@pytest.mark.parametrize("late_ms", [[0], [0, 1], [0, 3_000], [0, 6_000, 0, -4_000]])
def test_a_meter_that_reports_each_minute_may_be_late_by_a_tenth(late_ms: list[int]) -> None:
    (cycle,) = cycles(taken_in(WASHER, State(WASHER), each_minute(late_ms)))
    assert (cycle["status"], cycle["anomalies"], cycle["heater_w"]) == ("closed", [], pytest.approx(2_000))
    assert cycle["energy_wh"] == pytest.approx((20 * 2_000 + 80 * 150) / 60, rel=0.06)


def test_a_meter_that_reports_more_seldom_than_that_gives_nothing() -> None:
    slow = [
        dict(upload) | {"lead_ms": 0, "offset_ms": [66_001 * number for number in range(10)]}
        for upload in each_minute([0])
    ]
    assert cycles(taken_in(WASHER, State(WASHER), slow)) == []
    late = [dict(upload) | {"offset_ms": [61_000 * number for number in range(10)]} for upload in slow]
    late = [dict(upload) | {"start_ms": NOON_MS + 610_000 * seq, "lead_ms": 60_000} for seq, upload in enumerate(late)]
    ((energy_wh, anomalies),) = found(taken_in(WASHER, State(WASHER), late), "energy_wh", "anomalies")
    assert (energy_wh, anomalies) == (pytest.approx((20 * 2_000 + 80 * 150) / 60), [])
