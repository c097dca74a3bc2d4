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
    from sinks.lake.care_plan import Plan
    from sinks.lake.extent import Extent, Holding
    from sinks.lake.waits import Waits

_HOUR_MS = 3_600_000


def status(*, data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """Show what the lake holds, by table, and whether `vaxel lake maintain` is due.

    Rows are what a reader sees; files, size, smallest and median are of the Parquet files they are in. Inlined: rows
    that came in too few for a file and wait in the catalogue, read like all others. Deleted: rows that are gone for
    readers and still in a file. Old files: files that only time travel needs.

    Not removed yet: files that no reader of now needs. Maintain lets their snapshots go once time travel need not reach
    them, and a later run the files, after a grace period; told by its defaults, too.

    Due, by the defaults of maintain: 100 small files or more that could be merged, any deleted rows that are still in
    files, or snapshots that should have gone a day ago. Exit code 0 either way.
    """
    from sinks.lake import due  # noqa: PLC0415
    from sinks.lake.care import require_lake  # noqa: PLC0415
    from sinks.lake.care_plan import Plan  # noqa: PLC0415
    from sinks.lake.extent import holding  # noqa: PLC0415
    from sinks.lake.waits import waits  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    known = addresses(os.environ, data_dir)
    require_lake(known.catalog)
    held = holding(known.catalog)
    now_ms = time.time_ns() // 1_000_000
    reasons, waiting = due.reasons(held, now_ms), waits(held, Plan(), now_ms)
    behind, trouble = _behind(known.kafka, known.catalog, known.lake_files)
    if as_json:
        maintain = {"due": bool(reasons), "reasons": reasons, "next": asdict(waiting)}
        lag = {"partitions_behind": behind, "partitions_behind_unknown": trouble}
        typer.echo(json.dumps(as_object(held) | lag | {"maintain": maintain}))
        return
    for line in _table_lines(held.tables):
        typer.echo(line)
    times = [time_ms for _, time_ms in held.snapshots]
    typer.echo(f"snapshots: {len(times):,}, from {instant_told(min(times))} to {instant_told(max(times))} UTC")
    for line in waiting_lines(held, Plan(), waiting):
        typer.echo(line)
    typer.echo(f"maintain: {'due: ' + '; '.join(reasons) if reasons else 'not due'}")
    typer.echo(f"partitions with records not yet here: {behind if trouble is None else f'not known. {trouble}'}")


def _behind(kafka: str, catalog: str, files: str) -> tuple[int | None, str | None]:
    """Partitions that the lake lags behind, or why that cannot be known."""
    from schemas.errors import VaxelError  # noqa: PLC0415
    from sinks.lake.lag import lag  # noqa: PLC0415

    try:
        return lag(kafka, catalog, files), None
    except VaxelError as error:
        return None, str(error)


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


def waiting_lines(held: Holding, plan: Plan, waits: Waits) -> list[str]:
    """Which files no reader of now needs, why they are still there, and from when on they can go; none: no lines."""
    old_files = sum(extent.old_files for extent in held.tables.values())
    old_bytes = sum(extent.old_bytes for extent in held.tables.values())
    found = [f"{files_told(old_files, old_bytes)} that time travel needs"] if old_files else []
    if held.scheduled_files:
        is_one = held.scheduled_files == 1
        found.append(f"{counted(held.scheduled_files, 'file')} in {'its' if is_one else 'their'} grace period")
    if not found:
        return []
    reach, grace = span_told(plan.snapshots_for_ms), span_told(plan.grace_ms)
    lines = [
        f"not removed yet: {', '.join(found)}",
        f"    time travel reaches {reach} back (--snapshots-for); after it a file stays {grace} more (--grace)",
    ]
    instants = ((waits.expire_ms, "snapshots"), (waits.remove_ms, "files"))
    told = sorted((at_ms, what) for at_ms, what in instants if at_ms is not None)
    if told:
        of_each = [f"{what} from {instant_told(at_ms)} UTC on" for at_ms, what in told]
        lines.append(f"    next: a run lets go of {', '.join(of_each)}")
    return lines


def span_told(span_ms: int) -> str:
    """A duration of whole hours, as the options take it."""
    hours = span_ms // _HOUR_MS
    return f"{hours}h" if hours % 24 else f"{hours // 24}d"


def files_told(count: int, size: int) -> str:
    return f"{counted(count, 'file')}, {size_told(size)}"


def size_told(count: int) -> str:
    """Bytes for people."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def counted(count: int, one: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def instant_told(time_ms: int) -> str:
    """The second (UTC) in which it lies."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time_ms / 1000))
