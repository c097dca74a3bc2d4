"""What every adapter makes of rows that somebody else changed, added or removed, against each kind of record system."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sinks.records.targets.target import LeftOut, Target, Written
from tests.integration.records.targets.systems_under_test import (
    SystemUnderTest,
    batch_for,
    delete,
    insert,
    update,
    values_of,
)

pytestmark = pytest.mark.postgres


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
