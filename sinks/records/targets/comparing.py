"""What of a row no longer is as planned, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from sinks.records.targets.target import LeftOut, RowWrite
from sinks.records.values import Value, json_text


def left_out_of_update(number: int, row: RowWrite, row_version: int, differing: Mapping[str, Value]) -> list[LeftOut]:
    """Fields that hold another value than planned upon, or the whole row where another version was demanded.

    Args:
        differing: The row's fields that hold something else, and what.

    >>> row = RowWrite("update", ("WM-8030",), None, {"plant": "A", "name": "x"}, {"plant": "B", "name": "y"})
    >>> left_out_of_update(4, row, 7, {"plant": "C"})
    [LeftOut(row=4, field='plant', reason='holds "C", "A" was planned upon')]
    """
    if row.row_version is not None and row.row_version != row_version:
        return [LeftOut(number, None, _other_version(row.row_version, row_version))]
    return [
        LeftOut(number, name, _other_value(value, row.before.get(name)))
        for name, value in differing.items()
        if name in row.after
    ]


def left_out_of_delete(number: int, row: RowWrite, row_version: int, differing: Mapping[str, Value]) -> list[LeftOut]:
    """The whole row, when anything of it is no longer as planned; else nothing."""
    if row.row_version is not None and row.row_version != row_version:
        return [LeftOut(number, None, _other_version(row.row_version, row_version))]
    return [
        LeftOut(number, None, f"{name} {_other_value(value, row.before[name])}")
        for name, value in list(differing.items())[:1]
    ]


def _other_version(planned: int, found: int) -> str:
    return f"the row has version {found}, {planned} was planned upon"


def _other_value(held: Value, planned: Value) -> str:
    return f"holds {json_text(held)}, {json_text(planned)} was planned upon"
