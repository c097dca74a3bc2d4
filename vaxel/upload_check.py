"""Content of uploads in the lake, readings and receipts, against the truth. SQL only, after `load_truth`."""

from __future__ import annotations

from vaxel.session_check import MICROWATT_HOUR, MILLIMETRE, TOLERANCE

READINGS_PER_UPLOAD = """
create or replace temp table upload_readings as
select device_id, seq, coalesce(u.expected, 0) as expected, coalesce(r.readings, 0) as found, r.amount, r.last_at_ms
from (
  -- The truth knows better than the receipt how many there were.
  select u.device_id, u.seq, max(coalesce(t.reading_count, u.reading_count)) as expected
  from uploads u left join truth_records t using (topic, partition, "offset") where outcome = 'accepted' group by all
) u
full join (
  select device_id, seq, count(*) as readings, sum(energy_wh) as amount, epoch_ms(max(measured_at)) as last_at_ms
  from readings_washer group by all
  union all
  select device_id, seq, count(*), max(distance_m), epoch_ms(max(measured_at)) from readings_shoe group by all
) r using (device_id, seq)
"""

_ROUNDED = f"if(t.product = 'washer', {MICROWATT_HOUR} / 2 * found, {MILLIMETRE} / 2)"

UPLOADS_MISJUDGED = (
    # The truth tells amounts and times in sessions only. Too few or too many are told elsewhere; so is a wrong unit.
    f"""select 'other readings than sent: ' || device_id || ' seq ' || seq
       from upload_readings r join truth_uploads t using (device_id, seq)
       anti join (select device_id, seq from truth_records where fault = 'wrong_unit') using (device_id, seq)
       anti join devices_in_doubt using (device_id)
       where session_started_at_ms is not null and found > 0 and found = expected and found = t.reading_count
         and (last_at_ms <> last_reading_at_ms
           or abs(r.amount - t.amount) > {_ROUNDED} + {TOLERANCE} * greatest(1, t.amount))""",
    """select 'another material than sent: ' || device_id || ' seq ' || seq || ', ' || material from uploads
       semi join truth_sessions using (device_id) anti join truth_sessions using (device_id, material)
       anti join devices_in_doubt using (device_id)""",
    # The truth tells when an upload left. A machine's leaves as it says; a shoe's may wait for a phone that is offline.
    """select 'sent at another time: ' || u.device_id || ' seq ' || u.seq || ', ' || u.sent_at from uploads u
       join truth_records r using (topic, partition, "offset")
       join truth_uploads t on (t.device_id, t.seq) = (u.device_id, u.seq)
       where r.intact and r.fault is distinct from 'clock_drift'
         and u.device_id not in (select device_id from devices_in_doubt)
         and not epoch_ms(u.sent_at) between
           if(t.product = 'washer', t.sent_at_ms, coalesce(t.last_reading_at_ms, 0)) and t.sent_at_ms""",
)

READINGS_ADD_UP = f"""
select distinct 'does not add up: readings of ' || device_id || ' seq ' || seq from readings_washer
where abs(energy_wh - power_w * span_ms / 3.6e6) > {MICROWATT_HOUR} / 2 + 1e-9
"""
