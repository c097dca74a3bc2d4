-- What kilometres do to a shoe: contact time, asymmetry and pace by what it had run before, in steps of 100 km.
with lifetimes as (
  select device_id, session_started_at as started_at, max(lifetime_distance_m) as lifetime_m
  from uploads
  where outcome = 'accepted' and session_started_at is not null and lifetime_distance_m is not null
  group by all
),
other_counter as (
  -- After a repair the counter starts again, or where the new board stands: it no longer tells the shoe's age.
  select device_id from completeness where boards > 1 or verdict not in ('complete', 'gap')
)
select
  devices.material,
  -- The counter stands where the run ended.
  100 * floor(greatest(lifetime_m - distance_m, 0) / 100000)::integer as from_km,
  count(distinct run.device_id) as shoes,
  count(*) as runs,
  count(avg_ground_contact_ms) as runs_measured,
  round(avg(avg_ground_contact_ms), 1) as ground_contact_ms,
  round(avg(asymmetry_pct), 2) as asymmetry_pct,
  round(avg(pace_s_per_km)) as pace_s_per_km
from runs as run
join lifetimes using (device_id, started_at)
join devices using (device_id)
anti join other_counter using (device_id)
where run.status in ('closed', 'corrected') and distance_m > 0
group by devices.material, from_km
order by devices.material, from_km
