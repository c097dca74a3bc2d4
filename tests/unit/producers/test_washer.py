"""A washing machine's cycles as its uploads tell them: let in by the contract, true, and near their labels."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.uploads import Upload
from producers.washer_uploads import Board, Counters
from schemas.catalogue import WASHERS
from schemas.uploads import WasherUpload, WasherUploadV2
from tests.unit.examples import examples
from tests.unit.producers.washers import (
    FIRMWARES,
    HOUR_MS,
    START_MS,
    a_device,
    a_fleet,
    a_washer,
    an_event,
    energies_wh,
    fields_of,
    told_by,
    unwritten,
)

PHASES = ("fill", "heat", "wash", "rinse", "spin")


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


@given(energy_wh=st.floats(0, 1e6), halves=st.integers(0, 10**9))
def test_no_version_rounds_the_energy_counter_otherwise(energy_wh: float, halves: int) -> None:
    """Found in a fleet: 122680.3325 Wh was 122680.333 in version 1, then 122680332 mWh in version 2, which fell."""
    for wh in (energy_wh, halves / 2_000, 122_680.3325):
        first, second = (
            json.loads(Board("wm-1", "WM-8030", firmware).sign_of_life(START_MS, Counters(0, 1, wh, 2.0)).value)
            for firmware in ("3.2.1", "4.0.0")
        )
        assert second["lifetime_energy_mwh"] == round(first["lifetime_energy_wh"] * 1000)


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
