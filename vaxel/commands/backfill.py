"""`vaxel backfill`: sessions told anew from the lake's readings."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir
from vaxel.commands.showing import progress

if TYPE_CHECKING:
    from streams.history_report import Report
    from streams.history_rules import Rules

FORMS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ"]


class Of(StrEnum):
    """Products."""

    WASHER = "washer"
    SHOE = "shoe"


def backfill(
    *,
    begin: Annotated[
        datetime | None, typer.Option("--from", metavar="DATE", formats=FORMS, help="First instant, UTC.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", metavar="DATE", formats=FORMS, help="First instant after, UTC.")
    ] = None,
    product: Annotated[Of | None, typer.Option("--product", help="Only sessions of this product.")] = None,
    rules_file: Annotated[
        Path | None, typer.Option("--rules", help="Thresholds and prices (TOML) instead of this code's own.")
    ] = None,
    print_rules: Annotated[
        bool,
        typer.Option(
            "--print-rules", help="Print the rules as a file, each with what it means and its unit, and no more."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would change.")] = False,
    unsettled: Annotated[
        bool,
        typer.Option(
            "--unsettled",
            help="Also sessions that the stream may still change itself: in a lake under seven days old, all.",
        ),
    ] = False,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="How many work at once; each takes up to 1.5 GB.")
    ] = os.cpu_count() or 1,
    as_json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Tell sessions anew from the readings in the lake, and write what differs as new versions.

    The functions are those of the stream, so an unchanged release changes nothing. Another release, or a rule file
    (`--print-rules` shows one), changes what it decides otherwise: `--dry-run` tells how many sessions, by field and by
    money, and writes nothing. What is written goes the way of all sessions: the topics sessions.*, then desk, lake and
    record systems. All of a run is written, or nothing; run again after whatever happened, nothing is written twice.

    `vaxel backfill --from 2026-05-01 --to 2026-06-01 --rules stricter.toml --dry-run`
    """
    from streams.history_rule_file import as_toml  # noqa: PLC0415

    rules = _rules(rules_file)
    if print_rules:
        typer.echo(as_toml(rules).rstrip())
        return
    if begin is None or end is None or begin >= end:
        raise UsageError("give a period: --from 2026-05-01 --to 2026-06-01, the end being later and not in it")
    _run(
        (begin, end),
        [product.value] if product is not None else [own.value for own in Of],
        rules,
        dry_run=dry_run,
        unsettled=unsettled,
        processes=processes,
        as_json=as_json,
        data_dir=data_dir,
    )


def _rules(file: Path | None) -> Rules:
    from streams.history_rules import Rules, read_rules  # noqa: PLC0415

    if file is None:
        return Rules()
    try:
        return read_rules(file.read_text(encoding="utf-8"), str(file))
    except OSError as error:
        raise UsageError(f"cannot read the rules in {str(file)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read the rules in {str(file)!r}: {error}") from error


def _run(
    period: tuple[datetime, datetime],
    products: Sequence[str],
    rules: Rules,
    *,
    dry_run: bool,
    unsettled: bool,
    processes: int,
    as_json: bool,
    data_dir: Path,
) -> None:
    from vaxel import backfill, backfill_text  # noqa: PLC0415
    from vaxel.backfill_publish import publish  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    known = addresses(os.environ, data_dir)
    place = (known.catalog, known.lake_files)
    began_s = time.monotonic()
    reports: dict[str, Report] = {}
    snapshot = 0

    def work(folder: Path | None) -> list[Path]:
        nonlocal reports, snapshot
        snapshot = backfill.newest_snapshot(*place)
        from_ms, to_ms = (int(instant.replace(tzinfo=UTC).timestamp() * 1_000) for instant in period)
        order = backfill.Order(
            *place, snapshot, from_ms, to_ms, rules, unsettled, None if folder is None else str(folder)
        )
        with progress("backfill", "readings", quiet=as_json) as show:
            reports = backfill.run(
                order,
                backfill.known_devices(known.kafka),
                products,
                processes,
                lambda done, every: show(done / max(every, 1), done),
            )
        return [] if folder is None else sorted(folder.glob("*.arrow"))

    if dry_run:
        written = None
        work(None)
    else:
        with tempfile.TemporaryDirectory(prefix="vaxel-backfill-") as folder:
            written = publish(known.kafka, place, lambda: work(Path(folder)), tell=_tell)
    done = backfill_text.Done(
        period[0].isoformat(),
        period[1].isoformat(),
        version("vaxel"),
        rules.digest,
        snapshot,
        reports,
        time.monotonic() - began_s,
        written,
    )
    if as_json:
        typer.echo(json.dumps(backfill_text.as_json(done), indent=1))
        return
    for line in backfill_text.text_lines(done):
        typer.echo(line)


def _tell(line: str) -> None:
    typer.echo(line, err=True)
