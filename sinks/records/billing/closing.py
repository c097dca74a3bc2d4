"""Closes a billing period: its drafts become final invoices, which nobody changes any more.

In:            the period's lines in billing; how far the lake's facts go; who closes it.
Out:           one final invoice for each contract with lines; the period closed, the next one there; an audit row.
Guarantee:     all of billing's or nothing; what is closed stays as it is; closing again changes nothing.
On failure:    UsageError when it may not be closed yet, or not by this person; nothing was changed.

Billing and ledger are two systems, so the durable effects come in this order:

1. where the facts are not there, and it is to be closed all the same: the audit tells who does so, and why (ledger)
2. invoices, the period and the next one (billing, one transaction)
3. the audit tells that it is closed (ledger)

Killed after 1, the month is open, and the audit tells of an attempt. Killed after 2, closing again, which changes
nothing in billing, makes up for 3. Killed after 3, nothing is left to do.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from schemas.errors import UsageError
from schemas.record_billing import INVOICE_LINE, PERIOD_LOCK
from sinks.records.billing import close_audit
from sinks.records.billing.heard import Heard
from sinks.records.billing.line_numbers import invoice_no, period_of
from sinks.records.billing.months import is_over_at, name_of, next_month
from sinks.records.crash import crash_point
from sinks.records.database import Connection, session
from sinks.records.gear.calendar import instant_told
from sinks.records.gear.people import holder

ROLE: Final = "billing_approver"


@dataclass(frozen=True)
class Closed:
    """A closed period.

    Attributes:
        totals: What its invoices come to, by currency.
        is_new: It was closed by this call.
        lacking: Which facts it was closed without, by this call.
        heard: What the lake had heard, as this call found it.
    """

    period: date
    invoices: int
    totals: Mapping[str, Decimal]
    closed_at: datetime
    closed_by: str
    is_new: bool = False
    lacking: str | None = None
    heard: Heard | None = None


def close(
    billing_dsn: str,
    ledger_dsn: str,
    period: date,
    who: str,
    now: datetime,
    hear: Callable[[], Heard],
    *,
    forced_because: str | None = None,
) -> Closed:
    """Closes the period; one that is closed stays as it was closed.

    Args:
        hear: How far the lake's facts go; asked only where nothing else stands in the way.
        forced_because: Why it is closed though the facts of it are not there; None: then it is not.

    Raises:
        UsageError: It is not over, an earlier one is open, lines of it wait, its facts are not there, or `who` may not.
    """
    if forced_because is not None and not forced_because.strip():
        raise UsageError("Say why: closing a month without its facts needs a reason.")
    with session(ledger_dsn) as ledger, session(billing_dsn) as billing:
        name = holder(ledger, who, ROLE, f"close {name_of(period)}")
        done = _as_closed(billing, period)
        if done is None:
            _refuse_early(billing, period, _waiting(ledger, period), now)
            found = hear()
            lacking = _lacking(period, found)
            if lacking is not None and forced_because is None:
                raise UsageError(
                    f"Cannot close {name_of(period)}: {lacking}. Take in what has come (vaxel run --until-idle), plan "
                    "and apply billing.usage_line, and close it then; or say why not to wait: --force REASON"
                )
            if lacking is not None:  # 1
                close_audit.tell_forced(ledger, period, name, now, " ".join((forced_because or "").split()), lacking)
                crash_point("billing.forced")
            done = replace(_close(billing, ledger, period, name, now), lacking=lacking, heard=found)  # 2
            crash_point("billing.closed")
        close_audit.tell_closed(  # 3
            ledger, period, done.closed_by, done.closed_at, done.invoices, done.totals, now
        )
        crash_point("billing.told")
    return done


def _lacking(period: date, found: Heard) -> str | None:
    """Which facts of the period are not there; None: something was heard behind its end."""
    if found.is_beyond(period):
        return None
    until = "nothing" if found.until is None else f"nothing after {instant_told(found.until)}"
    return f"the lake has heard {until}, and the month is over everywhere at {instant_told(is_over_at(period))}"


def _close(connection: Connection, ledger: Connection, period: date, name: str, now: datetime) -> Closed:
    """Invoices, the period, the next one; alone with billing's periods, in one transaction of billing."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [PERIOD_LOCK])
        before = _as_closed(connection, period)
        if before is not None:  # by somebody else, just now
            return before
        _refuse_early(connection, period, _waiting(ledger, period), now)
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
        return replace(done, is_new=True)


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
        "SELECT closed_at, closed_by FROM billing.period WHERE period = %s AND status = 'closed'", [period]
    ).fetchone()
    if row is None:
        return None
    sums = connection.execute(
        """SELECT currency, count(*) AS invoices, sum(total) AS total FROM billing.invoice
           WHERE period = %s GROUP BY currency ORDER BY currency""",
        [period],
    ).fetchall()
    totals = {own["currency"]: own["total"] for own in sums}
    return Closed(period, sum(own["invoices"] for own in sums), totals, row["closed_at"], row["closed_by"])


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
        end = instant_told(is_over_at(period))
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
