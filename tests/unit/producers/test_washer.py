"""A washing machine's life as its uploads tell it: let in by the contract, true, the same for the same seed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from itertools import chain, pairwise
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.device import Episode
from producers.uploads import Upload
from producers.washer import Washer
from producers.washer_owner import owner
from producers.washer_uploads import Board, Counters
from schemas.catalogue import WASHERS
from schemas.fleet import FleetDevice, LifeEvent
from schemas.uploads import MAX_SPAN_MS, Alert, WasherUpload, WasherUploadV2
from tests.unit.examples import examples

START_MS = 1_780_000_000_000
HOUR_MS = 3_600_000
FIRMWARES = ("3.1.4", "3.2.1", "4.1.2")
"""One of each kind."""
PHASES = ("fill", "heat", "wash", "rinse", "spin")


def a_device(firmware: str = "3.2.1", material: str = "WM-8030", number: int = 1) -> FleetDevice:
    return FleetDevice(
        device_id=f"wm-1-{number:06d}",
        product="washer",
        material=material,
        firmware=firmware,
        country="DE",
        time_zone="Europe/Berlin",
        sold_on=date(2026, 1, 2),
        activated_on=date(2026, 1, 9),
        customer_id="cu-1-000001",
        health_consent=None,
    )


def an_event(kind: Any, *, firmware: str = "3.2.1", board_no: int = 0, customer_id: str = "cu-1-000002") -> LifeEvent:
    return LifeEvent(
        device_id="wm-1-000001",
        at_ms=START_MS,
        kind=kind,
        customer_id=customer_id,
        health_consent=None,
        country="FI",
        time_zone="Europe/Helsinki",
        firmware=firmware,
        board_no=board_no,
        mistake=None,
    )


def a_washer(device: FleetDevice, seed: int = 1, earlier_cycles: int = 100) -> Washer:
    return Washer(device, earlier_cycles, Random(f"{device.device_id}/nature/{seed}"), Random(f"{seed}/life"))


def episodes(washer: Washer, days: int) -> Iterator[Episode]:
    """A heartbeat and a cycle every day."""
    for day in range(days):
        yield washer.heartbeat(START_MS + 24 * day * HOUR_MS)
        yield washer.session(START_MS + (24 * day + 12) * HOUR_MS)


def fields_of(uploads: list[Upload]) -> list[dict[str, Any]]:
    return [json.loads(upload.value) for upload in uploads]


def energies_wh(fields: dict[str, Any]) -> list[float]:
    """What the stream makes of an upload's readings: power times span, nothing after a silence of over a minute."""
    if not fields["offset_ms"]:
        return []
    spans_ms = [fields["lead_ms"], *(later - at for at, later in pairwise(fields["offset_ms"]))]
    return [
        power_w * span_ms / HOUR_MS if span_ms <= MAX_SPAN_MS else 0.0
        for power_w, span_ms in zip(fields["power_w"], spans_ms, strict=True)
    ]


def unwritten(fields: dict[str, Any]) -> bytes:
    """For `encode`, where only the truth is looked at: writing takes most of the time."""
    return b""


@cache
def a_fleet(firmware: str) -> list[list[Upload]]:
    """Sixteen machines of all models and ages, a week each, with many power cuts and lopsided loads."""
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("producers.washer._POWER_CUT", 0.5)
        patch.setattr("producers.washer._MEAN_UNBALANCE_KG", 0.4)
        for number in range(16):
            device = a_device(firmware, WASHERS[number % len(WASHERS)].material, number)
            washer = a_washer(device, number, earlier_cycles=75 * number)
            told.append([upload for episode in episodes(washer, 7) for upload in episode.uploads()])
    return told


@cache
def told_by(firmware: str) -> list[list[dict[str, Any]]]:
    """What the uploads of `a_fleet` say, not to be changed."""
    return [fields_of(uploads) for uploads in a_fleet(firmware)]


