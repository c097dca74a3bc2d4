"""Faults come at their rates, never take an upload away, and are what they are declared to be."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import product
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.corruption import BROKEN, HARMLESS, altered
from producers.fault_rates import NAMES, NO_FAULTS, FaultRates, declared
from producers.faults import LONGEST_DELAY, with_faults
from producers.fleet import FIRST_DAY_MS, fleet
from producers.hostile import hostile
from producers.simulation import deliveries
from producers.uploads import Upload, encode
from schemas.errors import UsageError
from schemas.topics import TELEMETRY_SHOE, TELEMETRY_WASHER
from schemas.truth import INTACT_FAULTS, Fault
from schemas.uploads import MAX_UPLOAD_BYTES, SHOE_VERSIONS, WASHER_VERSIONS, WasherUploadV2
from streams.dedupe import WINDOW
from streams.refusal import Refused, examine
from tests.unit.examples import examples

VERSIONS = {TELEMETRY_WASHER: WASHER_VERSIONS, TELEMETRY_SHOE: SHOE_VERSIONS}


def upload(seq: int, device_id: str = "wm-1-000001") -> Upload:
    """Of a washing machine of version 2, with one reading outside a cycle."""
    fields = dict.fromkeys(WasherUploadV2.model_fields) | {
        "schema_version": 2,
        "device_id": device_id,
        "seq": seq,
        "sent_at_ms": FIRST_DAY_MS + seq * 1_000,
        "material": "WM-6010",
        "firmware": "4.0.0",
        "start_ms": FIRST_DAY_MS + seq * 1_000,
        "lead_ms": 1_000,
        "offset_ms": [0, 500],
        "cycle_ended": False,
        "power_w": [1.5, 2.0],
        "phase": ["heat", "wash"],
    }
    value = encode(fields)
    return Upload(TELEMETRY_WASHER, device_id, seq, FIRST_DAY_MS + seq * 1_000, 2, value, None)


def uploads(count: int, device_id: str = "wm-1-000001") -> list[Upload]:
    return [upload(seq, device_id) for seq in range(count)]


def alike(count: int, device_id: str) -> list[Upload]:
    """As `uploads`, but each with the text of the first one: for what is not about their texts."""
    first = upload(0, device_id)
    return [replace(first, seq=seq, sent_at_ms=first.sent_at_ms + seq * 1_000) for seq in range(count)]


@cache
def kinds() -> list[Upload]:
    """An upload of each product and version, within a session and outside one."""
    made = deliveries(fleet(3, 5, 5, FIRST_DAY_MS, 2), NO_FAULTS)
    some = {(sent.upload.topic, sent.upload.part is None): sent.upload for sent in made}
    assert len(some) == 4
    return [*some.values(), upload(7)]


def verdict(sent: Upload, value: bytes) -> object:
    return examine(value, VERSIONS[sent.topic])


def is_accepted(sent: Upload, value: bytes) -> bool:
    return not isinstance(verdict(sent, value), Refused)


RATES = st.lists(st.floats(0, 1), min_size=len(NAMES) + 1, max_size=len(NAMES) + 1).filter(
    lambda shares: sum(shares) > 0
)


@examples(20)
@given(shares=RATES, count=st.integers(0, 150), seed=st.integers(0, 2**32))
def test_every_upload_is_delivered_once_and_in_reach_of_dedup(shares: list[float], count: int, seed: int) -> None:
    rates = FaultRates(*(share / sum(shares) * 0.999 for share in shares[:-1]))
    made = alike(count, f"wm-{seed}-000001")
    sent = list(with_faults(made, rates))
    originals = [delivery for delivery in sent if not delivery.is_copy and delivery.fault != "unknown_device"]
    assert sorted(delivery.upload.seq for delivery in originals) == list(range(count))
    assert [delivery.due_ms for delivery in sent] == sorted(delivery.due_ms for delivery in sent)
    newest, delivered = 0, set[int]()
    for delivery in sent:
        if delivery.fault == "unknown_device":
            continue
        number = delivery.upload.seq
        newest = max(newest, number)
        behind = newest - number
        assert (number in delivered) == delivery.is_copy  # never before its original
        assert behind > WINDOW if delivery.fault == "replayed" else behind <= LONGEST_DELAY
        delivered.add(number)
    if sent:
        assert (sent[-1].upload.seq, sent[-1].fault) == (count - 1, None)


@pytest.mark.parametrize("fault", NAMES)
def test_a_fault_leaves_an_upload_intact_or_breaks_it_as_declared(fault: Fault) -> None:
    made = uploads(150 if fault == "replayed" else 30)
    sent = [delivery for delivery in with_faults(made, only(fault)) if delivery.fault == fault]
    assert sent
    for delivery in sent:
        assert delivery.intact == (fault in INTACT_FAULTS)
        assert delivery.is_lost == (fault == "lost")
        is_as_it_was = delivery.value == delivery.upload.value
        assert is_as_it_was == (fault not in {"altered", *BROKEN, *HARMLESS})
        if fault not in ("altered", "lost", "clock_9999"):
            assert is_accepted(delivery.upload, delivery.value) == delivery.intact


def only(fault: str, share: float = 1.0) -> FaultRates:
    return replace(NO_FAULTS, **{fault: share})


@examples(8)
@given(seed=st.integers(0, 2**63))
def test_the_contract_refuses_everything_that_is_broken(seed: int) -> None:
    for fault, made in product(BROKEN, kinds()):
        broken = BROKEN[fault](made.value, Random(seed))
        if fault == "clock_9999":
            fields = json.loads(broken)
            assert min(fields["sent_at_ms"], fields["start_ms"]) > 253_370_000_000_000
        else:
            assert not is_accepted(made, broken), (fault, broken[:200])


def test_the_contract_refuses_every_hostile_upload() -> None:
    rng = Random(1)
    reasons = Counter[str]()
    for _ in range(100):
        for made in kinds():
            found = verdict(made, hostile(made.value, rng))
            assert isinstance(found, Refused), found
            reasons[found.reason] += 1
    assert {"bad_format", "not_json", "duplicate_key", "out_of_range", "wrong_type"} <= set(reasons)


@examples(8)
@given(seed=st.integers(0, 2**63))
def test_the_contract_lets_in_what_is_harmless(seed: int) -> None:
    for fault, made in product(HARMLESS, kinds()):
        assert is_accepted(made, HARMLESS[fault](made.value, Random(seed)))


@given(st.integers(0, 2**63))
def test_a_drifting_clock_is_minutes_off_and_moves_no_reading(seed: int) -> None:
    for made in kinds():
        before, after = json.loads(made.value), json.loads(HARMLESS["clock_drift"](made.value, Random(seed)))
        assert 60_000 <= abs(after.pop("sent_at_ms") - before.pop("sent_at_ms")) <= 600_000
        assert after == before


@given(st.integers(0, 2**63))
def test_an_altered_upload_is_as_the_contract_wants_it_and_another(seed: int) -> None:
    for made in kinds():
        other = altered(made.value, Random(seed))
        assert is_accepted(made, other)
        assert other != made.value


@given(st.integers(0, 2**63))
def test_an_oversized_upload_passes_kafka_and_no_more(seed: int) -> None:
    size = len(BROKEN["oversized"](upload(1).value, Random(seed)))
    assert MAX_UPLOAD_BYTES < size < 1_048_588 - 10_000


def test_what_comes_again_comes_after_its_original() -> None:
    sent = list(with_faults(uploads(400), FaultRates(altered=0.1, replayed=0.1, duplicated=0.1)))
    for fault in ("altered", "replayed", "duplicated"):
        copies = [number for number, delivery in enumerate(sent) if delivery.fault == fault]
        assert copies, fault
        for number in copies:
            before = [delivery for delivery in sent[:number] if delivery.upload is sent[number].upload]
            assert [(delivery.fault, delivery.intact) for delivery in before] == [(None, True)]


def test_a_stranger_says_a_word_and_has_no_readings() -> None:
    (stranger,) = [delivery for delivery in with_faults(uploads(2), only("unknown_device")) if delivery.fault]
    assert (stranger.upload.device_id, stranger.upload.reading_count) == ("xx-1-000001-wm", 0)
    fields: dict[str, Any] = json.loads(stranger.value)
    assert (fields["device_id"], fields["seq"], fields["offset_ms"]) == ("xx-1-000001-wm", 0, [])


def test_an_upload_with_a_mistake_of_its_firmware_meets_nothing_else() -> None:
    mistaken = [replace(upload, mistake="power_kw") for upload in uploads(50)]
    sent = list(with_faults(mistaken, only("late")))
    assert [(delivery.upload, delivery.fault, delivery.intact) for delivery in sent] == [
        (upload, "wrong_unit", False) for upload in mistaken
    ]


def test_faults_come_at_their_declared_rates() -> None:
    rates = FaultRates(duplicated=0.05, late=0.03, reordered=0.02, truncated=0.01, replayed=0.04, unknown_device=0.02)
    counts = Counter(delivery.fault for delivery in with_faults(alike(10_000, "wm-1-000001"), rates))
    for fault in ("duplicated", "late", "reordered", "truncated", "replayed", "unknown_device"):
        assert counts[fault] / 10_000 == pytest.approx(getattr(rates, fault), rel=0.25)


def test_no_faults_leave_everything_as_it_was() -> None:
    made = uploads(50)
    assert [delivery.upload for delivery in with_faults(made, NO_FAULTS)] == made


def test_a_late_upload_is_overtaken_by_later_ones() -> None:
    sent = [delivery.upload.seq for delivery in with_faults(uploads(40), only("reordered"))]
    assert sent[:4] == [0, 1, 2, 3]  # each one waits for the next, which waits too
    assert sorted(sent) == list(range(40))


def test_an_upload_sent_again_by_a_later_run_meets_the_same() -> None:
    rates = FaultRates(**dict.fromkeys(NAMES, 0.9 / len(NAMES)))

    def met(sent: list[Upload]) -> dict[int, set[tuple[str | None, bytes]]]:
        found: dict[int, set[tuple[str | None, bytes]]] = {}
        for delivery in with_faults(sent, rates):
            if delivery.fault != "replayed":  # its time may not come within the run
                found.setdefault(delivery.upload.seq, set()).add((delivery.fault, delivery.value))
        return found

    first, later = met(uploads(400)[:300]), met(uploads(400)[100:])
    assert {seq: first[seq] for seq in range(100, 299)} == {seq: later[seq] for seq in range(100, 299)}


def test_every_fault_but_a_wrong_unit_has_a_rate() -> None:
    assert {*NAMES, "wrong_unit"} == set(get_args(Fault))
    assert all(getattr(FaultRates(), name) > 0 for name in NAMES)


def test_faults_are_declared_by_name() -> None:
    assert declared([]) == FaultRates()
    assert declared(["late=0.5"]) == FaultRates(late=0.5)
    assert declared([], is_rest_without=True) == NO_FAULTS
    assert declared(["late=0.1", "late=0.2"], is_rest_without=True) == only("late", 0.2)


ACCEPTED = "a share of uploads from 0 to 1 is accepted"
WRONG = [
    (["late=-0.1"], f"--fault late=-0.1: {ACCEPTED}"),
    (["late=1.5"], f"--fault late=1.5: {ACCEPTED}"),
    (["late=nan"], f"--fault late=nan: {ACCEPTED}"),
    (["late=often"], f"--fault late=often: {ACCEPTED}"),
    (["late="], f"--fault late=: {ACCEPTED}"),
    (["late"], "--fault late: NAME=SHARE is accepted, NAME being one of lost, duplicated, "),
    (["wrong_unit=0.1"], "--fault wrong_unit=0.1: NAME=SHARE is accepted, NAME being one of lost, "),
    (
        ["late=0.6", "lost=0.7"],
        "--fault: the sum of all shares, 1.32632 (the largest: lost 0.7, late 0.6), is above 1: an upload meets one ",
    ),
]


@pytest.mark.parametrize(("options", "told"), WRONG)
def test_a_wrong_declaration_is_told_in_one_line(options: list[str], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        declared(options)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
