"""The simulated stream: same seed, same bytes; the contract's verdict; and days that go on from the earlier ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from producers.fault_rates import FaultRates
from producers.fleet import DAY_MS, fleet
from producers.simulation import deliveries, member_uploads
from producers.uploads import Delivery, Upload
from schemas.topics import TELEMETRY_SHOE, TELEMETRY_WASHER
from schemas.uploads import SHOE_VERSIONS, WASHER_VERSIONS
from streams.refusal import Refused, examine
from tests.unit.producers.crowd import RATES, START_MS, stream

VERSIONS = {TELEMETRY_WASHER: WASHER_VERSIONS, TELEMETRY_SHOE: SHOE_VERSIONS}


def test_the_same_seed_gives_the_same_bytes() -> None:
    again = deliveries(fleet(3, 5, 5, START_MS, 4), RATES)
    assert [delivery.value for delivery in again] == [delivery.value for delivery in stream()]
    other = deliveries(fleet(4, 2, 2, START_MS, 2), RATES)
    assert {delivery.value for delivery in other}.isdisjoint(delivery.value for delivery in stream() if delivery.intact)


def test_the_contract_accepts_every_intact_upload_and_refuses_the_others() -> None:
    for delivery in stream():
        if not delivery.is_lost and delivery.fault != "clock_9999":  # a time that only the worker's own clock refutes
            verdict = examine(delivery.value, VERSIONS[delivery.upload.topic])
            assert isinstance(verdict, Refused) != delivery.intact, (delivery, verdict)


def test_deliveries_come_in_the_order_of_time_and_devices_end_with_an_intact_upload() -> None:
    due = [delivery.due_ms for delivery in stream()]
    assert due == sorted(due)
    last = by_device(stream())
    assert len(last) >= 5
    for delivery in last:
        assert delivery.fault is None
        assert delivery.upload.part is None or delivery.upload.part.ends_session
        assert START_MS <= delivery.upload.sent_at_ms < START_MS + 4 * DAY_MS


@cache
def sent_in(days: range) -> list[list[Upload]]:
    """What each device sends on these days after the first."""
    chosen = fleet(3, 5, 5, START_MS + days.start * DAY_MS, len(days))
    return [list(member_uploads(chosen, member)) for member in chosen.members]


COUNTERS = (
    "lifetime_energy_wh",
    "lifetime_energy_mwh",
    "lifetime_water_l",
    "lifetime_cycles",
    "lifetime_distance_m",
    "lifetime_steps",
)


@pytest.mark.parametrize("cut", [1, 3, 5])
def test_later_days_go_on_with_the_numbers_and_counters_of_the_earlier_ones(cut: int) -> None:
    whole, first, later = sent_in(range(6)), sent_in(range(cut)), sent_in(range(cut, 6))
    for uploads, before, after in zip(whole, first, later, strict=True):
        told = [upload.value for upload in uploads]
        assert told == [upload.value for upload in (*before, *after)]
    assert sum(map(len, first)) > 5
    assert sum(map(len, later)) > 5


def test_numbers_go_on_and_counters_never_fall() -> None:
    for uploads in sent_in(range(6)):
        assert [upload.seq for upload in uploads] == list(range(len(uploads)))
        for earlier, next_one in pairwise(json.loads(upload.value) for upload in uploads):
            if earlier.get("board_no") == next_one.get("board_no"):
                assert all(next_one[name] >= earlier[name] for name in COUNTERS if name in earlier.keys() & next_one)


def test_days_that_overlap_earlier_ones_are_the_same_uploads_again() -> None:
    earlier, overlapping, whole = (
        [upload.value for uploads in sent_in(days) for upload in uploads]
        for days in (range(4), range(1, 5), range(1, 4))
    )
    assert set(whole) == set(earlier) & set(overlapping)
    assert len(whole) > 20


def test_what_would_leave_after_the_last_day_leaves_on_it_or_if_replayed_not_at_all() -> None:
    """The same deliveries in one run and in two, but for each device's last upload, what comes again, and when."""
    rates = FaultRates(duplicated=0.1, late=0.1, reordered=0.1, replayed=0.1)
    whole, first, later = (
        list(deliveries(fleet(3, 5, 5, START_MS + days.start * DAY_MS, len(days)), rates))
        for days in (range(6), range(3), range(3, 6))
    )
    last = {(delivery.upload.device_id, delivery.upload.seq) for part in (first, later) for delivery in by_device(part)}

    def compared(stream: list[Delivery], *names: str) -> Counter[tuple[Any, ...]]:
        return Counter(
            (delivery.value, delivery.fault, *(getattr(delivery, name) for name in names))
            for delivery in stream
            if (delivery.upload.device_id, delivery.upload.seq) not in last and delivery.fault != "replayed"
        )

    assert compared(whole) == compared(first) + compared(later)
    elsewhen = compared(first, "due_ms") - compared(whole, "due_ms")
    assert {fault for _, fault, _ in elsewhen} <= {"late", "reordered", "duplicated", "altered"}
    assert sum(elsewhen.values()) > 3
    again = [Counter(d.value for d in part if d.fault == "replayed") for part in (whole, first, later)]
    assert again[0] > again[1] + again[2]


def by_device(stream: list[Delivery]) -> Collection[Delivery]:
    """The last delivery of each device."""
    return {delivery.upload.device_id: delivery for delivery in stream}.values()


def test_devices_are_the_same_whatever_days_are_simulated() -> None:
    earlier, later = fleet(3, 40, 40, START_MS, 4).devices, fleet(3, 40, 40, START_MS + 30 * DAY_MS, 9).devices
    for device, same in zip(earlier, later, strict=True):
        assert same == device or device.activated_on is None
        assert (same.device_id, same.material, same.sold_on) == (device.device_id, device.material, device.sold_on)


def test_uploads_are_compared_by_identity() -> None:
    one = stream()[0].upload
    assert one != Upload(one.topic, one.device_id, one.seq, one.sent_at_ms, 0, one.value, None)
