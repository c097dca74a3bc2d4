"""`vaxel lake status`: what the lake holds, and whether `vaxel lake maintain` is due."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

if TYPE_CHECKING:
    from sinks.lake.extent import Extent, Holding


def status(*, data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """Show what the lake holds, by table, and whether `vaxel lake maintain` is due.

    Rows are what a reader sees; files, size, smallest and median are of the Parquet files they are in. Inlined: rows
    that came in too few for a file and wait in the catalogue, read like all others. Deleted: rows that are gone for
    readers and still in a file. Old files: files that only time travel needs.

    Due, by the defaults of maintain: 100 small files or more that could be merged, any deleted rows that are still in
    files, or snapshots that should have gone a day ago. Exit code 0 either way.
    """
    from sinks.lake import due  # noqa: PLC0415
    from sinks.lake.care import require_lake  # noqa: PLC0415
    from sinks.lake.extent import holding  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    known = addresses(os.environ, data_dir)
    require_lake(known.catalog)
    held = holding(known.catalog)
    reasons = due.reasons(held, time.time_ns() // 1_000_000)
    behind = _behind(known.kafka, known.catalog, known.lake_files)
    if as_json:
        maintain = {"due": bool(reasons), "reasons": reasons}
        typer.echo(json.dumps(as_object(held) | {"partitions_behind": behind, "maintain": maintain}))
        return
    for line in _table_lines(held.tables):
        typer.echo(line)
    times = [time_ms for _, time_ms in held.snapshots]
    typer.echo(
        f"snapshots: {len(times):,}, from {_instant(min(times))} to {_instant(max(times))} UTC; "
        f"{held.scheduled_files:,} files wait to be removed"
    )
    typer.echo(f"maintain: {'due: ' + '; '.join(reasons) if reasons else 'not due'}")
    typer.echo("Kafka does not answer" if behind is None else f"partitions with records not yet here: {behind}")


def _behind(kafka: str, catalog: str, files: str) -> int | None:
    """Partitions that the lake lags behind; None: Kafka does not answer, or has other topics than the lake knows."""
    from schemas.errors import VaxelError  # noqa: PLC0415
    from sinks.lake.lag import lag  # noqa: PLC0415

    try:
        return lag(kafka, catalog, files)
    except VaxelError:
        return None


def as_object(held: Holding) -> dict[str, Any]:
    times = [time_ms for _, time_ms in held.snapshots]
    return {
        "tables": {name: asdict(extent) for name, extent in held.tables.items()},
        "snapshots": {
            "count": len(times),
            "oldest_ms": min(times, default=None),
            "newest_ms": max(times, default=None),
        },
        "scheduled_files": held.scheduled_files,
    }


_HEADS = ("table", "rows", "files", "size", "smallest", "median", "inlined", "deleted", "old files", "old size")


def _table_lines(tables: Mapping[str, Extent]) -> list[str]:
    rows = [_HEADS] + [
        (
            name,
            f"{extent.rows:,}",
            f"{extent.files:,}",
            size_told(extent.bytes),
            "-" if extent.smallest_bytes is None else size_told(extent.smallest_bytes),
            "-" if extent.median_bytes is None else size_told(extent.median_bytes),
            f"{extent.inlined_rows:,}",
            f"{extent.deleted_rows:,}",
            f"{extent.old_files:,}",
            size_told(extent.old_bytes),
        )
        for name, extent in tables.items()
    ]
    widths = [max(len(row[index]) for row in rows) for index in range(len(_HEADS))]
    return [
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def size_told(count: int) -> str:
    """Bytes for people."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def _instant(time_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time_ms / 1000))
