"""The simulated stream: same seed, same bytes; the contract's verdict; and truth that adds up from the bytes alone."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection
from datetime import UTC, datetime
from functools import cache
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from producers.connection import leaves_at_ms, offline_spells
from producers.fault_rates import FaultRates
from producers.fleet import DAY_MS, Fleet, fleet
from producers.fleet_homes import home
from producers.fleet_pairs import pair_id
from producers.ledger import Ledger
from producers.roll_out import roll_out
from producers.simulation import deliveries, member_uploads
from producers.uploads import Delivery, Upload
from schemas.fleet import LifeEvent, LifeEventKind, Product
from schemas.topics import TELEMETRY_SHOE, TELEMETRY_WASHER
from schemas.truth import TrueRecord, TrueSession, TrueUpload
from schemas.uploads import SHOE_VERSIONS, WASHER_VERSIONS
from streams.refusal import Refused, examine

START_MS = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp()) * 1000
RATES = FaultRates(lost=0.02, duplicated=0.03, late=0.03, reordered=0.03, truncated=0.03, hostile=0.03)
VERSIONS = {TELEMETRY_WASHER: WASHER_VERSIONS, TELEMETRY_SHOE: SHOE_VERSIONS}
MISTAKEN = roll_out("washer:3.3.0@2026-05-06*0.5!power_kw")


def unwritten(fields: dict[str, Any]) -> bytes:
    """For `encode`, where only the truth is looked at: writing takes most of the time."""
    return b""


@cache
def stream() -> list[Delivery]:
    return list(deliveries(fleet(3, 5, 5, START_MS, 4), RATES))


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


CROWD, CROWD_DAYS = 400, 14
"""Washers and shoes each, of which the tests pick those to whom something happens."""


@cache
def crowd(start_day: int = 0, days: int = CROWD_DAYS) -> Fleet:
    roll_outs = (MISTAKEN, roll_out("shoe:2.1.0@2026-05-09*0.5!distance_ft"))
    return fleet(5, CROWD, CROWD, START_MS + start_day * DAY_MS, days, roll_outs)


@cache
def touched(kind: LifeEventKind, product: Product, count: int) -> tuple[int, ...]:
    """Numbers of members of the crowd in use to whom this happens on some day after the first ones."""
    return tuple(
        islice(
            (
                number
                for number, member in enumerate(crowd().members)
                if member.device.product == product and member.habit == "used"
                for event in crowd().events_of(member)
                if event.kind == kind and START_MS + 3 * DAY_MS < event.at_ms < START_MS + (CROWD_DAYS - 3) * DAY_MS
            ),
            count,
        )
    )


@cache
def some() -> tuple[int, ...]:
    """Members of the crowd to whom everything happens that may."""
    kinds: tuple[LifeEventKind, ...] = ("resold", "board_swapped", "firmware_installed", "activated")
    products: tuple[Product, ...] = ("washer", "shoe")
    numbers = {number for kind in kinds for product in products for number in touched(kind, product, 1)}
    return tuple(
        sorted(numbers | {*touched("board_swapped", "washer", 3), *touched("lent", "shoe", 1), *offline()[:3]})
    )


@cache
def offline() -> tuple[int, ...]:
    """Members of the crowd whose phone is offline for hours on some day after the first."""
    return tuple(
        islice(
            (
                number
                for number, member in enumerate(crowd().members)
                if member.device.product == "shoe"
                and member.habit == "used"
                and member.device.activated_on
                and offline_spells(pair_id(member.device), START_MS + (CROWD_DAYS - 4) * DAY_MS)
            ),
            5,
        )
    )


@pytest.mark.parametrize("cut", [4, 9])
def test_events_roll_outs_and_phones_offline_change_nothing_of_that(cut: int) -> None:
    """The union of two runs is the whole, with the times at which uploads leave."""
    whole = [[as_sent(upload) for upload in uploads] for _, uploads, _ in lived()]
    first, later = (
        [[as_sent(upload) for upload in member_uploads(of, of.members[number])] for number in some()]
        for of in (crowd(0, cut), crowd(cut, CROWD_DAYS - cut))
    )
    assert whole == [[*before, *after] for before, after in zip(first, later, strict=True)]
    assert all(left_ms < START_MS + cut * DAY_MS for uploads in first for _, left_ms, _ in uploads)
    assert {mistake for uploads in whole for _, _, mistake in uploads} == {None, "power_kw", "distance_ft"}


def as_sent(upload: Upload) -> tuple[bytes, int, str | None]:
    return upload.value, upload.sent_at_ms, upload.mistake


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


@cache
def lived() -> list[tuple[list[LifeEvent], list[Upload], list[dict[str, Any]]]]:
    """What happened to some devices, what they sent, and what that says."""
    members = [crowd().members[number] for number in some()]
    sent = [list(member_uploads(crowd(), member)) for member in members]
    said = [[json.loads(upload.value) for upload in uploads] for uploads in sent]
    return list(zip(map(crowd().events_of, members), sent, said, strict=True))


def made_at_ms(upload: Upload, said: dict[str, Any]) -> int:
    """When the session or heartbeat began that this upload tells of."""
    return int(said["sent_at_ms"]) if upload.part is None else upload.part.session.started_at_ms


def test_every_upload_is_as_the_events_before_its_session_say() -> None:
    """Firmware, board and mistake; an event in the middle of a session waits for its end."""
    boards, firmwares = 0, 0
    for events, uploads, said in lived():
        for upload, told in zip(uploads, said, strict=True):
            began_ms = made_at_ms(upload, told)
            held = [event for event in events if event.at_ms <= began_ms - 20 * 60_000]  # a door may stand open before
            soon = [event for event in events if event.at_ms <= began_ms]
            assert told["firmware"] in {held[-1].firmware, *(event.firmware for event in soon[len(held) - 1 :])}
            if len(held) < len(soon):
                continue
            assert told["firmware"] == held[-1].firmware
            assert told.get("board_no") in (None, held[-1].board_no)
            assert upload.mistake == held[-1].mistake or not upload.reading_count
            assert (told.get("schema_version") == 2) == (held[-1].firmware == "4.0.0")
        firmwares += len({told["firmware"] for told in said}) > 1
        boards += len({told.get("board_no") for told in said}) > 1
    assert firmwares > 5
    assert boards >= 2


def test_a_swapped_board_starts_again_or_jumps_while_numbers_go_on() -> None:
    swaps = 0
    for events, uploads, said in lived():
        assert [upload.seq for upload in uploads] == list(range(len(uploads)))
        for swapped in (event for event in events if event.kind == "board_swapped"):
            made = [(made_at_ms(upload, told), told) for upload, told in zip(uploads, said, strict=True)]
            before = [told for at_ms, told in made if at_ms < swapped.at_ms]
            after = [told for at_ms, told in made if at_ms > swapped.at_ms + 1_200_000]
            if before and after:
                name = "lifetime_cycles" if "cycle_no" in before[0] else "lifetime_steps"
                swaps += after[0][name] < before[-1][name] or after[0][name] > before[-1][name] + 5_000
    assert swaps >= 2


def test_after_a_resale_sessions_start_at_the_hours_of_the_new_owners_country(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here runs between 0 and 4 at night: by the clock of the owner of then, not of the first."""
    monkeypatch.setattr("producers.shoe_upload.encode", unwritten)
    hours: dict[bool, Counter[int]] = defaultdict(Counter)
    wrong_clock: Counter[int] = Counter()
    chosen = fleet(5, 0, 1_200, START_MS, 20)
    for member in chosen.members:
        first = member.device.time_zone
        events = [event for event in chosen.events_of(member) if event.kind == "resold"]
        if all(event.time_zone == first for event in events):
            continue
        for upload in member_uploads(chosen, member):
            if upload.part is not None:
                began_ms = upload.part.session.started_at_ms
                owner = [event.time_zone for event in events if event.at_ms <= began_ms]
                hours[bool(owner)][local_hour(began_ms, [first, *owner][-1])] += 1
                wrong_clock[local_hour(began_ms, first)] += bool(owner)
    assert min(hours[True].total(), hours[False].total()) > 100
    assert not (hours[True] + hours[False]).keys() & {0, 1, 2, 3}
    assert (+wrong_clock).keys() & {0, 1, 2, 3}


