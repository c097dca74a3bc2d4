"""What stands in a refused upload is not told with the refusal: no text that somebody wrote, no value of health."""

from __future__ import annotations

import json
import re
from itertools import product
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from schemas.failures import FailedEvent
from schemas.fields import IDENTIFIER
from schemas.forms import columns
from schemas.uploads import ShoeUpload, Upload, WasherUpload, WasherUploadV2
from streams.batch import Place
from streams.cohorts import KNOWN_AFTER
from streams.decode import Decoder
from streams.failed_record import headers_of, key_of
from streams.intake import taken_in
from streams.product import SHOE, WASHER
from streams.quoting import kept_key, quoted
from streams.state import State
from streams.step import step
from tests.unit.examples import examples
from tests.unit.streams.building import a_second_washer_upload, a_shoe_upload, a_washer_upload
from tests.unit.streams.building import taken_in as arrived

NAMES = ("Ingrid Planted", "ingrid@planted.example", "Ingrid-Planted.1961", "19610412-1234", "Planted")
HEALTH_BPM = 371.375
PLACE_DEG = 259.331258
BUILDERS = {WasherUpload: a_washer_upload, WasherUploadV2: a_second_washer_upload, ShoeUpload: a_shoe_upload}
WAYS: dict[str, Any] = {
    "as it is": lambda name: name,
    "in a list": lambda name: [name],
    "as a key": lambda name: {name: name},
    "deep in a list": lambda name: [0.0, [{name: [name]}]],
}


def refusals(model: type[Upload], *records: tuple[bytes | None, bytes]) -> list[FailedEvent]:
    """Of records with those keys and values, all in one batch; their offsets count from 0."""
    kind = SHOE if model is ShoeUpload else WASHER
    place = Place(kind.telemetry, 0)
    batch, refused = taken_in(
        Decoder(kind.versions),
        place,
        [
            ConsumerRecord(place.topic, 0, offset, 1_780_000_000_000, 1, key, value, None, 0, 0, ())
            for offset, (key, value) in enumerate(records)
        ],
    )
    return step(kind, State(kind), batch, refused).failed


def told(event: FailedEvent) -> str:
    """All that is written of it but for the bytes, which are sealed."""
    return "\n".join([str(key_of(event)), *(f"{name}: {value!r}" for name, value in headers_of(event))])


@pytest.mark.parametrize("model", BUILDERS, ids=lambda model: model.__name__)
def test_no_text_of_any_field_is_told(model: type[Upload]) -> None:
    """But for what has the form of a device's name or a material number: who can tell those from each other?"""
    records = []
    for field in (column.name for column in columns(model)):
        for name, way in product(NAMES, WAYS):
            if field in ("device_id", "material") and way == "as it is" and re.fullmatch(IDENTIFIER, name):
                continue
            upload = BUILDERS[model](**{field: WAYS[way](name)}, owner={"name": name, name: [name]})
            key = b"w-2" if re.fullmatch(IDENTIFIER, name) else name.encode()
            records += [(b"w-1", json.dumps(upload).encode()), (key, json.dumps(upload, ensure_ascii=False).encode())]
    failed = refusals(model, *records)
    assert len(failed) > len(records) * 0.9
    for event in failed:
        for planted in ("lanted", "19610412"):
            assert planted not in told(event), records[event.offset]


def test_a_refusal_for_another_reason_tells_nothing_of_what_else_is_there() -> None:
    records = []
    for name in NAMES:
        upload = json.dumps(a_shoe_upload(owner=name, heart_rate_bpm=[171.375, 171.375])).encode()
        torn = (upload[:-20], upload.replace(b'"seq"', b'"sequence"'), upload + b"\xff", upload * 2, b"[" + upload)
        records += [(b"s-1", value) for value in torn]
    failed = refusals(ShoeUpload, *records)
    assert len(failed) == len(records)
    for event in failed:
        for planted in ("lanted", "171.375", "19610412"):
            assert planted not in told(event), records[event.offset]


@pytest.mark.parametrize("field", ["heart_rate_bpm", "ground_contact_ms", "contact_balance_pct"])
@pytest.mark.parametrize("values", [[HEALTH_BPM * 10, 1.0], [str(HEALTH_BPM * 10), "1"], [HEALTH_BPM], HEALTH_BPM])
def test_no_value_of_health_is_told(field: str, values: object) -> None:
    (event,) = refusals(ShoeUpload, (b"s-1", json.dumps(a_shoe_upload(**{field: values})).encode()))
    assert event.field == field
    for digits in ("371", "3713"):
        assert digits not in told(event)


