-- How many people run each week, how often and how far. Weeks begin on Monday, by the runner's own clock.
with runs_told as (
  select
    subject, local_day, distance_m,
    -- Both shoes of a pair may tell of one run: what begins before all earlier ones of that person are over is the same.
    started_at < max(ended_at) over (
      partition by subject order by started_at, session_id rows between unbounded preceding and 1 preceding
    ) as is_told_already
  from usage
  where product = 'shoe' and status = 'attributed' and distance_m > 0
)
select
  date_trunc('week', local_day)::date as week,
  count(distinct subject) as runners,
  count(*) as runs,
  round(sum(distance_m) / 1000, 1) as distance_km,
  round(count(*) / count(distinct subject), 1) as runs_per_runner,
  round(sum(distance_m) / 1000 / count(distinct subject), 1) as km_per_runner
from runs_told
where is_told_already is not true
group by week
order by week
