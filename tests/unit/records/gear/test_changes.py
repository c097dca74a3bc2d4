"""Changes as data: what a change set's hash goes over, and what not."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.records.gear.changes import PENDING, Change, ChangeSet, Verdict
from sinks.records.gear.money import both, currency_of, gates_of, most, moved, moved_by_currency
from tests.unit.records.gear.sales import change

GO = Verdict("go", "within the flow's limits")


def a_set(*changes: Change, **changed: Any) -> ChangeSet:
    found = ChangeSet("plan", "sales", "1-abc", 17, "erp", "erp.monthly_sales", 100, changes)
    return replace(found, **changed)


def test_changed_rows_are_counted_once_each_however_many_fields_change() -> None:
    assert a_set(change("A"), change("A", field="sold_qty"), change("B")).changed_rows == 2
    assert a_set().changed_rows == 0


def test_a_change_is_not_judged_at_first_and_a_verdict_changes_nothing_else_of_it() -> None:
    planned = change()
    judged = planned.judged(GO)
    assert planned.verdict == PENDING
    assert judged.verdict == GO
    assert replace(judged, verdict=PENDING) == planned


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "undo"},
        {"flow": "other"},
        {"flow_version": "2-abc"},
        {"system": "crm"},
        {"target_table": "erp.material"},
        {"undoes": 3},
        {"changes": ()},
        {"changes": (change("A"), change("B"), change("C"))},
        {"changes": (change("B"), change("A"))},
    ],
    ids=str,
)
def test_another_content_has_another_hash(changed: dict[str, Any]) -> None:
    one = a_set(change("A"), change("B"))
    assert replace(one, **changed).content_hash() != one.content_hash()


@pytest.mark.parametrize("name", ["op", "key", "field", "before", "after", "why"])
def test_every_text_that_is_written_or_tells_why_is_in_the_hash(name: str) -> None:
    one = a_set(change())
    other = a_set(change(**{name: "delete" if name == "op" else '{"x":1}'}))
    assert other.content_hash() != one.content_hash()


def test_the_same_content_planned_again_and_judged_otherwise_has_the_same_hash() -> None:
    """An approval is bound to the content: later snapshots, row versions and verdicts do not make it void."""
    one = a_set(change())
    again = a_set(
        change(row_version=10, gates='{"complete_share":0.5}').judged(GO),
        lake_snapshot=18,
        target_rows=101,
        missing_rows=1,
    )
    assert again.content_hash() == one.content_hash()


texts = st.text(st.characters(exclude_characters="\x1e\x1f", exclude_categories=["Cs"]), max_size=3)


@given(st.lists(st.tuples(texts, texts), max_size=3), st.lists(st.tuples(texts, texts), max_size=3))
def test_different_texts_never_run_into_the_same_hash(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    """JSON texts hold no control characters, so the separators stand in none of them."""
    first, second = (
        a_set(*(change(before=before, after=after) for before, after in pairs)).content_hash() for pairs in (one, other)
    )
    assert (first == second) == (one == other)


def test_the_verdict_is_what_a_change_is_given_last() -> None:
    assert [one.name for one in fields(Change)][-1] == "verdict"


@pytest.mark.parametrize(
    ("before", "after", "money"),
    [
        ('"1.00"', '"3.50"', "2.50"),
        ('"3.50"', '"1.00"', "2.50"),
        ("null", '"1.00"', "1.00"),
        ('"1.00"', "null", "1.00"),
        ('"-1.00"', '"1.00"', "2.00"),
        ("4", "5", "1"),
        ("null", "null", "0"),
    ],
)
def test_money_moves_by_the_distance_whatever_the_direction(before: str, after: str, money: str) -> None:
    assert moved(change(before=before, after=after)) == Decimal(money)


def test_only_the_money_field_moves_money_each_currency_by_itself() -> None:
    changes = [
        change("A", field="amount", gates='{"currency":"SEK"}'),
        change("B", field="amount", gates='{"currency":"EUR","complete_share":1.0}'),
        change("C", field="amount", gates='{"currency":"SEK"}'),
        change("C", field="sold_qty", gates='{"currency":"SEK"}'),
        change("D", field="amount"),
    ]
    sums = moved_by_currency(changes, "amount")
    assert sums == {"SEK": 2, "EUR": 1, "": 1}
    assert most(sums) == 3, "what tells no currency counts with each"
    assert moved_by_currency(changes, None) == moved_by_currency([], "amount") == {}
    assert most({}) == 0
    assert both(sums, {"EUR": Decimal(4), "NOK": Decimal(1)}) == {"SEK": 2, "EUR": 5, "NOK": 1, "": 1}
    assert currency_of(gates_of("SEK")) == "SEK"
    assert gates_of("") == "{}"
