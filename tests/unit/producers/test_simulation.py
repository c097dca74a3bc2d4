"""The simulated stream: same seed, same bytes; the contract's verdict; and truth that adds up from the bytes alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

from producers.corruption import ACCIDENTS
from producers.faults import FaultRates
from producers.fleet import DAY_MS, fleet
from producers.ledger import Ledger
from producers.simulation import deliveries, member_uploads
from producers.uploads import Delivery, Upload
from schemas.topics import TELEMETRY_WASHER
from schemas.truth import TrueSession
from schemas.uploads import ShoeUpload, WasherUpload

START_MS = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp()) * 1000
RATES = FaultRates(duplicated=0.03, late=0.03, reordered=0.03, corrupt=0.05)


@cache
def stream(seed: int = 3, days: int = 4) -> list[Delivery]:
    return list(deliveries(fleet(seed, 5, 5, START_MS, days), RATES))


def is_accepted(topic: str, value: bytes) -> bool:
    try:
        (WasherUpload if topic == TELEMETRY_WASHER else ShoeUpload).model_validate_json(value)
    except ValidationError:
        return False
    return True


def test_the_same_seed_gives_the_same_bytes() -> None:
    again = deliveries(fleet(3, 5, 5, START_MS, 4), RATES)
    assert [delivery.value for delivery in again] == [delivery.value for delivery in stream()]
    assert [delivery.value for delivery in stream(4)] != [delivery.value for delivery in stream()]


def test_the_contract_accepts_every_intact_upload_and_refuses_every_corrupt_one() -> None:
    for delivery in stream():
        assert is_accepted(delivery.upload.topic, delivery.value) == delivery.intact, delivery


def test_the_contract_refuses_every_accident_to_every_kind_of_upload() -> None:
    some = {(delivery.upload.topic, delivery.upload.part is None): delivery.upload for delivery in stream()}
    assert len(some) == 4
    for upload in some.values():
        for accident in ACCIDENTS:
            for seed in range(12):
                broken = accident(upload.value, Random(seed))
                assert not is_accepted(upload.topic, broken), (accident, broken)


def test_deliveries_come_in_the_order_of_time_and_devices_end_with_an_intact_upload() -> None:
    due = [delivery.due_ms for delivery in stream()]
    assert due == sorted(due)
    last = {delivery.upload.device_id: delivery for delivery in stream()}
    assert len(last) >= 5
    for delivery in last.values():
        assert delivery.fault is None
        assert delivery.upload.part is None or delivery.upload.part.ends_session
        assert START_MS <= delivery.upload.sent_at_ms < START_MS + 4 * DAY_MS


def sent_in(days: range) -> list[list[Upload]]:
    """What each device sends on these days after the first."""
    chosen = fleet(3, 5, 5, START_MS + days.start * DAY_MS, len(days))
    return [list(member_uploads(chosen, member)) for member in chosen.members]


COUNTERS = ("lifetime_energy_wh", "lifetime_water_l", "lifetime_cycles", "lifetime_distance_m", "lifetime_steps")


@pytest.mark.parametrize("cut", [1, 3, 5])
def test_later_days_go_on_with_the_numbers_and_counters_of_the_earlier_ones(cut: int) -> None:
    whole, first, later = sent_in(range(6)), sent_in(range(cut)), sent_in(range(cut, 6))
    for uploads, before, after in zip(whole, first, later, strict=True):
        told = [upload.value for upload in uploads]
        assert told == [upload.value for upload in (*before, *after)]
        assert [upload.seq for upload in uploads] == list(range(len(uploads)))
        for name in COUNTERS:
            counter = [json.loads(value).get(name, 0) for value in told]
            assert counter == sorted(counter)
    assert sum(map(len, first)) > 5
    assert sum(map(len, later)) > 5


def test_days_that_overlap_earlier_ones_are_the_same_uploads_again() -> None:
    earlier, overlapping, whole = (
        [upload.value for uploads in sent_in(days) for upload in uploads]
        for days in (range(4), range(1, 5), range(1, 4))
    )
    assert set(whole) == set(earlier) & set(overlapping)
    assert len(whole) > 20


def test_devices_are_the_same_whatever_days_are_simulated() -> None:
    earlier, later = fleet(3, 40, 40, START_MS, 4).devices, fleet(3, 40, 40, START_MS + 30 * DAY_MS, 9).devices
    for device, same in zip(earlier, later, strict=True):
        assert same == device or device.activated_on is None
        assert (same.device_id, same.material, same.sold_on) == (device.device_id, device.material, device.sold_on)


@pytest.mark.parametrize("share", [1.0, 0.6])
def test_truth_equals_what_the_acknowledged_bytes_say(share: float) -> None:
    """The same sums from the JSON text alone: an interrupted run has a part of the deliveries acknowledged."""
    ledger = Ledger()
    sent = stream()[: int(len(stream()) * share)]
    for offset, delivery in enumerate(sent):
        ledger.send(delivery)
        ledger.acknowledge(delivery, 0, offset)
    told = {(row.device_id, row.session_no): row for row in ledger.sessions()}
    assert len(told) > 10
    seen: dict[tuple[str, int | None], dict[str, Any]] = recomputed(delivery for delivery in sent if delivery.intact)
    for key, row in told.items():
        assert_equal(row, seen.get(key))
    assert set(seen) <= set(told)
    assert ledger.counts.acknowledged == len(ledger.take_records()) == len(sent)
    assert ledger.counts.faults["corrupt"] > 0
    assert ledger.take_records() == []


def assert_equal(row: TrueSession, seen: dict[str, Any] | None) -> None:
    if seen is None:
        assert (row.delivered_amount, row.delivered_reading_count, row.delivered_ended_at_ms) == (0.0, 0, None)
        return
    assert row.started_at_ms == seen["started"]
    assert row.delivered_ended_at_ms == seen["ended"]
    assert row.delivered_reading_count == seen["readings"]
    assert row.delivered_amount == pytest.approx(seen["amount"], rel=1e-9)
    assert row.end_is_known == seen["over"]
    assert row.delivered_amount <= row.amount * (1 + 1e-9)


def recomputed(arrived: Iterator[Delivery]) -> dict[tuple[str, int | None], dict[str, Any]]:
    by_device: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for delivery in arrived:
        upload = json.loads(delivery.value)
        by_device[upload["device_id"]][upload["seq"]] = upload  # a copy overwrites its like
    sessions: dict[tuple[str, int | None], dict[str, Any]] = {}
    for device_id, by_seq in by_device.items():
        newest = by_seq[max(by_seq)]
        for upload in by_seq.values():
            kind = "cycle" if "cycle_no" in upload else "run"
            if upload[f"{kind}_no"] is None:
                continue
            session = sessions.setdefault(
                (device_id, upload[f"{kind}_no"]), {"amount": 0.0, "readings": 0, "ended": 0, "over": False}
            )
            session["started"] = upload[f"{kind}_started_ms"]
            session["readings"] += len(upload["offset_ms"])
            session["ended"] = max(session["ended"], upload["start_ms"] + upload["offset_ms"][-1])
            session["over"] |= upload[f"{kind}_ended"] or newest[f"{kind}_no"] != upload[f"{kind}_no"]
            if kind == "run":
                session["amount"] = max(session["amount"], *upload["distance_m"])
                continue
            before = [-upload["lead_ms"], *upload["offset_ms"]]
            for power_w, previous_ms, at_ms in zip(upload["power_w"], before, upload["offset_ms"], strict=False):
                session["amount"] += power_w * (at_ms - previous_ms) / 3.6e6
    return sessions


def test_an_upload_given_up_counts_when_its_copy_arrives() -> None:
    copy = next(delivery for delivery in stream() if delivery.fault == "duplicated" and delivery.upload.part)
    original = Delivery(copy.upload, copy.value, copy.due_ms, None)
    ledger = Ledger()
    ledger.send(original)
    ledger.give_up(original)
    ledger.send(copy)
    ledger.acknowledge(copy, 0, 0)
    assert next(ledger.sessions()).delivered_reading_count == copy.upload.reading_count
    assert (ledger.counts.failed, ledger.counts.intact_uploads) == (1, 1)


def test_uploads_are_compared_by_identity() -> None:
    one = stream()[0].upload
    assert one != Upload(one.topic, one.device_id, one.seq, one.sent_at_ms, 0, one.value, None)