def both_of(firmware: str) -> Iterator[tuple[list[Upload], list[dict[str, Any]]]]:
    return zip(a_fleet(firmware), told_by(firmware), strict=True)


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_the_contract_of_its_firmware_lets_every_upload_in(firmware: str) -> None:
    model = WasherUploadV2 if firmware == "4.1.2" else WasherUpload
    for upload, fields in chain.from_iterable(zip(*both, strict=True) for both in both_of(firmware)):
        model.model_validate_json(upload.value, strict=True)
        assert (upload.seq, upload.sent_at_ms) == (fields["seq"], fields["sent_at_ms"])
        assert upload.reading_count == len(fields["offset_ms"])
        assert fields["firmware"] == firmware


@pytest.mark.parametrize(
    ("firmware", "version", "additions"),
    [("3.1.4", 1, False), ("3.2.0", 1, True), ("3.10.0", 1, True), ("4.0.0", 2, True), ("10.0.0", 2, True)],
)
def test_what_a_firmware_sends(firmware: str, version: int, additions: bool) -> None:
    washer = a_washer(a_device(firmware))
    known = set((WasherUpload, WasherUploadV2)[version - 1].model_fields)
    for fields in fields_of(washer.heartbeat(START_MS).uploads() + washer.session(START_MS + HOUR_MS).uploads()):
        assert set(fields) == (known if additions else known - {"board_no", "alert"})
        assert fields.get("schema_version", 1) == version


@examples(15)
@given(
    seed=st.integers(0, 2**32),
    material=st.sampled_from([model.material for model in WASHERS]),
    age=st.integers(0, 3_000),
    firmwares=st.lists(st.sampled_from(FIRMWARES), min_size=1, max_size=4),
)
def test_whatever_life_it_has_every_upload_is_let_in(seed: int, material: str, age: int, firmwares: list[str]) -> None:
    washer = a_washer(a_device("3.1.4", material), seed, age)
    rng = Random(seed)
    told: list[Upload] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("producers.washer._POWER_CUT", 0.5)
        for number, firmware in enumerate(firmwares):
            kind = rng.choice(["firmware_installed", "board_swapped", "resold"])
            washer.happen(an_event(kind, firmware=firmware, board_no=number))
            told += washer.heartbeat(START_MS + 24 * number * HOUR_MS).uploads()
            told += washer.session(START_MS + (24 * number + 12) * HOUR_MS).uploads()
    for upload in told:
        (WasherUploadV2 if b'"schema_version"' in upload.value else WasherUpload).model_validate_json(upload.value)
    assert [upload.seq for upload in told] == list(range(len(told)))


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_the_truth_is_what_the_stream_will_sum(firmware: str) -> None:
    for uploads, told in both_of(firmware):
        sums: dict[Any, float] = defaultdict(float)
        for upload, fields in zip(uploads, told, strict=True):
            if upload.part is None:
                assert fields["cycle_no"] is None
                continue
            part, energy_wh = upload.part, energies_wh(fields)
            assert part.amount == pytest.approx(sum(energy_wh), rel=1e-9, abs=1e-9)
            assert part.last_reading_ms == fields["start_ms"] + fields["offset_ms"][-1]
            assert part.ends_session == fields["cycle_ended"] == (part.session.last_seq == upload.seq)
            assert (part.session.session_no, part.session.started_at_ms) == (
                fields["cycle_no"],
                fields["cycle_started_ms"],
            )
            sums[part.session] += sum(energy_wh)
            if part.ends_session:
                assert part.session.ended_at_ms == part.last_reading_ms
        for session, amount in sums.items():
            assert session.amount == pytest.approx(amount, rel=1e-9)
        assert len(sums) == 7


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_numbers_and_times_rise_and_lifetime_counters_count_what_the_readings_say(firmware: str) -> None:
    for uploads, told in both_of(firmware):
        assert [upload.seq for upload in uploads] == list(range(len(uploads)))
        for before, fields in pairwise(told):
            assert fields["sent_at_ms"] > before["sent_at_ms"]
            if fields["cycle_no"] is not None:
                measured_ms = fields["start_ms"] + fields["offset_ms"][-1]
                assert measured_ms < fields["sent_at_ms"]
            gained_wh = lifetime_wh(fields) - lifetime_wh(before)
            assert gained_wh == pytest.approx(sum(energies_wh(fields)), abs=0.0011)
            assert fields["lifetime_water_l"] >= before["lifetime_water_l"]
            assert fields["lifetime_cycles"] - before["lifetime_cycles"] in (0, 1)


