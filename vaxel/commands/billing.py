"""`vaxel billing periods | invoices | close`: what use costs, and the end of a month."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

if TYPE_CHECKING:
    from sinks.records.billing.closing import Closed
    from sinks.records.billing.invoices import LineRow

app = typer.Typer(help="Pay per use: periods, invoices and drafts, the close of a month.", no_args_is_help=True)


@app.command()
def periods(*, data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """Show the months that are billed: open or closed, and what their lines come to."""
    from sinks.records.billing import invoices as held  # noqa: PLC0415
    from sinks.records.billing.months import name_of  # noqa: PLC0415
    from vaxel.commands.gearbox_text import counted  # noqa: PLC0415

    found = held.periods(_places(data_dir)[0])
    if as_json:
        _print_json([asdict(row) for row in found])
        return
    for row in found:
        by = f" at {row.closed_at:%Y-%m-%d %H:%M} UTC by {row.closed_by}" if row.closed_at else ""
        typer.echo(f"{name_of(row.period)}  {row.status}{by}: {counted(row.invoices, 'invoice')}, {_sums(row.totals)}")


@app.command()
def invoices(
    *,
    period: Annotated[str | None, typer.Option(help="Only this month, such as 2026-05.")] = None,
    contract: Annotated[str | None, typer.Option(help="Only this contract, with its lines.")] = None,
    with_lines: Annotated[bool, typer.Option("--lines", help="With the lines of each, by their numbers.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show invoices: final ones, and drafts of open periods with what they come to now."""
    from sinks.records.billing import invoices as held  # noqa: PLC0415
    from sinks.records.billing.months import name_of, parse  # noqa: PLC0415
    from vaxel.commands.gearbox_text import counted  # noqa: PLC0415

    month = None if period is None else parse(period)
    billing = _places(data_dir)[0]
    found = held.invoices(billing, month, contract)
    with_lines = with_lines or contract is not None
    lines: defaultdict[tuple[str, date], list[LineRow]] = defaultdict(list)
    for line in held.lines(billing, month, contract) if with_lines else ():
        lines[line.contract_no, line.period].append(line)
    own = {row.invoice_no: lines[row.contract_no, row.period] for row in found}
    if as_json:
        more = {number: {"items": list(map(asdict, items))} for number, items in own.items()} if with_lines else {}
        _print_json([asdict(row) | more.get(row.invoice_no, {}) for row in found])
        return
    for row in found:
        sum_told = f"{row.total:,} {row.currency}"
        typer.echo(f"{row.invoice_no}  {name_of(row.period)}  {row.status}  {sum_told}  {counted(row.lines, 'line')}")
        for line in own[row.invoice_no]:
            typer.echo(f"  {_line_told(line)}")
    if not found:
        typer.echo("no invoices: plan and apply the flow: vaxel gearbox plan billing.usage_line")


@app.command()
def close(
    period: Annotated[str, typer.Argument(metavar="PERIOD", help="The month, such as 2026-05.")],
    *,
    by: Annotated[str, typer.Option("--by", help="Who closes it; needs the role billing_approver.")],
    force: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Close it though the lake has not heard of its end; the audit tells why."),
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Close a month: its drafts become final invoices, and what comes later goes to the next month's."""
    from sinks.records.billing import closing  # noqa: PLC0415
    from sinks.records.billing.heard import heard  # noqa: PLC0415
    from sinks.records.billing.months import parse  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    billing, ledger = _places(data_dir)
    month, found = parse(period), addresses(os.environ, data_dir)
    now = datetime.now(UTC)  # noqa: TID251  (a shell)
    done = closing.close(
        billing, ledger, month, by, now, lambda: heard(found.catalog, found.records, month), forced_because=force
    )
    if as_json:
        _print_json(asdict(done))
        return
    for line in _closed_lines(done):
        typer.echo(line)


def _line_told(line: LineRow) -> str:
    quantity = f"  {line.quantity.normalize():f} {line.unit}" if line.unit else ""
    reason = "" if line.reason is None else f"  {line.reason}"
    return f"{line.line_no}{quantity}  {line.amount:,} {line.currency}{reason}"


def _closed_lines(done: Closed) -> list[str]:
    from sinks.records.billing.months import name_of  # noqa: PLC0415
    from vaxel.commands.gearbox_text import counted  # noqa: PLC0415

    when = f"at {done.closed_at:%Y-%m-%d %H:%M} UTC by {done.closed_by}"
    what = f"{name_of(done.period)} {'' if done.is_new else 'was '}closed {when}"
    lines = [f"{what}: {counted(done.invoices, 'final invoice')}, {_sums(done.totals)}"]
    if done.lacking is not None:
        lines.append(f"forced: {done.lacking}; the audit tells it")
    if done.heard is not None and done.heard.quiet_units:
        lines.append(
            f"{done.heard.quiet_units:,} of {counted(done.heard.paid_units, 'unit')} that are paid for were not heard "
            "since the month's end: what they tell late goes onto the next invoice"
        )
    return lines


def _sums(totals: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{total:,} {currency}" for currency, total in sorted(totals.items())) or "nothing"


def _places(data_dir: Any) -> tuple[str, str]:
    """Addresses of billing and of the ledger."""
    from sinks.records.gear.systems import ledger_address, system_address  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    records = addresses(os.environ, data_dir).records
    return system_address(os.environ, records, "billing"), ledger_address(os.environ, records)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, default=str, ensure_ascii=False))
