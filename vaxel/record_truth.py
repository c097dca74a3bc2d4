"""What the record systems must hold, in SQL over the truth and not over the lake's sessions. After `load_truth`.

The truth does not tell lifetime counters, so nothing here speaks of a customer's next best action; nor does it tell
alerts, so cases and parts are held against the alerts that the lake shows.
"""

from __future__ import annotations

from schemas.records import (
    CUSTOMER,
    MATERIAL,
    MONTHLY_SALES,
    OWNERSHIP,
    SERIAL_NUMBER,
    RecordTable,
)

TABLES: tuple[RecordTable, ...] = (MATERIAL, MONTHLY_SALES, SERIAL_NUMBER, CUSTOMER, OWNERSHIP)
"""Record tables that the queries read, as temporary tables by the same name."""

AS_OF = """
create or replace temp table as_of as select max(ended_at_ms) as ms from expected_sessions
join serial_number on serial = device_id where end_is_known
"""

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
        select material, month,
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
        select customer_id,
          coalesce(per_customer.products_in_use, 0) as products_in_use,
          make_timestamp_ms(last_ms) as last_used_at,
          case when days_used >= 5 then 'daily' when days_used >= 1 then 'weekly'
               when last_ms > as_of.ms - 28 * 86400000::bigint then 'rare' else 'none' end as engagement
        from customer cross join as_of left join per_customer using (customer_id)
    """,
    "service.case": "select alert_id as case_id, device_id, kind from alerts where status = 'raised'",
    "erp.spare_parts_demand": """
        with worn as (
          select plant, kind, count(distinct device_id) as alert_qty
          from alerts join serial_number on serial = device_id where status = 'raised' group by all
        ),
        mends (part, kind) as (
          values
            ('SP-1001', 'bearing'), ('SP-1002', 'heater_scale'), ('SP-1003', 'drain_pump'), ('SP-1004', 'unbalance')
        )
        select part, plant, date_trunc('month', make_timestamp_ms(as_of.ms))::date as month,
          coalesce(alert_qty, 0) as alert_qty
        from mends cross join as_of
        cross join (select distinct plant from serial_number join material using (material) where product = 'washer')
        left join worn using (plant, kind)
        where as_of.ms is not null
    """,
}
"""By flow: key and fields of the rows that have to be there."""

ALL_ROWS = frozenset(["erp.sales_usage", "crm.customer_usage"])
"""Flows whose target holds no row beside the expected ones."""
