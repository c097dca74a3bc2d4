"""`vaxel verify`: nothing lost, nothing twice, nothing wrong, or what is."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import typer

from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir, command

if TYPE_CHECKING:
    from pathlib import Path

    from vaxel.settings import Addresses
    from vaxel.verdict import Verdict


def verify(*, data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """Compare what was sent, and the ground truth of simulations, with the lake and the record systems.

    Every upload must be accepted, failed or a duplicate, exactly once; sessions and record rows must equal what the
    truth tells of the accepted ones.
    Run it when the pipeline is idle (`vaxel run --until-idle`). Exit code 1 when anything is lost, twice or wrong.
    """
    from vaxel.settings import addresses  # noqa: PLC0415

    verdict = verified(addresses(os.environ, data_dir), data_dir)
    typer.echo(json.dumps(verdict.asdict()) if as_json else report(verdict, data_dir))
    if not verdict.is_clean():
        raise typer.Exit(1)


_DESK_BEHIND = "the desk has not taken everything in (vaxel run --until-idle)"


def verified(addresses: Addresses, data_dir: Path) -> Verdict:
    """The verdict on everything that was published so far."""
    from schemas.errors import UnreachableError, UsageError  # noqa: PLC0415
    from sinks.lake.connection import outside  # noqa: PLC0415
    from sinks.records.gear.places import places  # noqa: PLC0415
    from vaxel.keys import known_keys  # noqa: PLC0415
    from vaxel.opening import opener  # noqa: PLC0415
    from vaxel.progress import desk_behind, lake_counts, lake_if_made, waiting_uploads  # noqa: PLC0415
    from vaxel.record_check import check_records  # noqa: PLC0415
    from vaxel.sent import sent_places  # noqa: PLC0415
    from vaxel.told import killed_runs  # noqa: PLC0415
    from vaxel.usage_check import UsageCheck, check_usage  # noqa: PLC0415
    from vaxel.verdict import EXAMPLES, Verdict  # noqa: PLC0415
    from vaxel.verification import GONE, LET_IN, LOST_BEFORE, UNTOLD, check, count, load_truth  # noqa: PLC0415

    _tell("reading all that Kafka holds of telemetry")
    sent = sent_places(addresses.kafka)
    lake = lake_if_made(addresses)
    if lake is None:
        raise UnreachableError("there is no lake yet. Fill it: vaxel run --until-idle")
    with lake, outside("compare the lake with the truth"):
        _tell(f"{sent.records.num_rows:,} uploads read; reading the truth")
        load_truth(lake, data_dir, sent, opener(os.environ, data_dir))
        wrong = check(lake, lambda kind: _tell(f"looking for what is {kind.replace('_', ' ')}"))
        _tell("comparing the record systems")
        records = check_records(lake, places(os.environ, addresses.catalog, addresses.records))
        wrong["record_rows_wrong"] = records.wrong
        usage, usage_skipped = UsageCheck(0, 0, []), _DESK_BEHIND
        if not desk_behind(addresses.kafka):
            try:
                key = known_keys(os.environ, data_dir).pseudonym
            except UsageError as error:
                usage_skipped = str(error)
            else:
                usage, usage_skipped = check_usage(lake, key), ""
        wrong["usage_wrong"] = usage.wrong
        counts = lake_counts(lake)
        return Verdict(
            sent=count(lake, "select count(*) from sent"),
            gone=count(lake, GONE),
            lost_before=count(lake, LOST_BEFORE),
            let_in=count(lake, LET_IN),
            untold=count(lake, UNTOLD),
            killed_runs=killed_runs(data_dir),
            waiting=waiting_uploads(addresses.kafka),
            accepted=counts.accepted,
            failed=counts.failed,
            duplicates=counts.duplicates,
            lost=len(wrong["lost"]),
            twice=len(wrong["twice"]),
            misjudged=len(wrong["misjudged"]),
            sessions_expected=count(lake, "select count(*) from expected_sessions"),
            sessions_wrong=len(wrong["sessions_wrong"]),
            sums_wrong=len(wrong["sums_wrong"]),
            record_rows_checked=records.checked,
            record_rows_wrong=len(records.wrong),
            record_changes_waiting=records.waiting,
            record_fields_edited=records.edited,
            records_skipped=records.skipped,
            usage_checked=usage.checked,
            usage_unknown=usage.unknown,
            usage_wrong=len(usage.wrong),
            usage_skipped=usage_skipped or None,
            examples={kind: cases[:EXAMPLES] for kind, cases in wrong.items() if cases},
        )


def _tell(step: str) -> None:
    """What is being done, to somebody who waits for it."""
    if sys.stderr.isatty():
        typer.echo(step, err=True)


def report(verdict: Verdict, data_dir: Path = DEFAULT_DATA_DIR) -> str:
    """The verdict for people."""
    run_on = command("run", "--until-idle", data_dir=data_dir)
    came = verdict.accepted + verdict.failed + verdict.duplicates
    gone = f" + {verdict.gone:,} that Kafka no longer holds" if verdict.gone else ""
    is_so = "=" if verdict.sent + verdict.gone == came else "but"
    lines = [
        f"{verdict.sent:,} uploads sent{gone} {is_so} {verdict.accepted:,} accepted + {verdict.failed:,} failed "
        f"+ {verdict.duplicates:,} duplicates",
        f"lost {verdict.lost:,}, twice {verdict.twice:,}, misjudged {verdict.misjudged:,}",
        f"{verdict.sessions_expected:,} sessions expected, {verdict.sessions_wrong:,} wrong, "
        f"{verdict.sums_wrong:,} that do not add up",
        f"{verdict.record_rows_checked:,} record rows checked, {verdict.record_rows_wrong:,} wrong",
        f"{verdict.usage_checked:,} sessions' owners checked, {verdict.usage_wrong:,} wrong",
    ]
    if verdict.usage_skipped is not None:
        lines.append(f"whose use sessions were was not compared: {verdict.usage_skipped}")
    if verdict.usage_unknown:
        lines.append(f"{verdict.usage_unknown:,} sessions are of devices that no record system told of")
    if verdict.let_in:
        lines.append(
            f"{verdict.let_in:,} uploads in a wrong unit were let in before their firmware was held: figures of their "
            "sessions may differ from the truth"
        )
    if verdict.untold:
        killed = ", ".join(verdict.killed_runs)
        lines.append(
            f"{verdict.untold:,} accepted uploads are told by no truth: their content was not compared"
            + (f"; they may be of a run that was killed or is under way: {killed}" if killed else "")
        )
    if verdict.records_skipped is not None:
        lines.append(f"record rows were not held against the truth: {verdict.records_skipped}")
    behind = max(0, verdict.sent + verdict.gone - came - verdict.waiting)
    if behind:
        lines.append(f"{behind:,} uploads have no outcome in the lake; if the sink is behind: {run_on}")
    if verdict.waiting:
        lines.append(f"{verdict.waiting:,} uploads still wait for: {run_on}")
    if verdict.record_changes_waiting:
        plan = command("gearbox", "plan", data_dir=data_dir)
        lines.append(
            f"{verdict.record_changes_waiting:,} changes of record fields are not applied, or held back; "
            f"which, and why: {plan}"
        )
    if verdict.record_fields_edited:
        lines.append(
            f"{verdict.record_fields_edited:,} record fields were set by somebody else since the gearbox wrote them"
        )
    lines += [f"  {kind}: {case}" for kind, cases in verdict.examples.items() for case in cases]
    nothing = "nothing lost, nothing twice, nothing wrong"
    if verdict.record_changes_waiting:
        nothing += "; record fields that wait for a change were not compared"
    if verdict.untold:
        nothing += "; what no truth tells was not compared"
    before = f"; {verdict.lost_before:,} uploads were lost before they reached Kafka" if verdict.lost_before else ""
    lines.append(f"verdict: {nothing if verdict.is_clean() else 'NOT CLEAN'}{before}")
    return "\n".join(lines)
