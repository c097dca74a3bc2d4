-- For each contract that is paid for one row without a session, and one for each session that ended while it was valid.
-- What it costs is worked out of these rows and of billing's prices, rules and periods: docs/billing.md.
--
-- complete_months  share of the unit's months (UTC) of which all is known to have arrived: JSON object by first day
-- distance_m       of a run, to the nearest metre; null of a wash cycle
with sessions as (
  select device_id, session_id, version, ended_at, known_at, null::bigint as distance_m, anomalies
  from lake.wash_cycles
  where status in ('closed', 'corrected')
  union all
  select device_id, session_id, version, ended_at, known_at, round(distance_m)::bigint, []
  from lake.runs
  where status in ('closed', 'corrected')
),
as_of as (
  -- Of registered units only, and not later than it was known: a stranger or a clock that is ahead moves no figure.
  select max(ended_at) filter (ended_at <= known_at) as instant
  from sessions
  join records.erp.serial_number as unit on unit.serial = sessions.device_id
),
paid as (
  select
    contract_no,
    device_id,
    customer_id,
    kind,
    country,
    valid_from at time zone 'UTC' as valid_from,
    valid_to at time zone 'UTC' as valid_to
  from records.billing.contract
  where kind <> 'owned'
),
shares as (
  select device_id, month, avg((verdict in ('complete', 'swapped', 'rollover'))::int) as share
  from lake.completeness
  group by all
),
complete as (
  select device_id, json_group_object(month::varchar, share)::varchar as complete_months
  from shares
  group by all
),
billed as (
  select min(period) as first_month from records.billing.period
)
select
  paid.contract_no,
  paid.device_id,
  paid.customer_id,
  paid.kind,
  paid.country,
  paid.valid_from at time zone 'UTC' as valid_from,
  paid.valid_to at time zone 'UTC' as valid_to,
  epoch_ms(as_of.instant) as as_of_ms,
  complete.complete_months,
  null as session_id,
  null::bigint as session_version,
  null::bigint as ended_at_ms,
  null::bigint as distance_m,
  null::varchar[] as anomalies
from paid
cross join as_of
left join complete on complete.device_id = paid.device_id
union all
select
  paid.contract_no,
  null,
  null,
  null,
  null,
  null,
  null,
  null,
  null,
  sessions.session_id,
  sessions.version,
  epoch_ms(sessions.ended_at),
  sessions.distance_m,
  sessions.anomalies
from paid
cross join billed
join sessions
  on sessions.device_id = paid.device_id
  and sessions.ended_at >= paid.valid_from
  and (paid.valid_to is null or sessions.ended_at < paid.valid_to)
  and sessions.ended_at >= billed.first_month - interval 1 day -- it may be the month's first day there already