def test_no_place_is_told() -> None:
    upload = a_shoe_upload(location_consent=False, latitude_deg=[PLACE_DEG, 1.0], longitude_deg=[PLACE_DEG, 1.0])
    (event,) = refusals(ShoeUpload, (b"s-1", json.dumps(upload).encode()))
    assert (event.reason, event.field) == ("out_of_range", "latitude_deg")
    assert event.found == "a number"
    assert "259" not in told(event)


def shoe_uploads(count: int, first_seq: int, **fields: Any) -> list[dict[str, Any]]:
    """Of ten shoes by turns, of three where the firmware is new."""
    shoes = 3 if "firmware" in fields else 10
    return [
        a_shoe_upload(
            device_id=f"s-{fields.get('firmware', '')}-{at % shoes}", seq=first_seq + at, material="SH-110", **fields
        )
        for at in range(count)
    ]


def test_a_firmware_that_is_held_for_contact_times_tells_none() -> None:
    known, state = shoe_uploads(KNOWN_AFTER + 20, 0), State(SHOE)
    strange = shoe_uploads(30, 0, firmware="9.9.9", ground_contact_ms=[1_931.25, 1_931.25])
    (_, said) = arrived(SHOE, state, [*known, *strange], [len(known)])
    assert len(said.failed) > 20
    for event in said.failed:
        assert (event.reason, event.field) == ("cohort_differs", "ground_contact_ms")
        assert event.found is None
        for telling in ("factor", "looks like", "1931", "250"):
            assert telling not in told(event)


def test_a_firmware_that_tells_contact_times_in_another_unit_is_held_with_that_unit() -> None:
    known, state = shoe_uploads(KNOWN_AFTER + 20, 0), State(SHOE)
    strange = shoe_uploads(30, 0, firmware="9.9.9", ground_contact_ms=[0.25, 0.25])
    (_, said) = arrived(SHOE, state, [*known, *strange], [len(known)])
    assert {(event.found, event.accepted) for event in said.failed} == {("s", "ms")}
    for event in said.failed:
        assert event.detail.endswith("is not what other firmware measures: it looks like s")


def test_contact_times_that_nobody_agreed_to_are_not_remembered() -> None:
    state = State(SHOE)
    arrived(SHOE, state, shoe_uploads(50, 0, health_consent=False, ground_contact_ms=[1_931.25, 1_931.25]))
    for store in state.stores.values():
        for name in store.values.dtype.names or ():
            if store.values.dtype[name].kind == "f":
                assert 1_931.25 not in store.values[name], name


def test_what_helps_and_cannot_be_of_a_person_is_told() -> None:
    shown: list[tuple[Any, str, type[Upload], str]] = [
        (10001, "power_w", WasherUpload, "10001"),
        ("1,5", "power_w", WasherUpload, "'1,5'"),
        ("v2.4", "firmware", WasherUpload, "text of 4 characters"),
        ("COTTON", "programme", WasherUpload, "'COTTON'"),
        (True, "seq", WasherUpload, "true"),
        (None, "seq", WasherUpload, "null"),
        ([1, 2], "seq", WasherUpload, "a list of 2 values"),
        ({"a": 1}, "seq", WasherUpload, "an object"),
        (2, "health_consent", ShoeUpload, "a number"),
        (True, "heart_rate_bpm", ShoeUpload, "a truth value"),
        (5, "nobody knows it", WasherUpload, "a number"),
    ]
    for value, field, model, words in shown:
        assert quoted(value, field, model) == words


@examples(100)
@given(text=st.text(max_size=30), field=st.sampled_from([column.name for column in columns(WasherUpload)]))
def test_a_text_is_told_as_a_number_or_a_choice_or_not_at_all(text: str, field: str) -> None:
    """Written apart from the code: what is quoted is read as a number, or is one of a few words."""
    said = quoted(text, field, WasherUpload)
    if said == f"text of {len(text)} characters":
        return
    assert said == repr(text)
    words = {"cotton", "synthetics", "eco", "quick", "wool", "door_open", "drain_slow", "unbalance", "power_cut"}
    assert text.casefold() in words or not any(letter.isalpha() and letter not in "eEvV" for letter in text)


@pytest.mark.parametrize(("key", "kept"), [("w-1", True), ("w-1\n", False), ("", False), (None, False), ("1", False)])
def test_a_key_is_kept_where_it_is_a_devices_name(key: str | None, kept: bool) -> None:
    assert kept_key(key) == (key if kept else None)


def test_every_field_of_health_and_place_is_known_as_such() -> None:
    """The rule is as good as the classes that contracts declare."""
    guarded = {c.name for c in columns(ShoeUpload) if c.data_class in ("health", "location", "personal")}
    assert guarded == {
        *("heart_rate_bpm", "ground_contact_ms", "contact_balance_pct", "latitude_deg", "longitude_deg"),
        *("health_consent", "location_consent"),
    }
