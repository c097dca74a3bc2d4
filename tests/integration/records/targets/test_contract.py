"""What every adapter does, held against each kind of record system."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import get_args
from uuid import uuid4

import pytest

from schemas.errors import RecordRefusedError, UnreachableError
from schemas.records import RecordColumn
from sinks.records import targets
from sinks.records.gear.systems import System
from sinks.records.targets.opening import open_target
from sinks.records.targets.target import LeftOut, Target, Written
from sinks.records.values import Value
from tests.integration.records.targets.conftest import KINDS
from tests.integration.records.targets.systems_under_test import (
    DAY,
    FIELDS,
    SystemUnderTest,
    batch_for,
    changed,
    delete,
    insert,
    update,
)

pytestmark = pytest.mark.postgres

SEEN_AT = datetime(2026, 5, 1, 12, 30, 0, 123456, tzinfo=UTC)
ODD_TEXTS = [
    "",
    " x",
    "\\N",
    "\\.",
    'a"b',
    "a,b;c",
    "it's",
    "two\nlines\r\nand\rmore",
    "tab\there",
    "\\\\n",
    "null",
    "ü€😀\u2028",
    "%s {0} $1",
]


def a_system(kind: str) -> System:
    return System.model_validate(
        {"name": "erp", "kind": kind, "time_zone": "UTC", "rows_per_s": 1, "chunk_rows": 1}
        | {"nightly": "01:00-02:00", "change_window": "Sun 01:00-02:00"}
    )


def values_of(system: SystemUnderTest, article: str) -> Mapping[str, Value]:
    return system.rows()[article]


def test_the_suite_holds_every_kind_of_system_and_every_adapter() -> None:
    declared = get_args(System.model_fields["kind"].annotation)
    assert sorted(KINDS) == sorted(declared)
    modules = [
        importlib.import_module(f"{targets.__name__}.{found.name}") for found in pkgutil.iter_modules(targets.__path__)
    ]
    written = {
        thing
        for module in modules
        for thing in vars(module).values()
        if isinstance(thing, type) and thing is not Target and {"write", "cancel", "unknown"} <= set(dir(thing))
    }
    addresses = {"postgres": "postgresql://localhost/none", "http": "http://localhost/none"}
    opened = [open_target(a_system(kind), addresses[kind]) for kind in KINDS]
    assert {type(target) for target in opened} == written
    for target in opened:
        target.close()


def test_rows_are_read_with_their_types_and_versions(system: SystemUnderTest, target: Target) -> None:
    system.put("a", qty=7, price=Decimal("12.50"), note="x", seen_at=SEEN_AT)
    system.put("b")
    system.put("a", qty=8)
    found = target.read(system.table, FIELDS)
    assert found.schema.names == ["article", "day", *FIELDS, "row_version"]
    assert found.schema.field("price").type == system.table.column("price").arrow_type
    assert sorted(found.to_pylist(), key=lambda row: str(row["article"])) == [
        {
            "article": "a",
            "day": DAY,
            "qty": 8,
            "price": Decimal("12.50"),
            "note": "x",
            "seen_at": SEEN_AT,
            "row_version": 2,
        },
        {"article": "b", "day": DAY, "qty": None, "price": None, "note": None, "seen_at": None, "row_version": 1},
    ]


def test_an_empty_table_is_read_as_no_rows_of_the_declared_types(system: SystemUnderTest, target: Target) -> None:
    found = target.read(system.table, FIELDS)
    assert (found.num_rows, found.schema.names) == (0, ["article", "day", *FIELDS, "row_version"])


def test_all_rows_are_read_however_many_there_are(system: SystemUnderTest, target: Target) -> None:
    for number in range(8):
        system.put(f"a{number}", qty=number)
    assert sorted(target.read(system.table, ("qty",))["qty"].to_pylist()) == list(range(8))


def test_a_field_that_is_part_of_the_key_is_read_once(system: SystemUnderTest, target: Target) -> None:
    system.put("a", qty=1)
    names = system.table.column_names
    assert target.read(system.table, names).schema.names == [*names, "row_version"]


def test_rows_are_read_by_key_and_a_key_without_a_row_has_none(system: SystemUnderTest, target: Target) -> None:
    system.put("a", qty=1)
    system.put("b", qty=2)
    keys = [("b", DAY), ("none", DAY), ("b", DAY)]
    assert target.read_keys(system.table, ("qty",), keys).to_pylist() == [
        {"article": "b", "day": DAY, "qty": 2, "row_version": 1}
    ]
    assert target.read_keys(system.table, ("qty",), []).num_rows == 0


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_keys_and_texts_are_written_and_read_as_they_are(
    system: SystemUnderTest, target: Target, text: str
) -> None:
    key = text or "empty"
    system.put(key, note=None, qty=1)
    # A rule of the systems takes off outer spaces.
    assert target.write(batch_for(system, update(key, note=(None, text)))).left_out == ()
    assert values_of(system, key)["note"] == text.strip(" ")
    assert target.read(system.table, ("note",))["note"].to_pylist() == [text.strip(" ")]
    (found,) = target.read_keys(system.table, ("note",), [(key, DAY)]).to_pylist()
    assert (found["article"], found["note"]) == (key, text.strip(" "))
    assert target.write(batch_for(system, update(key, note=(text.strip(" "), None)))).left_out == ()
    assert target.read(system.table, ("note",))["note"].to_pylist() == [None]


def test_an_empty_text_is_not_null(system: SystemUnderTest, target: Target) -> None:
    system.put("a", note="")
    system.put("b", note=None)
    written = target.write(batch_for(system, update("a", note=(None, "x")), update("b", note=("", "x"))))
    assert written.left_out == (
        LeftOut(0, "note", 'holds "", null was planned upon'),
        LeftOut(1, "note", 'holds null, "" was planned upon'),
    )


def test_values_of_every_kind_are_written(system: SystemUnderTest, target: Target) -> None:
    system.put("a", qty=1)
    changes: dict[str, tuple[Value, Value]] = {
        "qty": (1, 2**62), "price": (None, Decimal("-999999999999.99")), "note": (None, "n"), "seen_at": (None, SEEN_AT)
    }  # fmt: skip
    assert target.write(batch_for(system, changed("a", changes))) == Written()
    assert values_of(system, "a") == {name: pair[1] for name, pair in changes.items()} | {"origin": "here"}
    assert system.versions() == {"a": 2}


def test_rows_of_different_fields_go_together(system: SystemUnderTest, target: Target) -> None:
    system.put("a", qty=1, note="x")
    system.put("b", qty=1, note="x")
    rows = [
        update("a", qty=(1, 2)),
        update("b", note=("x", "y")),
        insert("c", price=Decimal("1.00")),
        insert("d", qty=4),
    ]
    assert target.write(batch_for(system, *rows)) == Written()
    found = system.rows()
    assert [(found[name]["qty"], found[name]["note"]) for name in "abcd"] == [
        (2, "x"),
        (1, "y"),
        (None, None),
        (4, None),
    ]


def test_a_field_that_somebody_changed_is_left_alone_and_the_others_of_its_row_are_written(
    system: SystemUnderTest, target: Target
) -> None:
    system.put("a", qty=9, note="x", price=Decimal("1.00"))
    system.put("b", qty=1)
    rows = [
        update("a", qty=(7, 8), note=("x", "y"), price=(Decimal("2.00"), Decimal("3.00"))),
        update("b", qty=(1, 2)),
    ]
    written = target.write(batch_for(system, *rows))
    assert sorted(written.left_out, key=str) == [
        LeftOut(0, "price", 'holds "1.00", "2.00" was planned upon'),
        LeftOut(0, "qty", "holds 9, 7 was planned upon"),
    ]
    assert written.stored == {}
    assert (values_of(system, "a")["qty"], values_of(system, "a")["note"], values_of(system, "b")["qty"]) == (9, "y", 2)


def test_a_row_of_which_nothing_holds_is_not_touched(system: SystemUnderTest, target: Target) -> None:
    system.put("a", qty=9)
    assert target.write(batch_for(system, update("a", qty=(7, 8)))).left_out[0].field == "qty"
    assert system.versions() == {"a": 1}


def test_another_version_holds_the_whole_row_where_one_is_demanded(system: SystemUnderTest, target: Target) -> None:
    system.put("a", qty=1)
    system.put("a", note="theirs")
    rows = [update("a", row_version=1, qty=(1, 2))]
    assert target.write(batch_for(system, *rows)).left_out == (
        LeftOut(0, None, "the row has version 2, 1 was planned upon"),
    )
    assert target.write(batch_for(system, update("a", row_version=2, qty=(1, 2)))) == Written()
    assert system.versions() == {"a": 3}


def test_a_row_that_is_gone_is_left_out(system: SystemUnderTest, target: Target) -> None:
    system.put("b", qty=1)
    written = target.write(batch_for(system, update("a", qty=(1, 2)), update("b", qty=(1, 2)), delete("c", qty=1)))
    assert written == Written((LeftOut(0, None, "the row is gone"), LeftOut(2, None, "the row is gone")))
    assert values_of(system, "b")["qty"] == 2


def test_a_row_to_add_that_is_there_is_left_alone(system: SystemUnderTest, target: Target) -> None:
    system.put("a", qty=1)
    system.put("c", qty=5)
    written = target.write(batch_for(system, insert("a", qty=5), insert("b", qty=5), insert("c", qty=5)))
    assert written == Written(
        (LeftOut(0, None, "the row is there already"), LeftOut(2, None, "the row is there already"))
    )
    assert {name: row["qty"] for name, row in system.rows().items()} == {"a": 1, "b": 5, "c": 5}


def test_a_field_that_is_not_said_of_an_added_row_gets_the_systems_own_value(
    system: SystemUnderTest, target: Target
) -> None:
    target.write(batch_for(system, insert("a", qty=1), insert("b", origin="there")))
    assert [row["origin"] for row in system.rows().values()] == ["here", "there"]


def test_a_row_is_deleted_only_while_all_of_it_holds(system: SystemUnderTest, target: Target) -> None:
    for name in "abc":
        system.put(name, qty=1, note="x")
    system.put("b", note="theirs")
    rows = [delete("a", qty=1, note="x"), delete("b", qty=1, note="x"), delete("c", row_version=7, qty=1)]
    assert target.write(batch_for(system, *rows)).left_out == (
        LeftOut(1, None, 'note holds "theirs", "x" was planned upon'),
        LeftOut(2, None, "the row has version 1, 7 was planned upon"),
    )
    assert list(system.rows()) == ["b", "c"]


def test_what_the_systems_own_rule_made_of_a_value_is_told(system: SystemUnderTest, target: Target) -> None:
    system.put("a", note="x", qty=1)
    rows = [update("a", note=("x", " y "), qty=(1, 2)), insert("b", note=" z", qty=3)]
    assert target.write(batch_for(system, *rows)) == Written((), {(0, "note"): "y", (1, "note"): "z"})


def test_what_was_left_alone_is_not_told_as_stored(system: SystemUnderTest, target: Target) -> None:
    system.put("a", note="theirs", qty=1)
    written = target.write(batch_for(system, update("a", note=("x", "y"), qty=(1, 2))))
    assert (written.stored, [item.field for item in written.left_out]) == ({}, ["note"])


def test_a_batch_without_rows_is_known_afterwards(system: SystemUnderTest, target: Target) -> None:
    batch = batch_for(system)
    assert target.write(batch) == Written()
    assert target.unknown([batch.token]) == set()


def test_a_token_that_is_known_writes_nothing_and_gives_its_outcome(system: SystemUnderTest, target: Target) -> None:
    system.put("a", qty=1, note="x")
    batch = batch_for(system, update("a", qty=(1, 2), note=("else", "y")), insert("b", note=" z "))
    first = target.write(batch)
    system.put("a", qty=1)
    before = system.rows()
    again = system.target()
    assert first.left_out
    assert again.write(batch) == first == target.cancel(batch.token)
    assert system.rows() == before
    again.close()


def test_a_batch_is_written_after_a_cancel_of_another_and_never_after_its_own(
    system: SystemUnderTest, target: Target
) -> None:
    system.put("a", qty=1)
    batch = batch_for(system, update("a", qty=(1, 2)))
    assert target.cancel(batch.token) is None
    assert target.cancel(batch.token) is None
    with pytest.raises(UnreachableError, match="was cancelled"):
        target.write(batch)
    assert values_of(system, "a")["qty"] == 1
    assert target.write(replace(batch, token=str(uuid4()))) == Written()


def test_after_its_deadline_nothing_is_written_and_nothing_is_known(system: SystemUnderTest, target: Target) -> None:
    system.put("a", qty=1)
    batch = batch_for(system, update("a", qty=(1, 2)), seconds=-1)
    with pytest.raises(UnreachableError, match="deadline"):
        target.write(batch)
    assert values_of(system, "a")["qty"] == 1
    assert target.cancel(batch.token) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"qty": (1, -1)}, "qty_is_not_negative"),
        ({"note": ("x", "forbidden")}, "notes may not be forbidden"),
        ({"note": ("x", "a\x00b")}, "NUL"),
        ({"note": ("x", "a\ud800b")}, "surrogate"),
    ],
)
def test_what_a_rule_refuses_is_told_in_one_line_without_values_and_nothing_is_written(
    system: SystemUnderTest, target: Target, change: dict[str, tuple[Value, Value]], told: str
) -> None:
    system.put("a", qty=1, note="x")
    batch = batch_for(system, changed("a", change))
    with pytest.raises(RecordRefusedError, match=told) as refused:
        target.write(batch)
    assert "\n" not in str(refused.value)
    assert "and more" not in str(refused.value)
    assert (values_of(system, "a")["qty"], values_of(system, "a")["note"]) == (1, "x")
    assert target.cancel(batch.token) is None
    assert target.write(batch_for(system, update("a", qty=(1, 2)))) == Written()


def test_tokens_that_the_system_forgot_are_told(system: SystemUnderTest, target: Target) -> None:
    system.put("a", qty=1)
    first, second, cancelled = (
        batch_for(system, update("a", qty=(1, 2))),
        batch_for(system, update("a", qty=(2, 3))),
        str(uuid4()),
    )
    target.write(first)
    saved = system.saved()
    target.write(second)
    target.cancel(cancelled)
    tokens = [first.token, second.token]
    assert target.unknown([]) == target.unknown(tokens) == set()
    assert target.unknown([*tokens, cancelled]) == {cancelled}
    system.restore(saved)
    assert target.unknown(tokens) == {second.token}
    assert values_of(system, "a")["qty"] == 2


def test_a_table_as_declared_has_no_faults(system: SystemUnderTest, target: Target) -> None:
    assert target.check(system.table, FIELDS) == []


def test_each_thing_that_is_not_as_declared_is_a_sentence(system: SystemUnderTest, target: Target) -> None:
    columns = [replace(column, kind="text") if column.name == "qty" else column for column in system.table.columns]
    other = replace(system.table, columns=(*columns, RecordColumn("colour", "text", "Colour")))
    place = other.full_name
    types = {"text", "integer", "bigint"}
    missing, wrong = sorted(target.check(other, ("qty", "colour")), key=len)
    assert missing == f"{place} has no column colour."
    assert wrong.startswith(f"{place}.qty is ")
    assert types.issuperset({wrong.split()[2].rstrip(","), wrong.split()[3]})
    assert target.check(replace(other, name="nothing"), ("qty",)) == [f"There is no table {other.system}.nothing."]


def test_closing_again_is_nothing(target: Target) -> None:
    target.close()
    target.close()
