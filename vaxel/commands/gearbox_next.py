"""What a person may do next with a change set, as command lines to copy."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.gearbox_ledger import Decision
from vaxel.commands.gearbox_text import instant_told
from vaxel.commands.options import by_words, command

if TYPE_CHECKING:
    from sinks.records.gear.reading import SetHead, Tally


@dataclass(frozen=True)
class Step:
    """What can be done; without a command when time alone does it."""

    what: str
    command: str | None = None


def next_steps(head: SetHead, tallies: Sequence[Tally], now: datetime, data_dir: Path) -> list[Step]:
    """What can be done with the set, the most useful first; empty: nothing is left to do."""
    if head.status == "open" and head.expires_at > now:
        judged: set[tuple[Decision, datetime | None]] = {
            ("go" if tally.not_before is not None and tally.not_before <= now else tally.decision, tally.not_before)
            for tally in tallies
            if tally.outcome == "open" and tally.decision is not None
        }
        return open_steps(head.change_set_id, judged, data_dir, is_approved=head.is_approved)
    if head.status in ("open", "expired", "superseded") and head.kind == "plan":
        return [Step("plan anew", command("gearbox", "plan", head.flow, data_dir=data_dir))]
    if head.written and head.put_back_at is not None:
        what = f"what it wrote counts as never made, for {head.system} was declared put back since: plan anew"
        return [Step(what, command("gearbox", "plan", head.flow, data_dir=data_dir))]
    if head.written and head.kind == "plan":
        undo = command("gearbox", "undo", head.change_set_id, "--reason", "...", data_dir=data_dir)
        return [Step("take back what it wrote", undo)]
    return []


def open_steps(
    change_set_id: int,
    judged: Collection[tuple[Decision, datetime | None]],
    data_dir: Path,
    *,
    is_approved: bool,
    by: str | None = None,
) -> list[Step]:
    """What can be done with an open set.

    Args:
        judged: Decisions on what was not sent yet, with the instants that they name.
        by: Who asks, where they named themselves; the approval is for somebody else in any case.
    """
    asking = any(decision == "needs_approval" for decision, _ in judged)
    going = any(decision == "go" for decision, _ in judged) or (asking and is_approved)
    waits = [at for decision, at in judged if decision == "wait" and at is not None]
    apply = command("gearbox", "apply", change_set_id, *by_words(by), data_dir=data_dir)
    steps = []
    if asking and not is_approved:
        approve = command("gearbox", "approve", change_set_id, *by_words("WHO"), data_dir=data_dir)
        steps.append(Step("somebody with the role, who is not the author", approve))
    if going:
        steps.append(Step("write what may go now", apply))
    elif waits:
        steps.append(Step(f"from {instant_told(min(waits))} on: write what may go then", apply))
    return steps


def step_lines(steps: Sequence[Step]) -> list[str]:
    """A line each."""
    return [f"next: {step.command}    # {step.what}" if step.command else f"next: {step.what}" for step in steps]
