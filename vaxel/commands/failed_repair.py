"""`vaxel failed propose` and `vaxel failed repair`: rules that rewrite refused uploads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError, VaxelError
from vaxel.commands.failed_choice import Firmware, Model, Quiet, fit_ones, opened, print_lines, selected, shown
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir, command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.repair_proposal import Proposal
    from streams.repair_rule import Rule
    from vaxel.failed_events import FailedEvents

EXAMPLES = 3


def propose(
    *,
    model: Model = None,
    firmware: Firmware = None,
    to: Annotated[Path | None, typer.Option("--to", help="Write the rule into a new file; else it is printed.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Propose a rule for each firmware that is held because it measures in another unit than the rest of its model.

    What has come back since is not held any more, and nothing is proposed for it.
    """
    from streams.repair_proposal import Cohort, proposals  # noqa: PLC0415

    chosen = selected(None, model, firmware, None, None, None, None)
    cohorts = [Cohort(**row) for row in opened(data_dir).cohorts(chosen).objects()]
    for cohort in cohorts:
        if not cohort.is_known():
            told = f"{cohort.material} {cohort.firmware}: {cohort.field} in {cohort.found}, not {cohort.accepted}"
            typer.echo(f"nothing to propose for {cohort.events:,} events of {told}", err=True)
    found = proposals(cohorts)
    if not found:
        raise VaxelError("no firmware is held whose unit is known, so there is nothing to propose")
    if to is None:
        print_lines(_printed(found, data_dir))
        return
    if len(found) > 1:
        known = ", ".join(f"--model {one.material} --firmware {one.firmware}" for one in found)
        raise UsageError(f"one file holds one rule, and there are {len(found)} to propose; choose by {known}")
    try:
        with to.open("x", encoding="utf-8") as file:
            file.write(found[0].text)
    except OSError as error:
        raise UsageError(f"cannot write the rule to {str(to)!r}: {error.strerror}") from error
    typer.echo(f"look at {to}, then try it: {command('failed', 'repair', to, '--dry-run', data_dir=data_dir)}")


def _printed(found: Sequence[Proposal], data_dir: Path) -> Iterator[str]:
    """The rules; before each of several what makes a file of it, since one file holds one rule."""
    for number, one in enumerate(found, 1):
        if len(found) > 1:
            chosen = "--model", one.material, "--firmware", one.firmware
            its_own = command("failed", "propose", *chosen, "--to", f"rule-{number}.toml", data_dir=data_dir)
            yield f"# rule {number} of {len(found)}, which needs a file of its own: {its_own}"
        yield from one.text.splitlines()
        if number < len(found):
            yield ""


def repair(
    rule_file: Annotated[Path, typer.Argument(metavar="RULE.toml", help="Which failed events, and what is rewritten.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show before and after of a few; write nothing.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Rewrite refused uploads by a rule, and keep those that the contract lets in then.

    They come back with `vaxel failed replay`. The same rule again adds only what has failed since. What a repair has
    rewritten before stays, unless the rule says `again = true`. Exit code 1 when the rule selects nothing.
    """
    from streams.repair_toml import read_rule  # noqa: PLC0415

    try:
        text = rule_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"cannot read the rule in {str(rule_file)!r}: {why}") from error
    rule = read_rule(text, repr(str(rule_file)))
    events = opened(data_dir)
    if not events.count(rule.select):
        raise VaxelError(f"no failed event matches [select] of {str(rule_file)!r}, so there is nothing to repair")
    if dry_run:
        _try(events, rule, quiet=quiet or as_json, as_json=as_json)
    else:
        _repair(events, rule, text, data_dir, quiet=quiet or as_json, as_json=as_json)


def _try(events: FailedEvents, rule: Rule, *, quiet: bool, as_json: bool) -> None:
    from streams.repair import Fit, Tally, changed_fields, rewritten  # noqa: PLC0415
    from vaxel.commands import failed_report  # noqa: PLC0415

    tally, fit, examples = Tally(), 0, list[Fit]()
    for held in shown("repair", events, rule.select, quiet=quiet):
        verdict = rewritten(held, rule)
        if isinstance(verdict, Fit):
            fit += 1
            examples += [verdict] if len(examples) < EXAMPLES else []
        else:
            tally.add(verdict)
    report = {
        "repair": rule.folder_name,
        "selected": fit + tally.counts.total(),
        "fit": fit,
        "unfit": tally.rows(),
        "examples": [
            {"place": one.held.place, "device_id": one.device_id, "seq": one.seq}
            | {"changed": [vars(changed) for changed in changed_fields(one.held.original, one.value)]}
            for one in examples
        ],
    }
    print_lines([json.dumps(report)] if as_json else failed_report.trial_lines(report, examples))


def _repair(events: FailedEvents, rule: Rule, text: str, data_dir: Path, *, quiet: bool, as_json: bool) -> None:
    from streams.repair import Tally, rewritten  # noqa: PLC0415
    from streams.repair_folder import folder_of_rule  # noqa: PLC0415
    from vaxel.commands import failed_report  # noqa: PLC0415
    from vaxel.keys import keys  # noqa: PLC0415

    folder, tally = folder_of_rule(data_dir, rule, keys(os.environ, data_dir).sealing), Tally()
    with folder.alone():
        there = folder.places()
        held = shown("repair", events, rule.select, quiet=quiet)
        fits = fit_ones((rewritten(one, rule) for one in held if one.place not in there), tally)
        folder.keep_rule(text)
        added = folder.add(fits)
    report = {
        "repair": folder.name,
        "folder": str(folder.path),
        "selected": events.count(rule.select),
        "added": added,
        "before": len(there),
        "unfit": tally.rows(),
    }
    print_lines([json.dumps(report)] if as_json else failed_report.repair_lines(report, data_dir))
