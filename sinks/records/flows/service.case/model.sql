-- One row for each alert that holds, and for each that holds no longer and has its case: its evidence says so. An alert
-- that had ended before anybody looked opens none. An alert about a firmware is about no unit: device_id is null.
-- Evidence speaks as of the alert's own event, not of the newest: it changes only when the alert does.
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
  case when raised.session_id is not null then [raised.session_id] end as why_session_sample,
  [alerts.alert_id] as why_alerts,
  strftime(alerts.happened_at, '%Y-%m-%dT%H:%M:%S.%gZ') as why_as_of
from lake.alerts as alerts
join raised on raised.alert_id = alerts.alert_id
left join titles on titles.kind = alerts.kind
left join records.service."case" as held on held.case_id = alerts.alert_id
where raised.opened_at is not null
  and (alerts.status = 'raised' or held.case_id is not null)
