"""What `vaxel demo` shows of ERP, CRM and billing: figures, customers, lines, and the fields that were changed."""

from __future__ import annotations

import psycopg
import typer

from sinks.lake.answers import table_lines

EXAMPLES_OF_A_FIELD = 2

# Means over months are weighted by the sessions behind each: a month with one unit says less than one with fifty. How
# many of the sessions were eco cycles ERP does not know, so of those the lowest and the highest month stand there.
SALES = """
with figures as (select *, sessions_per_unit * activated_qty as sessions from erp.monthly_sales)
select material, m.description, sum(sold_qty)::bigint as sold, sum(activated_qty)::bigint as activated,
  sum(in_use_qty)::bigint as in_use, sum(dormant_qty)::bigint as dormant,
  round(
    sum(usage_per_session * sessions) / nullif(sum(sessions) filter (where usage_per_session is not null), 0)
  )::bigint as wh_or_m_per_session,
  m.label_wh_per_cycle::bigint as label_wh,
  round(min(label_deviation_pct), 1) || ' to ' || round(max(label_deviation_pct), 1) as eco_over_label_pct
from figures join erp.material m using (material)
group by material, m.description, m.label_wh_per_cycle order by material
"""
CUSTOMERS = """
select coalesce(engagement, '-') as engagement, count(*) as customers, sum(products_in_use)::bigint as products_in_use,
  count(next_best_action) as with_next_best_action
from crm.customer group by 1 order by 2 desc
"""
INVOICES = """
select currency, component, count(*) as lines, sum(quantity)::numeric(12, 1) as quantity, max(unit) as unit,
  sum(amount) as amount, sum(waived_count)::bigint as waived
from billing.invoice_line group by currency, component order by currency, component
"""
CHANGED = """
with audited as (
  select field, key::jsonb ->> 'customer_id' as customer, before::jsonb #>> '{}' as before,
    after::jsonb #>> '{}' as after,
    count(*) over (partition by field) as customers_changed,
    row_number() over (partition by field order by audit_no) as number
  from gearbox.audit where event = 'written' and target_table = 'crm.customer'
)
select field, customers_changed, customer as for_example, before, after
from audited where number <= %(examples)s order by field, number
"""


def show_figures(dsn: str) -> None:
    """Sales figures and customers, as they are."""
    _show(dsn, SALES)
    typer.echo("")
    _show(dsn, CUSTOMERS)


def show_invoices(dsn: str) -> None:
    """What the lines of open and closed periods come to."""
    _show(dsn, INVOICES)


def show_changed_fields(dsn: str) -> None:
    """Which fields of CRM the audit says were changed, in how many customers, with examples."""
    _show(dsn, CHANGED)


def changes_written(dsn: str) -> int:
    """Changes of record fields so far, as the audit counts them."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select count(*) from gearbox.audit where event = 'written'").fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


def _show(dsn: str, query: str) -> None:
    with psycopg.connect(dsn) as connection:
        cursor = connection.execute(query.encode(), {"examples": EXAMPLES_OF_A_FIELD})
        names = [column.name for column in cursor.description or ()]
        rows = [["-" if value is None else value for value in row] for row in cursor]
    for line in table_lines(names, rows, len(rows)):
        typer.echo(line)
