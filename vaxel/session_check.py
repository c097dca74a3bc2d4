"""Sessions in the lake against the truth, and against the lake's own readings. SQL only, after `load_truth`."""

from __future__ import annotations

TOLERANCE = 1e-6
"""Relative: amounts are sums of floats on one side."""
MICROWATT_HOUR = 1e-6
MILLIMETRE = 1e-3
MILLILITRE = 1e-3
THOUSANDTH = 1e-3
"""On the other side are sums of whole ones: each reading's energy, a run's distance, a cycle's water, and each value
that goes into a run's means may be off by half of one."""

COARSE = 0.005
"""As TOLERANCE, where an upload came back from a foreign unit: it has lost digits there (a kW to the watt, a kilometre
to the metre). A unit taken for another is off by far more."""

EXPECTED_SESSIONS = """
-- What is to be known of each session: what those of its uploads tell that were accepted. A shoe tells its distance
-- since the run began, so the largest counts. A session is over once its last upload came, or a later one.
create or replace temp table expected_sessions as
with newest as (select device_id, max(seq) as seq from accepted group by device_id),
parts as (
  select device_id, session_started_at_ms as started_at_ms, max(seq) as last_seq,
    sum(amount) filter (is_accepted) as sum_amount, max(amount) filter (is_accepted) as max_amount,
    max(last_reading_at_ms) filter (is_accepted) as ended_at_ms,
    sum(reading_count) filter (is_accepted) as reading_count,
    bool_or(ends_session) filter (is_accepted) as is_ended,
    coalesce(bool_or(is_accepted and is_mistaken), false) as is_coarse
  from truth_uploads left join (select device_id, seq, true as is_accepted from accepted) using (device_id, seq)
  left join (select distinct device_id, seq, true as is_mistaken from truth_records where fault = 'wrong_unit')
    using (device_id, seq)
  where session_started_at_ms is not null group by all
)
select product, device_id, material, session_no, programme, started_at_ms,
  parts.ended_at_ms, parts.reading_count, if(product = 'washer', sum_amount, max_amount) as amount,
  is_ended or newest.seq > last_seq as end_is_known, is_coarse
from truth_sessions join parts using (device_id, started_at_ms) join newest using (device_id)
where parts.reading_count > 0
"""


def _differ(told: str, read: str, off: float) -> str:
    """Whether two figures, either of which may be null, are further apart than rounding explains."""
    return f"(({told} is null) <> ({read} is null) or abs({told} - {read}) > {off} + {TOLERANCE} * greatest(1, {read}))"


_MEANS = {
    "avg_cadence_spm": "cadence_spm",
    "avg_heart_rate_bpm": "heart_rate_bpm",
    "avg_ground_contact_ms": "ground_contact_ms",
}
"""Each mean of a run, and the channel that it is a mean of, over the time it was measured."""
_TOLD_MEANS = ", ".join(f"any_value({mean}) as {mean}" for mean in _MEANS)
_READ_MEANS = ", ".join(
    f"sum({name} * span_ms) / nullif(sum(span_ms) filter ({name} is not null), 0) as {name}" for name in _MEANS.values()
)
_MEANS_DIFFER = " or ".join(_differ(mean, channel, THOUSANDTH / 2) for mean, channel in _MEANS.items())

SESSION_CHECKS: dict[str, tuple[str, ...]] = {
    "sessions_wrong": (
        """select 'missing: ' || expected from session_pairs where found is null""",
        # Of a device that no truth tells, or not all of, uploads may be unknown; but there is no session without one.
        """select 'invented: ' || found from session_pairs
           where expected is null and (is_told and not is_in_doubt or not has_upload)""",
        """select 'invented: ' || session_id from wash_cycles
           anti join (select device_id from uploads where outcome = 'accepted' and session_no is null) using (device_id)
           where source = 'power_curve'""",
        """select 'invented, or the one before it: ' || session_id from wash_cycles where source = 'power_curve'
           qualify started_at < lag(ended_at) over (partition by device_id order by started_at, ended_at)""",
        """select 'differs: ' || expected || ', found ' || found from session_pairs
           where is_different and not is_in_doubt""",
    ),
    # Sessions against their readings: cycles of plug meters too, which no truth tells.
    "sums_wrong": (
        f"""select 'does not add up: cycle ' || session_no || ' of ' || device_id from (
             select device_id, session_no, sum(reading_count) as readings, sum(energy_wh) as wh, max(peak_w) as top_w,
               max(water_l) as l
             from wash_cycles where source = 'reported' group by all having bool_and(status <> 'open')
           ) left join (
             select device_id, session_no, count(*) as found, sum(energy_wh) as read_wh, max(power_w) as read_w,
               max(water_l) as read_l
             from readings_washer group by all
           ) using (device_id, session_no)
           where readings <> coalesce(found, 0) or {_differ("wh", "coalesce(read_wh, 0)", 0)}
             or top_w <> coalesce(read_w, 0) or {_differ("l", "read_l", MILLILITRE / 2)}""",
        # A reading at the very start belongs to what was before, or, after a silence, is the first one and has no span.
        f"""select 'does not add up: ' || session_id from (
             select c.session_id, c.energy_wh as wh, c.peak_w as top_w, max(r.power_w) as read_w,
               coalesce(sum(r.energy_wh) filter (r.measured_at > c.started_at), 0) as read_wh
             from wash_cycles c left join readings_washer r on r.device_id = c.device_id and r.session_no is null
               and r.measured_at >= c.started_at and r.measured_at <= c.ended_at
             where c.source = 'power_curve' group by all
           ) where {_differ("wh", "read_wh", 0)} or top_w is distinct from read_w""",
        f"""select 'does not add up: run ' || session_no || ' of ' || device_id from (
             select device_id, session_no, count(*) as parts, sum(reading_count) as readings, max(distance_m) as m,
               any_value(steps) as steps, any_value(max_heart_rate_bpm) as top_bpm, {_TOLD_MEANS}
             from runs group by all having bool_and(status <> 'open')
           ) left join (
             select device_id, session_no, count(*) as found, max(distance_m) as read_m,
               max(heart_rate_bpm) as read_bpm, sum(cadence_spm * span_ms) / 60000 as read_steps,
               sum(span_ms) filter (cadence_spm is not null) / 60000 as cadence_min, {_READ_MEANS}
             from readings_shoe group by all
           ) using (device_id, session_no)
           -- Of runs that share a number, the readings do not say to which of them they belong.
           where readings <> coalesce(found, 0) or {_differ("m", "coalesce(read_m, 0)", MILLIMETRE / 2)}
             or parts = 1 and (
               top_bpm is distinct from read_bpm or {_MEANS_DIFFER}
               or (steps is null) <> (coalesce(cadence_min, 0) = 0)
               or abs(steps - read_steps) > 0.5 + {THOUSANDTH} / 2 * cadence_min + {TOLERANCE}
             )""",
    ),
}

