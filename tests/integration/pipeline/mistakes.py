"""Mistakes that somebody might make in each question: what the query says, and what it would say instead.

Each gives another answer on the test's fleet, so a test that holds answers against the truth finds it.
"""

from __future__ import annotations

from collections.abc import Mapping

MISTAKES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "sales_and_use": (
        ("interval 28 days", "interval 27 days"),
        ("sum(uses) / nullif(count(*) filter (uses > 0), 0)", "sum(uses) / count(*)"),
        ("left join used", "join used"),
        ("count(heard_of.device_id) as heard_of", "count(*) as heard_of"),
        ("date_trunc('month', sold_on)", "date_trunc('month', registered_at)"),
    ),
    "dormant_devices": (
        ("count(*) >= 5", "count(*) >= 20"),
        ("greatest(4 * usual_pause_days, 10)", "10 * usual_pause_days"),
        ("median(pause_days)", "avg(pause_days)"),
        ("started_at - lag(ended_at)", "started_at - lag(started_at)"),
        ("arg_max(country, ended_at)", "min(device_id)"),
    ),
    "label_deviation": (
        (" and label_energy_deviation_pct is not null", ""),
        ("avg(energy_pct)", "sum(energy_pct * cycles) / sum(cycles)"),
        ("avg(water_pct)", "sum(water_pct * cycles) / sum(cycles)"),
        ("stddev_samp", "stddev_pop"),
        ("date_trunc('month', sold_on)", "date_trunc('month', registered_at)"),
    ),
    "programme_mix": (
        ("usage.country,", "left(usage.device_id, 2) as country,"),
        ("partition by country", "partition by programme"),
        ("from wash_cycles as cycle", "from (from wash_cycles where label_energy_deviation_pct is not null) as cycle"),
    ),
    "wear_by_kilometre": (
        ("anti join other_counter using (device_id)", ""),
        ("max(lifetime_distance_m)", "min(lifetime_distance_m)"),
        ("greatest(lifetime_m - distance_m, 0)", "lifetime_m"),
        ("floor(", "ceil("),
        ("count(avg_ground_contact_ms)", "count(*)"),
        ("avg(asymmetry_pct)", "max(asymmetry_pct)"),
    ),
    "cohort_retention": (
        ("month >= sold_month", "month > sold_month"),
        ("left join (", "join ("),
        ("select distinct device_id", "select device_id"),
        ("coalesce(in_use, 0) / sold", "coalesce(in_use, 0) / 10"),
    ),
    "firmware_effect": (
        (" and label_energy_deviation_pct is not null", ""),
        ("least(before, after)", "before"),
        ("having before > 0 and after > 0", ""),
        ("from_firmware, to_firmware, programme,", "from_firmware, to_firmware, 'all' as programme,"),
    ),
    "completeness": (
        ("from completeness", "from completeness_versions"),
        ("sum(missing) filter", "sum(missing_uploads) filter"),
        ("missing_uploads + refused_uploads", "missing_uploads"),
        ("verdict = 'gap'", "missing_uploads > 0"),
    ),
    "late_uploads": (
        ("where outcome = 'accepted'", ""),
        ('order by "offset"', "order by sent_at"),
        ("partition by device_id", "partition by topic"),
        ("interval 1 day", "interval 10 months"),
    ),
    "failed_uploads": (
        ("left join taken", "join taken"),
        ("coalesce(uploads, 0) + ", ""),
        ("count(distinct device_id)", "count(device_id)"),
        ("from uploads group", "from uploads where outcome = 'accepted' group"),
    ),
    "first_use_after_sale": (
        ("session_no = 1 and", ""),
        ("arg_min(local_day, started_at)", "max(local_day)"),
        ("0.9", "0.8"),
        ("first_used_on - sold_on", "first_used_on - registered_at::date"),
    ),
    "load_by_hour": (
        (" at time zone time_zone", ""),
        ("quarter >= from_at and (to_at is null or quarter < to_at)", "true"),
        ("'2026-06-08'", "'2026-06-07'"),
        ("interval 15 minutes", "interval 2 hours"),
    ),
    "energy_and_water": (
        ("round(avg(water_l), 1)", "round(median(water_l), 1)"),
        ("'week'", "'month'"),
        ("product = 'washer' and", ""),
        ("country, energy_wh", "upper(left(device_id, 2)) as country, energy_wh"),
    ),
    "alerts_by_model": (
        ("semi join signs using (kind)", ""),
        ("count(distinct device_id)", "count(*) + 1"),
        ("interval 28 days", "interval 0 days"),
    ),
    "advice_and_after": (
        ("and session_id not in (select session_id from insights where session_id is not null)", ""),
        (">= told_at as", ">= told_at + interval 1 day as"),
        ("min(happened_at)", "max(happened_at)"),
        ("- interval 28 days", "- interval 7 days"),
    ),
    "pay_per_use": (
        ("<> 'owned'", "<> 'flat'"),
        ("count(distinct contract_no)", "count(contract_no)"),
        ("date_trunc('month', local_day)::date", "date_trunc('week', local_day)::date"),
    ),
    "active_runners": (
        ("where is_told_already is not true", ""),
        ("date_trunc('week', local_day)", "date_trunc('week', local_day + 1)"),
        ("count(distinct subject) as runners", "count(*) as runners"),
    ),
}  # fmt: skip