def local_hour(at_ms: int, time_zone: str) -> int:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(time_zone)).hour


def test_a_customer_s_shoes_all_say_what_that_customer_answered() -> None:
    answers: dict[str, set[bool]] = defaultdict(set)
    chosen = fleet(5, 0, 500, START_MS, 30)
    for member in chosen.members:
        owners = [event for event in chosen.events_of(member) if event.customer_id is not None]
        if any(event.kind == "resold" for event in owners):
            for upload in member_uploads(chosen, member):
                said = json.loads(upload.value)
                owner = [event.customer_id for event in owners if event.at_ms <= made_at_ms(upload, said)][-1]
                answers[str(owner)].add(said["health_consent"])
    assert len(answers) > 10
    assert answers == {customer: {home(5, int(customer[-6:])).health_consent} for customer in answers}


def test_both_shoes_of_a_pair_start_the_same_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.shoe_upload.encode", unwritten)
    chosen = fleet(5, 0, 300, START_MS, 8)
    by_id = {member.device.device_id: member for member in chosen.members}
    runs = 0
    for member in chosen.members:
        if member.device.paired_with is None or member.device.device_id != pair_id(member.device):
            continue
        mine, other = (
            sorted({upload.part.session.started_at_ms for upload in told if upload.part is not None})
            for told in (member_uploads(chosen, member), member_uploads(chosen, by_id[member.device.paired_with]))
        )
        assert mine == other
        runs += len(mine)
    assert runs > 20