def lifetime_wh(fields: dict[str, Any]) -> float:
    return float(
        fields["lifetime_energy_wh"] if "lifetime_energy_wh" in fields else fields["lifetime_energy_mwh"] / 1e3
    )


def test_version_2_counts_the_energy_of_each_phase_since_the_cycle_began() -> None:
    for told in told_by("4.1.2"):
        by_phase: dict[str, float] = {}
        for fields in told:
            totals = [fields[f"{phase}_energy_wh"] for phase in PHASES]
            if fields["cycle_no"] is None:
                assert {*totals, fields["cycle_energy_wh"]} == {None}
                assert fields["phase"] == []
                by_phase = dict.fromkeys(PHASES, 0.0)
                continue
            for phase, energy_wh in zip(fields["phase"], energies_wh(fields), strict=True):
                by_phase[phase] += energy_wh
            assert totals == pytest.approx(list(by_phase.values()), abs=0.0011)
            assert fields["cycle_energy_wh"] == pytest.approx(sum(totals), abs=0.0006)
            if fields["cycle_ended"]:
                by_phase = dict.fromkeys(PHASES, 0.0)


def test_every_alert_is_raised_and_old_firmware_raises_none() -> None:
    assert {fields["alert"] for told in told_by("4.1.2") for fields in told} == {None, *get_args(Alert)}
    for told in told_by("3.1.4"):
        assert all("alert" not in fields for fields in told)


def test_the_machine_complains_where_it_notices() -> None:
    for fields in chain.from_iterable(told_by("4.1.2")):
        if fields["alert"] == "unbalance":
            assert fields["cycle_ended"]
            assert fields["phase"][-1] == "spin"
        if fields["alert"] == "drain_slow":
            assert "rinse" in fields["phase"]
        if fields["alert"] == "door_open":
            assert fields["cycle_no"] is None


def cut_uploads(firmware: str) -> list[tuple[list[dict[str, Any]], int]]:
    """The uploads of each cycle with a power cut, and which of them says so."""
    cycles: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for fields in chain.from_iterable(told_by(firmware)):
        if fields["cycle_no"] is not None:
            cycles[fields["device_id"], fields["cycle_no"]].append(fields)
    marked = [(uploads, [fields["alert"] for fields in uploads]) for uploads in cycles.values()]
    return [(uploads, alerts.index("power_cut")) for uploads, alerts in marked if "power_cut" in alerts]


def test_after_a_power_cut_new_firmware_sends_what_it_had_and_goes_on_or_ends_there() -> None:
    cut = cut_uploads("4.1.2")
    went_on = [(uploads, at) for uploads, at in cut if at < len(uploads) - 1]
    ended = [uploads for uploads, at in cut if at == len(uploads) - 1 and uploads[at]["phase"][-1] != "spin"]
    assert len(cut) > 30
    assert len(went_on) > 15
    assert len(ended) > 5
    for uploads, at in went_on:
        last_ms = uploads[at]["start_ms"] + uploads[at]["offset_ms"][-1]
        assert 120_000 <= uploads[at]["sent_at_ms"] - last_ms <= 2_403_000
        assert uploads[at + 1]["start_ms"] - last_ms > 120_000
        assert uploads[at + 1]["lead_ms"] == 15_000
        assert len(uploads[at]["offset_ms"]) < 20
    for uploads in ended:
        assert uploads[-1]["cycle_ended"]
        assert uploads[-1]["sent_at_ms"] - uploads[-1]["start_ms"] - uploads[-1]["offset_ms"][-1] >= 120_000


def test_after_a_power_cut_old_firmware_goes_on_with_a_reading_that_counts_nothing() -> None:
    went_on = [(uploads, at) for uploads, at in cut_uploads("3.2.1") if not uploads[at]["cycle_ended"]]
    assert len(went_on) > 15
    for uploads, at in went_on:
        gaps_ms = [later - before for before, later in pairwise(uploads[at]["offset_ms"])]
        assert sum(gap_ms > MAX_SPAN_MS for gap_ms in gaps_ms) == 1
        assert energies_wh(uploads[at]).count(0.0) == 1


