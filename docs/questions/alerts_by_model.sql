-- What alerts said of each model's machines, and whether their cycles bore it out in the four weeks that followed.
with told as (
  select
    alert_id, arg_max(status, version) as status,
    any_value(kind) as kind, any_value(material) as material, any_value(device_id) as device_id,
    min(happened_at) filter (status = 'raised') as raised_at
  from alert_versions
  group by alert_id
),
complaints as (
  select device_id, started_at, unnest(anomalies) as anomaly
  from wash_cycles
  where status in ('closed', 'corrected')
),
signs (kind, anomaly) as (
  values ('drain_pump', 'slow_draining'), ('heater_scale', 'slow_heating'), ('unbalance', 'unbalanced'), ('bearing', 'unbalanced')
)
select
  material,
  kind,
  count(*) as alerts,
  count(distinct device_id) as machines,
  count(*) filter (status = 'raised') as still_up,
  count(*) filter (exists (
    from complaints join signs using (anomaly)
    where signs.kind = told.kind and complaints.device_id = told.device_id
      and started_at > raised_at and started_at <= raised_at + interval 28 days
  )) as borne_out
from told
-- Of the other kinds no cycle shows a sign.
semi join signs using (kind)
group by material, kind
order by material, kind