def test_a_phone_offline_tells_all_at_once_when_it_is_back() -> None:
    held = 0
    for number in offline():
        member = crowd().members[number]
        spells = offline_spells(pair_id(member.device), crowd().end_ms)
        for upload in member_uploads(crowd(), member):
            made_ms = json.loads(upload.value)["sent_at_ms"]
            assert upload.sent_at_ms == leaves_at_ms(made_ms, spells) >= made_ms
            assert upload.sent_at_ms < crowd().end_ms
            held += upload.sent_at_ms > made_ms + 3_600_000
    assert held > 30


@pytest.mark.parametrize("share", [1.0, 0.6])
def test_truth_equals_what_the_bytes_say(share: float) -> None:
    """The same sums from the JSON text alone, for what was handed over: an interrupted run has a part of it."""
    ledger = Ledger()
    sent = stream()[: int(len(stream()) * share)]
    for offset, delivery in enumerate(sent):
        ledger.send(delivery)
        if not delivery.is_lost:
            ledger.acknowledge(delivery, 0, offset)
    meant = {(delivery.upload.device_id, delivery.upload.seq): delivery.upload for delivery in sent}
    rows = {(row["device_id"], row["seq"]): row for row in ledger.take(TrueUpload).to_pylist()}
    assert rows.keys() == meant.keys()
    for key, row in rows.items():
        assert_told(row, json.loads(meant[key].value))
    assert {key for key, row in rows.items() if row["is_lost"]} == {
        (delivery.upload.device_id, delivery.upload.seq) for delivery in sent if delivery.is_lost
    }
    assert ledger.counts.acknowledged == ledger.take(TrueRecord).num_rows == len(sent) - ledger.counts.lost
    assert min(ledger.counts.faults[name] for name in ("lost", "duplicated", "truncated", "hostile")) > 0
    assert ledger.take(TrueRecord).num_rows == 0

    sessions = ledger.take(TrueSession).to_pylist()
    assert len(sessions) > 10
    assert {(row["device_id"], row["started_at_ms"]) for row in sessions} == {
        (key[0], row["session_started_at_ms"]) for key, row in rows.items() if row["session_started_at_ms"] is not None
    }
    totals = {row["device_id"]: row for row in ledger.totals().to_pylist()}
    for device_id, total in totals.items():
        own = [row for key, row in rows.items() if key[0] == device_id]
        assert total["upload_count"] == len(own)
        assert total["reading_count"] == sum(row["reading_count"] for row in own)
        assert total["session_count"] == sum(row["device_id"] == device_id for row in sessions)


def assert_told(row: dict[str, Any], upload: dict[str, Any]) -> None:
    kind = "cycle" if "cycle_no" in upload else "run"
    assert row["reading_count"] == len(upload["offset_ms"])
    assert row["session_started_at_ms"] == upload[f"{kind}_started_ms"]
    assert row["ends_session"] == upload[f"{kind}_ended"]
    if upload["offset_ms"]:
        assert row["last_reading_at_ms"] == upload["start_ms"] + upload["offset_ms"][-1]
        assert row["amount"] == pytest.approx(amount(kind, upload), rel=1e-9)
    else:
        assert row["amount"] == 0.0


def amount(kind: str, upload: dict[str, Any]) -> float:
    if kind == "run":
        return float(max(upload["distance_m"]))
    times = [-upload["lead_ms"], *upload["offset_ms"]]
    spans = [later - earlier for earlier, later in pairwise(times)]
    return float(sum(power_w * span / 3.6e6 for power_w, span in zip(upload["power_w"], spans, strict=True)))


def test_uploads_are_compared_by_identity() -> None:
    one = stream()[0].upload
    assert one != Upload(one.topic, one.device_id, one.seq, one.sent_at_ms, 0, one.value, None)
