-- One row for each model and month that ERP has sales figures of or a unit that was sold in it, as of the newest session
-- end in the lake (not the wall clock). Where the figures are missing, the gearbox names the key.
-- gate_complete_share tells how many of the device months behind the row are whole: a month with a gap, or one whose
-- counters nothing explains, is not; that a new board or a rollover is known of makes it whole.
-- Readings are floats: each is made a decimal before it is added, so that the sum does not depend on the order.
with sessions as (
  select
    device_id, session_id, ended_at, known_at, energy_wh::decimal(18, 3) as amount,
    programme is not distinct from 'eco' as is_eco
  from lake.wash_cycles
  where status in ('closed', 'corrected')
  union all
  select device_id, session_id, ended_at, known_at, distance_m::decimal(18, 3), false
  from lake.runs
  where status in ('closed', 'corrected')
),
as_of as (
  -- Of registered units only, and not later than it was known: a stranger or a clock that is ahead moves no figure.
  select max(ended_at) filter (ended_at <= known_at) as instant
  from sessions
  join records.erp.serial_number as unit on unit.serial = sessions.device_id
),
heard_of as (
  select distinct device_id from lake.uploads where outcome = 'accepted'
),
units as (
  select
    material,
    date_trunc('month', sold_on)::date as month,
    count(heard_of.device_id) as activated_qty
  from records.erp.serial_number as unit
  left join heard_of on heard_of.device_id = unit.serial
  group by all
),
keys as (
  select material, month from records.erp.monthly_sales
  union
  select material, month from units
),
usage as (
  select
    unit.material,
    date_trunc('month', unit.sold_on)::date as month,
    count(distinct unit.serial) filter (sessions.ended_at > as_of.instant - interval 7 days) as in_use_qty,
    count(*) as session_count,
    sum(amount) as amount,
    sum(amount) filter (is_eco) / count(*) filter (is_eco) as eco_wh,
    min(session_id, 3) as session_sample
  from sessions
  cross join as_of
  join records.erp.serial_number as unit on unit.serial = sessions.device_id
  group by all
),
device_months as (
  select
    unit.material,
    date_trunc('month', unit.sold_on)::date as month,
    count(*) filter (completeness.verdict not in ('gap', 'unexplained')) / count(*) as complete_share
  from lake.completeness as completeness
  join records.erp.serial_number as unit on unit.serial = completeness.device_id
  group by all
)
select
  keys.material,
  keys.month,
  coalesce(units.activated_qty, 0) as activated_qty,
  coalesce(usage.in_use_qty, 0) as in_use_qty,
  coalesce(units.activated_qty, 0) - coalesce(usage.in_use_qty, 0) as dormant_qty,
  (coalesce(usage.session_count, 0) / nullif(units.activated_qty, 0))::decimal(14, 2) as sessions_per_unit,
  (usage.amount / usage.session_count)::decimal(14, 2) as usage_per_session,
  -- The label speaks of the eco programme, so only eco cycles are held against it.
  ((usage.eco_wh / nullif(material.label_wh_per_cycle, 0) - 1) * 100)::decimal(14, 2) as label_deviation_pct,
  device_months.complete_share as gate_complete_share,
  coalesce(usage.session_count, 0) as why_session_count,
  usage.session_sample as why_session_sample,
  strftime(as_of.instant, '%Y-%m-%dT%H:%M:%S.%gZ') as why_as_of
from keys
cross join as_of
left join records.erp.material as material on material.material = keys.material
left join units on units.material = keys.material and units.month = keys.month
left join usage on usage.material = keys.material and usage.month = keys.month
left join device_months on device_months.material = keys.material and device_months.month = keys.month
