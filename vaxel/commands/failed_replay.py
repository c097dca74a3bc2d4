"""`vaxel failed replay`: refused uploads go back through the door they came to."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError
from vaxel.commands.failed_choice import (
    Device,
    Field,
    Firmware,
    Model,
    Quiet,
    Reason,
    Since,
    Until,
    fit_ones,
    opened,
    print_lines,
    selected,
)
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir
from vaxel.commands.showing import progress
from vaxel.commands.stopping import INTERRUPTED, until_interrupted

if TYPE_CHECKING:
    from streams.repair import Fit, Tally
    from streams.repair_folder import RepairFolder
    from streams.repair_rule import Selection
    from vaxel.failed_events import FailedEvents

ROWS_AT_ONCE = 1_000


def replay(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[REPAIR]", help="A repair, by its name or the beginning of its folder's name."),
    ] = None,
    *,
    reason: Reason = None,
    model: Model = None,
    firmware: Firmware = None,
    field: Field = None,
    device: Device = None,
    since: Since = None,
    until: Until = None,
    rate: Annotated[float | None, typer.Option("--rate", min=0.1, help="Highest number of uploads a second.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Let uploads in again through the same door: those of a repair, or chosen ones as they are.

    Their device and number stay, so none counts twice. What the contract refuses as it is stays where it is.
    """
    from streams.repair import Tally  # noqa: PLC0415
    from streams.repair_folder import find_folder, folder_as_is  # noqa: PLC0415
    from streams.repair_rule import Selection  # noqa: PLC0415

    chosen, tally = selected(reason, model, firmware, field, device, since, until), Tally()
    if (name is None) == (chosen == Selection()):
        raise UsageError("name a repair, or choose uploads to replay as they are: --reason, --model, ... (not both)")
    events = opened(data_dir)
    if name is not None:
        folder = find_folder(data_dir, name)
        fits, total = folder.uploads(), folder.count()
    else:
        folder = folder_as_is(data_dir)
        fits, total = _as_they_are(events, chosen, tally), events.count(chosen)
    _send_back(events, folder, fits, total, tally, data_dir=data_dir, rate=rate, quiet=quiet, as_json=as_json)


def _as_they_are(events: FailedEvents, chosen: Selection, tally: Tally) -> Iterator[Fit]:
    from streams.repair import as_it_is  # noqa: PLC0415

    foreign_keys = chosen.reason == "wrong_key"
    return fit_ones((as_it_is(held, foreign_keys=foreign_keys) for held in events.held(chosen)), tally)


def _send_back(
    events: FailedEvents,
    folder: RepairFolder,
    fits: Iterable[Fit],
    total: int,
    tally: Tally,
    *,
    data_dir: Path,
    rate: float | None,
    quiet: bool,
    as_json: bool,
) -> None:
    from streams.readmission import Readmitted, connect, readmit  # noqa: PLC0415
    from vaxel.commands import failed_report  # noqa: PLC0415
    from vaxel.settings import kafka_address  # noqa: PLC0415

    producer = connect({"bootstrap.servers": kafka_address(os.environ, data_dir)})
    acknowledged, skipped = folder.acknowledged(), {"back_before": 0, "accepted_before": 0}
    started_s = time.monotonic()
    with until_interrupted() as stop, progress("replay", "uploads", quiet=quiet or as_json) as show_progress:

        def told(counts: Readmitted) -> None:
            show_progress(min(1.0, counts.sent / max(total, 1)), counts.sent)

        waiting = _not_back(events, fits, acknowledged, skipped)
        counts = readmit(waiting, producer, folder, stop=stop, on_progress=told, per_second=rate)
    report = {
        "repair": folder.name,
        "sent": counts.sent,
        "acknowledged": counts.acknowledged,
        **skipped,
        "unfit": tally.rows(),
        "seconds": round(time.monotonic() - started_s, 1),
        "interrupted": stop.is_set(),
    }
    print_lines([json.dumps(report)] if as_json else failed_report.replay_lines(report))
    if stop.is_set():
        raise typer.Exit(INTERRUPTED)


def _not_back(
    events: FailedEvents, fits: Iterable[Fit], acknowledged: set[str], skipped: dict[str, int]
) -> Iterator[Fit]:
    """Those that neither Kafka has acknowledged before nor the lake holds, each device and number once."""
    stream, met = iter(fits), set[tuple[str, int]]()
    while chunk := list(islice(stream, ROWS_AT_ONCE)):
        unsent = [fit for fit in chunk if fit.held.place not in acknowledged]
        missing = events.not_accepted(unsent) if unsent else []
        skipped["back_before"] += len(chunk) - len(unsent)
        skipped["accepted_before"] += len(unsent) - len(missing)
        for fit in missing:
            if (fit.device_id, fit.seq) not in met:
                met.add((fit.device_id, fit.seq))
                yield fit
