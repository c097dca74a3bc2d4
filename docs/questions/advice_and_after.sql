-- What machines did in the four weeks before the first advice of each kind, and in the four weeks after it.
with told as (
  select device_id, kind, min(happened_at) as told_at
  from insights
  group by device_id, kind
),
cycles as (
  select kind, device_id, energy_wh, programme, started_at >= told_at as is_after
  from told join wash_cycles using (device_id)
  where status in ('closed', 'corrected')
    and started_at >= told_at - interval 28 days and started_at < told_at + interval 28 days
    -- The cycle that the advice follows from is neither.
    and session_id not in (select session_id from insights where session_id is not null)
)
select
  kind,
  count(distinct device_id) as machines,
  count(*) filter (not is_after) as cycles_before,
  count(*) filter (is_after) as cycles_after,
  round(avg(energy_wh) filter (not is_after)) as wh_per_cycle_before,
  round(avg(energy_wh) filter (is_after)) as wh_per_cycle_after,
  round(100 * avg((programme = 'eco')::integer) filter (not is_after), 1) as eco_pct_before,
  round(100 * avg((programme = 'eco')::integer) filter (is_after), 1) as eco_pct_after
from cycles
group by kind
order by kind
