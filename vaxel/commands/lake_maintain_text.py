"""What `vaxel lake maintain` says to people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vaxel.commands.lake_status import counted, files_told, size_told, waiting_lines

if TYPE_CHECKING:
    from sinks.lake.care_plan import Done, Plan, StepName
    from sinks.lake.extent import Holding
    from sinks.lake.waits import Waits

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
        lines.append(f"    {change.table:<{width}}  {number:>{digits}} {things}{more}")
    return [f"{head}{_TITLES[step.name]}", *lines, *left]


def outcome(steps: Sequence[Done], before: Holding, after: Holding, plan: Plan, waits: Waits) -> list[str]:
    """What the run saved, and what waits for later ones."""
    lines = []
    for name, extent in after.tables.items():
        was = before.tables.get(name, extent)
        if (was.files, was.bytes) != (extent.files, extent.bytes):
            lines.append(f"    {name}: {files_told(was.files, was.bytes)} -> {files_told(extent.files, extent.bytes)}")
    if lines:
        lines.insert(0, "files of what readers see:")
    was_told, is_told = files_told(before.files, before.bytes), files_told(after.files, after.bytes)
    lines.append(
        f"lake with time travel: {f'{is_told}, as before' if was_told == is_told else f'{was_told} -> {is_told}'}"
    )
    removed = sum(_sum(step) for step in steps if _OF_THE_LAKE.get(step.name) == "file")
    size = sum(step.removed_bytes for step in steps)
    lines.append(f"removed from storage: {files_told(removed, size) if removed else 'nothing'}")
    return lines + waiting_lines(after, plan, waits)


def _sum(step: Done) -> int:
    return sum(change.count for change in step.changes)