def test_an_open_door_is_told_and_delays_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "producers.washer.owner", lambda country, nature: replace(owner(country, nature), forgets_door=1.0)
    )
    for firmware, first in (("3.2.1", 1), ("3.1.4", 0)):
        washer = a_washer(a_device(firmware))
        (heartbeat,) = fields_of(washer.heartbeat(START_MS - HOUR_MS).uploads())
        assert heartbeat.get("alert") == (None if firmware == "3.1.4" else "door_open")
        uploads = fields_of(washer.session(START_MS).uploads())
        assert [fields["seq"] for fields in uploads] == list(range(1, len(uploads) + 1))
        assert 60_000 <= uploads[first]["cycle_started_ms"] - START_MS <= 900_000
        if first:
            assert (uploads[0]["alert"], uploads[0]["sent_at_ms"]) == ("door_open", START_MS)
            assert uploads[0]["cycle_no"] is None


def test_a_machine_ages_from_cycle_to_cycle_until_somebody_cleans_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """0.008 of the drain a kilogram, 3.5 kg a cycle: slow from the 17th cycle on, cleaned about the 22nd."""
    monkeypatch.setattr(
        "producers.washer.owner",
        lambda country, nature: replace(owner(country, nature), lint_per_kg=0.008, cleans_at=0.6, load=1.0),
    )
    washer = a_washer(a_device("4.0.0"), earlier_cycles=0)
    alerts = [
        {fields["alert"] for fields in fields_of(episode.uploads())} for episode in list(episodes(washer, 35))[1::2]
    ]
    slow = [number for number, raised in enumerate(alerts) if "drain_slow" in raised]
    assert slow == list(range(slow[0], slow[-1] + 1))
    assert 10 < slow[0] < slow[-1] < 30


def test_the_same_seed_gives_the_same_bytes_whenever_they_are_asked_for() -> None:
    def told(late: bool) -> list[bytes]:
        washer = a_washer(a_device())
        first = [*episodes(washer, 3)]
        early = [] if late else [upload.value for episode in first for upload in episode.uploads()]
        washer.happen(an_event("firmware_installed", firmware="4.0.0", board_no=1))
        later = [*episodes(washer, 2)]
        values = early or [upload.value for episode in first for upload in episode.uploads()]
        return values + [upload.value for episode in later for upload in episode.uploads()]

    assert told(late=True) == told(late=False)
    assert [episode.told_at_ms for episode in episodes(a_washer(a_device()), 9)] == [
        episode.uploads()[-1].sent_at_ms for episode in episodes(a_washer(a_device()), 9)
    ]


def test_firmware_changes_what_it_sends_and_nothing_else() -> None:
    washer = a_washer(a_device("3.1.4"))
    (before,) = fields_of(washer.heartbeat(START_MS).uploads())
    washer.happen(an_event("firmware_installed", firmware="4.0.0"))
    (after,) = fields_of(washer.heartbeat(START_MS + HOUR_MS).uploads())
    assert (after["seq"], after["firmware"], after["schema_version"], after["board_no"]) == (1, "4.0.0", 2, 0)
    assert after["lifetime_cycles"] == before["lifetime_cycles"] == 100
    assert after["lifetime_energy_mwh"] == before["lifetime_energy_wh"] * 1000


@given(energy_wh=st.floats(0, 1e6), halves=st.integers(0, 10**9))
def test_no_version_rounds_the_energy_counter_otherwise(energy_wh: float, halves: int) -> None:
    """Found in a fleet: 122680.3325 Wh was 122680.333 in version 1, then 122680332 mWh in version 2, which fell."""
    for wh in (energy_wh, halves / 2_000, 122_680.3325):
        first, second = (
            json.loads(Board("wm-1", "WM-8030", firmware).sign_of_life(START_MS, Counters(0, 1, wh, 2.0)).value)
            for firmware in ("3.2.1", "4.0.0")
        )
        assert second["lifetime_energy_mwh"] == round(first["lifetime_energy_wh"] * 1000)


