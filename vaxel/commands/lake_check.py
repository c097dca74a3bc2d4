"""`vaxel lake check`: whether the lake is whole."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir, command

if TYPE_CHECKING:
    from sinks.lake.check import Depth, FileFault, Orphan, Report

FOUND_SOMETHING = 1
SHOWN_ORPHANS = 5


def check(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Only whether files are there, whole in size, and open.")] = (
        False
    ),
    deep: Annotated[bool, typer.Option("--deep", help="Read every value, of files with a digest too.")] = False,
    all_snapshots: Annotated[
        bool, typer.Option("--all-snapshots", help="Also files that only time travel still needs.")
    ] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Look whether the lake is whole: each byte of its files, its positions in Kafka, rows that are stored twice.

    A file is compared with its SHA-256, which sinks and maintenance take when they have written it; of files on S3, and
    where these died, the first check does, which has only the catalogue's word for values then. Run it every night.
    Files that no snapshot needs are listed; they are no fault. Exit code 1 when something is wrong.
    """
    from sinks.lake.check import check as look  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    if quick and deep:
        raise UsageError("give --quick or --deep, not both")
    depth: Depth = "quick" if quick else "deep" if deep else "usual"
    known = addresses(os.environ, data_dir)
    report = look(
        known.kafka,
        known.catalog,
        known.lake_files,
        depth=depth,
        by_all_snapshots=all_snapshots,
        progress=showing("looked at"),
    )
    if as_json:
        typer.echo(json.dumps(as_object(report)))
    else:
        for line in lines(report, data_dir, is_quick=quick):
            typer.echo(line)
    if not report.is_whole:
        raise typer.Exit(FOUND_SOMETHING)


def showing(what: str, unit: str = "MB", size: int = 1_000_000) -> Callable[[int, int], None]:
    """Shows how far it has come, where a person looks on: in units of this size."""
    if not sys.stderr.isatty():
        return lambda _done, _whole: None

    def show(done: int, whole: int) -> None:
        end = "\n" if done >= whole else ""
        typer.echo(f"\r{what} {done / size:,.0f} of {whole / size:,.0f} {unit}", nl=False, err=True)
        typer.echo(end, nl=False, err=True)

    return show


def as_object(report: Report) -> dict[str, Any]:
    """The report as `--json` prints it."""
    return {
        "is_whole": report.is_whole,
        "files": report.files,
        "size_bytes": report.size_bytes,
        "recorded": report.recorded,
        "faults": [
            {
                "table": fault.file.table,
                "kind": fault.file.kind,
                "path": fault.file.path,
                "fault": fault.fault,
                "rows": fault.file.live_rows,
                "since_snapshot": fault.file.since,
                "until_snapshot": fault.file.until,
            }
            for fault in report.faults
        ],
        "topics": report.topics,
        "repeated": report.repeated,
        "orphans": [{"path": orphan.path, "size_bytes": orphan.size_bytes} for orphan in report.orphans],
    }


def lines(report: Report, data_dir: Path, *, is_quick: bool = False) -> list[str]:
    """The report for people: what is wrong first, each with what to do."""
    from sinks.lake.stand_in import ASIDE  # noqa: PLC0415

    told = [line for fault in report.faults for line in _fault_lines(fault, data_dir)]
    told += [*report.topics, *report.repeated]
    if report.repeated:
        told.append(
            "Rows are stored twice where two writers did one's work; from Kafka, a table comes right: "
            + command("lake", "rebuild", "--from-kafka", "--table", "NAME", data_dir=data_dir)
        )
    aside = [orphan for orphan in report.orphans if ASIDE.search(orphan.path)]
    stray = [orphan for orphan in report.orphans if orphan.path.endswith(".parquet")]
    left = [orphan for orphan in report.orphans if orphan.path.endswith((".puffin", ".stand-in"))]
    if stray:
        told.append(
            f"{_some(stray)}: no snapshot needs them. Their writers died, or are at work now; `vaxel lake maintain` "
            "removes old ones."
        )
    if left:
        told.append(f"{_some(left)}: no snapshot needs them, and maintenance leaves them. Remove them by hand.")
    if aside:
        told.append(
            f"{_some(aside)}: put aside by a rebuild. To be removed when nobody wants to look into it any more."
        )
    whole = "all there, whole in size, and open; bytes were not compared" if is_quick else "all whole"
    first_seen = f", {report.recorded:,} seen for the first time" if report.recorded else ""
    told.append(
        f"{report.files:,} files, {report.size_bytes / 1e6:,.1f} MB{first_seen}: "
        + (whole if report.is_whole else f"{len(report.faults):,} damaged" if report.faults else "all as written")
    )
    return told


def _fault_lines(fault: FileFault, data_dir: Path) -> list[str]:
    from schemas.lake import is_compacted  # noqa: PLC0415

    file = fault.file
    seen_by = f"since snapshot {file.since}" + ("" if file.until is None else f" until {file.until}")
    rows = f"{file.live_rows:,} rows" if file.kind == "data" else f"which {file.row_count:,} rows are deleted"
    told = [f"Table {file.table!r}: {rows} in {file.path}, {seen_by}: {fault.fault}."]
    if not file.is_current:
        told.append("  Only time travel needs it; it goes when its snapshots expire (`vaxel lake maintain`).")
    elif file.kind == "delete":
        anew = command("lake", "rebuild", "--from-kafka", "--table", file.table, data_dir=data_dir)
        ways = f", or make the table anew, deleted rows too: {anew} (or --from-snapshot N, one before {file.since})"
        told.append(
            "  Kafka does not know what was deleted: put the file back from a backup"
            + ("." if is_compacted(file.table) else ways)
        )
    else:
        told.append("  Restore it from Kafka: " + command("lake", "rebuild", "--table", file.table, data_dir=data_dir))
    return told


def _some(orphans: Sequence[Orphan]) -> str:
    shown = ", ".join(orphan.path for orphan in orphans[:SHOWN_ORPHANS])
    size_mb = sum(orphan.size_bytes for orphan in orphans) / 1e6
    many = "1 file" if len(orphans) == 1 else f"{len(orphans):,} files"
    return f"{many} of {size_mb:,.1f} MB ({shown}{', ...' if len(orphans) > SHOWN_ORPHANS else ''})"
