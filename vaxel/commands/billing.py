"""`vaxel billing periods | invoices | close`: what use costs, and the end of a month."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

app = typer.Typer(help="Pay per use: periods, invoices and drafts, the close of a month.", no_args_is_help=True)


@app.command()
def periods(*, data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """Show the months that are billed: open or closed, and what their lines come to."""
    from sinks.records.billing import invoices as held  # noqa: PLC0415
    from sinks.records.billing.months import name_of  # noqa: PLC0415

    found = held.periods(_places(data_dir)[0])
    if as_json:
        _print_json([asdict(row) for row in found])
        return
    for row in found:
        totals = ", ".join(f"{total} {currency}" for currency, total in row.totals.items()) or "nothing"
        by = f" at {row.closed_at:%Y-%m-%d %H:%M} UTC by {row.closed_by}" if row.closed_at else ""
        typer.echo(f"{name_of(row.period)}  {row.status}{by}: {row.invoices} invoices, {totals}")


@app.command()
def invoices(
    *,
    period: Annotated[str | None, typer.Option(help="Only this month, such as 2026-05.")] = None,
    contract: Annotated[str | None, typer.Option(help="Only this contract.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show invoices: final ones, and drafts of open periods with what they come to now."""
    from sinks.records.billing import invoices as held  # noqa: PLC0415
    from sinks.records.billing.months import name_of, parse  # noqa: PLC0415

    month = None if period is None else parse(period)
    found = held.invoices(_places(data_dir)[0], month, contract)
    if as_json:
        _print_json([asdict(row) for row in found])
        return
    for row in found:
        lines = "1 line" if row.lines == 1 else f"{row.lines} lines"
        typer.echo(f"{row.invoice_no}  {name_of(row.period)}  {row.status}  {row.total} {row.currency}  {lines}")
    if not found:
        typer.echo("no invoices: plan and apply the flow: vaxel gearbox plan billing.usage_line")


@app.command()
def close(
    period: Annotated[str, typer.Argument(metavar="PERIOD", help="The month, such as 2026-05.")],
    *,
    by: Annotated[str, typer.Option("--by", help="Who closes it; needs the role billing_approver.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Close a month: its drafts become final invoices, and what comes later goes to the next month's."""
    from sinks.records.billing import closing  # noqa: PLC0415
    from sinks.records.billing.months import name_of, parse  # noqa: PLC0415

    billing, ledger = _places(data_dir)
    now = datetime.now(UTC)  # noqa: TID251  (a shell)
    done = closing.close(billing, ledger, parse(period), by, now)
    if as_json:
        _print_json(asdict(done))
        return
    when = f"at {done.closed_at:%Y-%m-%d %H:%M} UTC by {done.closed_by}"
    is_new = "" if done.is_new else "was "
    typer.echo(f"{name_of(done.period)} {is_new}closed {when}: {done.invoices} final invoices")


def _places(data_dir: Any) -> tuple[str, str]:
    """Addresses of billing and of the ledger."""
    from sinks.records.gear.systems import ledger_address, system_address  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    records = addresses(os.environ, data_dir).records
    return system_address(os.environ, records, "billing"), ledger_address(os.environ, records)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, default=str, ensure_ascii=False))
