"""Closes a billing period: its drafts become final invoices, which nobody changes any more.

In:            the period's lines in billing; who closes it.
Out:           one final invoice for each contract with lines, the period closed, the next one there.
Guarantee:     all of it or nothing; what is closed stays as it is; closing again changes nothing.
On failure:    UsageError when it may not be closed yet, or not by this person; nothing was changed.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from schemas.errors import UsageError
from schemas.record_billing import INVOICE_LINE, PERIOD_LOCK
from sinks.records.billing.line_numbers import invoice_no, period_of
from sinks.records.billing.months import is_over_at, name_of, next_month
from sinks.records.database import Connection, session
from sinks.records.gear.people import holder

ROLE: Final = "billing_approver"


@dataclass(frozen=True)
class Closed:
    """A closed period; `is_new`: by this call."""

    period: date
    invoices: int
    closed_at: datetime
    closed_by: str
    is_new: bool


def close(billing_dsn: str, ledger_dsn: str, period: date, who: str, now: datetime) -> Closed:
    """Closes the period; one that is closed stays as it was closed.

    1. Whether `who` may, and whether lines of it still wait in the gearbox (ledger).
    2. In one transaction of billing, alone with its periods: whether it is its turn; invoices; the period; the next.

    Raises:
        UsageError: It is not over, an earlier one is open, lines of it wait, or `who` may not.
    """
    with session(ledger_dsn) as ledger:  # 1
        name = holder(ledger, who, ROLE, f"close {name_of(period)}")
        waiting = _waiting(ledger, period)
    with session(billing_dsn) as connection, connection.transaction():  # 2
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [PERIOD_LOCK])
        before = _as_closed(connection, period)
        if before is not None:
            return before
        _refuse_early(connection, period, waiting, now)
        _issue(connection, period, now)
        connection.execute(
            """INSERT INTO billing.period (period, status, closed_at, closed_by) VALUES (%s, 'closed', %s, %s)
               ON CONFLICT (period) DO UPDATE SET status = 'closed', closed_at = excluded.closed_at,
                 closed_by = excluded.closed_by""",
            [period, now, name],
        )
        connection.execute(
            "INSERT INTO billing.period (period, status) VALUES (%s, 'open') ON CONFLICT DO NOTHING",
            [next_month(period)],
        )
        done = _as_closed(connection, period)
        assert done is not None, "it was closed just now"
        return Closed(done.period, done.invoices, done.closed_at, done.closed_by, is_new=True)


def _waiting(ledger: Connection, period: date) -> Counter[int]:
    """Lines of the period that open change sets would still write, by number of the set."""
    rows = ledger.execute(
        """SELECT DISTINCT change_set_id, key FROM gearbox.change JOIN gearbox.change_set USING (change_set_id)
           WHERE status = 'open' AND target_table = %s""",
        [INVOICE_LINE.full_name],
    )
    return Counter(row["change_set_id"] for row in rows if period_of(json.loads(row["key"])["line_no"]) == period)


def _as_closed(connection: Connection, period: date) -> Closed | None:
    row = connection.execute(
        """SELECT closed_at, closed_by, (SELECT count(*) FROM billing.invoice WHERE invoice.period = period.period) AS n
           FROM billing.period WHERE period = %s AND status = 'closed'""",
        [period],
    ).fetchone()
    return None if row is None else Closed(period, row["n"], row["closed_at"], row["closed_by"], is_new=False)


def _refuse_early(connection: Connection, period: date, waiting: Counter[int], now: datetime) -> None:
    row = connection.execute(
        "SELECT min(period) AS first, max(period) FILTER (WHERE status = 'closed') AS last FROM billing.period"
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    if row["first"] is None:
        raise UsageError("billing.period is empty: its first row is the first month that is billed. Run `vaxel seed`.")
    turn = row["first"] if row["last"] is None else next_month(row["last"])
    if period != turn:
        raise UsageError(f"Cannot close {name_of(period)}: it is the turn of {name_of(turn)}.")
    if now < is_over_at(period):
        end = f"{is_over_at(period):%Y-%m-%d %H:%M} UTC"
        raise UsageError(f"Cannot close {name_of(period)}: it is over everywhere at {end}.")
    if waiting:
        number, count = min(waiting.items())
        raise UsageError(
            f"Cannot close {name_of(period)}: lines of it ({count}) wait in change set {number}. Apply or reject it "
            f"first: vaxel gearbox show {number}"
        )


def _issue(connection: Connection, period: date, now: datetime) -> None:
    rows = connection.execute(
        """SELECT contract_no, min(currency) AS currency, max(currency) AS another, sum(amount) AS total
           FROM billing.invoice_line WHERE period = %s GROUP BY contract_no ORDER BY contract_no""",
        [period],
    ).fetchall()
    mixed = next((row["contract_no"] for row in rows if row["currency"] != row["another"]), None)
    if mixed is not None:
        raise UsageError(f"Cannot close {name_of(period)}: contract {mixed} has lines in two currencies in it.")
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO billing.invoice (invoice_no, contract_no, period, status, currency, total, issued_at)
               VALUES (%s, %s, %s, 'final', %s, %s, %s)""",
            [
                (invoice_no(row["contract_no"], period), row["contract_no"], period, row["currency"], row["total"], now)
                for row in rows
            ],
        )
