"""The way back of a final invoice's lines: credits, never deletions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from sinks.records.billing.credits import compensation, final_keys
from sinks.records.gear.changes import Change
from sinks.records.values import from_text, json_text, key_text
from tests.unit.records.billing.billed import JUNE, MAY, may
from tests.unit.records.billing.tables import FLOW, as_held, contract_row, lines_of, produced, records, session_row

JULY = date(2026, 7, 1)


def _billed() -> list[dict[str, Any]]:
    rows = produced(contract_row(as_of=datetime(2026, 6, 2, tzinfo=UTC)), session_row("a", may(3)))
    return as_held(lines_of(rows, records()))


def _inserted(row: dict[str, Any]) -> list[Change]:
    key = key_text(FLOW.key, (row["line_no"],))
    return [Change("insert", key, name, "null", json_text(row[name]), None) for name in FLOW.fields]


def _row_of(changes: tuple[Change, ...]) -> dict[str, Any]:
    table = FLOW.table
    return {change.field: from_text(table.column(change.field).kind, change.after) for change in changes} | {
        "line_no": changes[0].key.split('"')[3]
    }


def _known(lines: list[dict[str, Any]], *closed: date) -> dict[str, pa.Table]:
    return records(lines, closed=closed)


def test_a_line_of_a_closed_period_is_credited_in_the_open_one() -> None:
    (row,) = _billed()
    known, undone = _known([row], MAY), _inserted(row)
    assert final_keys(undone, known) == {undone[0].key}
    made = compensation(FLOW, undone, known, "the meter was wrong")
    assert {change.op for change in made} == {"insert"}
    credit = _row_of(made)
    assert (credit["amount"], credit["period"], credit["component"]) == (Decimal("-12.50"), JUNE, "credit")
    assert credit["reason"] == f"credit of line {row['line_no']}: the meter was wrong"
    assert {change.field for change in made} == set(FLOW.fields)


def test_lines_of_open_periods_are_none_of_its_business() -> None:
    (row,) = _billed()
    assert final_keys(_inserted(row), _known([row])) == set()


def test_of_an_update_only_what_it_moved_is_credited() -> None:
    (row,) = _billed()
    key = key_text(FLOW.key, (row["line_no"],))
    moved = Change("update", key, "amount", '"10.00"', '"12.50"', 1)
    assert _row_of(compensation(FLOW, [moved], _known([row], MAY), "why"))["amount"] == Decimal("-2.50")


def test_what_another_set_has_written_since_is_not_credited() -> None:
    (row,) = _billed()
    overtaken = [replace(change, after='"11.00"') for change in _inserted(row) if change.field == "amount"]
    assert compensation(FLOW, overtaken, _known([row], MAY), "why") == ()


def test_the_same_line_is_not_credited_twice_in_a_period() -> None:
    (row,) = _billed()
    credit = _row_of(compensation(FLOW, _inserted(row), _known([row], MAY), "why"))
    assert compensation(FLOW, _inserted(row), _known([row, credit], MAY), "why") == ()


def test_a_credit_whose_period_is_closed_is_countered() -> None:
    (row,) = _billed()
    credit = _row_of(compensation(FLOW, _inserted(row), _known([row], MAY), "why"))
    known = _known([row, credit], MAY, JUNE)
    assert final_keys(_inserted(credit), known)
    counter = _row_of(compensation(FLOW, _inserted(credit), known, "it was right after all"))
    assert (counter["amount"], counter["period"], counter["component"]) == (Decimal("12.50"), JULY, "credit")
    assert counter["line_no"] != credit["line_no"]
