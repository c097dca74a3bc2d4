"""Plots of how much, when and how long products are used."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import groupby
from operator import itemgetter

from vaxel.plots.chart import Bars, Cells, Chart, Line, Lines
from vaxel.plots.plot import Plot, Row, counted, from_to, within

_UNITS = {"washer": ("Wash cycles a week", "wash cycles"), "shoe": ("Kilometres a week", "km")}

USAGE = f"""
SELECT product, material, date_trunc('week', coalesce(local_day, started_at::DATE))::DATE AS week,
       CASE product WHEN 'washer' THEN count(*) ELSE sum(distance_m) / 1000 END AS amount,
       (SELECT count(DISTINCT device_id) FROM usage WHERE {within("usage", country="usage.country")}) AS all_devices,
       min(coalesce(local_day, started_at::DATE)) AS first_day, max(coalesce(local_day, started_at::DATE)) AS last_day
FROM usage
WHERE {within("usage", country="usage.country")}
GROUP BY product, material, week
ORDER BY product DESC, material, week
"""


def usage(rows: list[Row]) -> Chart:
    """Rows: product, material, week, amount, devices of all rows, first and last day seen in the week.

    A week of which only a part is seen looks like a fall; it is left out, unless there is no whole one.
    """
    first, last = min(row[5] for row in rows), max(row[6] for row in rows)
    whole = [row for row in rows if first <= row[2] and row[2] + timedelta(days=6) <= last]
    left_out = "" if whole in ([], rows) else "; weeks that are not wholly seen are left out"
    panels = []
    for product, of_product in groupby(whole or rows, itemgetter(0)):
        lines = []
        for material, weeks in groupby(of_product, itemgetter(1)):
            amounts = {week: float(amount) for _, _, week, amount, *_ in weeks}
            lines.append(Line(material, list(amounts), list(amounts.values())))
        title, unit = _UNITS[product]
        panels.append(Lines(f"{title}, by model", "week (Monday)", unit, lines))
    return Chart(
        "How much products are used",
        f"{counted(rows[0][4], 'device')} in use, {from_to(first, last)}, days where the device stood{left_out}",
        panels,
    )


PROGRAMMES = f"""
SELECT coalesce(usage.country, 'not known') AS country, coalesce(cycle.programme, 'not known') AS programme,
       count(*) AS cycles, count(DISTINCT device_id) AS devices
FROM wash_cycles AS cycle JOIN usage USING (session_id, device_id)
WHERE {within("usage", country="usage.country")}
GROUP BY GROUPING SETS ((1, 2), (1))
ORDER BY country, programme NULLS FIRST
"""


def programmes(rows: list[Row]) -> Chart:
    """Rows: country, programme, cycles, devices; those without a programme are the country's sums."""
    sums = {country: (cycles, devices) for country, programme, cycles, devices in rows if programme is None}
    names = sorted(sums, key=lambda country: (country == "not known", country), reverse=True)
    kinds = sorted({row[1] for row in rows if row[1] is not None}, key=lambda kind: (kind == "not known", kind))
    found = {(country, programme): cycles for country, programme, cycles, _ in rows}
    parts = [(kind, [100 * found.get((country, kind), 0) / sums[country][0] for country in names]) for kind in kinds]
    notes = [f"{counted(sums[name][0], 'cycle')}, {counted(sums[name][1], 'machine')}" for name in names]
    cycles = sum(count for count, _ in sums.values())
    return Chart(
        "Which programmes are chosen, by country",
        f"{counted(cycles, 'wash cycle')}; country where the machine stood when the cycle began",
        [Bars("Share of each country's wash cycles", "% of cycles", names, parts, notes)],
    )


LOAD_CURVE = """
WITH quarters AS (
  SELECT device_id, time_bucket(INTERVAL '15 minutes', measured_at) AS quarter, sum(energy_wh) AS energy_wh
  FROM readings_washer
  WHERE ($since IS NULL OR measured_at >= $since) AND ($until IS NULL OR measured_at < $until)
  GROUP BY ALL
), placed AS (
  SELECT quarters.device_id, quarters.energy_wh, timezone(usage.time_zone, timezone('UTC', quarter::TIMESTAMP)) AS local
  FROM quarters ASOF JOIN usage ON quarters.device_id = usage.device_id
    AND quarter + INTERVAL '15 minutes' > usage.started_at
  WHERE usage.time_zone IS NOT NULL AND ($material IS NULL OR usage.material = $material)
    AND ($country IS NULL OR usage.country = $country)
)
SELECT isodow(local) > 5 AS is_weekend, hour(local) AS hour, sum(energy_wh) AS energy_wh,
       (SELECT count(DISTINCT device_id) FROM placed) AS devices, min(local)::DATE AS first, max(local)::DATE AS last,
       (SELECT list(DISTINCT local::DATE) FROM placed) AS days
FROM placed
GROUP BY is_weekend, hour
ORDER BY is_weekend, hour
"""


def load_curve(rows: list[Row]) -> Chart:
    """Rows: is it a weekend, local hour, energy in Wh, devices in all, first and last local day, all local days."""
    devices, days = rows[0][3], rows[0][6]
    lines = []
    for is_weekend, name in ((False, "Monday to Friday"), (True, "Saturday and Sunday")):
        such_days = sum((day.isoweekday() > 5) == is_weekend for day in days)
        if such_days == 0:
            continue
        energy_wh = {row[1]: float(row[2]) for row in rows if row[0] == is_weekend}
        watts = [energy_wh.get(hour, 0.0) / such_days / devices for hour in range(24)]
        lines.append(Line(f"{name} ({counted(such_days, 'day')})", list(range(24)), watts))
    first, last = min(row[4] for row in rows), max(row[5] for row in rows)
    return Chart(
        "When washing machines draw power",
        f"{counted(devices, 'machine')} that washed, {from_to(first, last)}; hours of the day where each stood",
        [Lines("Mean power of a machine, by hour of its day", "hour of the local day", "W a machine", lines)],
    )


