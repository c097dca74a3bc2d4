"""What a rule makes of an upload: repaired under its own device and number, or left with a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import TELEMETRY_SHOE, TELEMETRY_WASHER
from schemas.units import CONVERSIONS
from streams.repair import Changed, Fit, Held, Tally, Unfit, as_it_is, changed_fields, rewritten
from streams.repair_rule import KNOWN, Rule
from tests.unit.streams.building import a_second_washer_upload, a_shoe_upload, a_washer_upload, encoded

IN_ML = {"step": "convert", "field": "water_l", "from": "ml", "to": "l"}


def a_rule(*steps: dict[str, Any], **select: Any) -> Rule:
    return Rule.model_validate(
        {"name": "a-rule", "why": "a test", "select": {"reason": "out_of_range"} | select, "rewrite": list(steps)}
    )


def once_more(rule: Rule) -> Rule:
    return rule.model_copy(update={"again": True})


def held(original: dict[str, Any] | bytes, topic: str = TELEMETRY_WASHER, **more: Any) -> Held:
    value = original if isinstance(original, bytes) else encoded(original)
    key = "w-1" if isinstance(original, bytes) else original.get("device_id")
    return Held(topic, 2, 17, more.get("key", key), more.get("reason", "out_of_range"), value, more.get("repair"))


def repaired(original: dict[str, Any], *steps: dict[str, Any], topic: str = TELEMETRY_WASHER) -> dict[str, Any]:
    """The fields that the steps change, after them."""
    verdict = rewritten(held(original, topic), a_rule(*steps))
    assert isinstance(verdict, Fit), verdict
    assert (verdict.device_id, verdict.seq) == (original["device_id"], original["seq"])
    after: dict[str, Any] = json.loads(verdict.value)
    return {name: value for name, value in after.items() if name not in original or original[name] != value}


def why(original: dict[str, Any] | bytes, *steps: dict[str, Any], **more: Any) -> tuple[str, str]:
    verdict = rewritten(held(original, **more), a_rule(*steps))
    assert isinstance(verdict, Unfit), verdict
    return verdict.reason, verdict.detail


def test_a_channel_and_a_counter_are_converted_and_nulls_stay() -> None:
    odd = a_washer_upload(water_l=[1_500.0, None], lifetime_water_l=400_000.0)
    assert repaired(odd, IN_ML, IN_ML | {"field": "lifetime_water_l"}) == {
        "water_l": [1.5, None],
        "lifetime_water_l": 400.0,
    }


def test_a_channel_that_the_device_does_not_have_stays_null() -> None:
    odd = a_washer_upload(water_l=[1_500.0, 2_000.0], drum_rpm=None)
    in_seconds = {"step": "convert", "field": "drum_rpm", "from": "1/s", "to": "1/min"}
    assert repaired(odd, IN_ML, in_seconds) == {"water_l": [1.5, 2.0]}


def test_numbers_in_quotes_are_numbers() -> None:
    assert repaired(a_washer_upload(water_l=["1500", 2e3]), IN_ML) == {"water_l": [1.5, 2.0]}


def test_a_whole_number_stays_whole() -> None:
    odd = a_second_washer_upload(lifetime_energy_mwh=1.23456789, cycle_energy_wh=200_000.0)
    steps = (
        {"step": "convert", "field": "lifetime_energy_mwh", "from": "kWh", "to": "mWh"},
        {"step": "set", "field": "cycle_energy_wh", "value": 0.1},
    )
    assert repaired(odd, *steps) == {"lifetime_energy_mwh": 1_234_568, "cycle_energy_wh": 0.1}


def test_a_field_under_another_name_is_renamed_and_then_converted() -> None:
    odd = {name: value for name, value in a_washer_upload().items() if name != "water_l"} | {"water_ml": [1_500, 2_000]}
    rename = {"step": "rename", "from": "water_ml", "to": "water_l"}
    assert repaired(odd, rename, IN_ML) == {"water_l": [1.5, 2.0]}
    assert why(odd, IN_ML | {"field": "lifetime_water_l"}, rename)[0] == "out_of_range"


def test_a_value_is_set_and_a_field_left_out() -> None:
    odd = a_washer_upload(programme="boil", drum_rpm=[9_999, 9_999], alert="fire", temperature_c=None)
    steps = (
        {"step": "set", "field": "programme", "value": "cotton"},
        {"step": "set", "field": "drum_rpm", "null": True},
        {"step": "set", "field": "temperature_c", "value": [20, 21.5]},
        {"step": "drop", "field": "alert"},
    )
    assert repaired(odd, *steps) == {"programme": "cotton", "drum_rpm": None, "temperature_c": [20, 21.5]}
    assert why(odd, *steps[:3])[0] == "bad_format"


def test_shoes_are_repaired_by_their_own_contract() -> None:
    odd = a_shoe_upload(distance_m=[2_000_000.0, 3_000_000.0])
    in_mm = {"step": "convert", "field": "distance_m", "from": "mm", "to": "m"}
    assert repaired(odd, in_mm, topic=TELEMETRY_SHOE) == {"distance_m": [2_000.0, 3_000.0]}


def test_what_no_rule_mentions_stays_as_it_was() -> None:
    odd = a_washer_upload(water_l=[1_500.0, 2_000.0]) | {"colour": {"front": ["\ud800"]}, "x": 2**70, "y": 1e-300}
    assert repaired(odd, IN_ML) == {"water_l": [1.5, 2.0]}


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ([1.0, "much"], "step 1: water_l holds 'much', which is no number"),
        ([1.0, True], "step 1: water_l holds True, which is no number"),
        ({"x": 1}, "step 1: water_l holds {'x': 1}, which is no number"),
        ([[1.0]], "step 1: water_l holds [1.0], which is no number"),
        ([1.0, "inf"], "step 1: water_l holds 'inf', which is no finite number"),
        ([10**400], "which is no number"),
    ],
)
def test_what_is_no_number_is_not_converted(value: object, detail: str) -> None:
    reason, told = why(a_washer_upload(water_l=value), IN_ML)
    assert reason == "not_rewritable"
    assert detail in told


UNREADABLE = [
    (b"", "not readable as JSON"),
    (b"\xff", "not readable as JSON"),
    (b"hello", "not readable as JSON"),
    (b"[1]", "a JSON list where an object is expected"),
    (b"1", "a JSON number where an object is expected"),
    (b"1.5", "a JSON number where an object is expected"),
    (b'"1"', "a JSON text where an object is expected"),
    (b"null", "a JSON null where an object is expected"),
    (b"true", "a JSON truth value where an object is expected"),
    (b"[" * 100_000, "nested too deeply"),
    (b'{"x":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
    (b'{"seq": ' + b"9" * 5_000 + b"}", "not readable as JSON"),
    (encoded(a_washer_upload())[:-1] + b', "seq": 1}', "key 'seq' stands there 2 times"),
    (encoded(a_washer_upload())[:-1] + b', "water_l": [1]}', "key 'water_l' stands there 2 times"),
]


@pytest.mark.parametrize(("value", "detail"), UNREADABLE)
def test_bytes_that_no_rule_can_read_stay(value: bytes, detail: str) -> None:
    reason, told = why(value, IN_ML)
    assert reason == "not_rewritable"
    assert told.startswith(detail)


def test_a_name_that_is_taken_is_not_overwritten() -> None:
    odd = a_washer_upload() | {"water_ml": [1, 2]}
    reason, told = why(odd, {"step": "rename", "from": "water_ml", "to": "water_l"})
    assert (reason, told) == ("not_rewritable", "step 1: water_l is there already, beside water_ml")


def test_an_upload_that_the_rule_does_not_change_is_not_repaired() -> None:
    assert why(a_washer_upload(drum_rpm=None), {"step": "set", "field": "drum_rpm", "null": True})[0] == "unchanged"
    assert why(a_washer_upload(), {"step": "drop", "field": "colour"})[0] == "unchanged"
    truth = a_washer_upload(cycle_ended=0)
    assert repaired(truth, {"step": "set", "field": "cycle_ended", "value": True}) == {"cycle_ended": True}


def test_what_the_contract_refuses_afterwards_stays_with_its_reason() -> None:
    reason, told = why(a_washer_upload(water_l=[2e6, 3e6], power_w=[1e6, 1]), IN_ML)
    assert reason == "out_of_range"
    assert "power_w" in told


def test_what_a_repair_had_brought_back_is_converted_once_more_only_by_a_rule_that_says_so() -> None:
    rule, repaired_before = a_rule(IN_ML), held(a_washer_upload(), repair="water-0123456789ab")
    verdict = rewritten(repaired_before, rule)
    assert isinstance(verdict, Unfit)
    assert verdict.reason == "repaired_before"
    assert verdict.detail == (
        "came back by water-0123456789ab and was refused again; a rule rewrites it once more only with `again = true` "
        "beside its name"
    )
    assert isinstance(rewritten(repaired_before, once_more(rule)), Fit)
    assert isinstance(as_it_is(repaired_before), Fit)


def test_no_rule_rewrites_its_own_work() -> None:
    rule = once_more(a_rule(IN_ML))
    verdict = rewritten(held(a_washer_upload(), repair=rule.folder_name), rule)
    assert isinstance(verdict, Unfit)
    assert (verdict.reason, verdict.detail) == ("repaired_before", "this very rule has rewritten it already")


def test_what_came_back_as_it_was_has_been_rewritten_by_nobody() -> None:
    assert isinstance(rewritten(held(a_washer_upload(water_l=[1_500.0, 2_000.0]), repair="as-is"), a_rule(IN_ML)), Fit)


def test_an_upload_under_another_key_comes_back_only_if_that_was_asked_for() -> None:
    odd = a_washer_upload(water_l=[1_500.0, 2_000.0])
    stray = held(odd, key="w-2")
    assert isinstance(rewritten(stray, a_rule(IN_ML)), Unfit)
    asked = rewritten(stray, a_rule(IN_ML, reason="wrong_key"))
    assert isinstance(asked, Fit)
    assert asked.device_id == "w-1"
    right = held(a_washer_upload(), key=None)
    refused = as_it_is(right)
    assert isinstance(refused, Unfit)
    assert refused.reason == "wrong_key"
    assert isinstance(as_it_is(right, "wrong_key"), Fit)


def test_an_upload_of_a_held_firmware_comes_back_unchanged_only_if_that_was_asked_for() -> None:
    strange = held(a_washer_upload(), reason="cohort_differs")
    for asked_for in (None, "late", "wrong_key"):
        verdict = as_it_is(strange, asked_for)
        assert isinstance(verdict, Unfit)
        assert verdict.reason == "cohort_differs"
    assert isinstance(as_it_is(strange, "cohort_differs"), Fit)


def test_an_upload_as_it_is_comes_back_byte_by_byte_if_the_contract_lets_it_in() -> None:
    original = b" " + encoded(a_washer_upload())
    fit = as_it_is(held(original))
    assert isinstance(fit, Fit)
    assert (fit.value, fit.device_id, fit.seq) == (original, "w-1", 1)
    unfit = as_it_is(held(b"{}"))
    assert isinstance(unfit, Unfit)
    assert unfit.reason == "missing_field"
    assert isinstance(as_it_is(held(original, topic="another")), Unfit)


def test_only_fields_that_differ_are_shown() -> None:
    before, after = b'{"a": 1, "b": [1.0], "c": 1}', b'{"a":1,"b":[2.0],"d":null}'
    assert changed_fields(before, after) == [
        Changed("b", "[1.0]", "[2.0]"),
        Changed("c", "1", None),
        Changed("d", None, "null"),
    ]


def test_uploads_that_stay_are_counted_by_reason_most_first() -> None:
    tally = Tally()
    for reason, detail in [("late", "x"), ("empty", "first"), ("empty", "second")]:
        tally.add(Unfit(held(b""), reason, detail))
    assert tally.rows() == [
        {"reason": "empty", "count": 2, "place": "telemetry.washer.v1[2]@17", "detail": "first"},
        {"reason": "late", "count": 1, "place": "telemetry.washer.v1[2]@17", "detail": "x"},
    ]


convertible = [
    (column.name, unit, column.unit)
    for column in KNOWN.values()
    if column.is_list and column.value.kind == "float" and column.unit in CONVERSIONS
    for unit in CONVERSIONS[column.unit]
]


@given(st.sampled_from(convertible), st.lists(st.floats(20, 90), min_size=2, max_size=2))
def test_a_channel_told_in_another_unit_comes_back_as_it_was(told: tuple[str, str, str], ours: list[float]) -> None:
    field, unit, to = told
    foreign = [CONVERSIONS[to][unit].from_ours(value) for value in ours]
    is_shoe = field in a_shoe_upload() or field == "contact_balance_pct"
    upload = (a_shoe_upload if is_shoe else a_washer_upload)(**{field: foreign})
    rule = a_rule({"step": "convert", "field": field, "from": unit, "to": to})
    verdict = rewritten(held(upload, TELEMETRY_SHOE if is_shoe else TELEMETRY_WASHER), rule)
    assert isinstance(verdict, Fit), verdict
    assert json.loads(verdict.value)[field] == pytest.approx(ours, abs=1e-8)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from([*a_washer_upload(), "water_ml", "x"]), anything, max_size=4),
    st.lists(
        st.sampled_from(
            [
                IN_ML,
                {"step": "rename", "from": "water_ml", "to": "water_l"},
                {"step": "rename", "from": "water_l", "to": "drum_rpm"},
                {"step": "set", "field": "power_w", "value": [1.0, 2.0]},
                {"step": "set", "field": "programme", "null": True},
                {"step": "drop", "field": "x"},
                {"step": "convert", "field": "power_w", "from": "factor 2.5", "to": "W"},
                {"step": "convert", "field": "start_ms", "from": "s", "to": "ms"},
            ]
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_whatever_is_in_an_upload_nothing_raises_and_its_identity_stays(
    fields: dict[str, Any], steps: list[dict[str, Any]]
) -> None:
    upload = a_washer_upload(**fields)
    before = held(upload, key=upload["device_id"] if isinstance(upload["device_id"], str) else None)
    verdict = rewritten(before, a_rule(*steps))
    if isinstance(verdict, Fit):
        after = json.loads(verdict.value)
        assert (after["device_id"], after["seq"]) == (upload["device_id"], upload["seq"])
        assert changed_fields(before.original, verdict.value)
        assert isinstance(as_it_is(Held(before.topic, 0, 0, before.key, "", verdict.value)), Fit)
