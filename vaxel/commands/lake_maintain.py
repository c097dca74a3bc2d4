"""`vaxel lake maintain`: keep the lake small, fast, and free of what may not stay."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import UsageError
from vaxel.commands.lake_maintain_rules import plan_of, rules_of
from vaxel.commands.lake_maintain_text import outcome, step_lines
from vaxel.commands.lake_status import as_object, waiting_lines
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir
from vaxel.commands.showing import progress

if TYPE_CHECKING:
    from sinks.lake.care_plan import Done, Plan

LEFT_OVER = 1


def maintain(
    *,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[TABLE.]CLASS=DURATION",
            help=(
                "How long values of a data class stay, 1h or longer: health=30d, readings_shoe.location=12h. "
                "May be repeated."
            ),
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with the same: table keep, roll_up_after_days, snapshots_for, grace. Options win."
        ),
    ] = None,
    roll_up_after_days: Annotated[
        int | None,
        typer.Option(min=1, help="Turn raw readings of days further back than this into hours. Not told: keep."),
    ] = None,
    snapshots_for: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How far back time travel reaches, of all tables. Not told: 7d."),
    ] = None,
    grace: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="How long files stay that no snapshot needs, or has needed yet. Not told: 1d."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Merge small files, delete what may no longer stay, expire snapshots, remove files that nobody needs.

    Run it daily; sinks and readers go on meanwhile. Each step leaves a sound lake: stop it whenever you like, the next
    run does the rest. Durations are a number and h, d, w or y.

    Nothing is deleted by age, and nothing rolled up, unless told. Classes are technical, usage, personal, health,
    location and trade_secret. A row goes when its own time (measured, started, received) is older than its table's
    class as a whole (usage; personal for failed events and insights); values of a stricter class are null earlier.

    Deleted values are in files, for time travel, until the snapshots before have expired: they are gone for good after
    keep + snapshots-for + grace and the next run. For the lake as a whole, since a snapshot has all tables.

    Rolled-up hours keep sums, means over time, peaks; views washer_hours and shoe_hours show rolled and raw ones alike.
    `vaxel verify` compares raw readings: of days that were rolled up or deleted it says that readings are missing.

    Exit code 1: sinks kept getting in the way of a step, which is left to the next run.
    """
    from sinks.lake.care import maintain as do_maintain  # noqa: PLC0415
    from sinks.lake.care import require_lake  # noqa: PLC0415
    from sinks.lake.extent import holding  # noqa: PLC0415
    from sinks.lake.forecast import foreseen  # noqa: PLC0415
    from sinks.lake.waits import waits  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    plan = plan_of(_read(rules), keep or [], roll_up_after_days, snapshots_for, grace)
    known = addresses(os.environ, data_dir)
    require_lake(known.catalog)
    now_ms = time.time_ns() // 1_000_000
    if dry_run:
        steps = foreseen(known.catalog, known.lake_files, plan, now_ms=now_ms)
        if as_json:
            typer.echo(json.dumps(_as_object(steps, plan)))
            return
        for step in steps:
            _echo(step_lines(step))
        held = holding(known.catalog)
        _echo(["dry run: nothing was changed", *waiting_lines(held, plan, waits(held, plan, now_ms))])
        return
    before = holding(known.catalog)
    done: list[Done] = []
    with progress("lake maintain", "steps", quiet=as_json) as show:

        def report(step: Done) -> None:
            done.append(step)
            if not as_json:
                _echo(step_lines(step))

        do_maintain(
            known.catalog,
            known.lake_files,
            plan,
            now_ms=now_ms,
            report=report,
            moved=lambda number, share: show((number - 1 + share) / 8, number - 1),
        )
    after = holding(known.catalog)
    waiting = waits(after, plan, now_ms)
    if as_json:
        states = {"before": as_object(before), "after": as_object(after), "next": asdict(waiting)}
        typer.echo(json.dumps(_as_object(done, plan) | states))
    else:
        _echo(outcome(done, before, after, plan, waiting))
    if any(step.left for step in done):
        raise typer.Exit(LEFT_OVER)


def _echo(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)


def _read(rules: Path | None) -> Mapping[str, Any]:
    if rules is None:
        return {}
    try:
        content = rules.read_bytes()
    except OSError as error:
        raise UsageError(f"Cannot read the rules in {str(rules)!r}: {error.strerror}.") from error
    return rules_of(content, str(rules))


def _as_object(steps: list[Done], plan: Plan) -> dict[str, Any]:
    return {
        "steps": [asdict(step) for step in steps],
        "snapshots_for_ms": plan.snapshots_for_ms,
        "grace_ms": plan.grace_ms,
    }
