"""How every adapter reads, writes and tells values, against each kind of record system."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from sinks.records.targets.target import LeftOut, Target, Written
from sinks.records.values import Value
from tests.integration.records.targets.systems_under_test import (
    DAY,
    FIELDS,
    SystemUnderTest,
    batch_for,
    changed,
    insert,
    update,
    values_of,
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


def test_what_the_systems_own_rule_made_of_a_value_is_told(system: SystemUnderTest, target: Target) -> None:
    system.put("a", note="x", qty=1)
    rows = [update("a", note=("x", " y "), qty=(1, 2)), insert("b", note=" z", qty=3)]
    assert target.write(batch_for(system, *rows)) == Written((), {(0, "note"): "y", (1, "note"): "z"})


def test_what_was_left_alone_is_not_told_as_stored(system: SystemUnderTest, target: Target) -> None:
    system.put("a", note="theirs", qty=1)
    written = target.write(batch_for(system, update("a", note=("x", "y"), qty=(1, 2))))
    assert (written.stored, [item.field for item in written.left_out]) == ({}, ["note"])
