-- When washing machines draw power, by the hour of the day where they stand.
with quarters as (
  -- Time zones lie quarters of an hour apart: a conversion a quarter is as right as one a reading, and fifty times fewer.
  select device_id, time_bucket(interval 15 minutes, measured_at) as quarter, sum(energy_wh) as energy_wh
  from readings_washer
  where measured_at >= '2026-05-04' and measured_at < '2026-06-08'
  group by all
),
placed as (
  select
    quarters.device_id, energy_wh,
    hour(quarter at time zone 'UTC' at time zone time_zone) as local_hour
  from quarters
  join custodies on custodies.device_id = quarters.device_id
    and quarter >= from_at and (to_at is null or quarter < to_at)
)
select
  local_hour,
  count(distinct device_id) as machines,
  round(sum(energy_wh) / 1000, 1) as energy_kwh,
  round(100 * sum(energy_wh) / sum(sum(energy_wh)) over (), 1) as share_pct
from placed
group by local_hour
order by local_hour
