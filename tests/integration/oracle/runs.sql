-- Runs: what schemas/facts.py says of each field, from `uploads` and `readings` (uploads.sql) and from the records
-- `consents` and `custodies` as they stand in reference.consent.v1 and reference.custody.v1.
WITH agreed AS (
    SELECT device_id, unnest(from_ms) AS from_ms, unnest(to_ms) AS to_ms, unnest(subject) AS subject,
           unnest(purpose) AS purpose
    FROM consents
),
held AS (
    SELECT device_id, unnest(from_ms) AS from_ms, unnest(to_ms) AS to_ms, unnest(subject) AS subject,
           unnest(max_heart_rate_bpm) AS max_heart_rate_bpm
    FROM custodies
),
-- What the shoe sends of a body is kept if the runner had agreed when it was sent, and, where the record systems tell of
-- consents, whoever had the shoe had agreed when it was measured.
kept AS (
    SELECT *, health_consent AND (
        device_id NOT IN (SELECT device_id FROM consents)
        OR EXISTS (
            FROM agreed JOIN held USING (device_id, subject)
            WHERE device_id = readings.device_id AND purpose = 'health'
              AND at_ms >= agreed.from_ms AND at_ms < coalesce(agreed.to_ms, 2**62)
              AND at_ms >= held.from_ms AND at_ms < coalesce(held.to_ms, 2**62)
        )
    ) AS is_kept
    FROM readings WHERE run_started_ms IS NOT NULL
),
bodies AS (
    SELECT * REPLACE (if(is_kept, heart_rate_bpm, NULL) AS heart_rate_bpm,
                      if(is_kept, ground_contact_ms, NULL) AS ground_contact_ms,
                      if(is_kept, contact_balance_pct, NULL) AS contact_balance_pct),
           run_started_ms AS started_at_ms
    FROM kept
),
sums AS (
    SELECT device_id, started_at_ms, count(*) AS reading_count, max(at_ms) AS ended_at_ms,
           max(distance_m) AS distance_m,
           sum(cadence_spm * span_ms) / 6e4 AS steps,
           sum(cadence_spm * span_ms) / nullif(sum(span_ms) FILTER (cadence_spm IS NOT NULL), 0) AS avg_cadence_spm,
           sum(heart_rate_bpm * span_ms) / nullif(sum(span_ms) FILTER (heart_rate_bpm IS NOT NULL), 0)
               AS avg_heart_rate_bpm,
           max(heart_rate_bpm) AS max_heart_rate_bpm,
           sum(ground_contact_ms * span_ms) / nullif(sum(span_ms) FILTER (ground_contact_ms IS NOT NULL), 0)
               AS avg_ground_contact_ms,
           sum(contact_balance_pct * span_ms) / nullif(sum(span_ms) FILTER (contact_balance_pct IS NOT NULL), 0)
               AS avg_contact_balance_pct
    FROM bodies GROUP BY ALL
),
-- Zone n begins at (40 + 10 n) % of the highest rate. Time is kept in bands of 5/min, one in two zones is shared out.
hearts AS (
    SELECT *, coalesce(
        (SELECT max_heart_rate_bpm FROM held WHERE device_id = bodies.device_id
            AND started_at_ms >= from_ms AND started_at_ms < coalesce(to_ms, 2**62)), 190) AS highest_bpm
    FROM bodies WHERE heart_rate_bpm IS NOT NULL
),
bands AS (
    SELECT device_id, started_at_ms, highest_bpm, floor(heart_rate_bpm / 5) * 5 AS low_bpm, sum(span_ms) AS band_ms
    FROM hearts GROUP BY ALL
),
zones AS (
    SELECT device_id, started_at_ms, highest_bpm AS max_heart_rate_known_bpm,
           list(zone_s ORDER BY zone) AS heart_rate_zone_s, sum(zone * zone_s / 60) AS load
    FROM (
        SELECT device_id, started_at_ms, highest_bpm, zone,
               sum(band_ms / 1e3 * greatest(0, least(low_bpm + 5, if(zone = 5, 1e9, highest_bpm * (50 + 10 * zone) / 100))
                                               - greatest(low_bpm, highest_bpm * (40 + 10 * zone) / 100)) / 5) AS zone_s
        FROM bands, range(1, 6) AS zones (zone) GROUP BY ALL
    )
    GROUP BY ALL
),
-- Between two readings that follow each other. Where they are over a minute apart, or uploads are missing between them,
-- nothing is known of that time.
steps AS (
    SELECT device_id, started_at_ms, at_ms, distance_m,
           coalesce(lag(at_ms) OVER course, started_at_ms) AS from_ms,
           coalesce(lag(distance_m) OVER course, 0) AS from_m,
           since_before_ms = at_ms - from_ms AND span_ms = since_before_ms AS is_known
    FROM bodies WINDOW course AS (PARTITION BY device_id, started_at_ms ORDER BY at_ms, seq, place)
),
motion AS (
    SELECT device_id, started_at_ms,
           coalesce(sum(at_ms - from_ms) FILTER (is_known AND moves), 0) / 1e3 AS moving_s,
           coalesce(sum(at_ms - from_ms) FILTER (is_known AND NOT moves), 0) / 1e3 AS paused_s,
           coalesce(sum(at_ms - from_ms) FILTER (NOT is_known), 0) / 1e3 AS gap_s,
           coalesce(sum(distance_m - from_m) FILTER (is_known AND moves), 0) AS moved_m
    FROM (SELECT *, round((distance_m - from_m) * 1000) >= 0.5 * (at_ms - from_ms) AND at_ms > from_ms AS moves FROM steps)
    GROUP BY ALL
),
-- When each full kilometre was passed: straight between the readings around it, unknown in a gap.
passed AS (
    SELECT device_id, started_at_ms, kilometre,
           if(is_known, from_ms + (kilometre * 1000 - from_m) / (distance_m - from_m) * (at_ms - from_ms), NULL) AS passed_ms
    FROM steps, unnest(range(floor(from_m / 1000)::BIGINT + 1, floor(distance_m / 1000)::BIGINT + 1)) AS marks (kilometre)
),
splits AS (
    SELECT device_id, started_at_ms, list(split_s ORDER BY kilometre) AS split_s
    FROM (
        SELECT *, (passed_ms - if(kilometre = 1, started_at_ms, lag(passed_ms) OVER (
                       PARTITION BY device_id, started_at_ms ORDER BY kilometre))) / 1e3 AS split_s
        FROM passed
    )
    GROUP BY ALL
),
of_uploads AS (
    SELECT device_id, run_started_ms AS started_at_ms, max(run_no) AS session_no, any_value(material) AS material,
           any_value(firmware) AS firmware,
           count(*) + (bool_or(run_ended) OR max(seq) < any_value(newest_seq))::INT AS version
    FROM (SELECT *, max(seq) OVER (PARTITION BY device_id) AS newest_seq FROM uploads)
    WHERE run_started_ms IS NOT NULL
    GROUP BY ALL
)
-- Steps without any distance, on a treadmill, are neither motion nor a pause.
SELECT device_id || ':' || started_at_ms AS session_id, * EXCLUDE (split_s) REPLACE (
           if(distance_m < 0.0005 AND round(steps) > 0, NULL, moving_s) AS moving_s,
           if(distance_m < 0.0005 AND round(steps) > 0, NULL, paused_s) AS paused_s),
       coalesce(split_s, []) AS split_s,
       2 * abs(avg_contact_balance_pct - 50) AS asymmetry_pct,
       moving_s / nullif(moved_m, 0) * 1000 AS pace_s_per_km
FROM of_uploads
JOIN sums USING (device_id, started_at_ms)
JOIN motion USING (device_id, started_at_ms)
LEFT JOIN splits USING (device_id, started_at_ms)
LEFT JOIN zones USING (device_id, started_at_ms)
