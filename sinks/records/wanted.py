"""What a flow's model wants the target to hold: checked, in the target's own types."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import UsageError
from sinks.records.flow import Flow

WHY = "why_"
"""Columns of a model whose name begins so are evidence, not fields."""


def conform(flow: Flow, produced: pa.Table) -> pa.Table:
    """Key, fields and evidence of the rows a model produced, ordered by key, in the types of the target.

    Raises:
        UsageError: A column is missing or of another type, a decimal is not rounded, or a key is null or there twice.
    """
    needed = (*flow.key, *flow.fields)
    evidence = [name for name in produced.column_names if name.startswith(WHY)]
    missing = [name for name in needed if name not in produced.column_names]
    surplus = [name for name in produced.column_names if name not in needed and name not in evidence]
    if missing or surplus:
        raise UsageError(
            f"The model of flow {flow.name!r} has to produce {', '.join(needed)} (and why_*): "
            f"missing {', '.join(missing) or 'none'}, surplus {', '.join(surplus) or 'none'}."
        )
    columns = {name: _in_type(flow, name, produced.column(name)) for name in needed}
    table = pa.table(columns | {name: produced.column(name) for name in evidence})
    _refuse_bad_keys(flow, table)
    return table.sort_by([(name, "ascending") for name in flow.key])


def _in_type(flow: Flow, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = flow.table.column(name).arrow_type
    # A float would be rounded into the decimal in silence, differently on another machine: the model has to decide.
    if pa.types.is_decimal(kind) and pa.types.is_floating(column.type):
        raise UsageError(f"The model of flow {flow.name!r} gives {name} as {column.type}: cast it to DECIMAL.")
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        # What Arrow says of it may quote a customer's row.
        raise UsageError(
            f"The model of flow {flow.name!r} gives {name} as {column.type}, and not all of it is {kind}"
        ) from error


def _refuse_bad_keys(flow: Flow, table: pa.Table) -> None:
    for name in flow.key:
        if table.column(name).null_count:
            raise UsageError(f"The model of flow {flow.name!r} gives a row whose key {name} is null.")
    counted = table.group_by(list(flow.key)).aggregate([([], "count_all")])
    twice = counted.filter(pc.greater(counted.column("count_all"), 1))
    if len(twice):
        raise UsageError(
            f"The model of flow {flow.name!r} gives {len(twice)} keys more than once: its rows have to differ in "
            f"{', '.join(flow.key)}."
        )
