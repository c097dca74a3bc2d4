"""Holds a flow against the lake and its target before anything runs: each fault is a line.

In:            a declaration and a model; the lake's catalogue, the record systems.
Out:           lines `FLOW: WHERE: what, what is accepted`, none when the flow may run.
Guarantee:     nothing is planned or written; the model is bound to the lake, not run.
On failure:    OutsideError when lake or record system do not answer: that is no fault of the flow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import time
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
from pydantic import BaseModel, ValidationError

from schemas.errors import UsageError
from schemas.record_form import Kind
from sinks.records.gear.flow import Approval, Completeness, FedField, Flow, Limits, parse
from sinks.records.gear.model import produced_columns
from sinks.records.gear.systems import System
from sinks.records.gear.wanted import COMPLETE_SHARE, WHY
from sinks.records.targets.target import Target


def _is_whole(kind: pa.DataType) -> bool:
    """A decimal without places: what DuckDB makes of a sum of integers."""
    return bool(pa.types.is_decimal(kind) and kind.scale == 0)


_ACCEPTED: Final[dict[Kind, tuple[str, tuple[Callable[[pa.DataType], bool], ...]]]] = {
    "text": ("VARCHAR", (pa.types.is_string, pa.types.is_large_string)),
    "integer": ("an integer", (pa.types.is_integer, _is_whole)),
    "decimal": ("DECIMAL or an integer", (pa.types.is_decimal, pa.types.is_integer)),
    "precise": ("DECIMAL or an integer", (pa.types.is_decimal, pa.types.is_integer)),
    "date": ("DATE", (pa.types.is_date,)),
    "instant": ("TIMESTAMP", (pa.types.is_timestamp,)),
}
"""By kind of a record's column: what a model may give for it. What would be rounded or guessed is not among it."""
_TABLES: Final[dict[str, type[BaseModel]]] = {
    "limits": Limits,
    "approval": Approval,
    "completeness": Completeness,
    "fields": FedField,
}
_NOT_DECLARED: Final = ("name", "model_sql", "digest")
"""What a flow is given beside its declaration."""


def read_flow(name: str, declaration: str, model_sql: str) -> tuple[Flow | None, list[str]]:
    """The flow, or all that is wrong with its declaration."""
    try:
        return parse(name, declaration, model_sql), []
    except UsageError as error:
        if isinstance(error.__cause__, ValidationError):
            return None, [f"{name}: {_told(found)}" for found in error.__cause__.errors()]
        return None, [f"{name}: flow.toml: {error.__cause__}"]


def check_flow(
    flow: Flow, catalog: str, records_dsn: str, targets: Mapping[str, Target], systems: Mapping[str, System]
) -> list[str]:
    """All that keeps the flow from running, in the order in which one mends it.

    Args:
        targets: Record systems by name; the flow's own is asked.
        systems: What is declared of each.

    Raises:
        OutsideError: The lake or the record system does not answer, so nothing can be said.
    """
    found = [*_of_limits(flow)]
    system = systems.get(flow.system)
    found += [f"systems.toml: {flow.system} is not declared"] if system is None else _of_system(system)
    try:
        produced = produced_columns(flow, catalog, records_dsn)
    except UsageError as error:
        found.append(f"model.sql: {error}")
    else:
        found += _of_columns(flow, produced)
    target = targets.get(flow.system)
    if target is None:
        found.append(f"target: nobody knows how to reach {flow.system}; known are {', '.join(targets) or 'none'}")
    else:
        found += [f"target: {fault}" for fault in target.check(flow.table, tuple(flow.fields))]
    return [f"{flow.name}: {fault}" for fault in found]


def warnings_of(flow: Flow, holders: Sequence[str]) -> list[str]:
    """What does not keep the flow from running, and is worth a look.

    Args:
        holders: People who hold the role that the flow's approval asks for.
    """
    found = []
    if flow.approval is None:
        found.append("approval: no set ever needs one; [approval] with a role asks for it")
    else:
        if not holders:
            found.append(f"approval: nobody holds the role {flow.approval.role}, so nobody can approve")
        if flow.approval.free_rows >= flow.limits.max_rows and flow.money_field is None:
            found.append(
                f"approval: free_rows {flow.approval.free_rows} is not below max_rows {flow.limits.max_rows}: "
                "by its rows, no set ever needs one"
            )
    return [f"{flow.name}: {warning}" for warning in found]


