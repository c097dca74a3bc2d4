-- Wash cycles as machines report them: what schemas/facts.py says of each field, from `uploads` and `readings`
-- (uploads.sql) and `models` (material, heater_w) and `labels` (material, programme, energy_wh, water_l).
WITH of_uploads AS (
    SELECT device_id, cycle_started_ms AS started_at_ms, max(cycle_no) AS session_no,
           any_value(material) AS material, any_value(firmware) AS firmware, max(programme) AS programme,
           count(*) + (bool_or(cycle_ended) OR max(seq) < any_value(newest_seq))::INT AS version,
           bool_or(cycle_ended) AS has_its_end, bool_and(phase IS NOT NULL) AS reports_phases,
           array_agg(DISTINCT alert) FILTER (alert IS NOT NULL) AS alerts,
           coalesce(bool_or(alert = 'power_cut'), false) AS was_cut
    FROM (SELECT *, max(seq) OVER (PARTITION BY device_id) AS newest_seq FROM uploads)
    WHERE cycle_started_ms IS NOT NULL
    GROUP BY ALL
),
known AS (
    SELECT readings.*, cycle_started_ms AS started_at_ms,
           power_w >= heater_w / 2 AS heats, power_w >= heater_w * 0.8 AS heats_all_the_time,
           drum_rpm >= 60 AND floor(ln(greatest(drum_rpm, 60) / 60) / -ln(0.95))
               = floor(ln(greatest(max(drum_rpm) OVER own, 60) / 60) / -ln(0.95)) AS spins,
           at_ms <= max(at_ms) FILTER (power_w >= heater_w / 2) OVER own AS before_heating_ended
    FROM readings JOIN models USING (material) WHERE cycle_started_ms IS NOT NULL
    WINDOW own AS (PARTITION BY device_id, cycle_started_ms)
),
of_readings AS (
    SELECT device_id, started_at_ms, count(*) AS reading_count, max(at_ms) AS ended_at_ms,
           sum(power_w * span_ms) / 3.6e6 AS energy_wh, max(power_w) AS peak_w, max(water_l) AS water_l,
           sum(span_ms) / 1e3 AS measured_s,
           coalesce(sum(span_ms) FILTER (phase = 'fill'), 0) / 1e3 AS fill_s,
           coalesce(sum(span_ms) FILTER (phase = 'heat'), 0) / 1e3 AS heat_s,
           coalesce(sum(span_ms) FILTER (phase = 'wash'), 0) / 1e3 AS wash_s,
           coalesce(sum(span_ms) FILTER (phase = 'rinse'), 0) / 1e3 AS rinse_s,
           coalesce(sum(span_ms) FILTER (phase = 'spin'), 0) / 1e3 AS spin_s,
           coalesce(sum(span_ms) FILTER (heats), 0) / 1e3 AS heater_s,
           sum(power_w * span_ms) FILTER (heats) / 3.6e6 AS heat_energy_wh,
           sum(power_w * span_ms) FILTER (heats_all_the_time) / sum(span_ms) FILTER (heats_all_the_time) AS heater_w,
           max(temperature_c) AS max_temperature_c,
           max(temperature_c) - min(temperature_c) FILTER (before_heating_ended) AS rise_k,
           max(drum_rpm) AS max_drum_rpm,
           sum(power_w * span_ms) FILTER (spins) / sum(span_ms) FILTER (spins) AS spin_w
    FROM known GROUP BY ALL
)
SELECT device_id || ':' || started_at_ms AS session_id, of_uploads.*, of_readings.* EXCLUDE (device_id, started_at_ms),
       rise_k / (heat_energy_wh / heater_w * 60) AS heating_k_per_min,
       has_its_end AND measured_s * 1000 = ended_at_ms - started_at_ms AS is_whole,
       100 * (of_readings.energy_wh / labels.energy_wh - 1) AS label_energy_deviation_pct,
       100 * (of_readings.water_l / labels.water_l - 1) AS label_water_deviation_pct
FROM of_uploads
JOIN of_readings USING (device_id, started_at_ms)
LEFT JOIN labels USING (material, programme)
