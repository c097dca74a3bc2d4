"""What `vaxel demo` shows of the gearbox: plan, refusal, freeze, approval, effect, why, undo, close, evidence."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import typer

from vaxel.commands.demo_records import changes_written, show_changed_fields, show_figures, show_invoices

KEEPER, PLANNER, APPROVER = "Karin Lind", "Paul Ek", "Bea Berg"
ROLES = ("erp_approver", "crm_approver", "service_approver", "billing_approver", "calendar_keeper")

Run = Callable[[str, str], int]
"""Says a sentence, runs a command as a user would type it, and gives its exit code."""


def show_gearbox(dsn: str, home: Path, run: Run, say: Callable[[str], None]) -> list[str]:
    """Carries the usage into the record systems and partly back, and says what it should have shown and did not.

    Args:
        dsn: The record systems' database.
        home: Where the evidence of an invoice is written.
    """
    lacking: list[str] = []

    def expect(sentence: str, command: str, *codes: int) -> None:
        code = run(sentence, command)
        if code not in (codes or (0,)):
            lacking.append(f"`vaxel {command}` ended with {code}")

    say("ERP sales figures and CRM before")
    show_figures(dsn)
    _people(expect)
    by_planner, by_approver = f"--by {shlex.quote(PLANNER)}", f"--by {shlex.quote(APPROVER)}"
    expect("what would change, and what is refused or needs a person, with the reasons", f"gearbox plan {by_planner}")
    sets = open_sets(dsn)
    expect(
        "who planned it cannot approve it: a refusal, with its reason",
        f"gearbox approve {sets['erp.sales_usage']} {by_planner}",
        2,
    )
    tomorrow = datetime.now(UTC) + timedelta(days=1)  # noqa: TID251  (a shell)
    expect(
        "billing is frozen: the books are being closed",
        f"gearbox freeze declare billing --until '{tomorrow:%Y-%m-%d %H:%M}' --reason 'the books are closed' "
        f"{by_approver}",
    )
    for flow, number in sets.items():
        expect(f"somebody else approves {flow}, for at once", f"gearbox approve {number} --now {by_approver}")
    expect("what may go is written, differences only, each with an audit row; billing waits", "gearbox apply --all")
    if count(dsn, "SELECT count(*) FROM billing.invoice_line"):
        lacking.append("lines were written inside a freeze")
    expect("the freeze is lifted", f"gearbox freeze lift 1 {by_approver}")
    expect("and billing gets its lines", "gearbox apply billing.usage_line")
    changes = changes_written(dsn)
    say("ERP sales figures and CRM after, and what invoices come to")
    show_figures(dsn)
    show_invoices(dsn)
    say("the fields of CRM that were changed, as the audit tells")
    show_changed_fields(dsn)
    material, month = _a_figure(dsn)
    expect(
        "why does ERP say so? back to the change, the approval, the sessions and the uploads",
        f"gearbox why erp.monthly_sales {material} {month} usage_per_session",
    )
    expect("how does it stand?", "gearbox status")
    expect("a second run has nothing to write", "gearbox plan")
    expect("(as the apply after it says)", "gearbox apply --all")
    if changes == 0:
        lacking.append("nothing was written into the record systems")
    if changes_written(dsn) != changes:
        lacking.append(f"the second run of the gearbox wrote {changes_written(dsn) - changes} changes")
    _there_and_back(dsn, sets["erp.sales_usage"], expect, by_planner, by_approver, lacking)
    _invoices(dsn, home, expect, by_approver)
    expect("the audit is signed", "gearbox checkpoint")
    expect("and it is as it was written", "gearbox verify")
    return lacking


def _people(expect: Callable[..., None]) -> None:
    keeper = f"--by {shlex.quote(KEEPER)}"
    expect("people: the first one keeps the others", f"gearbox people add {shlex.quote(KEEPER)}")
    for name in (PLANNER, APPROVER):
        expect(f"{name} is known, too", f"gearbox people add {shlex.quote(name)} {keeper}")
    expect(f"{PLANNER} may approve for ERP", f"gearbox people give {shlex.quote(PLANNER)} erp_approver {keeper}")
    for role in ROLES:
        expect(f"{APPROVER} is {role}", f"gearbox people give {shlex.quote(APPROVER)} {role} {keeper}")


def _there_and_back(
    dsn: str, number: int, expect: Callable[..., None], by_planner: str, by_approver: str, lacking: list[str]
) -> None:
    figures = "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM (SELECT {} FROM erp.monthly_sales) AS t"
    fed = figures.format(
        "material, month, activated_qty, in_use_qty, dormant_qty, sessions_per_unit, usage_per_session, "
        "label_deviation_pct"
    )
    written = scalar(dsn, fed)
    for sentence, why in (
        ("that was wrong: undo it, which is a change set like any other", "the figures came too early"),
        ("no, it was right: undo the undo", "they were right after all"),
    ):
        expect(sentence, f"gearbox undo {number} --reason {shlex.quote(why)} {by_planner}")
        number = max(open_sets(dsn).values())
        expect("approved", f"gearbox approve {number} --now {by_approver}")
        expect("applied", f"gearbox apply {number}")
        if why.startswith("the figures") and count(dsn, "SELECT count(activated_qty) FROM erp.monthly_sales"):
            lacking.append("an undo left figures in ERP")
    if scalar(dsn, fed) != written:
        lacking.append("an undo of an undo did not bring back what was there")


def _invoices(dsn: str, home: Path, expect: Callable[..., None], by_approver: str) -> None:
    period = scalar(dsn, "SELECT to_char(min(period), 'YYYY-MM') FROM billing.invoice_line")
    close = f"billing close {period} {by_approver}"
    expect("the month is closed, so that drafts become invoices: not before its facts are there", close, 0, 2)
    if not count(dsn, "SELECT count(*) FROM billing.invoice"):
        expect(
            "they never come, for the demo's fleet lives no longer: closed all the same, and the audit says so",
            f"{close} --force 'the fleet of the demo lives no longer'",
        )
    invoice = scalar(dsn, "SELECT invoice_no FROM billing.invoice WHERE total > 0 ORDER BY total DESC, 1 LIMIT 1")
    file = home / "evidence.json"
    expect("an invoice's evidence, for its customer", f"evidence export {invoice} --out {file}")
    expect("who checks the own bill with it alone", f"evidence verify {file}")


def open_sets(dsn: str) -> dict[str, int]:
    """Numbers of the open change sets, by flow."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT flow, change_set_id FROM gearbox.change_set WHERE status = 'open' ORDER BY change_set_id"
        )
        return {str(flow): int(number) for flow, number in rows}


def count(dsn: str, query: str) -> int:
    return int(scalar(dsn, query) or 0)


def scalar(dsn: str, query: str) -> str | None:
    """The first column of the first row, as text."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    return None if row is None or row[0] is None else str(row[0])


def _a_figure(dsn: str) -> tuple[str, str]:
    """A model and month of which there is something to tell."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT material, month FROM erp.monthly_sales WHERE usage_per_session IS NOT NULL "
            "ORDER BY activated_qty DESC, material, month LIMIT 1"
        ).fetchone()
    if row is None:
        raise typer.Exit(1)
    return str(row[0]), str(row[1])
