-- How long units lie between sale and first use: units whose first session ever we saw begin.
with sessions as (
  select session_id, session_no from wash_cycles
  union all
  select session_id, session_no from runs
),
first_sessions as (
  select device_id, arg_min(session_no, started_at) as session_no, arg_min(local_day, started_at) as first_used_on
  from usage join sessions using (session_id)
  where usage.status = 'attributed'
  group by device_id
)
select
  product,
  count(*) as units,
  round(median(first_used_on - sold_on), 1) as median_days,
  round(quantile_cont(first_used_on - sold_on, 0.9), 1) as nine_of_ten_within_days,
  max(first_used_on - sold_on) as longest_days
from first_sessions
join devices using (device_id)
-- Where the first session we know is not number 1, it was used before this lake began.
where session_no = 1 and sold_on is not null
group by product
order by product
