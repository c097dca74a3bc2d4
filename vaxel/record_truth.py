"""What the record systems must hold, in SQL over the truth and not over the lake's sessions. After `load_truth`.

The truth does not tell lifetime counters, so nothing here speaks of a customer's next best action; nor does it tell
alerts, so cases and parts are held against the alerts that the lake shows. Of what decides a price it does not tell
which anomalies a wash had, and of a run in part measured in a wrong unit it knows more digits than came: for these two
the lake is believed.
"""

from __future__ import annotations

from schemas.records import (
    CONTRACT,
    CUSTOMER,
    MATERIAL,
    MONTHLY_SALES,
    OWNERSHIP,
    SERIAL_NUMBER,
    RecordTable,
)

TABLES: tuple[RecordTable, ...] = (MATERIAL, MONTHLY_SALES, SERIAL_NUMBER, CUSTOMER, OWNERSHIP, CONTRACT)
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

USE = """
with in_lake as (
  select product, device_id, started_at_ms, any_value(known_at_ms) as known_at_ms, any_value(distance_m) as distance_m,
    any_value(anomalies) as anomalies
  from (
    select 'washer' as product, device_id, epoch_ms(started_at) as started_at_ms, epoch_ms(known_at) as known_at_ms,
      null::double as distance_m, anomalies
    from wash_cycles
    union all
    select 'shoe', device_id, epoch_ms(started_at), epoch_ms(known_at), distance_m, []
    from runs
  ) group by all
),
used as (
  select product, device_id, started_at_ms, ended_at_ms, known_at_ms, anomalies,
    if(is_coarse, coalesce(distance_m, amount), amount) as distance_m
  from expected_sessions left join in_lake using (product, device_id, started_at_ms) where end_is_known
),
newest as (
  select max(ended_at_ms) as as_of_ms from used join serial_number on serial = device_id
  where ended_at_ms <= coalesce(known_at_ms, ended_at_ms)
),
paid as (select * from contract where kind <> 'owned')
select contract_no, device_id, customer_id, kind, country, valid_from, valid_to, as_of_ms,
  null::varchar as complete_months, null::varchar as session_id, null::bigint as session_version,
  null::bigint as ended_at_ms, null::bigint as distance_m, null::varchar[] as anomalies
from paid cross join newest
union all by name
select contract_no, device_id || ' at ' || started_at_ms as session_id, 1::bigint as session_version, ended_at_ms,
  if(product = 'shoe', round(round(distance_m, 3)), null)::bigint as distance_m, anomalies
from paid join used using (device_id)
where make_timestamp_ms(ended_at_ms) >= valid_from
  and (valid_to is null or make_timestamp_ms(ended_at_ms) < valid_to)
"""
"""Contracts that are paid for, and the sessions that ended while they were valid: the columns of the model of
`billing.usage_line`."""
