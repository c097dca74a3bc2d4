-- Which programmes people choose, by the country where the machine stood then.
with cycles as (
  select usage.country, coalesce(cycle.programme, 'not told') as programme
  from wash_cycles as cycle
  join usage using (session_id)
  where cycle.status in ('closed', 'corrected') and usage.status = 'attributed'
)
select
  country,
  programme,
  count(*) as cycles,
  round(100 * count(*) / sum(count(*)) over (partition by country), 1) as share_pct
from cycles
group by country, programme
order by country, cycles desc, programme
