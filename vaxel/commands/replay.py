"""`vaxel replay`: recordings of real machines and runs, published to Kafka as uploads of devices."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from schemas.errors import UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir
from vaxel.commands.publishing import Quiet, Rate, publish_and_tell, tell
from vaxel.commands.showing import progress

if TYPE_CHECKING:
    from producers.recordings.files import Recording
    from producers.uploads import Delivery


def replay(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Plug-meter CSV (tracebase), TCX, GPX, FIT; each also .gz.")
    ],
    *,
    zone: Annotated[
        str, typer.Option(help="Time zone of plug meters; their files hold local times.")
    ] = "Europe/Berlin",
    rate: Rate = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Publish recordings as uploads, one device per file; all files are read before anything is sent.

    A plug meter's day becomes uploads with power only: the stream finds the wash cycles in it. Replaying a file again
    adds nothing: its uploads have the same numbers and are taken as sent twice, or as too late.
    """
    from producers.recordings.files import read_all  # noqa: PLC0415

    try:
        known_zone = ZoneInfo(zone)
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise UsageError(f"there is no time zone {zone!r}; names such as Europe/Stockholm are accepted") from error
    now_ms = int(time.time() * 1000)  # noqa: TID251  (a shell)
    with progress("read", "files", quiet=quiet or as_json) as show:
        recordings = read_all(files, known_zone, now_ms=now_ms, on_read=lambda count: show(count / len(files), count))
    rows = [_row(recording) for recording in recordings]
    total = sum(row["uploads"] for row in rows)
    summary = publish_and_tell(
        "replay",
        _deliveries(recordings),
        share_done=lambda _delivery, sent: sent / total,
        data_dir=data_dir,
        per_second=rate,
        quiet=quiet or as_json,
        devices=[],
    )
    if not as_json:
        for row in rows:
            typer.echo(
                "  ".join(f"{value}" if name == "device_id" else f"{name} {value}" for name, value in row.items())
            )
    tell(summary | {"recordings": rows}, as_json=as_json)


def _deliveries(recordings: list[Recording]) -> Iterator[Delivery]:
    from producers.uploads import Delivery  # noqa: PLC0415

    for recording in recordings:
        for upload in recording.uploads():
            yield Delivery(upload, upload.value, upload.sent_at_ms, None)


def _row(recording: Recording) -> dict[str, Any]:
    from producers.recordings.plug_meter import PlugRecording  # noqa: PLC0415
    from producers.recordings.slices import slices  # noqa: PLC0415

    row: dict[str, Any] = {
        "device_id": recording.device_id,
        "readings": int(recording.at_ms.size),
        "uploads": sum(1 for _ in slices(recording.at_ms)),
        "first": _utc(int(recording.at_ms[0])),
        "last": _utc(int(recording.at_ms[-1])),
    }
    if isinstance(recording, PlugRecording):
        return row | {"energy_wh": round(recording.energy_wh, 2), "unreadable_lines": recording.unreadable_lines}
    return row | {"distance_m": float(recording.distance_m[-1])}


def _utc(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
