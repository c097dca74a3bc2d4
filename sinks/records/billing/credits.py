"""Credit lines: how a line of a final invoice is taken back, which nobody can delete. Pure.

What a change set wrote into a line of a period that is closed by now is taken back by a line in the earliest open
period: component `credit`, quantity 0, the amount with the other sign, the number of the line in its reason. The credit
is a line like any other: while its period is open it can be deleted, afterwards it is credited in its turn.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from schemas.record_billing import INVOICE_LINE, PERIOD
from sinks.records.billing.line_numbers import credit_no, period_of
from sinks.records.billing.shape import periods
from sinks.records.gear.changes import Change
from sinks.records.gear.flow import Flow
from sinks.records.gear.money import gates_of
from sinks.records.values import from_text, json_text, key_text

RECORDS: Final = (PERIOD.full_name, INVOICE_LINE.full_name)
"""Tables of billing that are needed, whole."""


def final_keys(changes: Iterable[Change], records: Mapping[str, pa.Table]) -> set[str]:
    """Those of the changes' keys whose lines are in closed periods."""
    known = periods(records)
    held = _held(records)
    keys = {change.key for change in changes}
    return {key for key in keys if (month := _period(key, held)) is not None and known.is_closed(month)}


def compensation(
    flow: Flow, undone: Sequence[Change], records: Mapping[str, pa.Table], reason: str
) -> tuple[Change, ...]:
    """The credit lines, field by field, that take back what these changes made of lines in closed periods.

    A line whose amount they did not move needs none; nor is there one for a line that holds another amount than they
    wrote, for a line that is credited in the open period already, or for one that billing does not hold.

    Args:
        undone: Written changes of lines in closed periods.
        reason: Why it is taken back; the customer reads it.
    """
    known, held = periods(records), _held(records)
    moved = sorted((change for change in undone if change.field == "amount"), key=lambda change: change.key)
    made: list[Change] = []
    for change in moved:
        row = held.get(change.key)
        if row is None or json_text(row["amount"]) != change.after:
            continue
        credit = _credit(row, _amount(change.after) - _amount(change.before), known.earliest_open, reason)
        key = key_text(flow.key, (credit["line_no"],))
        if credit["amount"] and key not in held:
            made += [
                Change("insert", key, name, "null", json_text(credit[name]), None, gates_of(row["currency"]), _why(row))
                for name in flow.fields
            ]
    return tuple(made)


def _credit(row: Mapping[str, Any], amount: Decimal, period: date, reason: str) -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("contract_no", "customer_id", "usage_period", "currency")},
        "line_no": credit_no(row["contract_no"], row["usage_period"], period, row["line_no"]),
        "period": period,
        "component": "credit",
        "quantity": Decimal("0.000000"),
        "unit": "",
        "amount": -amount,
        "reason": f"credit of line {row['line_no']}: {reason}",
        "session_count": 0,
        "waived_count": 0,
        "merkle_root": None,
        "contract_version": None,
        "price_version": None,
        "code_version": None,
    }


def _amount(text: str) -> Decimal:
    value = from_text("decimal", text)
    return value if isinstance(value, Decimal) else Decimal(0)


def _why(row: Mapping[str, Any]) -> str:
    return json.dumps({"credited": row["line_no"]})


def _held(records: Mapping[str, pa.Table]) -> dict[str, dict[str, Any]]:
    return {key_text(("line_no",), (row["line_no"],)): row for row in records[INVOICE_LINE.full_name].to_pylist()}


def _period(key: str, held: Mapping[str, Mapping[str, Any]]) -> date | None:
    row = held.get(key)
    if row is None:
        return period_of(json.loads(key)["line_no"])
    found = row["period"]
    assert isinstance(found, date)
    return found
