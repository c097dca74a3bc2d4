-- What each device counted against what of it arrived, from `uploads` and `readings` (uploads.sql) and `custodies`: for
-- devices that did not change hands or boards, and uploads of one month, so that nothing has to be shared out.
WITH held AS (
    SELECT device_id, min(from_ms) AS custody_from_ms
    FROM (SELECT device_id, unnest(from_ms) AS from_ms FROM custodies)
    GROUP BY device_id HAVING count(*) = 1
),
of_uploads AS (
    SELECT device_id, seq, sum(power_w * span_ms) / 3.6e6 AS energy_wh, max(distance_m) AS distance_m
    FROM readings GROUP BY ALL
),
known AS (
    SELECT device_id, seq, coalesce(lifetime_energy_wh, lifetime_energy_mwh / 1e3, lifetime_distance_m) AS counter,
           coalesce(energy_wh, of_uploads.distance_m, 0) AS amount, date_trunc('month', make_timestamp(sent_at_ms * 1000)) AS month
    FROM uploads LEFT JOIN of_uploads USING (device_id, seq)
),
-- A lost upload's distance is in the next one's of its run, so of a run its last distance counts.
parts AS (
    SELECT device_id, sum(power_w * span_ms) / 3.6e6 AS amount FROM readings
    WHERE power_w IS NOT NULL GROUP BY device_id
    UNION ALL
    SELECT device_id, max(distance_m) FROM readings WHERE run_started_ms IS NOT NULL GROUP BY device_id, run_started_ms
),
sums AS (
    SELECT device_id, sum(amount) AS total FROM parts GROUP BY device_id
)
SELECT device_id, custody_from_ms, any_value(month)::DATE::VARCHAR AS month,
       max(counter) - min(counter) + arg_min(amount, seq) AS counted,
       coalesce(any_value(total), 0) AS arrived, counted - arrived AS missing,
       max(seq) - min(seq) + 1 - count(*) AS holes,
       if(missing > 1, 'gap', 'complete') AS verdict
FROM known JOIN held USING (device_id) LEFT JOIN sums USING (device_id)
GROUP BY ALL HAVING count(DISTINCT month) = 1
