"""`vaxel simulate --load`: as many uploads as Kafka takes, of templates that up to a million devices play."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import UsageError
from vaxel.commands.publishing import kafka_settings
from vaxel.commands.showing import progress
from vaxel.commands.stopping import until_interrupted

if TYPE_CHECKING:
    from producers.load_uploads import Devices
    from schemas.fleet import Product


def load(
    upload_count: int,
    *,
    washers: int,
    shoes: int,
    template_count: int,
    seed: int,
    per_second: float | None,
    data_dir: Path,
    quiet: bool,
) -> dict[str, Any]:
    """Send so many uploads, or until Ctrl-C, write the truth, and return the summary that `publishing.tell` prints.

    Args:
        washers, shoes: Devices, 0 to 1,000,000 of each, at least one in all.
        template_count: Sessions of the simulated fleet that the devices of each product play, >= 1.
        per_second: Highest rate; None: as fast as Kafka takes them.
    Raises:
        UsageError: No devices, their uploads would lie in the future, or the seed was loaded here with other options.
        UnreachableError: Kafka does not answer, or stopped acknowledging.
    """
    from producers.load import Load  # noqa: PLC0415
    from producers.load_uploads import devices  # noqa: PLC0415
    from producers.publish import connect  # noqa: PLC0415
    from producers.truth_folder import new_truth_folder  # noqa: PLC0415
    from producers.truth_options import keep_options, require_same_options  # noqa: PLC0415

    if not washers and not shoes:
        raise UsageError("--load with --washers 0 and --shoes 0: at least one device is needed")
    name = f"load-{seed}"
    counts: dict[Product, int] = {"washer": washers, "shoe": shoes}
    groups = [devices(product, count, template_count, seed) for product, count in counts.items() if count]
    now = datetime.now(UTC)  # noqa: TID251  (a shell)
    _require_past(groups, upload_count, now)
    options = {"--seed": seed, "--washers": washers, "--shoes": shoes, "--templates": template_count}
    require_same_options(data_dir, "load", options)
    producer = connect(kafka_settings(data_dir))
    run = Load(groups, producer, new_truth_folder(data_dir, f"{now:%Y%m%dT%H%M%SZ}-{name}"))
    keep_options(run.folder.path, "load", options)
    started_s = time.monotonic()
    with until_interrupted() as stop, progress(name, "uploads", quiet=quiet) as show:
        run.send(
            upload_count, stop=stop, on_progress=lambda sent: show(sent / upload_count, sent), per_second=per_second
        )
    seconds = time.monotonic() - started_s
    return {
        "run": run.folder.path.name,
        "sent": run.sent,
        "lost": 0,
        "acknowledged": run.acknowledged.count,
        "intact_uploads": run.acknowledged.count,
        "faults": {},
        "sessions": run.session_count,
        "devices": min(upload_count, washers + shoes),
        "seconds": round(seconds, 1),
        "uploads_per_second": round(run.acknowledged.count / seconds),
        "interrupted": stop.is_set(),
        "truth": str(run.folder.path),
    }


def _require_past(groups: list[Devices], upload_count: int, now: datetime) -> None:
    """Raise UsageError if any upload would be from the future, which the stream refuses."""
    rounds = -(-upload_count // sum(len(group) for group in groups))
    end_ms = max(group.end_ms(rounds) for group in groups)
    if end_ms > now.timestamp() * 1000:
        until = datetime.fromtimestamp(end_ms / 1000, UTC).date()
        raise UsageError(
            f"--load {upload_count} makes {rounds} uploads of each device, until {until}, and the stream refuses "
            "what lies in the future: with more devices (--washers, --shoes) there are fewer uploads of each"
        )
