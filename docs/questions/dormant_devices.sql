-- Devices that were used regularly and are no more: silent for four times their usual pause, and for ten days at least.
with sessions as (
  select
    device_id, country, ended_at, known_at,
    epoch(started_at - lag(ended_at) over (partition by device_id order by started_at)) / 86400 as pause_days
  from usage
  where status in ('attributed', 'unowned')
),
newest as (
  select max(ended_at) filter (ended_at <= known_at) as at from sessions
),
habits as (
  select
    device_id,
    arg_max(country, ended_at) as country,
    count(*) as sessions,
    max(ended_at) as last_used_at,
    median(pause_days) as usual_pause_days
  from sessions
  group by device_id
  having count(*) >= 5
)
select
  device_id, material, country, sessions,
  last_used_at::date as last_used_on,
  round(usual_pause_days, 1) as usual_pause_days,
  round(epoch(newest.at - last_used_at) / 86400, 1) as silent_days
from habits
cross join newest
join devices using (device_id)
where epoch(newest.at - last_used_at) / 86400 > greatest(4 * usual_pause_days, 10)
order by silent_days desc, device_id
