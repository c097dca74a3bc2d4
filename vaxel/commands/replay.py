"""`vaxel replay`: recordings of real machines and runs as uploads of devices, and captured uploads as they were."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from schemas.errors import UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir
from vaxel.commands.publishing import Quiet, Rate, kafka_settings, publish_and_tell, tell
from vaxel.commands.showing import progress
from vaxel.commands.stopping import INTERRUPTED, until_interrupted

if TYPE_CHECKING:
    from producers.recordings.files import Recording
    from producers.uploads import Delivery


def replay(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Plug-meter CSV (tracebase), TCX, GPX, FIT; each also .gz. Or what `vaxel capture` wrote.",
        ),
    ],
    *,
    zone: Annotated[
        str, typer.Option(help="Time zone of plug meters; their files hold local times.")
    ] = "Europe/Berlin",
    topic: Annotated[
        str | None, typer.Option(help="Where captures go to.", show_default="the topic that was captured")
    ] = None,
    rate: Rate = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Publish recordings as uploads, one device per file; all files are read before anything is sent.

    A plug meter's day becomes uploads with power only: the stream finds the wash cycles in it. Replaying a file again
    adds nothing: its uploads have the same numbers and are taken as sent twice, or as too late.

    What `vaxel capture` wrote is sent byte by byte, in order of each partition, whatever the contract says of it
    today; captures are replayed on their own. Of them there is no truth for `vaxel verify` to compare with.
    """
    from producers.recordings.captured import is_capture  # noqa: PLC0415

    captures = [path for path in files if is_capture(path)]
    if captures:
        if len(captures) < len(files):
            raise UsageError(f"{str(captures[0])!r} is a capture, others are not: captures are replayed on their own")
        _replay_captures(captures, topic, rate, data_dir, quiet=quiet, as_json=as_json)
        return
    if topic is not None:
        raise UsageError(f"--topic {topic!r} is for captures; a recording goes to the topic of its kind of device")
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
            told = {name: f"{value:,}" if isinstance(value, int | float) else value for name, value in row.items()}
            typer.echo("  ".join(value if name == "device_id" else f"{name} {value}" for name, value in told.items()))
    tell(summary | {"recordings": rows}, as_json=as_json)


def _replay_captures(
    paths: list[Path], topic: str | None, rate: float | None, data_dir: Path, *, quiet: bool, as_json: bool
) -> None:
    from producers.publish import connect  # noqa: PLC0415
    from producers.recordings import captured, replaying  # noqa: PLC0415

    captures = [captured.opened(path) for path in paths]
    for target in {capture.about.topic if topic is None else topic for capture in captures}:
        replaying.require_open(target)
    total = sum(capture.record_count for capture in captures)
    with until_interrupted() as stop:
        with progress("read", "records", quiet=quiet or as_json) as show:
            replaying.require_whole(captures, stop=stop, on_progress=lambda read: show(read / total, read))
        producer = connect({"message.max.bytes": str(replaying.LARGEST_RECORD_BYTES), **kafka_settings(data_dir)})
        started_s = time.monotonic()
        with progress("replay", "records", quiet=quiet or as_json) as show:
            played = replaying.play(
                captures,
                producer,
                topic,
                stop=stop,
                on_progress=lambda sent: show(sent / total, sent),
                per_second=rate,
            )
        is_interrupted = stop.is_set()
    summary = {
        "captures": [
            {"file": str(capture.path), "topic": capture.about.topic, "records": capture.record_count}
            for capture in captures
        ],
        "to": topic,
        "sent": played.sent,
        "acknowledged": played.acknowledged,
        "seconds": round(time.monotonic() - started_s, 1),
        "interrupted": is_interrupted,
    }
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        stopped = "interrupted: " if is_interrupted else ""
        typer.echo(
            f"{stopped}{played.acknowledged:,} of {total:,} captured records acknowledged in {summary['seconds']} s"
        )
    if is_interrupted:
        raise typer.Exit(INTERRUPTED)


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
