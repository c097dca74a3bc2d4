"""What `simulate` and `replay` share: finding Kafka, publishing until Ctrl-C, the summary."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaxel.commands.showing import progress
from vaxel.commands.stopping import INTERRUPTED, until_interrupted
from vaxel.settings import VARIABLES, addresses

if TYPE_CHECKING:
    from producers.truth_options import Options
    from producers.uploads import Delivery
    from schemas.fleet import FleetDevice, LifeEvent

Rate = Annotated[
    float | None, typer.Option(min=0.1, help="Highest number of uploads a second.", show_default="as fast as possible")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]

ShareDone = Callable[["Delivery", int], float]


def kafka_settings(data_dir: Path) -> dict[str, str]:
    """How to reach Kafka: the variable if set, else the local stack's address."""
    address = os.environ.get(VARIABLES["kafka"], "")
    return {"bootstrap.servers": address if address != "" else addresses(os.environ, data_dir).kafka}


def publish_and_tell(
    name: str,
    deliveries: Iterable[Delivery],
    *,
    share_done: ShareDone,
    data_dir: Path,
    per_second: float | None,
    speed: float | None = None,
    first_ms: int = 0,
    quiet: bool,
    devices: Iterable[FleetDevice] = (),
    events: Iterable[LifeEvent] = (),
    options: Options | None = None,
) -> dict[str, Any]:
    """Publish until the end or Ctrl-C, write the truth, and return the summary.

    Args:
        share_done: How far along the run is, 0 to 1, from a delivery and the number of those sent.
        per_second, speed, first_ms: As in `producers.publish.Pace`.
        options: Of a simulation, whose seed must not have been simulated here with others.
    Raises:
        UsageError: It has.
    """
    from producers.publish import Pace, connect, publish  # noqa: PLC0415
    from producers.truth_folder import new_truth_folder  # noqa: PLC0415
    from producers.truth_options import keep_options, require_same_options  # noqa: PLC0415

    if options is not None:
        require_same_options(data_dir, "simulate", options)
    producer = connect(kafka_settings(data_dir))
    stream = iter(deliveries)
    first = list(islice(stream, 1))  # devices may have to live long before it: until here Ctrl-C just ends
    now = datetime.now(UTC)  # noqa: TID251  (a shell: names the run)
    folder = new_truth_folder(data_dir, f"{now:%Y%m%dT%H%M%SZ}-{name}")
    if options is not None:
        keep_options(folder.path, "simulate", options)
    started_s = time.monotonic()
    with until_interrupted() as stop, progress(name, "uploads", quiet=quiet) as show:
        ledger = publish(
            chain(first, stream),
            producer,
            folder,
            devices=devices,
            events=events,
            stop=stop,
            on_progress=lambda delivery, ledger: show(share_done(delivery, ledger.counts.sent), ledger.counts.sent),
            pace=Pace(per_second, speed, first_ms),
        )
    seconds = time.monotonic() - started_s
    counts = ledger.counts
    return {
        "run": folder.path.name,
        "sent": counts.sent,
        "lost": counts.lost,
        "acknowledged": counts.acknowledged,
        "intact_uploads": counts.intact_uploads,
        "faults": dict(sorted(counts.faults.items())),
        "sessions": counts.sessions,
        "seconds": round(seconds, 1),
        "uploads_per_second": round(counts.acknowledged / seconds),
        "interrupted": stop.is_set(),
        "truth": str(folder.path),
    }


def tell(summary: dict[str, Any], *, as_json: bool) -> None:
    """Print the summary; an interrupted run ends with exit code 130."""
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        stopped = "interrupted: " if summary["interrupted"] else ""
        rate = f"{summary['seconds']} s, {summary['uploads_per_second']:,}/s"
        made = [f"faults: {listed(summary['faults'])}", f"sessions: {summary['sessions']:,}"]
        if "recordings" in summary:  # what sessions they hold, the stream finds
            made = []
        sent = f"{summary['acknowledged']:,} of {summary['sent']:,} uploads acknowledged in {rate}"
        typer.echo(stopped + "; ".join([sent, *made, f"truth: {summary['truth']}"]))
    if summary["interrupted"]:
        raise typer.Exit(INTERRUPTED)


def listed(faults: Mapping[str, int]) -> str:
    """Counts of faults for people."""
    return ", ".join(f"{count:,} {kind}" for kind, count in faults.items()) or "none"
