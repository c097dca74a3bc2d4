"""Outcomes, as record systems keep them, and as they follow from the answers of single rows."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from schemas.record_form import Kind, RecordColumn, RecordTable
from sinks.records.targets.http_plan import NOT_SENT, OTHERWISE, from_answers, to_plan
from sinks.records.targets.outcome import from_outcome, to_outcome
from sinks.records.targets.target import Batch, LeftOut, RowWrite, Written
from sinks.records.values import Value, to_json

DATES = st.dates(date(1, 1, 1))
VALUES: dict[Kind, st.SearchStrategy[Value]] = {
    "text": st.text(),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False, places=2),
    "precise": st.decimals(allow_nan=False, allow_infinity=False, places=6),
    "date": DATES,
    "instant": st.datetimes(timezones=st.just(UTC)),
}
FIELDS: tuple[Kind, ...] = tuple(VALUES)
TABLE = RecordTable("erp", "thing", ("key",), tuple(RecordColumn(kind, kind, kind) for kind in FIELDS))
LEFT_OUT = st.builds(LeftOut, st.integers(0, 9), st.none() | st.sampled_from(FIELDS), st.text())
STORED = st.dictionaries(st.tuples(st.integers(0, 9), st.text()), st.none() | st.one_of(*VALUES.values()))


@given(st.lists(LEFT_OUT).map(tuple), STORED)
def test_an_outcome_comes_back_as_it_was(left_out: tuple[LeftOut, ...], stored: dict[tuple[int, str], Value]) -> None:
    written = Written(left_out, stored)
    back = from_outcome(json.loads(json.dumps(to_outcome(written))))
    assert back == written
    assert [type(value) for value in back.stored.values()] == [type(value) for value in stored.values()]


def rows() -> st.SearchStrategy[RowWrite]:
    optional: dict[str, st.SearchStrategy[Value]] = dict(VALUES.items())
    after: st.SearchStrategy[dict[str, Value]] = st.fixed_dictionaries({}, optional=optional)
    return after.map(lambda values: RowWrite("update", ("k",), None, dict.fromkeys(values), values))


@given(st.lists(rows(), min_size=1), st.data())
def test_every_field_of_a_batch_that_was_cut_off_is_written_stored_otherwise_or_left_out(
    writes: list[RowWrite], data: st.DataObject
) -> None:
    batch = Batch("token", 1, TABLE, writes, datetime(2026, 5, 1, tzinfo=UTC))
    plan = json.loads(json.dumps(to_plan(batch)))
    answered = data.draw(st.sets(st.sampled_from(range(len(writes)))))
    kept = {number: data.draw(st.sets(st.sampled_from(FIELDS)).map(sorted)) for number in sorted(answered)}
    answers = {
        str(number): {
            "values": {name: to_json(writes[number].after[name]) for name in names if name in writes[number].after}
        }
        for number, names in kept.items()
    }
    written = from_answers(plan, answers)
    if not answered:
        assert written is None
        return
    assert written is not None
    assert written.stored == {}
    expected = {(number, None, NOT_SENT) for number in range(len(writes)) if number not in answered} | {
        (number, name, OTHERWISE) for number in answered for name in writes[number].after if name not in kept[number]
    }
    assert {(item.row, item.field, item.reason) for item in written.left_out} == expected
    assert len(written.left_out) == len(expected)


def test_equal_decimals_are_not_stored_otherwise() -> None:
    plan = {"rows": [{"op": "update", "after": [["price", "decimal", "1.5"], ["note", "text", " y"]]}]}
    answers = {"0": {"values": {"price": "1.50", "note": "y"}}}
    assert from_answers(plan, answers) == Written((), {(0, "note"): "y"})
