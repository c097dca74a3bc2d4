"""What is told of rows that are no longer as planned."""

from __future__ import annotations

from sinks.records.targets.comparing import left_out_of_delete, left_out_of_update
from sinks.records.targets.target import LeftOut, RowWrite
from sinks.records.values import Value

BEFORE: dict[str, Value] = {"qty": 1, "note": "x"}
AFTER: dict[str, Value] = {"qty": 2, "note": "y"}


def test_a_row_as_planned_is_left_out_of_nothing() -> None:
    assert left_out_of_update(0, RowWrite("update", ("k",), 3, BEFORE, AFTER), 3, {}) == []
    assert left_out_of_delete(0, RowWrite("delete", ("k",), 3, BEFORE, {}), 3, {}) == []


def test_only_fields_that_differ_are_left_out() -> None:
    row = RowWrite("update", ("k",), None, BEFORE, AFTER)
    assert left_out_of_update(5, row, 9, {"note": None}) == [
        LeftOut(5, "note", 'holds null, "x" was planned upon'),
    ]


def test_another_version_leaves_out_the_whole_row_whatever_it_holds() -> None:
    told = [LeftOut(0, None, "the row has version 4, 3 was planned upon")]
    assert left_out_of_update(0, RowWrite("update", ("k",), 3, BEFORE, AFTER), 4, {"qty": 7}) == told
    assert left_out_of_delete(0, RowWrite("delete", ("k",), 3, BEFORE, {}), 4, {}) == told


def test_one_field_that_differs_keeps_the_whole_row_from_being_deleted() -> None:
    row = RowWrite("delete", ("k",), None, BEFORE, {})
    assert left_out_of_delete(0, row, 1, {"qty": 7, "note": "z"}) == [
        LeftOut(0, None, "qty holds 7, 1 was planned upon"),
    ]
