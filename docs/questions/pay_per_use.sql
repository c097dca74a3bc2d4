-- How much is used under each kind of contract but ownership, by month and country.
select
  date_trunc('month', local_day)::date as month,
  contract_kind,
  product,
  country,
  count(distinct contract_no) as contracts,
  count(*) as sessions,
  round(sum(energy_wh) / 1000, 1) as energy_kwh,
  round(sum(distance_m) / 1000, 1) as distance_km
from usage
where status = 'attributed' and contract_kind <> 'owned'
group by all
order by all
