-- Of the units sold each month: how many were ever heard of, are in use, lie idle, and how often they are used.
-- In use: a session in the four weeks before the newest session of all.
with sessions as (
  select device_id, ended_at, known_at from usage where status in ('attributed', 'unowned')
),
newest as (
  -- A clock that is ahead moves nothing: nobody knows of a session before it ended.
  select max(ended_at) filter (ended_at <= known_at) as at from sessions
),
heard_of as (
  select distinct device_id from uploads where outcome = 'accepted'
),
used as (
  select device_id, count(*) filter (ended_at > newest.at - interval 28 days) as uses
  from sessions cross join newest
  group by device_id
)
select
  material,
  date_trunc('month', sold_on)::date as sold_month,
  count(*) as sold,
  count(heard_of.device_id) as heard_of,
  count(*) filter (uses > 0) as in_use,
  count(heard_of.device_id) - count(*) filter (uses > 0) as dormant,
  round(coalesce(sum(uses), 0) / count(*), 1) as uses_per_unit_sold,
  round(sum(uses) / nullif(count(*) filter (uses > 0), 0), 1) as uses_per_unit_in_use
from devices
left join heard_of using (device_id)
left join used using (device_id)
where sold_on is not null
group by material, sold_month
order by material, sold_month
