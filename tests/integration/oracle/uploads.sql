-- Uploads and readings as their contract (schemas/uploads.py) describes them, from the raw records in `arrived`
-- (record_offset, received_at_ms, value), of whichever product and version. Of each number of a device the first
-- record counts; what is no JSON never was an upload.
CREATE OR REPLACE TEMP TABLE uploads AS
SELECT * FROM (
    SELECT record_offset, received_at_ms, unnest(from_json(value, '{
        "device_id": "VARCHAR", "seq": "BIGINT", "sent_at_ms": "BIGINT", "material": "VARCHAR", "firmware": "VARCHAR",
        "start_ms": "BIGINT", "lead_ms": "BIGINT", "offset_ms": ["BIGINT"], "board_no": "BIGINT",
        "schema_version": "BIGINT",
        "cycle_no": "BIGINT", "cycle_started_ms": "BIGINT", "cycle_ended": "BOOLEAN", "programme": "VARCHAR",
        "lifetime_cycles": "BIGINT", "lifetime_energy_wh": "DOUBLE", "lifetime_energy_mwh": "BIGINT",
        "power_w": ["DOUBLE"], "phase": ["VARCHAR"], "water_l": ["DOUBLE"], "temperature_c": ["DOUBLE"],
        "drum_rpm": ["DOUBLE"], "alert": "VARCHAR",
        "run_no": "BIGINT", "run_started_ms": "BIGINT", "run_ended": "BOOLEAN", "health_consent": "BOOLEAN",
        "lifetime_distance_m": "DOUBLE", "lifetime_steps": "BIGINT", "distance_m": ["DOUBLE"],
        "cadence_spm": ["DOUBLE"], "heart_rate_bpm": ["DOUBLE"], "ground_contact_ms": ["DOUBLE"],
        "contact_balance_pct": ["DOUBLE"]
    }'))
    FROM arrived WHERE json_valid(value)
)
QUALIFY row_number() OVER (PARTITION BY device_id, seq ORDER BY record_offset) = 1;

-- A reading speaks for the time since the one before it, the first one for lead_ms; for nothing if that is over 60 s. A
-- reading of power that is up to a tenth late speaks for 60 s.
CREATE OR REPLACE TEMP TABLE readings AS
WITH numbered AS (
    SELECT *, unnest(range(1, len(offset_ms) + 1)) AS place FROM uploads
),
measured AS (
    SELECT device_id, material, seq, place, cycle_started_ms, run_started_ms, health_consent,
           start_ms + offset_ms[place] AS at_ms,
           CASE WHEN place = 1 THEN lead_ms ELSE offset_ms[place] - offset_ms[place - 1] END AS since_before_ms,
           power_w[place] AS power_w, phase[place] AS phase, water_l[place] AS water_l,
           temperature_c[place] AS temperature_c, drum_rpm[place] AS drum_rpm,
           distance_m[place] AS distance_m, cadence_spm[place] AS cadence_spm,
           heart_rate_bpm[place] AS heart_rate_bpm, ground_contact_ms[place] AS ground_contact_ms,
           contact_balance_pct[place] AS contact_balance_pct
    FROM numbered
)
SELECT *, CASE WHEN since_before_ms <= 60000 THEN since_before_ms
               WHEN since_before_ms <= 66000 AND power_w IS NOT NULL THEN 60000 ELSE 0 END AS span_ms FROM measured;
