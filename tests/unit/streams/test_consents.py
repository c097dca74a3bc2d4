"""What of a run is kept, by what record systems know of consents when it was measured."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.batch import instants
from streams.consents import CONSENT_FIELDS, denied
from streams.desk.register import Register
from streams.product import SHOE
from streams.state import State
from streams.step import step
from tests.unit.streams.building import NOON_MS, a_batch, a_shoe_upload
from tests.unit.streams.desk.building import ANNA, BERND, consents, custodies, taught


def kept(register: Register, **fields: Any) -> list[dict[str, Any]]:
    outputs = step(SHOE, State(SHOE), a_batch(SHOE, [a_shoe_upload(**fields)]), register=register)
    return list(outputs.readings.to_pylist())


OWNED = custodies((ANNA, NOON_MS - 1_000, None), device_id="s-1")
PLACES = {"location_consent": True, "latitude_deg": [59.0, 59.1], "longitude_deg": [18.0, 18.1]}


def test_the_device_s_word_is_all_there_is_where_no_record_system_told_of_consents() -> None:
    for register in (Register(), taught(OWNED)):
        assert [row["heart_rate_bpm"] for row in kept(register)] == [140.0, 150.0]


def test_what_nobody_agreed_to_in_the_records_is_not_kept_whatever_the_device_says() -> None:
    rows = kept(taught(OWNED, consents(device_id="s-1")), **PLACES)
    health = ("heart_rate_bpm", "ground_contact_ms", "contact_balance_pct", "latitude_deg", "longitude_deg")
    assert {row[name] for row in rows for name in health} == {None}
    assert [row["cadence_spm"] for row in rows] == [170.0, None]


def test_each_consent_speaks_for_its_own_values() -> None:
    rows = kept(taught(OWNED, consents((ANNA, "location", 0, None), device_id="s-1")), **PLACES)
    assert [(row["heart_rate_bpm"], row["latitude_deg"]) for row in rows] == [(None, 59.0), (None, 59.1)]


def test_a_consent_withdrawn_in_the_middle_of_an_upload_stops_there() -> None:
    second_ms = instants(a_batch(SHOE, [a_shoe_upload()])).measured_at_ms[1]
    rows = kept(taught(OWNED, consents((ANNA, "health", 0, int(second_ms)), device_id="s-1")))
    assert [row["heart_rate_bpm"] for row in rows] == [140.0, None]


def test_what_was_measured_before_a_withdrawal_is_kept_however_late_it_comes() -> None:
    register = taught(OWNED, consents((ANNA, "health", 0, NOON_MS + 10_000), device_id="s-1"))
    assert [row["heart_rate_bpm"] for row in kept(register, seq=9)] == [140.0, 150.0]


def test_the_consent_of_who_had_it_before_does_not_speak_for_who_has_it_now() -> None:
    register = taught(
        custodies((BERND, 0, NOON_MS - 1_000), (ANNA, NOON_MS - 1_000, None), device_id="s-1"),
        consents((BERND, "health", 0, None), device_id="s-1"),
    )
    assert {row["heart_rate_bpm"] for row in kept(register)} == {None}


def test_records_never_add_to_what_the_device_agreed_to() -> None:
    register = taught(OWNED, consents((ANNA, "health", 0, None), device_id="s-1"))
    assert {row["heart_rate_bpm"] for row in kept(register, health_consent=False)} == {None}


@given(seed=st.integers(0, 2**32))
def test_a_plain_loop_over_the_readings_says_the_same(seed: int) -> None:
    rng = Random(seed)
    names = [f"s-{number}" for number in range(4)]
    told: list[Any] = []
    for name in names[:3]:
        cuts = sorted(rng.sample(range(-5_000, 10_000), 4))
        told.append(
            custodies((ANNA, NOON_MS + cuts[0], NOON_MS + cuts[2]), (BERND, NOON_MS + cuts[2], None), device_id=name)
        )
        given_to = [
            (rng.choice([ANNA, BERND]), rng.choice(["health", "location"]), NOON_MS + start, NOON_MS + start + 1_500)
            for start in rng.sample(range(-5_000, 10_000), rng.randrange(6))
        ]
        told.append(consents(*given_to, device_id=name))
    register = taught(*told)
    uploads = [
        a_shoe_upload(device_id=rng.choice(names), seq=number, start_ms=NOON_MS + rng.randrange(-4_000, 9_000))
        for number in range(1, 20)
    ]
    batch = a_batch(SHOE, uploads)
    when = instants(batch)
    found = denied(register, batch, when)
    for field, purpose in CONSENT_FIELDS.items():
        expected = []
        for upload, at_ms in zip(when.upload.tolist(), when.measured_at_ms.tolist(), strict=True):
            known = register.of(uploads[upload]["device_id"])
            custody = known.custody_at(at_ms)
            agreed = custody is not None and known.agreed_at(purpose, custody.subject, at_ms)
            expected.append(known.consent is not None and not agreed)
        assert found[field].tolist() == expected if field in found else not any(expected)


def extremes(state: State) -> set[float]:
    """What the cohorts remember of contact times."""
    store = state.stores["cohorts"]
    values = store.values[store.rows()]
    values = values[values["measure"] == CONTACT]
    return {float(value) for name in ("low", "high") for value in values[name][values["uploads"] > 0]}


CONTACT = [measure.field for measure in SHOE.measures].index("ground_contact_ms")
SPIKED: dict[str, Any] = {"material": "SH-220", "ground_contact_ms": [250.25, 777.5]}


def test_contact_times_that_records_deny_are_not_remembered_of_a_firmware() -> None:
    state, register = State(SHOE), taught(OWNED, consents((ANNA, "coaching", 0, None), device_id="s-1"))
    outputs = step(SHOE, state, a_batch(SHOE, [a_shoe_upload(**SPIKED)]), register=register)
    assert (len(outputs.readings), outputs.readings.column("ground_contact_ms").null_count) == (2, 2)
    assert extremes(state) == set()


def test_of_an_upload_in_which_a_consent_ends_only_what_was_agreed_to_is_remembered() -> None:
    state = State(SHOE)
    register = taught(OWNED, consents((ANNA, "health", 0, NOON_MS + 500), device_id="s-1"))
    step(SHOE, state, a_batch(SHOE, [a_shoe_upload(**SPIKED)]), register=register)
    assert extremes(state) == {250.25}


@pytest.mark.parametrize("refused", [{"seq": 3, "lifetime_steps": 1}, {"seq": 3, "run_started_ms": NOON_MS + 900_000}])
def test_each_reading_s_consent_stays_its_own_when_uploads_before_it_are_refused(refused: dict[str, Any]) -> None:
    """Whether it falls out before the firmware is judged or after."""
    register = taught(OWNED, consents((ANNA, "health", 0, NOON_MS + 10_500), device_id="s-1"))
    three = {"offset_ms": [0, 1, 2], "distance_m": [1.0, 2.0, 3.0], "cadence_spm": None}
    three |= {"heart_rate_bpm": [140.0] * 3, "ground_contact_ms": [777.5] * 3}
    ending = a_shoe_upload(seq=4, **(SPIKED | {"start_ms": NOON_MS + 10_000}))
    state = State(SHOE)
    uploads = [a_shoe_upload(seq=2, **SPIKED), a_shoe_upload(**(three | {"material": "SH-220"} | refused)), ending]
    outputs = step(SHOE, state, a_batch(SHOE, uploads), register=register)
    assert [event.seq for event in outputs.failed] == [3]
    assert outputs.readings.column("ground_contact_ms").to_pylist() == [250.25, 777.5, 250.25, None]
