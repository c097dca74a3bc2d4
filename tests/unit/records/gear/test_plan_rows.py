"""The plan where rows are missing, added or removed: whole rows only, and none that is a person's."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from tests.unit.records.gear.planning import ADDING, FLOW, REMOVING, Ledger, planned, short
from tests.unit.records.gear.sales import MAY, Row, held, key, last_write, wanted


def test_a_row_the_target_does_not_hold_is_named_where_the_flow_adds_none() -> None:
    rows: list[Row] = [(f"M-{number:02}", 1, 5, "1") for number in range(30)]
    found = planned(FLOW, wanted(*rows), held(("M-07", 1, 5, "1.00")))
    assert found.changes == ()
    assert found.missing_rows == 29
    assert found.missing_keys == tuple(key(f"M-{number:02}") for number in range(21) if number != 7)


def test_a_row_that_is_added_tells_every_field_from_null_and_the_nulls_too() -> None:
    ledger = Ledger()
    found = planned(ADDING, wanted(("B", 3, None, "1.5"), flow=ADDING), held(("A", 1, 5, "1.00")), ledger)
    assert short(found) == [
        ("insert", "B", "sold_qty", "null", "3"),
        ("insert", "B", "in_use_qty", "null", "null"),
        ("insert", "B", "usage_per_session", "null", '"1.50"'),
    ]
    assert {change.row_version for change in found.changes} == {None}
    assert {change.why for change in found.changes} == {'{"session_count":7}'}
    assert (found.missing_rows, found.missing_keys) == (0, ())


def test_a_row_the_model_does_not_name_stays_as_it_is() -> None:
    ledger = Ledger({(key("A"), field): last_write() for field in ADDING.fields})
    assert planned(ADDING, wanted(), held(("A", 1, 4, "1.00")), ledger).changes == ()


def test_a_row_of_ours_the_model_names_no_more_is_removed_where_the_flow_removes_rows() -> None:
    ledger = Ledger({(key("A"), field): last_write() for field in REMOVING.fields})
    found = planned(REMOVING, wanted(("B", 1, 4, "1.00")), held(("A", 1, 4, None), ("B", 1, 4, "1.00")), ledger)
    assert short(found) == [
        ("delete", "A", "sold_qty", "1", "null"),
        ("delete", "A", "in_use_qty", "4", "null"),
        ("delete", "A", "usage_per_session", "null", "null"),
    ]
    assert {change.row_version for change in found.changes} == {9}
    assert ledger.asked == [[(key("A"), field) for field in REMOVING.fields]]


def test_a_row_that_nobody_of_ours_wrote_is_never_removed() -> None:
    assert planned(REMOVING, wanted(), held(("A", 1, 4, "1.00"))).changes == ()


def test_a_row_that_a_person_added_is_not_removed_though_we_changed_a_field_of_it() -> None:
    ledger = Ledger({(key("A"), "in_use_qty"): last_write()})
    assert planned(REMOVING, wanted(), held(("A", 1, 4, None)), ledger).changes == ()


def test_a_row_that_we_removed_and_a_person_added_again_is_not_removed() -> None:
    ledger = Ledger({(key("A"), field): last_write(before="4", after="null") for field in REMOVING.fields})
    assert planned(REMOVING, wanted(), held(("A", 1, 4, "1.00")), ledger).changes == ()


def test_rows_that_share_a_part_of_their_key_are_told_apart() -> None:
    """Two columns make the key, so neither material nor month alone finds a row."""
    june = date(2026, 6, 1)
    model = wanted(("A", 1, 5, None), ("A", 1, 6, None), ("B", 1, 7, None), month=pa.array([MAY, june, MAY]))
    target = held(("A", 1, 1, None), ("A", 1, 2, None), ("B", 1, 3, None))
    target = target.set_column(1, "month", pa.chunked_array([[MAY], [june, MAY]], pa.date32()))
    found = planned(FLOW, model, target)
    assert [(change.key, change.before, change.after) for change in found.changes] == [
        (key("A"), "1", "5"),
        (key("A").replace("-05-", "-06-"), "2", "6"),
        (key("B"), "3", "7"),
    ]
