"""The simulated stream: same seed, same bytes; the contract's verdict; and truth that adds up from the bytes alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pyarrow.compute as pc
import pytest

from producers.fault_rates import NAMES, FaultRates
from producers.fleet import DAY_MS, fleet
from producers.ledger import Ledger
from producers.simulation import deliveries, member_uploads
from producers.uploads import Delivery, Upload
from schemas.topics import TELEMETRY_WASHER
from schemas.truth import TrueRecord, TrueSession, TrueTotal, TrueUpload
from schemas.uploads import SHOE_VERSIONS, WASHER_VERSIONS
from streams.refusal import Refused, examine

START_MS = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp()) * 1000
RATES = FaultRates(**dict.fromkeys(NAMES, 0.01) | {"oversized": 0.001})


@cache
def stream(seed: int = 3, days: int = 4) -> list[Delivery]:
    return list(deliveries(fleet(seed, 5, 5, START_MS, days), RATES))


def is_accepted(topic: str, value: bytes) -> bool:
    return not isinstance(examine(value, WASHER_VERSIONS if topic == TELEMETRY_WASHER else SHOE_VERSIONS), Refused)


def test_the_same_seed_gives_the_same_bytes() -> None:
    again = deliveries(fleet(3, 5, 5, START_MS, 4), RATES)
    assert [delivery.value for delivery in again] == [delivery.value for delivery in stream()]
    assert [delivery.value for delivery in stream(4)] != [delivery.value for delivery in stream()]


def test_the_contract_accepts_every_intact_upload_and_refuses_every_broken_one() -> None:
    for delivery in stream():
        if delivery.fault not in ("altered", "clock_9999", "lost"):  # not for what they hold, or not at all
            assert is_accepted(delivery.upload.topic, delivery.value) == delivery.intact, delivery


def test_deliveries_come_in_the_order_of_time_and_devices_end_with_an_intact_upload() -> None:
    due = [delivery.due_ms for delivery in stream()]
    assert due == sorted(due)
    last = {delivery.upload.device_id: delivery for delivery in stream()}
    assert len(last) >= 5
    for delivery in last.values():
        if delivery.fault == "unknown_device":
            continue
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
def test_truth_equals_what_the_bytes_say(share: float) -> None:
    """The same sums from the JSON text alone: an interrupted run has a part of the deliveries acknowledged."""
    ledger = Ledger()
    sent = stream()[: int(len(stream()) * share)]
    for offset, delivery in enumerate(sent):
        ledger.send(delivery)
        if not delivery.is_lost:
            ledger.acknowledge(delivery, 0, offset)
    uploads, sessions, records = (ledger.take(contract) for contract in (TrueUpload, TrueSession, TrueRecord))
    told = [TrueUpload(**row) for row in uploads.to_pylist()]
    assert len({(upload.device_id, upload.seq) for upload in told}) == len(told)
    assert {(upload.device_id, upload.seq) for upload in told} == {
        (delivery.upload.device_id, delivery.upload.seq) for delivery in sent
    }
    seen = recomputed(delivery.upload for delivery in sent)
    started = [TrueSession(**row) for row in sessions.to_pylist()]
    assert len(started) == len(seen) > 10
    for session in started:
        parts = [part for part in told if is_of(part, session)]
        assert_equal(session, parts, seen[session.device_id, session.session_no])
    assert records.num_rows == ledger.counts.acknowledged == sum(not delivery.is_lost for delivery in sent)
    assert ledger.counts.lost == sum(upload.is_lost for upload in told) > 0
    assert ledger.waiting_rows == 0


def is_of(upload: TrueUpload, session: TrueSession) -> bool:
    return (upload.device_id, upload.session_started_at_ms) == (session.device_id, session.started_at_ms)


def assert_equal(session: TrueSession, parts: list[TrueUpload], seen: dict[str, Any]) -> None:
    amounts = [part.amount for part in parts]
    amount = sum(amounts) if session.product == "washer" else max(amounts)
    assert session.started_at_ms == seen["started"]
    assert max(part.last_reading_at_ms or 0 for part in parts) == seen["ended"]
    assert sum(part.reading_count for part in parts) == seen["readings"]
    assert amount == pytest.approx(seen["amount"], rel=1e-9)
    assert amount <= session.amount * (1 + 1e-9)
    if any(part.ends_session for part in parts) and session.product == "washer":
        assert session.ended_at_ms == seen["ended"]
        assert session.amount == pytest.approx(amount)


def test_totals_are_those_of_the_uploads_and_sessions() -> None:
    ledger = Ledger()
    for delivery in stream():
        ledger.send(delivery)
    uploads, sessions = ledger.take(TrueUpload), ledger.take(TrueSession)
    totals = {row["device_id"]: TrueTotal(**row) for row in ledger.totals().to_pylist()}
    assert set(totals) == set(uploads["device_id"].to_pylist())
    for device_id, total in totals.items():
        mine = uploads.filter(pc.field("device_id") == device_id)
        lived = sessions.filter(pc.field("device_id") == device_id)
        assert total.upload_count == mine.num_rows
        assert total.lost_count == sum(mine["is_lost"].to_pylist())
        assert total.reading_count == sum(mine["reading_count"].to_pylist())
        assert total.session_count == lived.num_rows
        assert total.amount == pytest.approx(sum(lived["amount"].to_pylist()))


def recomputed(made: Iterator[Upload]) -> dict[tuple[str, int | None], dict[str, Any]]:
    by_device: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for each in made:
        upload = json.loads(each.value)
        by_device[upload["device_id"]][upload["seq"]] = upload  # a copy overwrites its like
    sessions: dict[tuple[str, int | None], dict[str, Any]] = {}
    for device_id, by_seq in by_device.items():
        for upload in by_seq.values():
            kind = "cycle" if "cycle_no" in upload else "run"
            if upload[f"{kind}_no"] is None:
                continue
            session = sessions.setdefault((device_id, upload[f"{kind}_no"]), {"amount": 0.0, "readings": 0, "ended": 0})
            session["started"] = upload[f"{kind}_started_ms"]
            session["readings"] += len(upload["offset_ms"])
            session["ended"] = max(session["ended"], upload["start_ms"] + upload["offset_ms"][-1])
            if kind == "run":
                session["amount"] = max(session["amount"], *upload["distance_m"])
                continue
            before = [-upload["lead_ms"], *upload["offset_ms"]]
            for power_w, previous_ms, at_ms in zip(upload["power_w"], before, upload["offset_ms"], strict=False):
                session["amount"] += power_w * (at_ms - previous_ms) / 3.6e6
    return sessions


def test_uploads_are_compared_by_identity() -> None:
    one = stream()[0].upload
    assert one != Upload(one.topic, one.device_id, one.seq, one.sent_at_ms, 0, one.value, None)