def test_a_swapped_board_counts_from_0_or_from_where_it_stood_and_numbers_go_on() -> None:
    began_at = []
    for board_no in range(1, 40):
        washer = a_washer(a_device())
        washer.heartbeat(START_MS)
        washer.happen(an_event("board_swapped", board_no=board_no))
        (fields,) = fields_of(washer.heartbeat(START_MS + HOUR_MS).uploads())
        assert (fields["seq"], fields["board_no"]) == (1, board_no)
        assert (fields["lifetime_energy_wh"] == 0) == (fields["lifetime_cycles"] == 0)
        began_at.append(fields["lifetime_cycles"])
        cycle = fields_of(washer.session(START_MS + 2 * HOUR_MS).uploads())[-1]
        assert cycle["cycle_no"] == cycle["lifetime_cycles"] == fields["lifetime_cycles"] + 1
    assert 10 < began_at.count(0) < 30
    assert max(began_at) > 1_000


def test_a_board_that_cannot_say_that_it_is_another_one_goes_on_counting() -> None:
    """The stream would refuse counters that fall (`counter_fell`)."""
    washer = a_washer(a_device("3.1.4"))
    (before,) = fields_of(washer.heartbeat(START_MS).uploads())
    for board_no in range(1, 9):
        washer.happen(an_event("board_swapped", firmware="3.1.4", board_no=board_no))
        (after,) = fields_of(washer.heartbeat(START_MS + board_no * HOUR_MS).uploads())
        assert (after["lifetime_cycles"], after["lifetime_water_l"]) == (100, before["lifetime_water_l"])


def test_a_mistaken_unit_changes_the_readings_of_its_firmware_alone() -> None:
    right, wrong = a_washer(a_device()), a_washer(a_device())
    wrong.happen(an_event("firmware_installed").model_copy(update={"mistake": "power_kw"}))
    assert wrong.heartbeat(START_MS).uploads()[0].mistake is None
    assert right.heartbeat(START_MS).uploads()[0].mistake is None
    made, sound = wrong.session(START_MS + HOUR_MS).uploads(), right.session(START_MS + HOUR_MS).uploads()
    assert {upload.mistake for upload in made} == {"power_kw"}
    for told, meant in zip(fields_of(made), fields_of(sound), strict=True):
        assert told["power_w"] == pytest.approx([power_w / 1000 for power_w in meant["power_w"]], abs=0.00051)
        assert told | {"power_w": meant["power_w"]} == meant
    assert [upload.part.amount for upload in made if upload.part] == [
        upload.part.amount for upload in sound if upload.part
    ]


def test_another_owner_washes_in_another_way_and_a_new_board_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.washer_uploads.encode", unwritten)

    def programmes(*events: LifeEvent) -> list[str]:
        washer = a_washer(a_device())
        for event in events:
            washer.happen(event)
        return [episode.uploads()[-1].part.session.programme for episode in list(episodes(washer, 20))[1::2]]  # type: ignore[union-attr, misc]

    usual = programmes()
    assert programmes(an_event("board_swapped", board_no=1)) == usual
    assert programmes(an_event("resold")) != usual
    assert programmes(an_event("resold", customer_id="cu-1-000003")) != programmes(an_event("resold"))


def test_a_young_fleet_keeps_near_its_labels_on_average(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.washer_uploads.encode", unwritten)
    labels: dict[tuple[str, str], float] = {
        (model.material, programme): label.energy_wh for model in WASHERS for programme, label in model.labels.items()
    }
    drawn: dict[tuple[str, str], list[float]] = defaultdict(list)
    for number in range(80):
        washer = a_washer(a_device("3.2.1", WASHERS[number % 4].material, number), number, earlier_cycles=60)
        for day in range(8):
            part = washer.session(START_MS + 24 * day * HOUR_MS).uploads()[-1].part
            assert part is not None
            drawn[part.session.material, str(part.session.programme)].append(part.session.amount)
    over = {key: sum(amounts) / len(amounts) / labels[key] - 1 for key, amounts in drawn.items() if len(amounts) > 15}
    assert -0.1 < min(over.values()) < max(over.values()) < 0.1
    promised_wh = sum(len(amounts) * labels[key] for key, amounts in drawn.items())
    assert sum(map(sum, drawn.values())) == pytest.approx(promised_wh, rel=0.05)
