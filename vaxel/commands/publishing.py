"""What `simulate` and `replay` share: finding Kafka, stopping on Ctrl-C, the summary."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaxel.commands.showing import progress
from vaxel.settings import VARIABLES, addresses

if TYPE_CHECKING:
    from producers.uploads import Delivery
    from schemas.fleet import FleetDevice

Rate = Annotated[
    float | None, typer.Option(min=0.1, help="Highest number of uploads a second.", show_default="as fast as possible")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]

ShareDone = Callable[["Delivery", int], float]

_INTERRUPTED = 130


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
    quiet: bool,
    devices: list[FleetDevice],
) -> dict[str, Any]:
    """Publish until the end or Ctrl-C, write the truth, and return the summary.

    Args:
        share_done: How far along the run is, 0 to 1, from a delivery and the number of those sent.
    """
    from producers.publish import connect, publish  # noqa: PLC0415
    from producers.truth_folder import new_truth_folder  # noqa: PLC0415

    producer = connect(kafka_settings(data_dir))
    stream = iter(deliveries)
    first = list(islice(stream, 1))  # devices may have to live long before it: until here Ctrl-C just ends
    now = datetime.now(UTC)  # noqa: TID251  (a shell: names the run)
    folder = new_truth_folder(data_dir, f"{now:%Y%m%dT%H%M%SZ}-{name}")
    started_s = time.monotonic()
    with _until_interrupted() as stop, progress(name, "uploads", quiet=quiet) as show:
        ledger = publish(
            chain(first, stream),
            producer,
            folder,
            devices=devices,
            stop=stop,
            on_progress=lambda delivery, ledger: show(share_done(delivery, ledger.counts.sent), ledger.counts.sent),
            per_second=per_second,
        )
    seconds = time.monotonic() - started_s
    counts = ledger.counts
    return {
        "run": folder.path.name,
        "sent": counts.sent,
        "acknowledged": counts.acknowledged,
        "intact_uploads": counts.intact_uploads,
        "faults": dict(sorted(counts.faults.items())),
        "sessions": sum(1 for _ in ledger.sessions()),
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
        rate = f"{summary['seconds']} s, {summary['uploads_per_second']}/s"
        typer.echo(
            f"{stopped}{summary['acknowledged']} of {summary['sent']} uploads acknowledged in {rate}; "
            f"faults: {listed(summary['faults'])}; sessions: {summary['sessions']}; truth: {summary['truth']}"
        )
    if summary["interrupted"]:
        raise typer.Exit(_INTERRUPTED)


def listed(faults: Mapping[str, int]) -> str:
    """Counts of faults for people."""
    return ", ".join(f"{count} {kind}" for kind, count in faults.items()) or "none"


@contextmanager
def _until_interrupted() -> Iterator[Event]:
    """An event that Ctrl-C or a polite kill sets, instead of tearing an acknowledgement in two."""
    stop = Event()
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
