"""What the record systems must hold, computed from the truth and not from the lake, and what they do hold."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from schemas.records import CUSTOMER, MATERIAL, MONTHLY_SALES, OWNERSHIP, SERIAL_NUMBER
from sinks.records import target
from sinks.records.audit import audit_consistent
from sinks.records.database import session
from sinks.records.flow import load, names
from sinks.records.model import run
from sinks.records.plan import plan
from vaxel.settings import Addresses

COARSE = 0.001
"""Relative, where an upload came back from a foreign unit: it has lost digits there (`session_check.COARSE`)."""
ROUNDING = 0.011
"""Two decimals are kept, and the truth's sums are floats: the last digit may differ by one."""

EXPECTED = {
    "erp.sales_usage": """
        with heard as (select distinct device_id from truth_uploads join accepted using (device_id, seq)),
        used as (
          select unit.material, date_trunc('month', unit.sold_on)::date as month,
            count(distinct device_id) filter (ended_at_ms > as_of.ms - 7 * 86400000) as in_use_qty,
            count(*) as sessions, sum(amount) as amount,
            sum(amount) filter (programme = 'eco') as eco_wh,
            count(*) filter (programme = 'eco') as eco_sessions
          from expected_sessions join serial_number unit on unit.serial = device_id cross join as_of
          where end_is_known group by all
        ),
        units as (
          select material, date_trunc('month', sold_on)::date as month, count(heard.device_id) as activated_qty
          from serial_number left join heard on heard.device_id = serial group by all
        )
        select material || ' ' || month as key,
          coalesce(units.activated_qty, 0) as activated_qty,
          coalesce(used.in_use_qty, 0) as in_use_qty,
          coalesce(units.activated_qty, 0) - coalesce(used.in_use_qty, 0) as dormant_qty,
          coalesce(sessions, 0) / nullif(units.activated_qty, 0) as sessions_per_unit,
          amount / sessions as usage_per_session,
          (eco_wh / eco_sessions / nullif(label_wh_per_cycle, 0) - 1) * 100 as label_deviation_pct
        from monthly_sales left join units using (material, month) left join used using (material, month)
        left join material using (material)
    """,
    "crm.customer_usage": """
        with used as (
          select customer_id, device_id, ended_at_ms as ended_ms
          from expected_sessions join ownership using (device_id)
          where end_is_known and make_timestamp_ms(ended_at_ms) >= owned_from
            and (owned_to is null or make_timestamp_ms(ended_at_ms) < owned_to)
        ),
        per_customer as (
          select customer_id,
            count(distinct device_id) filter (ended_ms > as_of.ms - 7 * 86400000) as products_in_use,
            count(distinct make_timestamp_ms(ended_ms)::date) filter (ended_ms > as_of.ms - 7 * 86400000) as days_used,
            max(ended_ms) as last_ms
          from used cross join as_of group by all
        )
        select customer_id as key,
          coalesce(per_customer.products_in_use, 0) as products_in_use,
          epoch_ms(make_timestamp_ms(last_ms)) as last_used_at,
          case when days_used >= 5 then 'daily' when days_used >= 1 then 'weekly'
               when last_ms > as_of.ms - 28 * 86400000::bigint then 'rare' else 'none' end as engagement
        from customer cross join as_of left join per_customer using (customer_id)
    """,
}
HELD = {
    "erp.sales_usage": """select material || ' ' || month as key, activated_qty, in_use_qty, dormant_qty,
        sessions_per_unit::double as sessions_per_unit, usage_per_session::double as usage_per_session,
        label_deviation_pct::double as label_deviation_pct from monthly_sales""",
    "crm.customer_usage": """select customer_id as key, products_in_use, epoch_ms(last_used_at) as last_used_at,
        engagement from customer""",
}
TABLES = (MATERIAL, MONTHLY_SALES, SERIAL_NUMBER, CUSTOMER, OWNERSHIP)


@dataclass(frozen=True)
class RecordCheck:
    """Rows compared, rows that are wrong and why, and changes that wait to be applied.

    Attributes:
        skipped: Why rows were compared with the audit only and not with the truth; None if they were.
    """

    checked: int
    wrong: list[str]
    waiting: int
    skipped: str | None = None


def check_records(lake: duckdb.DuckDBPyConnection, addresses: Addresses) -> RecordCheck:
    """Compare the record systems with the truth, and each fed field with its last audit row.

    A flow whose plan still has changes is not compared: its rows speak of an earlier lake. No flow is, where the truth
    does not tell all that registered units sent. The next best action of a customer is compared with the audit only;
    the truth does not tell lifetime counters.
    """
    if not _is_seeded(addresses.records):
        return RecordCheck(0, [], 0)
    wrong = audit_consistent(addresses.records)
    checked = waiting = 0
    _load(lake, addresses.records)
    skipped = why_skipped(lake)
    for name in names():
        flow = load(name)
        held = target.read_rows(addresses.records, flow)
        wanted, snapshot = run(flow, addresses.catalog, addresses.records)
        changes = len(plan(flow, wanted, held, snapshot).changes)
        waiting += changes
        if not changes and skipped is None:
            checked += held.num_rows
            wrong += _differences(lake, name)
    return RecordCheck(checked, wrong, waiting, skipped)


def why_skipped(lake: duckdb.DuckDBPyConnection) -> str | None:
    """Why the truth cannot say what the record systems must hold: their figures speak of all registered units."""
    row = lake.execute(
        "select count(*), min(device_id) from devices_in_doubt join serial_number on serial = device_id"
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return f"no truth tells all that {row[0]:,} registered units sent, {row[1]} is one" if row[0] else None


def _differences(lake: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    expected = {row["key"]: row for row in lake.sql(EXPECTED[name]).to_arrow_table().to_pylist()}
    found = {row["key"]: row for row in lake.sql(HELD[name]).to_arrow_table().to_pylist()}
    coarse = COARSE if lake.sql("from expected_sessions where is_coarse").fetchone() else 0.0
    wrong = [f"{name} {key}: no such row expected" for key in found.keys() - expected.keys()]
    for key, row in expected.items():
        for column, value in row.items():
            if not _same(value, found.get(key, {}).get(column), coarse):
                wrong.append(f"{name} {key}: {column} is {found.get(key, {}).get(column)}, {value} expected")
                break
    return wrong


def _same(expected: object, found: object, coarse: float) -> bool:
    if isinstance(expected, float) and isinstance(found, int | float):
        return abs(expected - found) <= ROUNDING + coarse * abs(expected)
    return expected == found


def _load(lake: duckdb.DuckDBPyConnection, dsn: str) -> None:
    with session(dsn) as connection:
        for table in TABLES:
            rows = connection.execute(f"select * from {table.full_name}".encode()).fetchall()
            lake.register("rows", pa.Table.from_pylist(rows, schema=table.arrow_schema(table.column_names)))
            lake.execute(f"create or replace temp table {table.name} as select * from rows")
    lake.execute(
        """create or replace temp table as_of as select max(ended_at_ms) as ms from expected_sessions
           join serial_number on serial = device_id where end_is_known"""
    )


def _is_seeded(dsn: str) -> bool:
    with session(dsn) as connection:
        row = connection.execute("select to_regclass('erp.monthly_sales') is not null as is_seeded").fetchone()
    return row is not None and bool(row["is_seeded"])
