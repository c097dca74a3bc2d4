-- Whose use each session was: who had the device when it began, and under which contract, from `uploads` (uploads.sql)
-- and the records of reference.device.v1, .custody.v1 and .contract.v1 (`devices`, `custodies`, `contracts`).
WITH held AS (
    SELECT device_id, unnest(from_ms) AS from_ms, unnest(to_ms) AS to_ms, unnest(subject) AS subject,
           unnest(kind) AS kind, unnest(country) AS country, unnest(time_zone) AS time_zone
    FROM custodies
),
agreed AS (
    SELECT device_id, unnest(from_ms) AS from_ms, unnest(to_ms) AS to_ms, unnest(contract_no) AS contract_no,
           unnest(kind) AS kind
    FROM contracts
),
sessions AS (
    SELECT device_id, coalesce(cycle_started_ms, run_started_ms) AS started_at_ms
    FROM uploads WHERE started_at_ms IS NOT NULL
    GROUP BY ALL
)
SELECT sessions.device_id || ':' || started_at_ms AS session_id, sessions.device_id,
       CASE WHEN devices.device_id IS NULL THEN 'unknown_device'
            WHEN held.device_id IS NULL THEN 'unowned' ELSE 'attributed' END AS status,
       devices.product, subject, held.kind AS custody_kind, held.from_ms AS custody_from_ms, country, time_zone,
       contract_no, agreed.kind AS contract_kind,
       (to_timestamp(started_at_ms / 1000) AT TIME ZONE time_zone)::DATE::VARCHAR AS local_day
FROM sessions
LEFT JOIN devices USING (device_id)
LEFT JOIN held ON held.device_id = sessions.device_id AND started_at_ms >= held.from_ms
               AND started_at_ms < coalesce(held.to_ms, 2**62)
LEFT JOIN agreed ON agreed.device_id = sessions.device_id AND started_at_ms >= agreed.from_ms
                 AND started_at_ms < coalesce(agreed.to_ms, 2**62)
