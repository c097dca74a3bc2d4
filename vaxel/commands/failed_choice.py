"""What the commands of `vaxel failed` share: which failed events, and where they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaxel.commands.showing import progress

if TYPE_CHECKING:
    from streams.repair import Fit, Held, Tally, Unfit
    from streams.repair_rule import Selection
    from vaxel.failed_events import FailedEvents

Reason = Annotated[str | None, typer.Option("--reason", help="Why they were refused.")]
Model = Annotated[str | None, typer.Option("--model", help="Material number of the model.")]
Firmware = Annotated[str | None, typer.Option("--firmware", help="Version of the device's program.")]
Field = Annotated[str | None, typer.Option("--field", help="The field at fault.")]
Device = Annotated[str | None, typer.Option("--device", help="One device.")]
Since = Annotated[str | None, typer.Option("--since", help="Received then or later (ISO 8601; UTC unless it says).")]
Until = Annotated[str | None, typer.Option("--until", help="Received before then.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]


def selected(
    reason: str | None,
    model: str | None,
    firmware: str | None,
    field: str | None,
    device: str | None,
    since: str | None,
    until: str | None,
) -> Selection:
    """What the options choose."""
    from streams.repair_toml import selection  # noqa: PLC0415

    return selection(
        reason=reason, material=model, firmware=firmware, field=field, device=device, since=since, until=until
    )


def opened(data_dir: Path) -> FailedEvents:
    """The lake's failed events."""
    from vaxel.failed_events import failed_events  # noqa: PLC0415
    from vaxel.opening import opener  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    return failed_events(addresses(os.environ, data_dir), opener(os.environ, data_dir))


def print_lines(lines: Iterable[str]) -> None:
    """Without rich, which would take brackets for markup."""
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def shown(doing: str, events: FailedEvents, chosen: Selection, *, quiet: bool) -> Iterator[Held]:
    """Chosen failed events, with progress."""
    total = max(events.count(chosen), 1)
    with progress(doing, "uploads", quiet=quiet) as show_progress:
        for number, held in enumerate(events.held(chosen), 1):
            yield held
            show_progress(min(1.0, number / total), number)


def fit_ones(verdicts: Iterable[Fit | Unfit], tally: Tally) -> Iterator[Fit]:
    """The fit ones; the others are counted."""
    from streams.repair import Unfit  # noqa: PLC0415

    for verdict in verdicts:
        if isinstance(verdict, Unfit):
            tally.add(verdict)
        else:
            yield verdict
