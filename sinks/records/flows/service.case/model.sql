-- One row for each alert that holds, and for each that holds no longer and has its case: its evidence says so. An alert
-- that had ended before anybody looked opens none. An alert about a firmware is about no unit: device_id is null.
with raised as (
  -- What is told of an alert when it ends is about the session that ended it: a case keeps what opened it.
  select
    alert_id,
    arg_min(happened_at, version) filter (status = 'raised') as opened_at,
    arg_max(reason, version) filter (status = 'raised') as reason,
    arg_max(evidence, version) filter (status = 'raised') as evidence,
    arg_max(session_id, version) filter (status = 'raised') as session_id
  from lake.alert_versions
  group by all
),
sessions as (
  select device_id, ended_at, known_at from lake.wash_cycles where status in ('closed', 'corrected')
  union all
  select device_id, ended_at, known_at from lake.runs where status in ('closed', 'corrected')
),
as_of as (
  -- Of registered units only, and not later than it was known: a stranger or a clock that is ahead moves no figure.
  select max(ended_at) filter (ended_at <= known_at) as instant
  from sessions
  join records.erp.serial_number as unit on unit.serial = sessions.device_id
),
titles (kind, title) as (
  values
    ('bearing', 'Bearing wears'),
    ('heater_scale', 'Heater scales up'),
    ('drain_pump', 'Drain pump weakens'),
    ('unbalance', 'Drum is out of balance'),
    ('dormant', 'No longer used'),
    ('cohort_shift', 'Firmware changes the figures')
)
select
  alerts.alert_id as case_id,
  alerts.device_id,
  alerts.kind,
  coalesce(titles.title, alerts.kind) || ': ' || alerts.material || ' '
    || coalesce(alerts.device_id, 'with firmware ' || alerts.firmware) as title,
  raised.opened_at,
  case
    when alerts.status = 'cleared'
      then 'Ended ' || strftime(alerts.happened_at, '%Y-%m-%d') || ': ' || alerts.reason || ' It was: ' || raised.reason
    else raised.reason
  end
  || ' ' || raised.evidence as evidence,
  (raised.session_id is not null)::bigint as why_session_count,
  [raised.session_id] as why_session_sample,
  [alerts.alert_id] as why_alerts,
  strftime(as_of.instant, '%Y-%m-%dT%H:%M:%S.%gZ') as why_as_of
from lake.alerts as alerts
cross join as_of
join raised on raised.alert_id = alerts.alert_id
left join titles on titles.kind = alerts.kind
left join records.service."case" as held on held.case_id = alerts.alert_id
where raised.opened_at is not null
  and (alerts.status = 'raised' or held.case_id is not null)
