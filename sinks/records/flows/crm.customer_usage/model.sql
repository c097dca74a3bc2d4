-- One row for each customer that CRM knows or names as an owner, as of the newest session end in the lake (not the wall
-- clock). Where the customer's own row is missing, the gearbox names the key.
--
-- engagement        daily: used on 5 or more of the last 7 days; weekly: in the last 7 days; rare: in the last 28; else none
-- next_best_action  the first that holds: book a service (an alert of wear on a unit they own), replace shoes (a pair over
--                   700 km), win back (used once, rare or none today), offer care advice (a washing machine with 250
--                   cycles or more); else nothing
with sessions as (
  select device_id, session_id, ended_at, known_at from lake.wash_cycles where status in ('closed', 'corrected')
  union all
  select device_id, session_id, ended_at, known_at from lake.runs where status in ('closed', 'corrected')
),
as_of as (
  -- Of registered units only, and not later than it was known: a stranger or a clock that is ahead moves no figure.
  select max(ended_at) filter (ended_at <= known_at) as instant
  from sessions
  join records.erp.serial_number as unit on unit.serial = sessions.device_id
),
lifetimes as (
  select device_id, max(lifetime_distance_m) as distance_m, max(lifetime_sessions) as session_count
  from lake.uploads
  where outcome = 'accepted'
  group by all
),
-- Only sessions that ended while the customer owned the unit are the customer's.
usage as (
  select
    owned.customer_id,
    count(distinct sessions.device_id) filter (
      sessions.ended_at > as_of.instant - interval 7 days
      and (owned.owned_to is null or owned.owned_to > as_of.instant)
    ) as products_in_use,
    max(sessions.ended_at) as last_used_at,
    count(distinct sessions.ended_at::date) filter (sessions.ended_at > as_of.instant - interval 7 days) as days_used,
    count(*) as session_count,
    min(session_id, 3) as session_sample
  from records.crm.ownership as owned
  cross join as_of
  join sessions
    on sessions.device_id = owned.device_id
    and sessions.ended_at >= owned.owned_from
    and (owned.owned_to is null or sessions.ended_at < owned.owned_to)
  group by all
),
wear as (
  select
    owned.customer_id,
    bool_or(product.product = 'shoe' and lifetimes.distance_m > 700000) as has_worn_shoes,
    bool_or(product.product = 'washer' and lifetimes.session_count >= 250) as has_busy_washer
  from records.crm.ownership as owned
  cross join as_of
  join records.erp.serial_number as unit on unit.serial = owned.device_id
  join records.erp.material as product on product.material = unit.material
  join lifetimes on lifetimes.device_id = owned.device_id
  where owned.owned_to is null or owned.owned_to > as_of.instant
  group by all
),
alerted as (
  select owned.customer_id, min(alerts.alert_id, 3) as alert_sample
  from records.crm.ownership as owned
  cross join as_of
  join lake.alerts as alerts on alerts.device_id = owned.device_id
  where (owned.owned_to is null or owned.owned_to > as_of.instant)
    and alerts.status = 'raised'
    and alerts.kind in ('bearing', 'heater_scale', 'drain_pump', 'unbalance')
  group by all
),
customers as (
  select customer_id from records.crm.customer
  union
  select customer_id from records.crm.ownership
),
engaged as (
  select
    customers.customer_id,
    coalesce(usage.products_in_use, 0) as products_in_use,
    usage.last_used_at,
    case
      when usage.days_used >= 5 then 'daily'
      when usage.days_used >= 1 then 'weekly'
      when usage.last_used_at > as_of.instant - interval 28 days then 'rare'
      else 'none'
    end as engagement,
    coalesce(usage.session_count, 0) as session_count,
    usage.session_sample,
    as_of.instant
  from customers
  cross join as_of
  left join usage on usage.customer_id = customers.customer_id
)
select
  engaged.customer_id,
  products_in_use,
  last_used_at,
  engagement,
  case
    when alert_sample is not null then 'book a service'
    when has_worn_shoes then 'replace shoes'
    when last_used_at is not null and engagement in ('rare', 'none') then 'win back'
    when has_busy_washer then 'offer care advice'
  end as next_best_action,
  session_count as why_session_count,
  session_sample as why_session_sample,
  alert_sample as why_alerts,
  strftime(instant, '%Y-%m-%dT%H:%M:%S.%gZ') as why_as_of
from engaged
left join wear on wear.customer_id = engaged.customer_id
left join alerted on alerted.customer_id = engaged.customer_id
