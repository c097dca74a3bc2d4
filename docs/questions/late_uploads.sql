-- How late uploads come: overtaken by newer ones of their device, and more than a day after what they tell of.
with arrived as (
  select
    device_id, seq, received_at - last_measured_at as delay,
    max(seq) over (
      partition by device_id order by "offset" rows between unbounded preceding and 1 preceding
    ) as newest_before
  from uploads
  where outcome = 'accepted'
)
select
  product,
  material,
  count(*) as uploads,
  count(*) filter (seq < newest_before) as overtaken,
  round(100 * count(*) filter (seq < newest_before) / count(*), 2) as overtaken_pct,
  coalesce(max(newest_before - seq) filter (seq < newest_before), 0) as overtaken_by_at_most,
  round(100 * count(*) filter (delay > interval 1 day) / nullif(count(delay), 0), 1) as over_a_day_pct
from arrived
join devices using (device_id)
group by product, material
order by product, material
