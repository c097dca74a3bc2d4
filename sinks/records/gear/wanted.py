"""What a flow's model wants the target to hold: checked, in the target's own types. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import UsageError
from sinks.records.gear.flow import Flow

WHY = "why_"
"""Columns of a model whose name begins so are evidence, not fields."""
COMPLETE_SHARE = "gate_complete_share"
"""Column with the share of complete device months behind the row, 0 to 1; null: not asked."""


def conform(flow: Flow, produced: pa.Table) -> pa.Table:
    """Key, fields, evidence and gate of the rows a model produced, ordered by key, in the types of the target.

    Evidence is given back with instants in UTC, and without numbers that JSON does not know (null instead).

    Raises:
        UsageError: A column is missing or of another type, a decimal is not rounded, a key is null or there twice, or
            a share of completeness is none.
    """
    needed = [*flow.key, *flow.fields]
    if flow.completeness is not None:
        needed.append(COMPLETE_SHARE)
    if flow.consent_subject is not None and flow.consent_subject not in needed:
        needed.append(flow.consent_subject)
    evidence = [name for name in produced.column_names if name.startswith(WHY)]
    _refuse_other_columns(flow, produced.column_names, needed, [*evidence, COMPLETE_SHARE])
    columns = {name: _in_type(flow, name, produced.column(name)) for name in (*flow.key, *flow.fields)}
    columns |= {name: _as_evidence(produced.column(name)) for name in evidence}
    if COMPLETE_SHARE in produced.column_names:
        columns[COMPLETE_SHARE] = _as_share(flow, produced.column(COMPLETE_SHARE))
    table = pa.table(columns)
    _refuse_bad_keys(flow, table)
    return table.sort_by([(name, "ascending") for name in flow.key])


def _refuse_other_columns(flow: Flow, found: Sequence[str], needed: Sequence[str], allowed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in found]
    surplus = [name for name in found if name not in needed and name not in allowed]
    if missing or surplus:
        raise UsageError(
            f"The model of flow {flow.name!r} has to produce {', '.join(needed)} (and why_*): "
            f"missing {', '.join(missing) or 'none'}, surplus {', '.join(surplus) or 'none'}."
        )
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise UsageError(f"The model of flow {flow.name!r} produces a column twice: {', '.join(twice)}.")


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


def _as_evidence(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", tz="UTC"), safe=False)
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
    return column


def _as_share(flow: Flow, column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        share = column.cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UsageError(
            f"The model of flow {flow.name!r} gives {COMPLETE_SHARE} as {column.type}, and it is a number from 0 to 1."
        ) from error
    is_share = pc.and_(pc.greater_equal(share, 0.0), pc.less_equal(share, 1.0))  # not a number is neither
    if pc.any(pc.invert(is_share)).as_py():
        raise UsageError(f"The model of flow {flow.name!r} gives a {COMPLETE_SHARE} that is not from 0 to 1.")
    return share


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