def summary(flow: Flow) -> str:
    """What the flow feeds, and at which gear."""
    fields = ", ".join(f"{name} ({fed.gear})" for name, fed in flow.fields.items())
    rows = [text for text, does in (("adds", flow.adds_rows), ("removes", flow.removes_rows)) if does]
    does = f"; {' and '.join(rows)} rows" if rows else ""
    approval = "" if flow.approval is None else f"; over {flow.approval.free_rows:,} rows: {flow.approval.role}"
    return f"{flow.name}: feeds {flow.target}: {fields}{does}{approval}"


def _told(found: Any) -> str:
    """Where and what of one thing that the declaration's form does not let through, and what it does."""
    place = tuple(str(part) for part in found["loc"])
    where, what = ".".join(place) or "flow.toml", str(found["msg"]).removeprefix("Value error, ")
    if found["type"] == "extra_forbidden":
        form = _TABLES.get(place[0], Flow) if len(place) > 1 else Flow
        accepted = [name for name in form.model_fields if name not in _NOT_DECLARED]
        return f"{where}: is no setting; accepted are {', '.join(accepted)}"
    if found["type"] == "missing":
        form = _TABLES.get(place[-1], BaseModel)
        inside = [name for name, info in form.model_fields.items() if info.is_required()]
        return f"{where}: is missing" + (f"; it holds at least {', '.join(inside)}" if inside else "")
    return f"{where}: {what}"


def _of_limits(flow: Flow) -> list[str]:
    limits = flow.limits
    found = []
    if limits.max_rows_per_day < limits.max_rows:
        found.append(
            f"limits.max_rows_per_day: {limits.max_rows_per_day} is below max_rows {limits.max_rows}: a set between "
            "them would never be written; accepted is max_rows or more"
        )
    if limits.max_money is not None and limits.max_money_per_day is not None:
        if limits.max_money_per_day < limits.max_money:
            found.append(
                f"limits.max_money_per_day: {limits.max_money_per_day} is below max_money {limits.max_money}: a set "
                "between them would never be written; accepted is max_money or more"
            )
        if flow.money_field is None:
            found.append("limits.max_money: limits money, and money_field does not name the field that moves it")
    return found


def _of_system(system: System) -> list[str]:
    found = []
    for name, window in (("nightly", system.nightly), ("change_window", system.change_window)):
        try:
            begin, end = (time.fromisoformat(clock) for clock in window.rpartition(" ")[2].split("-"))
        except ValueError:
            found.append(f"systems.toml: {system.name}.{name} {window!r} is no window; accepted is 00:00-23:59")
        else:
            if begin == end:
                found.append(f"systems.toml: {system.name}.{name} {window!r} is empty; begin and end have to differ")
    try:
        ZoneInfo(system.time_zone)
    except (KeyError, ValueError, OSError):
        found.append(
            f"systems.toml: {system.name}.time_zone {system.time_zone!r} is none; accepted are names such as "
            "Europe/Stockholm"
        )
    return found


def _of_columns(flow: Flow, produced: pa.Schema) -> list[str]:
    names = produced.names
    found = [
        f"model.sql: gives {name} twice; once is accepted" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if flow.shape != "rows":  # what rows, evidence and gates are is the shape's to say
        return found
    evidence = [name for name in names if name.startswith(WHY)]
    if not evidence:
        found.append("model.sql: gives no evidence, so nothing could be explained; accepted is any column why_*")
    if flow.completeness is not None and COMPLETE_SHARE not in names:
        found.append(f"model.sql: does not give {COMPLETE_SHARE}, which [completeness] is about")
    if flow.completeness is None and COMPLETE_SHARE in names:
        found.append(f"model.sql: gives {COMPLETE_SHARE}, and no [completeness] says what is enough")
    if flow.consent_subject is not None and flow.consent_subject not in (*flow.key, *evidence):
        found.append(
            f"consent_subject: {flow.consent_subject} is no column; accepted are {', '.join((*flow.key, *evidence))}"
        )
    needed = (*flow.key, *flow.fields)
    missing = [name for name in needed if name not in names]
    surplus = [name for name in names if name not in needed and name not in evidence and name != COMPLETE_SHARE]
    found += [f"model.sql: does not give {name}, which the flow names" for name in missing]
    found += [
        f"model.sql: gives {name}, which nobody asks for; accepted are {', '.join(needed)}, why_* and {COMPLETE_SHARE}"
        for name in surplus
    ]
    return found + [fault for name in needed if names.count(name) == 1 for fault in _of_type(flow, name, produced)]


def _of_type(flow: Flow, name: str, produced: pa.Schema) -> list[str]:
    kind = flow.table.column(name).kind
    accepted, tests = _ACCEPTED[kind]
    given = produced.field(name).type
    if any(test(given) for test in tests):
        return []
    return [f"model.sql: gives {name} as {given}, and {flow.target}.{name} is {kind}; accepted is {accepted}"]
