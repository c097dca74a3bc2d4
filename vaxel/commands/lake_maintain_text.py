"""What `vaxel lake maintain` says to people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from vaxel.commands.lake_status import counted, files_told, size_told, waiting_lines

if TYPE_CHECKING:
    from sinks.lake.care_plan import Done, Plan, StepName
    from sinks.lake.extent import Holding
    from sinks.lake.waits import Waits

WIDTH = 110
"""Longest line: what is longer is wrapped."""
_TITLES: dict[StepName, str] = {
    "flush": "rows that waited in the catalogue, into files",
    "retention": "what may no longer stay, out of the tables",
    "roll-up": "old readings, into hours",
    "rewrite": "deleted rows, out of the files",
    "merge": "small files, into large ones",
    "expire": "further back than time travel reaches",
    "clean-up": "that no snapshot needs any more",
    "orphans": "that no snapshot ever needed",
}
_OF_THE_LAKE: dict[StepName, str] = {"expire": "snapshot", "clean-up": "file", "orphans": "file"}
"""What these steps count; the others count rows of tables, but `merge`, which counts their files."""


def step_lines(step: Done) -> list[str]:
    """One step, with what it changed in each table, and what it had to leave."""
    head = f"{step.number} {step.name}: "
    left = [f"    left to the next run: {reason}" for reason in step.left]
    if not step.changes:
        return [f"{head}{'not done' if left else 'nothing to do'}", *left]
    thing = _OF_THE_LAKE.get(step.name)
    if thing is not None:
        size = f", {size_told(step.removed_bytes)}" if step.removed_bytes else ""
        return [f"{head}{counted(_sum(step), thing)} {_TITLES[step.name]}{size}", *left]
    width = max(len(change.table) for change in step.changes)
    digits = max(len(f"{change.count:,}") for change in step.changes)
    lines = []
    for change in step.changes:
        number, things = counted(change.count, "file" if step.name == "merge" else "row").split(" ")
        more = {"merge": " fewer", "retention": f", {change.what}"}.get(step.name, "")
        line = f"    {change.table:<{width}}  {number:>{digits}} {things}{more}"
        lines += (
            wrap(line.strip(), WIDTH, initial_indent="    ", subsequent_indent=" " * 8) if len(line) > WIDTH else [line]
        )
    return [f"{head}{_TITLES[step.name]}", *lines, *left]


def outcome(steps: Sequence[Done], before: Holding, after: Holding, plan: Plan, waits: Waits) -> list[str]:
    """What the run saved, and what waits for later ones."""
    lines = []
    for name, extent in after.tables.items():
        was = before.tables.get(name, extent)
        was_told, is_told = files_told(was.files, was.bytes), files_told(extent.files, extent.bytes)
        if was_told != is_told:
            lines.append(f"    {name}: {was_told} -> {is_told}")
    lines.insert(0, f"readers open: {_change([_read(before), _read(after)])}")
    lines.append(f"time travel needs besides: {_change([_old(before), _old(after)])}")
    removed = sum(_sum(step) for step in steps if _OF_THE_LAKE.get(step.name) == "file")
    size = sum(step.removed_bytes for step in steps)
    lines.append(f"removed from storage: {files_told(removed, size) if removed else 'nothing'}")
    return lines + waiting_lines(after, plan, waits)


def _read(held: Holding) -> str:
    extents = held.tables.values()
    return files_told(sum(extent.files for extent in extents), sum(extent.bytes for extent in extents))


def _old(held: Holding) -> str:
    extents = held.tables.values()
    return files_told(sum(extent.old_files for extent in extents), sum(extent.old_bytes for extent in extents))


def _change(states: list[str]) -> str:
    """Of two: before and after."""
    return " -> ".join(states) if states[0] != states[1] else f"{states[0]}, as before"


def _sum(step: Done) -> int:
    return sum(change.count for change in step.changes)