SESSION_PAIRS = f"""
create or replace temp table found_sessions as
select 'washer' as product, session_id, device_id, material, programme, session_no,
  epoch_ms(started_at) as started_at_ms, epoch_ms(ended_at) as ended_at_ms,
  energy_wh as amount, {MICROWATT_HOUR} / 2 * reading_count as rounded, reading_count, status, version
from wash_cycles where source = 'reported'
union all
select 'shoe', session_id, device_id, material, null, session_no, epoch_ms(started_at), epoch_ms(ended_at),
  distance_m, {MILLIMETRE} / 2, reading_count, status, version
from runs;

-- A session under way is told when it begins and when it is over. Until then its one version says what its first
-- uploads said, as many as the version counts.
create or replace temp table told_so_far as
with uploads_so_far as (
  select s.session_id, s.started_at_ms, u.device_id, u.seq from found_sessions s
  join uploads u on u.device_id = s.device_id and u.session_no = s.session_no and u.outcome = 'accepted'
  where s.status = 'open'
  qualify row_number() over (partition by s.session_id order by u."offset") <= s.version
)
select session_id, count(measured_at) as reading_count,
  greatest(any_value(started_at_ms), coalesce(max(epoch_ms(measured_at)), 0)) as ended_at_ms,
  coalesce(sum(energy_wh), max(distance_m), 0) as amount
from uploads_so_far left join (
  select device_id, seq, measured_at, energy_wh, null as distance_m from readings_washer
  union all
  select device_id, seq, measured_at, null, distance_m from readings_shoe
) using (device_id, seq)
group by session_id;

create or replace temp table session_pairs as
with pairs as (
  select e.device_id as expected_device_id, f.device_id as found_device_id, e.end_is_known, e.is_coarse,
    coalesce(e.started_at_ms, f.started_at_ms) as started_at_ms,
    coalesce(s.ended_at_ms, e.ended_at_ms) as expected_ended_at_ms,
    coalesce(s.amount, e.amount) as expected_amount,
    coalesce(s.reading_count, e.reading_count) as expected_reading_count,
    f.session_no, f.ended_at_ms, f.amount, f.reading_count, f.rounded, f.status,
    concat_ws(' ', e.material, e.programme, 'number ' || e.session_no) as expected_kind,
    -- What the truth does not know is not compared.
    concat_ws(' ', f.material, case when e.programme is not null then coalesce(f.programme, 'no programme') end,
      case when e.session_no is not null then coalesce('number ' || f.session_no, 'no number') end) as found_kind
  from expected_sessions e full join found_sessions f
    on f.product = e.product and f.device_id = e.device_id and f.started_at_ms = e.started_at_ms
  left join told_so_far s on s.session_id = f.session_id
)
select
  expected_device_id || ' at ' || make_timestamp_ms(started_at_ms) || ': ' || expected_kind || ', '
    || expected_amount || ' in ' || expected_reading_count || ' readings until '
    || make_timestamp_ms(expected_ended_at_ms) || case when end_is_known then '' else ', open' end
    || case when is_coarse then ', in part measured in a wrong unit' else '' end as expected,
  found_device_id || ' at ' || make_timestamp_ms(started_at_ms) || ': ' || found_kind || ', ' || amount || ' in '
    || reading_count || ' readings until ' || make_timestamp_ms(ended_at_ms) || ', ' || status as found,
  coalesce(found_device_id, expected_device_id) in (select device_id from devices_in_doubt) as is_in_doubt,
  coalesce(found_device_id, expected_device_id) in (select device_id from truth_uploads) as is_told,
  (found_device_id, session_no) in (select (device_id, session_no) from uploads where outcome = 'accepted')
    as has_upload,
  expected_device_id is not null and found_device_id is not null and (
    ended_at_ms <> expected_ended_at_ms
    or reading_count <> expected_reading_count
    or abs(amount - expected_amount)
      > if(is_coarse, {COARSE}, {TOLERANCE}) * greatest(1, expected_amount) + rounded
    or (status = 'open') = end_is_known
    or found_kind <> expected_kind
  ) as is_different
from pairs
"""
