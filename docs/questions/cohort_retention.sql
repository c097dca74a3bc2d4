-- Of the units sold in a month, how many are used that many months later.
with used as (
  select distinct device_id, date_trunc('month', coalesce(local_day, started_at::date))::date as month
  from usage
  where status in ('attributed', 'unowned')
),
cohorts as (
  select product, date_trunc('month', sold_on)::date as sold_month, count(*) as sold
  from devices
  where sold_on is not null
  group by all
)
select
  product,
  sold_month,
  date_diff('month', sold_month, month) as months_since_sale,
  sold,
  coalesce(in_use, 0) as in_use,
  round(100 * coalesce(in_use, 0) / sold, 1) as in_use_pct
from cohorts
-- Every month that the lake knows of, so that a cohort nobody uses shows a zero.
join (select distinct month from used) as months on month >= sold_month
left join (
  select product, date_trunc('month', sold_on)::date as sold_month, month, count(*) as in_use
  from used join devices using (device_id)
  group by all
) as counted using (product, sold_month, month)
order by product, sold_month, months_since_sale
