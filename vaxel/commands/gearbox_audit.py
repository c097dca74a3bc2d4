"""`vaxel gearbox verify | checkpoint`: whether the audit is as it was written, and a signature under it."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir, command

FOUND_SOMETHING = 1


def verify(*, data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """Hold the audit against its own hashes, its signed heads, and the rest of the ledger.

    It finds each row that was changed, added, moved or lost, whoever did it, the database's owner too: up to the newest
    signed head, which also lies in a file outside of the database (VAXEL_CHECKPOINTS, else audit/checkpoints.jsonl in
    the data directory). Rows that are younger hang together, and no more is known of them. Change sets, chunks,
    approvals, people and freezes are held against what the audit tells of them. It needs the public key alone
    (signing.pub in the keys' directory). Exit code 1 when something is not as it was written.
    """
    from sinks.records.gear.audit_check import check_audit  # noqa: PLC0415
    from sinks.records.gear.checkpoints import lines  # noqa: PLC0415
    from vaxel.commands import gearbox_text as text  # noqa: PLC0415
    from vaxel.signing import checkpoint_file, public_keys  # noqa: PLC0415

    kept = lines(checkpoint_file(os.environ, data_dir))  # before the ledger is read: what is in it is there too
    report = check_audit(_ledger(data_dir), public_keys(os.environ, data_dir), kept)
    if as_json:
        text.print_json(report)
    else:
        for fault in report.faults:
            typer.echo(fault)
        young = report.rows - report.signed_rows
        typer.echo(
            f"audit of {report.rows:,} rows, {report.signed_rows:,} of them under a signature: "
            + (f"{len(report.faults)} faults" if report.faults else "as it was written")
        )
        if young:
            typer.echo(f"sign the other {young:,}: {command('gearbox', 'checkpoint', data_dir=data_dir)}")
    if report.faults:
        raise typer.Exit(FOUND_SOMETHING)


def checkpoint(*, data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """Sign the audit's newest row, in the ledger and in a file outside of the database.

    Nobody can change what is before it unseen. The gearbox's daemon does it by itself; by hand it is for the end of a
    period, or before a copy of the file is handed to an auditor. The key is signing.key in the keys' directory.
    """
    from sinks.records.database import session  # noqa: PLC0415
    from sinks.records.gear.checkpoints import write_checkpoint  # noqa: PLC0415
    from sinks.records.gear.places import Clock  # noqa: PLC0415
    from vaxel.commands import gearbox_text as text  # noqa: PLC0415
    from vaxel.signing import checkpoint_file, signer  # noqa: PLC0415

    file = checkpoint_file(os.environ, data_dir)
    with session(_ledger(data_dir)) as connection:
        made = write_checkpoint(connection, signer(os.environ, data_dir), Clock().now(), file)
    if as_json:
        row = None if made is None else {"audit_no": made.audit_no, "at": made.at.isoformat(), "key_id": made.key_id}
        text.print_json({"checkpoint": row, "file": str(file)})
    elif made is None:
        typer.echo("nothing to sign: the audit is empty")
    else:
        typer.echo(f"signed up to row {made.audit_no:,} with key {made.key_id}; kept in {file}")


def _ledger(data_dir: Path) -> str:
    from sinks.records.gear.systems import ledger_address  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    return ledger_address(os.environ, addresses(os.environ, data_dir).records)
