-- What an update does to a cycle: each machine against itself, same programme, before and after.
with cycles as (
  select device_id, material, firmware, programme, started_at, energy_wh, duration_min
  from wash_cycles
  -- Whole cycles only, of which all is known (see label_deviation).
  where status in ('closed', 'corrected') and label_energy_deviation_pct is not null
),
updates as (
  -- By when it was first seen, not by its number: '3.10.0' < '3.9.0' as a text, and some go back.
  select
    device_id, firmware as to_firmware,
    lag(firmware) over (partition by device_id order by min(started_at)) as from_firmware
  from cycles
  group by device_id, firmware
),
pairs as (
  select
    device_id, material, from_firmware, to_firmware, programme,
    count(*) filter (firmware = from_firmware) as before,
    count(*) filter (firmware = to_firmware) as after,
    avg(energy_wh) filter (firmware = from_firmware) as wh_before,
    avg(energy_wh) filter (firmware = to_firmware) as wh_after,
    avg(duration_min) filter (firmware = from_firmware) as min_before,
    avg(duration_min) filter (firmware = to_firmware) as min_after
  from updates join cycles using (device_id)
  where from_firmware is not null
  group by all
  having before > 0 and after > 0
)
select
  material, from_firmware, to_firmware,
  count(distinct device_id) as machines,
  sum(before)::bigint as cycles_before,
  sum(after)::bigint as cycles_after,
  -- A pair weighs as much as its smaller half.
  round(100 * (sum(least(before, after) * wh_after) / sum(least(before, after) * wh_before) - 1), 1) as energy_change_pct,
  round(100 * (sum(least(before, after) * min_after) / sum(least(before, after) * min_before) - 1), 1) as duration_change_pct
from pairs
group by all
order by all
