"""`vaxel failed replay`: refused uploads go back through the door they came to."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    from vaxel.commands import failed_report  # noqa: PLC0415
    from vaxel.keys import keys  # noqa: PLC0415

    chosen, tally = selected(reason, model, firmware, field, device, since, until), Tally()
    if (name is None) == (chosen == Selection()):
        raise UsageError("name a repair, or choose uploads to replay as they are: --reason, --model, ... (not both)")
    events = opened(data_dir)
    if name is not None:
        folder = find_folder(data_dir, name, keys(os.environ, data_dir).sealing)
        fits, total, back = folder.uploads(), folder.count(), 0
    else:
        folder, back = folder_as_is(data_dir), events.count_back(chosen)
        fits, total = _as_they_are(events, chosen, tally), events.count(chosen) - back
    skipped = {"back_before": 0, "accepted_before": back}
    with progress("replay", "uploads", quiet=quiet or as_json) as show_progress:

        def told(count: int) -> None:
            show_progress(min(1.0, count / max(total, 1)), count)

        sent = _sent_back(events, folder, fits, skipped, told, data_dir, rate)
    report = {"repair": folder.name, **sent, **skipped, "unfit": tally.rows()}
    print_lines([json.dumps(report)] if as_json else failed_report.replay_lines(report, data_dir))
    if report["interrupted"]:
        raise typer.Exit(INTERRUPTED)


def _as_they_are(events: FailedEvents, chosen: Selection, tally: Tally) -> Iterator[Fit]:
    from streams.repair import as_it_is  # noqa: PLC0415

    return fit_ones((as_it_is(held, chosen.reason) for held in events.still_held(chosen)), tally)


def _sent_back(
    events: FailedEvents,
    folder: RepairFolder,
    fits: Iterable[Fit],
    skipped: dict[str, int],
    on_sent: Callable[[int], None],
    data_dir: Path,
    rate: float | None,
) -> dict[str, Any]:
    """Send until the end or Ctrl-C; how many were sent and acknowledged."""
    from streams.readmission import connect, readmit  # noqa: PLC0415
    from vaxel.settings import kafka_address  # noqa: PLC0415

    producer = connect({"bootstrap.servers": kafka_address(os.environ, data_dir)})
    waiting = not_back(events, fits, lambda: on_its_way(events, data_dir, folder), skipped)
    started_s = time.monotonic()
    with until_interrupted() as stop:
        counts = readmit(
            waiting, producer, folder, stop=stop, on_progress=lambda counts: on_sent(counts.sent), per_second=rate
        )
    seconds = round(time.monotonic() - started_s, 1)
    return vars(counts) | {"seconds": seconds, "interrupted": stop.is_set()}


def on_its_way(events: FailedEvents, data_dir: Path, folder: RepairFolder) -> Callable[[Fit], bool]:
    """Tells which uploads Kafka has acknowledged before.

    Of those that come back as they are also by any other repair: the lake does not know of it before the next run.
    What such a repair brought back in vain, because it was refused again, is not on its way any more.
    """
    from streams.repair_folder import acknowledged_by_any  # noqa: PLC0415
    from streams.repair_rule import AS_IS  # noqa: PLC0415

    if folder.name != AS_IS:
        acknowledged = folder.acknowledged()
        return lambda fit: fit.held.place in acknowledged
    repairs, refused_again = acknowledged_by_any(data_dir), events.refused_again()

    def is_on_its_way(fit: Fit) -> bool:
        by = repairs.get(fit.held.place, set())
        return any(name == AS_IS or (fit.device_id, fit.seq, name) not in refused_again for name in by)

    return is_on_its_way


def not_back(
    events: FailedEvents,
    fits: Iterable[Fit],
    looked_up: Callable[[], Callable[[Fit], bool]],
    skipped: dict[str, int],
) -> Iterator[Fit]:
    """Those that neither Kafka has acknowledged before nor the lake holds, each device and number once.

    Args:
        looked_up: Tells whether an upload was acknowledged; called when the first one is asked for, since until then
            another process may be bringing them back.
    """
    is_acknowledged = looked_up()
    stream, met = iter(fits), set[tuple[str, int]]()
    while chunk := list(islice(stream, ROWS_AT_ONCE)):
        unsent = [fit for fit in chunk if not is_acknowledged(fit)]
        missing = events.not_accepted(unsent) if unsent else []
        skipped["back_before"] += len(chunk) - len(unsent)
        skipped["accepted_before"] += len(unsent) - len(missing)
        for fit in missing:
            if (fit.device_id, fit.seq) not in met:
                met.add((fit.device_id, fit.seq))
                yield fit
