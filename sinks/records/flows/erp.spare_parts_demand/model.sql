-- One row for each part of ERP and each plant that made units it is a part of, in the month of the newest session end in
-- the lake (not of the wall clock).
--
-- alert_qty     units made in the plant with an open alert of wear that this part mends
-- forecast_qty  those, and of the other units in use the share that needs the part in a month anyway, rounded up
with mends (part, kind, monthly_share) as (
  -- Of the share, what planners have from earlier models; a part without a kind is one that no alert speaks of.
  values
    ('SP-1001', 'bearing', 0.0010::decimal(6, 4)),
    ('SP-1002', 'heater_scale', 0.0015::decimal(6, 4)),
    ('SP-1003', 'drain_pump', 0.0020::decimal(6, 4)),
    ('SP-1004', 'unbalance', 0.0008::decimal(6, 4)),
    ('SP-1005', null, 0.0013::decimal(6, 4)),
    ('SP-2001', null, 0.0025::decimal(6, 4)),
    ('SP-2002', null, 0.0067::decimal(6, 4))
),
sessions as (
  select device_id, session_id, ended_at, known_at from lake.wash_cycles where status in ('closed', 'corrected')
  union all
  select device_id, session_id, ended_at, known_at from lake.runs where status in ('closed', 'corrected')
),
as_of as (
  -- Of registered units only, and not later than it was known: a stranger or a clock that is ahead moves no figure.
  select max(ended_at) filter (ended_at <= known_at) as instant
  from sessions
  join records.erp.serial_number as unit on unit.serial = sessions.device_id
),
parts as (
  select part.part, part.product, mends.kind, mends.monthly_share
  from records.erp.spare_part as part
  join mends on mends.part = part.part
),
units as (
  select unit.serial, unit.plant, material.product
  from records.erp.serial_number as unit
  join records.erp.material as material on material.material = unit.material
),
usage as (
  select
    units.plant,
    units.product,
    count(distinct units.serial) as in_use_qty,
    count(*) as session_count,
    min(session_id, 3) as session_sample
  from sessions
  cross join as_of
  join units on units.serial = sessions.device_id
  where sessions.ended_at > as_of.instant - interval 28 days and sessions.ended_at <= as_of.instant
  group by all
),
worn as (
  select units.plant, alerts.kind, count(distinct alerts.device_id) as alert_qty, min(alerts.alert_id, 3) as alert_sample
  from lake.alerts as alerts
  join units on units.serial = alerts.device_id
  where alerts.status = 'raised'
  group by all
),
plants as (
  select distinct plant, product from units
)
select
  parts.part,
  plants.plant,
  date_trunc('month', as_of.instant)::date as month,
  (
    coalesce(worn.alert_qty, 0)
    + ceil(greatest(coalesce(usage.in_use_qty, 0) - coalesce(worn.alert_qty, 0), 0) * parts.monthly_share)
  )::bigint as forecast_qty,
  coalesce(worn.alert_qty, 0) as alert_qty,
  coalesce(usage.session_count, 0) as why_session_count,
  usage.session_sample as why_session_sample,
  worn.alert_sample as why_alerts,
  coalesce(usage.in_use_qty, 0) as why_units_in_use,
  strftime(as_of.instant, '%Y-%m-%dT%H:%M:%S.%gZ') as why_as_of
from parts
join plants on plants.product = parts.product
cross join as_of
left join usage on usage.plant = plants.plant and usage.product = parts.product
left join worn on worn.plant = plants.plant and worn.kind = parts.kind
where as_of.instant is not null
