"""What an HTTP record system is told of a batch before its rows, and what follows from that and its answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.records import RecordTable
from sinks.records.targets.target import Batch, LeftOut, Written
from sinks.records.values import Value, from_json, to_json

NOT_SENT: Final = "not sent: the record system went away"
OTHERWISE: Final = "was no longer as planned"


def to_plan(batch: Batch) -> dict[str, Any]:
    """JSON object of a batch: enough to tell from its answers what became of it."""
    return {
        "change_set_id": batch.change_set_id,
        "table": batch.table.name,
        "deadline_at": to_json(batch.deadline_at),
        "rows": [
            {
                "op": row.op,
                "after": [[name, batch.table.column(name).kind, to_json(value)] for name, value in row.after.items()],
            }
            for row in batch.rows
        ],
    }


def to_values(values: Mapping[str, Value]) -> dict[str, Any]:
    return {name: to_json(value) for name, value in values.items()}


def from_values(table: RecordTable, values: Mapping[str, Any]) -> dict[str, Value]:
    return {name: from_json(table.column(name).kind, value) for name, value in values.items()}


def from_answers(plan: Mapping[str, Any], answers: Mapping[str, Mapping[str, Any]]) -> Written | None:
    """What became of a batch that was cut off, by its plan and the kept answers of its rows; None: nothing was written.

    >>> plan = {"rows": [{"op": "update", "after": [["qty", "integer", 7]]}]}
    >>> from_answers(plan, {"0": {"values": {"qty": 8}}})
    Written(left_out=(), stored={(0, 'qty'): 8})
    """
    if not answers:
        return None
    left_out: list[LeftOut] = []
    stored: dict[tuple[int, str], Value] = {}
    for number, row in enumerate(plan["rows"]):
        answer = answers.get(str(number))
        if answer is None:
            left_out.append(LeftOut(number, None, NOT_SENT))
            continue
        for name, kind, after in row["after"]:
            if name not in answer["values"]:
                left_out.append(LeftOut(number, name, OTHERWISE))
            elif from_json(kind, answer["values"][name]) != from_json(kind, after):
                stored[number, name] = from_json(kind, answer["values"][name])
    return Written(tuple(left_out), stored)