RETENTION = f"""
WITH days AS (
  SELECT DISTINCT device_id, coalesce(local_day, started_at::DATE) AS day FROM usage
  WHERE {within("usage", country="usage.country")}
), step AS (
  SELECT CASE WHEN max(day) - min(day) > 250 THEN 'month' ELSE 'week' END AS step, max(day) AS last FROM days
), cohorts AS (
  SELECT device_id, date_trunc(step, min(day))::DATE AS cohort FROM days, step GROUP BY device_id, step
)
SELECT step, cohort, date_diff(step, cohort, day) AS age, count(DISTINCT device_id) AS devices,
       (SELECT count(*) FROM cohorts AS other WHERE other.cohort = cohorts.cohort) AS cohort_devices,
       date_diff(step, cohort, last + 1) AS whole_steps
FROM days JOIN cohorts USING (device_id), step
GROUP BY ALL
ORDER BY cohort, age
"""


def retention(rows: list[Row]) -> Chart:
    """Rows: week or month, cohort (its first day), steps since, devices in use, devices in all, whole steps seen."""
    step = rows[0][0]
    of_cohort = {cohort: list(group) for cohort, group in groupby(rows, itemgetter(1))}
    columns = list(range(max(whole for *_, whole in rows)))
    names, values = [], []
    for cohort, group in of_cohort.items():
        *_, devices, whole = group[0]
        used = {row[2]: row[3] for row in group}
        names.append(f"{cohort.day} {cohort:%b %Y} (n = {devices:,})")
        values.append([100 * used.get(age, 0) / devices if age < whole else None for age in columns])
    return Chart(
        "How many devices are still used",
        f"{counted(sum(group[0][4] for group in of_cohort.values()), 'device')}, by the {step} of the first use seen; "
        f"a {step} that is not over stays blank",
        [Cells(f"Share of the cohort used in the {step}, %", f"{step}s since first use", step, names, columns, values)],
    )


FLEET = """
WITH span AS (
  SELECT coalesce($since, max(minute_at) - INTERVAL '24 hours') AS since,
         coalesce($until, max(minute_at) + INTERVAL '1 minute') AS until
  FROM fleet_minutes
), chosen AS (
  SELECT fleet_minutes.*, since, until FROM fleet_minutes, span
  WHERE minute_at >= span.since AND minute_at < span.until
    AND ($material IS NULL OR material = $material) AND ($country IS NULL OR country = $country)
), minutes AS (
  SELECT product, time_bucket(INTERVAL '10 minutes', minute_at) AS at_10,
         sum(devices) AS devices, sum(energy_wh) AS energy_wh
  FROM chosen GROUP BY ALL
)
SELECT products.product, slots.slot AS at_10, coalesce(devices, 0) / 10 AS devices,
       coalesce(energy_wh, 0) * 6 AS power_w
FROM (SELECT unnest(range(time_bucket(INTERVAL '10 minutes', min(minute_at)), max(minute_at) + INTERVAL '1 ms',
                          INTERVAL '10 minutes')) AS slot FROM chosen) AS slots
CROSS JOIN (SELECT DISTINCT product FROM chosen) AS products
LEFT JOIN minutes ON minutes.at_10 = slots.slot AND minutes.product = products.product
ORDER BY products.product DESC, slots.slot
"""


def fleet(rows: list[Row]) -> Chart:
    """Rows: product, begin of ten minutes, mean number of devices in use, mean power in W (washers)."""
    names = {"washer": "washing machines", "shoe": "shoes"}
    panels = [
        Lines("Devices in use", "time (UTC)", "devices", _ten_minutes(rows, 2, names), has_points=False),
    ]
    washing = [row for row in rows if row[0] == "washer"]
    if washing:
        kilowatts = [(product, at, devices, power_w / 1000) for product, at, devices, power_w in washing]
        panels.append(
            Lines(
                "Power of all washing machines", "time (UTC)", "kW", _ten_minutes(kilowatts, 3, names), has_points=False
            )
        )
    first, last = min(row[1] for row in rows), max(row[1] for row in rows)
    return Chart(
        "What the fleet does, as it came in",
        f"{first:%d %b %Y %H:%M} to {last:%d %b %Y %H:%M} UTC; means of ten minutes, as known now",
        panels,
    )


def _ten_minutes(rows: Iterable[Row], which: int, names: dict[str, str]) -> list[Line]:
    lines = []
    for product, group in groupby(rows, itemgetter(0)):
        found = {row[1]: float(row[which]) for row in group}
        lines.append(Line(names[product], list(found), list(found.values())))
    return lines


PLOTS = (
    Plot("usage", "Usage by model and week: wash cycles, kilometres", USAGE, usage, "has no usage"),
    Plot("programmes", "Programme mix by country", PROGRAMMES, programmes, "has no wash cycles of known use"),
    Plot(
        "load-curve", "Power by hour of the local day", LOAD_CURVE, load_curve,
        "has no readings of washing machines whose place is known",
    ),
    Plot("retention", "Share of a cohort still in use, as a heat map", RETENTION, retention, "has no usage"),
    Plot("fleet", "Devices in use and their power, minute by minute (last day)", FLEET, fleet, "has no fleet minutes"),
)  # fmt: skip
