-- Why uploads are refused, by firmware, and which share of that firmware's uploads it is.
with taken as (
  select firmware, count(*) as uploads from uploads group by firmware
),
refused as (
  select firmware, reason, count(*) as refused, count(distinct device_id) as devices
  from failed_events
  group by firmware, reason
)
select
  -- What cannot be read tells no firmware; and of those nobody knows what they are a share of.
  coalesce(firmware, 'not readable') as firmware,
  reason,
  refused,
  devices,
  if(firmware is null, null,
    round(100 * refused / (coalesce(uploads, 0) + sum(refused) over (partition by firmware)), 2)) as share_pct
from refused
left join taken using (firmware)
order by refused desc, firmware, reason
