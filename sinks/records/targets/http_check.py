"""Whether an HTTP record system describes a table as the schemas declare it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from schemas.gearbox_ledger import Op
from schemas.records import RecordTable
from sinks.records.targets.target import columns_read


def faults(
    table: RecordTable, fields: Sequence[str], ops: Collection[Op], found: Mapping[str, Any] | None
) -> list[str]:
    """One sentence for each thing that is not as it has to be.

    Args:
        found: What the record system tells of the table; None: there is none.
    """
    if found is None:
        return [f"There is no table {table.full_name}."]
    told = []
    for name in columns_read(table, fields):
        column = found["columns"].get(name)
        if column is None:
            told.append(f"{table.full_name} has no column {name}.")
            continue
        if column["kind"] != table.column(name).kind:
            told.append(f"{table.full_name}.{name} is {column['kind']}, {table.column(name).kind} is declared.")
        if name not in table.key and {"insert", "update"} & set(ops) and not column["is_writable"]:
            told.append(f"There is no right to UPDATE {table.full_name}.{name}.")
    if list(found["key"]) != list(table.key):
        told.append(f"The primary key of {table.full_name} is not {', '.join(table.key)}.")
    return told
