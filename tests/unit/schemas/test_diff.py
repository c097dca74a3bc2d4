"""What of two versions of a contract can live together: against readers and writers that pydantic builds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Le, MaxLen
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas import published
from schemas.diff import BOTH, NEITHER, differences, obstacles
from schemas.errors import UsageError
from schemas.published import CURRENT, RELEASES, current, release_text, releases
from schemas.snapshot import FieldForm, Snapshot, TopicForm
from schemas.uploads import WasherUploadV2

PLAIN = FieldForm("int", minimum=0, maximum=10, unit="1", data_class="usage", meaning="How many")
ANNOTATED: Any = Annotated
LITERAL: Any = Literal
LIST: Any = list
TOPIC = TopicForm("device_id", "json", ("A",))


def a_snapshot(field: FieldForm | None = PLAIN, topic: TopicForm | None = TOPIC, **more: FieldForm) -> Snapshot:
    fields = {} if field is None else {"x": field}
    return Snapshot("test", {"A": fields | more}, {} if topic is None else {"t": topic}, {})


def told(old: Snapshot, new: Snapshot) -> list[tuple[str, list[str]]]:
    return [(change.where, sorted(change.breaks)) for change in differences(old, new)]


def test_equal_contracts_have_no_difference() -> None:
    assert differences(current(), current()) == []


CHANGES: list[tuple[dict[str, Any], list[str]]] = [
    ({"maximum": 20}, ["forward"]),
    ({"maximum": 5}, ["backward"]),
    ({"minimum": None}, ["forward"]),
    ({"is_nullable": True}, ["forward"]),
    ({"is_required": False}, ["forward"]),
    ({"kind": "float"}, ["forward"]),
    ({"unit": "kWh"}, ["backward", "forward"]),
    ({"data_class": "health"}, []),
    ({"meaning": "How many there were"}, []),
]


@pytest.mark.parametrize(("change", "breaks"), CHANGES)
def test_a_changed_field_breaks_those_who_cannot_read_it(change: dict[str, Any], breaks: list[str]) -> None:
    changed = replace(PLAIN, **change)
    assert told(a_snapshot(), a_snapshot(changed)) == [("A.x", breaks)]
    turned = ["backward" if end == "forward" else "forward" for end in breaks] if len(breaks) == 1 else breaks
    assert told(a_snapshot(changed), a_snapshot()) == [("A.x", turned)]


def test_a_new_field_may_come_if_it_may_be_left_out() -> None:
    optional = replace(PLAIN, is_required=False, is_nullable=True)
    assert told(a_snapshot(), a_snapshot(y=optional)) == [("A.y", [])]
    assert told(a_snapshot(), a_snapshot(y=PLAIN)) == [("A.y", ["backward"])]


def test_a_field_may_not_go() -> None:
    assert told(a_snapshot(), a_snapshot(None)) == [("A.x", ["backward", "forward"])]
    optional = replace(PLAIN, is_required=False)
    assert told(a_snapshot(optional), a_snapshot(None)) == [("A.x", ["backward"])]


PARTS = {"x": ("y", "z")}


@pytest.mark.parametrize(
    ("old", "new", "breaks"),
    [
        ({}, PARTS, ["backward"]),
        (PARTS, {}, ["forward"]),
        (PARTS, {"x": ("y",)}, ["backward", "forward"]),
        (PARTS, {"x": ("z", "y")}, []),
    ],
)
def test_a_sum_that_has_to_hold_is_part_of_the_contract(
    old: dict[str, tuple[str, ...]], new: dict[str, tuple[str, ...]], breaks: list[str]
) -> None:
    before, after = (replace(a_snapshot(y=PLAIN, z=PLAIN), sums={"A": sums}) for sums in (old, new))
    assert told(before, after) == ([("A.x", breaks)] if breaks else [])


def test_a_sum_of_fields_that_all_are_new_breaks_nobody() -> None:
    """Old data say none of them, and old readers read over them."""
    new = replace(PLAIN, is_required=False, is_nullable=True)
    after = replace(a_snapshot(t=new, u=new, v=new), sums={"A": {"t": ("u", "v")}})
    assert [breaks for where, breaks in told(a_snapshot(), after) if where == "A.t"] == [[], []]
    partly = replace(after, sums={"A": {"t": ("u", "x")}})
    assert ("A.t", ["backward"]) in told(a_snapshot(), partly)


def test_the_sums_of_a_contract_are_in_its_snapshot_and_in_a_release_s_file() -> None:
    parts = WasherUploadV2.sums["cycle_energy_wh"]
    assert current().sums == {"WasherUploadV2": {"cycle_energy_wh": parts}}
    found = json.loads(release_text(CURRENT))
    assert found["sums"] == {"WasherUploadV2": {"cycle_energy_wh": list(parts)}}
    del found["sums"]
    assert {change.breaks for change in differences(Snapshot.from_json(found), current())} == {frozenset(["backward"])}


def test_a_choice_more_is_unknown_to_old_readers() -> None:
    few, more = FieldForm("str", choices=("eco",)), FieldForm("str", choices=("eco", "wool"))
    (change,) = differences(a_snapshot(few), a_snapshot(more))
    assert (change.what, change.breaks) == ("old readers, new data: it may be wool", frozenset(["forward"]))


def test_a_topic_may_gain_a_version_but_not_lose_one_nor_change_its_key() -> None:
    wider = replace(TOPIC, contracts=("A", "B"))
    assert told(a_snapshot(), a_snapshot(topic=wider)) == [("t", [])]
    assert told(a_snapshot(topic=wider), a_snapshot()) == [("t", ["backward"])]
    assert told(a_snapshot(), a_snapshot(topic=replace(TOPIC, key="seq"))) == [("t", ["backward", "forward"])]
    assert told(a_snapshot(), a_snapshot(topic=None)) == [("t", ["backward", "forward"])]
    assert told(a_snapshot(topic=None), a_snapshot()) == [("t", [])]


def test_a_contract_may_come_but_not_go() -> None:
    none = Snapshot("none", {}, {}, {})
    assert [change.breaks for change in differences(none, current())] == [NEITHER] * len(differences(none, current()))
    assert [change.breaks for change in differences(current(), none)] == [BOTH] * len(differences(current(), none))


def forms() -> st.SearchStrategy[FieldForm]:
    """Fields of all kinds, near each other, so that pairs of them are often compatible."""
    flags = {"is_nullable": st.booleans(), "is_required": st.booleans()}
    ends = st.none() | st.integers(-3, 3)
    numbers = st.builds(FieldForm, st.sampled_from(["int", "float"]), minimum=ends, maximum=ends, **flags)
    words = st.sampled_from([("eco",), ("eco", "wool"), ("wool",), None])
    texts = st.builds(FieldForm, st.just("str"), choices=words, **flags)
    lists = st.builds(
        FieldForm,
        st.sampled_from(["int", "float"]),
        is_list=st.just(True),
        has_null_elements=st.booleans(),
        max_length=st.sampled_from([1, 2, None]),
        minimum=ends,
        **flags,
    )
    return numbers | texts | lists


def neighbours() -> st.SearchStrategy[tuple[FieldForm, FieldForm]]:
    """A field and what one change made of it: nearly every pair tells something."""

    def changed(form: FieldForm) -> st.SearchStrategy[tuple[FieldForm, FieldForm]]:
        if form.kind == "str":
            others: dict[str, list[Any]] = {"choices": [("eco",), ("eco", "wool"), None], "is_nullable": [True, False]}
        else:
            others = {
                "kind": ["int", "float"],
                "minimum": [-2, 0, None],
                "maximum": [0, 2, None],
                "is_nullable": [True, False],
            }
        if form.is_list:
            others |= {"has_null_elements": [True, False], "max_length": [1, 2, None]}
        changes = [replace(form, **{name: value}) for name, values in others.items() for value in values]
        return st.tuples(st.just(form), st.sampled_from(changes))

    return forms().flatmap(changed)


def reader(form: FieldForm) -> TypeAdapter[Any]:
    """What pydantic makes of a field of that form."""
    kinds: dict[str, Any] = {"int": int, "float": float, "str": str}
    kind = kinds[form.kind] if form.choices is None else LITERAL[form.choices]
    limits = [limit(end) for limit, end in ((Ge, form.minimum), (Le, form.maximum)) if end is not None]
    value: Any = ANNOTATED[(kind, *limits)] if limits else kind
    if form.is_list:
        element: Any = value | None if form.has_null_elements else value
        value = LIST[element]
        value = value if form.max_length is None else ANNOTATED[value, MaxLen(form.max_length)]
    return TypeAdapter(value | None if form.is_nullable else value)


def written(form: FieldForm) -> st.SearchStrategy[Any]:
    """What a writer of a field of that form may write."""
    if form.kind == "str":
        value: st.SearchStrategy[Any] = st.text(max_size=3) if form.choices is None else st.sampled_from(form.choices)
    elif form.kind == "int":
        value = st.integers(-5, 5)
    else:
        value = st.floats(-5, 5).filter(lambda number: number != int(number))
    if form.minimum is not None:
        value = value.filter(lambda found: found >= (form.minimum or 0))
    if form.maximum is not None:
        value = value.filter(lambda found: found <= (form.maximum or 0))
    if form.is_list:
        elements = value | st.none() if form.has_null_elements else value
        value = st.lists(elements, min_size=1, max_size=3 if form.max_length is None else form.max_length)
    return value | st.none() if form.is_nullable else value


@given(pair=neighbours() | st.tuples(forms(), forms()), data=st.data())
def test_where_no_obstacle_is_named_the_new_reader_takes_whatever_the_old_writer_writes(
    pair: tuple[FieldForm, FieldForm], data: st.DataObject
) -> None:
    old, new = pair
    empty = old.minimum is not None and old.maximum is not None and old.minimum >= old.maximum
    assume(not empty and not list(obstacles(new, old)))
    value = data.draw(written(old))
    assert reader(old).validate_python(value) == value
    try:
        reader(new).validate_python(value)
    except ValidationError as error:
        raise AssertionError(f"{value!r} of {old} is refused by {new}") from error


def test_a_release_is_read_as_it_was_written() -> None:
    kept = Snapshot.from_json(json.loads(release_text(CURRENT)))
    assert kept == current()


def test_the_last_release_is_the_one_of_the_highest_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for release in ("0.10.0", "0.9.0", "0.9.1", "0.10.0-rc1"):
        (tmp_path / f"{release}.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(published, "RELEASES", tmp_path)
    assert releases() == ["0.9.0", "0.9.1", "0.10.0-rc1", "0.10.0"]


@pytest.mark.parametrize("found", [{}, [], None, {"release": "1", "contracts": []}, {"release": "1", "contracts": 1}])
def test_what_is_no_release_is_told(found: Any) -> None:
    with pytest.raises(UsageError, match="no snapshot of contracts"):
        Snapshot.from_json(found)


def test_the_contracts_are_compatible_with_the_last_release() -> None:
    """A released contract may only gain fields that may be left out; anything else is a new version."""
    assert releases(), "a release is kept"
    last = releases()[-1]
    kept = Snapshot.from_json(json.loads((RELEASES / f"{last}.json").read_text(encoding="utf-8")))
    broken = [f"{change.where}: {change.what}" for change in differences(kept, current()) if change.breaks]
    assert broken == [], f"vaxel schema diff {last}"
