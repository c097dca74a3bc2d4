"""`vaxel evidence export | verify`: the evidence of an invoice, with which its customer checks it alone."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.errors import OutsideError, UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, DataDir

DOES_NOT_FIT = 1

app = typer.Typer(help="The evidence of an invoice: a small file that anybody can check.", no_args_is_help=True)


@app.command()
def export(
    what: Annotated[str, typer.Argument(metavar="INVOICE|CONTRACT", help="An invoice, or a contract with a month.")],
    period: Annotated[str | None, typer.Argument(metavar="[PERIOD]", help="The month, such as 2026-05.")] = None,
    *,
    out: Annotated[Path, typer.Option("--out", help="File to write.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Write the evidence of an invoice: lines, sessions, prices, hashes; signed, and nothing of anybody else."""
    from sinks.records.billing import evidence  # noqa: PLC0415
    from sinks.records.billing.evidence_signature import signed  # noqa: PLC0415
    from sinks.records.gear.systems import ledger_address, system_address  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415
    from vaxel.signing import public_keys, signer  # noqa: PLC0415

    contract_no, month = evidence.named(what, period)
    records = addresses(os.environ, data_dir).records
    billing, ledger = system_address(os.environ, records, "billing"), ledger_address(os.environ, records)
    document = evidence.gather(billing, ledger, contract_no, month)
    key = signer(os.environ, data_dir)
    document = signed(document, public_keys(os.environ, data_dir)[key.key_id], key.sign)
    try:
        out.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise OutsideError(f"Cannot write {out}: {error.strerror}") from error
    typer.echo(f"{out}: {len(document['lines'])} lines, signed. Anybody can check it: vaxel evidence verify {out}")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `vaxel evidence export` wrote.")],
    *,
    key: Annotated[
        str | None, typer.Option("--key", help="Public key (64 hexadecimal digits) that must have signed it.")
    ] = None,
) -> None:
    """Check an invoice by its evidence alone: hashes, roots, quantities, prices, totals, signature.

    Exit code 1 when something does not fit, with a sentence for each.
    """
    from sinks.records.billing.evidence_check import faults  # noqa: PLC0415
    from sinks.records.billing.evidence_signature import signer_of  # noqa: PLC0415

    if key is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", key.strip()):
        raise UsageError("Cannot read --key: give the 64 hexadecimal digits of a line of signing.pub, not the file.")
    document = _read(file)
    found, signed_by = faults(document), None
    try:
        signed_by = signer_of(document) if isinstance(document, dict) else None
    except ValueError as error:
        found.append(f"It is not what was signed: {error}.")
    else:
        if key is not None and signed_by != key.strip().lower():
            found.append("It is not signed with the key that you have given.")
    for fault in found:
        typer.echo(fault)
    if found:
        raise typer.Exit(DOES_NOT_FIT)
    invoice, sessions = document["invoice"], sum(len(rows) for rows in document["sessions"].values())
    typer.echo(
        f"{invoice['invoice_no']} ({invoice['status']}) fits: {len(document['lines'])} lines of {sessions} sessions "
        f"come to {invoice['total']} {invoice['currency']}"
    )
    typer.echo("it is not signed" if signed_by is None else f"signed with the key {signed_by}")


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"Cannot read {file}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"Cannot read {file}: it is no JSON in UTF-8.") from error
