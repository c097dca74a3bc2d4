-- Energy and water of washing machines by country, as a whole, per cycle, and per machine and week.
with cycles as (
  select device_id, country, energy_wh, water_l, local_day
  from usage
  where product = 'washer' and status = 'attributed'
)
select
  country,
  count(distinct device_id) as machines,
  count(*) as cycles,
  round(sum(energy_wh) / 1000, 1) as energy_kwh,
  round(sum(water_l) / 1000, 2) as water_m3,
  round(avg(energy_wh)) as wh_per_cycle,
  -- Plug meters measure no water: avg leaves nulls out, a sum divided by all cycles would not.
  round(avg(water_l), 1) as l_per_cycle,
  round(count(*) / count(distinct (device_id, date_trunc('week', local_day))), 1) as cycles_per_machine_and_week
from cycles
group by country
order by country
