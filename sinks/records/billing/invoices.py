"""Periods and invoices as billing holds them; the invoice of an open period is a draft: what its lines come to now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, LiteralString

from sinks.records.billing.line_numbers import invoice_no
from sinks.records.database import session


@dataclass(frozen=True)
class PeriodRow:
    """One period; totals by currency."""

    period: date
    status: Literal["open", "closed"]
    closed_at: datetime | None
    closed_by: str | None
    invoices: int
    totals: dict[str, Decimal]


@dataclass(frozen=True)
class InvoiceRow:
    """One invoice; a draft's total moves with its lines."""

    invoice_no: str
    contract_no: str
    period: date
    status: Literal["draft", "final"]
    currency: str
    total: Decimal
    issued_at: datetime | None
    lines: int


@dataclass(frozen=True)
class LineRow:
    """One line as billing holds it; `line_no` is the key by which `vaxel gearbox why` knows it."""

    line_no: str
    contract_no: str
    period: date
    quantity: Decimal
    unit: str
    amount: Decimal
    currency: str
    reason: str | None


def periods(dsn: str) -> list[PeriodRow]:
    """All periods that have a row or a line, by month."""
    with session(dsn) as connection, connection.transaction():
        rows = connection.execute(
            """SELECT period, coalesce(status, 'open') AS status, closed_at, closed_by
               FROM billing.period FULL JOIN (SELECT DISTINCT period FROM billing.invoice_line) AS used USING (period)
               ORDER BY period"""
        ).fetchall()
        sums = connection.execute(
            """SELECT period, currency, sum(amount) AS total, array_agg(DISTINCT contract_no) AS contracts
               FROM billing.invoice_line GROUP BY period, currency ORDER BY period, currency"""
        ).fetchall()
    return [
        PeriodRow(
            **row,
            invoices=len({no for own in sums if own["period"] == row["period"] for no in own["contracts"]}),
            totals={own["currency"]: own["total"] for own in sums if own["period"] == row["period"]},
        )
        for row in rows
    ]


_ASKED: LiteralString = """WHERE (%(period)s::date IS NULL OR line.period = %(period)s)
                 AND (%(contract)s::text IS NULL OR line.contract_no = %(contract)s)"""


def invoices(dsn: str, period: date | None = None, contract_no: str | None = None) -> list[InvoiceRow]:
    """Invoices by period and contract, drafts too; of all periods and contracts where none is named."""
    with session(dsn) as connection:
        rows: list[dict[str, Any]] = connection.execute(
            f"""SELECT line.contract_no, line.period, coalesce(invoice.status, 'draft') AS status,
                 coalesce(invoice.currency, min(line.currency)) AS currency,
                 coalesce(invoice.total, sum(line.amount)) AS total, invoice.issued_at, count(*) AS lines
               FROM billing.invoice_line AS line LEFT JOIN billing.invoice USING (contract_no, period)
               {_ASKED}
               GROUP BY line.contract_no, line.period, invoice.invoice_no ORDER BY line.period, line.contract_no""",
            {"period": period, "contract": contract_no},
        ).fetchall()
    return [InvoiceRow(invoice_no=invoice_no(row["contract_no"], row["period"]), **row) for row in rows]


def lines(dsn: str, period: date | None = None, contract_no: str | None = None) -> list[LineRow]:
    """Lines of the same invoices, by period, contract and number."""
    with session(dsn) as connection:
        rows = connection.execute(
            f"""SELECT line_no, contract_no, period, quantity, unit, amount, currency, reason
                FROM billing.invoice_line AS line {_ASKED} ORDER BY period, contract_no, line_no""",
            {"period": period, "contract": contract_no},
        ).fetchall()
    return [LineRow(**row) for row in rows]
