"""Numbers of persons are not told: where a text belongs none is, elsewhere none as long as a telephone's."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.forms import columns
from schemas.uploads import ShoeUpload, WasherUpload, WasherUploadV2
from streams.product import SHOE, WASHER
from streams.quoting import quoted
from streams.state import State
from tests.unit.examples import examples
from tests.unit.streams.building import (
    NOON_MS,
    a_second_washer_upload,
    a_shoe_upload,
    a_washer_upload,
    taken_in,
)
from tests.unit.streams.test_quoting import BUILDERS, refusals, told

PERSONS: tuple[Any, ...] = (
    *("0701.234567", "+467012345.67", "800101.1234", "8001011234", "198001011234", "59.331258"),
    *(198001011234, 8001011234, 800101.1234, 701234567, 59.331258, -33.868812),
)
LONG = re.compile(r"7012345|1234567|800101|331258|868812")


@pytest.mark.parametrize("model", BUILDERS, ids=lambda model: model.__name__)
def test_no_number_of_a_person_is_told_of_any_field(model: Any) -> None:
    records = []
    for column in columns(model):
        for value in PERSONS:
            uploads = (BUILDERS[model](**{column.name: way}) for way in (value, [value] * 2))
            records += [(b"w-1", json.dumps(upload).encode()) for upload in uploads]
    failed = refusals(model, *records)
    assert len(failed) > len(records) * 0.5
    for event in failed:
        # The number of an upload itself, which obeys its contract, tells it from others: nobody can tell it from these.
        said = "\n".join(line for line in told(event).splitlines() if not line.startswith("seq: "))
        assert not LONG.search(said), (records[event.offset], said)


@pytest.mark.parametrize("field", ["programme", "device_id", "material", "firmware", "alert"])
@pytest.mark.parametrize("value", ["12", "1,5", "v2.4", 171, 17.5])
def test_of_a_number_where_a_text_belongs_the_kind_is_told(field: str, value: Any) -> None:
    said = quoted(value, field, WasherUpload)
    assert said == (f"text of {len(value)} characters" if isinstance(value, str) else "a number")


@pytest.mark.parametrize(
    ("value", "field", "words"),
    [
        (1234567, "lead_ms", "1234567"),
        (12345678, "lead_ms", "a number of 8 digits"),
        (-5, "seq", "-5"),
        (198001011234, "seq", "a number of 12 digits"),
        (171.5, "seq", "a number with a fraction"),
        ("171.5", "seq", "text of 5 characters"),
        (-0.5, "power_w", "-0.5"),
        (-59.331, "power_w", "a number of 5 digits"),
        ("1,55", "power_w", "'1,55'"),
        ("1,555", "power_w", "text of 5 characters"),
        (1e300, "power_w", "1e+300"),
        (float("inf"), "power_w", "a number"),
        (NOON_MS, "start_ms", str(NOON_MS)),
        (str(NOON_MS), "start_ms", f"'{NOON_MS}'"),
        (NOON_MS, "seq", "a number of 13 digits"),
        (NOON_MS // 1000, "start_ms", "a number of 10 digits"),
        (NOON_MS * 1000, "start_ms", "a number of 16 digits"),
        (1, "cycle_ended", "a number"),
    ],
)
def test_of_a_number_where_one_belongs_only_a_short_one_is_told(value: Any, field: str, words: str) -> None:
    assert quoted(value, field, WasherUpload) == words


@examples(200)
@given(
    value=st.one_of(st.integers(-(10**15), 10**15), st.floats(allow_nan=False), st.from_regex(r"[0-9.,+-]{1,16}")),
    field=st.sampled_from([column.name for column in columns(ShoeUpload)]),
)
def test_whatever_is_told_has_seven_digits_at_most_or_is_an_instant(value: Any, field: str) -> None:
    said = quoted(value, field, ShoeUpload)
    if str(value) not in said or said.startswith(("a number of", "text of")):
        return
    digits = sum(letter in "0123456789" for letter in said)
    is_instant = field.endswith(("_started_ms", "sent_at_ms", "start_ms")) and digits == 13
    assert digits <= 7 or is_instant


def test_rules_between_fields_tell_no_long_number_either() -> None:
    birth = 198001011234
    uploads = [a_washer_upload(cycle_no=birth, cycle_started_ms=None)]
    uploads += [a_second_washer_upload(cycle_energy_wh=80_010.112345, fill_energy_wh=59.331258)]
    without_number, wrong_sum = (
        refusals(WasherUploadV2, (b"w-1", json.dumps(upload).encode()))[0] for upload in uploads
    )
    assert (without_number.reason, without_number.field) == ("wrong_session", None)
    assert (wrong_sum.reason, wrong_sum.field) == ("wrong_sum", "cycle_energy_wh")
    assert "80010.1, its parts add up to 59.4" in wrong_sum.detail
    for event in (without_number, wrong_sum):
        assert not re.search(r"198001|112345|331258", told(event))


def test_what_comes_late_or_twice_or_falls_tells_no_long_number_of_its_own() -> None:
    birth = 198001011234
    uploads = [
        a_washer_upload(seq=birth),
        a_washer_upload(seq=birth, power_w=[1.0, 2.0]),
        a_washer_upload(seq=birth - 100, power_w=[1.0, 2.0]),
    ]
    (said,) = taken_in(WASHER, State(WASHER), uploads)
    assert [event.reason for event in said.failed] == ["number_reused", "late"]
    for event in said.failed:
        assert "19800101" not in f"{event.detail} {event.found} {event.accepted}"
        assert event.seq is not None
    fallen = [a_shoe_upload(lifetime_steps=birth * 10), a_shoe_upload(seq=2, lifetime_steps=birth)]
    (said,) = taken_in(SHOE, State(SHOE), fallen)
    (event,) = said.failed
    assert (event.reason, event.found) == ("counter_fell", "a number of 12 digits")
    assert f"{birth} " not in event.detail


@pytest.mark.parametrize(
    "upload", [{"cycle_no": None}, {"cycle_ended": True, "cycle_no": None, "cycle_started_ms": None}]
)
def test_the_field_at_fault_is_a_field(upload: dict[str, Any]) -> None:
    (event,) = refusals(WasherUpload, (b"w-1", json.dumps(a_washer_upload(**upload)).encode()))
    assert (event.reason, event.field) == ("wrong_session", None)


@pytest.mark.parametrize(("start_ms", "found"), [(989_123_456_789, "a number of 12 digits"), (NOON_MS, str(NOON_MS))])
def test_a_start_that_cannot_be_is_told_if_it_looks_like_an_instant(start_ms: int, found: str) -> None:
    (said,) = taken_in(
        WASHER,
        State(WASHER),
        [a_washer_upload(cycle_started_ms=start_ms, start_ms=NOON_MS - 60_000, material="X-1")],
    )
    (event,) = said.failed
    assert (event.reason, event.field, event.found) == ("wrong_session", "cycle_started_ms", found)
    assert (str(start_ms) in event.detail) == (start_ms == NOON_MS)
