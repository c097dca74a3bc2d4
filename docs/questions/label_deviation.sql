-- How far above its label each batch is: plant and month of sale. Of each machine its mean counts once.
with machines as (
  select
    device_id,
    count(*) as cycles,
    avg(label_energy_deviation_pct) as energy_pct,
    avg(label_water_deviation_pct) as water_pct
  from wash_cycles
  -- Null where a part of the cycle is not known: such a cycle would seem thrifty.
  where status in ('closed', 'corrected') and label_energy_deviation_pct is not null
  group by device_id
)
select
  material,
  plant,
  date_trunc('month', sold_on)::date as sold_month,
  count(*) as machines,
  sum(cycles)::bigint as cycles,
  round(avg(energy_pct), 1) as energy_over_label_pct,
  round(stddev_samp(energy_pct) / sqrt(count(*)), 1) as energy_give_or_take_pct,
  round(avg(water_pct), 1) as water_over_label_pct
from machines
join devices using (device_id)
where sold_on is not null
group by material, plant, sold_month
order by material, plant, sold_month
