"""Plots of how much, when and how long products are used."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter

from vaxel.plots.chart import Bars, Cells, Chart, Line, Lines
from vaxel.plots.plot import PRODUCTS, Plot, Row, counted, from_to, told_day, within

_UNITS = {"washer": ("Wash cycles a week", "wash cycles"), "shoe": ("Kilometres a week", "km")}

USAGE = f"""
SELECT product, material, date_trunc('week', coalesce(local_day, started_at::DATE))::DATE AS week,
       CASE product WHEN 'washer' THEN count(*) ELSE sum(distance_m) / 1000 END AS amount,
       (SELECT count(DISTINCT device_id) FROM usage WHERE {within("usage", country="usage.country")}) AS all_devices,
       min(coalesce(local_day, started_at::DATE)) AS first_day, max(coalesce(local_day, started_at::DATE)) AS last_day,
       material IN (SELECT material FROM devices WHERE material IS NOT NULL) AS is_registered
FROM usage
WHERE {within("usage", country="usage.country")}
GROUP BY product, material, week
ORDER BY product DESC, material, week
"""


def usage(rows: list[Row]) -> Chart:
    """Rows: product, material, week, amount, devices of all rows, first and last day seen in the week, registered.

    A week of which only a part is seen looks like a fall: it is marked so. A week without a row is one without use,
    from a model's first use on; of one that record systems do not know, a recording say, until its last.
    """
    first, last = min(row[5] for row in rows), max(row[6] for row in rows)
    newest, has_partial, panels = max(row[2] for row in rows), False, []
    for product, of_product in groupby(rows, itemgetter(0)):
        lines = []
        for material, found in groupby(of_product, itemgetter(1)):
            of_model = list(found)
            amounts = {row[2]: float(row[3]) for row in of_model}
            weeks = _weeks(min(amounts), newest if of_model[0][7] else max(amounts))
            are_partial = [week < first or week + timedelta(days=6) > last for week in weeks]
            has_partial = has_partial or any(are_partial)
            lines.append(Line(material, weeks, [amounts.get(week, 0.0) for week in weeks], are_partial))
        title, unit = _UNITS[product]
        panels.append(Lines(f"{title}, by model", "week (Monday)", unit, lines))
    hollow = "; hollow: a week of which the lake has seen a part only" if has_partial else ""
    return Chart(
        "How much products are used",
        f"{counted(rows[0][4], 'device')} in use, {from_to(first, last)}, days where the device stood{hollow}",
        panels,
    )


def _weeks(first: date, last: date) -> list[date]:
    """Mondays, both included."""
    return [first + timedelta(weeks=number) for number in range((last - first).days // 7 + 1)]


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
    notes = [f"{counted(sums[name][0], 'cycle')}, {counted(sums[name][1], PRODUCTS['washer'])}" for name in names]
    cycles = sum(count for count, _ in sums.values())
    return Chart(
        "Which programmes are chosen, by country",
        f"{counted(cycles, 'wash cycle')}; country where the washing machine stood when the cycle began",
        [Bars("Share of each country's wash cycles", "% of cycles", names, parts, notes)],
    )


LOAD_CURVE = """
WITH hours AS (
  SELECT device_id, hour_at, sum(energy_wh) AS energy_wh
  FROM washer_hours  -- which stay when raw readings are rolled up
  WHERE ($since IS NULL OR hour_at >= $since::TIMESTAMP) AND ($until IS NULL OR hour_at < $until::TIMESTAMP)
  GROUP BY ALL
), placed AS (
  SELECT hours.device_id, hour_at, usage.time_zone, hours.energy_wh,
         timezone(usage.time_zone, timezone('UTC', hour_at::TIMESTAMP)) AS local
  FROM hours ASOF JOIN usage ON hours.device_id = usage.device_id AND hour_at + INTERVAL '1 hour' > usage.started_at
  WHERE usage.time_zone IS NOT NULL AND ($material IS NULL OR usage.material = $material)
    AND ($country IS NULL OR usage.country = $country)
), zones AS (
  SELECT device_id, arg_max(time_zone, hour_at) AS time_zone FROM placed GROUP BY device_id
), days AS (  -- of each zone those that lie between the two wholly: of the others only some hours were asked for
  SELECT time_zone, day
  FROM (SELECT DISTINCT time_zone FROM placed), (SELECT DISTINCT local::DATE AS day FROM placed)
  WHERE ($since IS NULL OR timezone(time_zone, day::TIMESTAMP) >= timezone('UTC', $since::TIMESTAMP))
    AND ($until IS NULL OR timezone(time_zone, (day + 1)::TIMESTAMP) <= timezone('UTC', $until::TIMESTAMP))
), device_days AS (
  SELECT isodow(day) > 5 AS is_weekend, count(*) AS device_days, list(DISTINCT day) AS days
  FROM zones JOIN days USING (time_zone) GROUP BY is_weekend
), energies AS (
  SELECT isodow(local) > 5 AS is_weekend, hour(local) AS hour, sum(energy_wh) AS energy_wh
  FROM placed SEMI JOIN days ON days.time_zone = placed.time_zone AND days.day = placed.local::DATE
  GROUP BY ALL
)
SELECT is_weekend, hour, energy_wh, device_days, days, (SELECT count(*) FROM zones) AS devices
FROM device_days LEFT JOIN energies USING (is_weekend)
ORDER BY is_weekend, hour
"""


def load_curve(rows: list[Row]) -> Chart:
    """Rows: is it a weekend, local hour, energy in Wh, days of all devices together, local days, devices in all."""
    lines, devices = [], rows[0][5]
    for is_weekend, name in ((False, "Monday to Friday"), (True, "Saturday and Sunday")):
        such = [row for row in rows if row[0] == is_weekend]
        if not such:
            continue
        energy_wh = {row[1]: float(row[2]) for row in such if row[1] is not None}
        watts = [energy_wh.get(hour, 0.0) / such[0][3] for hour in range(24)]
        lines.append(Line(f"{name} ({counted(len(such[0][4]), 'day')})", list(range(24)), watts))
    days = [day for row in rows for day in row[4]]
    return Chart(
        "When washing machines draw power",
        f"{counted(devices, PRODUCTS['washer'])} in use, {from_to(min(days), max(days))}; whole days where each stood",
        [Lines("Mean power of a washing machine, by hour of its day", "hour of the local day", "W each", lines)],
    )


RETENTION = """
WITH used AS (
  SELECT DISTINCT device_id, date_trunc('month', coalesce(local_day, started_at::DATE))::DATE AS month FROM usage
), seen AS (
  SELECT min(coalesce(local_day, started_at::DATE)) AS first, max(coalesce(local_day, started_at::DATE)) AS last
  FROM usage
), device AS (
  SELECT device_id, date_trunc('month', sold_on)::DATE AS cohort FROM devices
  WHERE ($material IS NULL OR material = $material) AND ($since IS NULL OR sold_on >= $since)
    AND ($until IS NULL OR sold_on < $until) AND sold_on IS NOT NULL
), cohorts AS (
  SELECT cohort, count(*) AS sold FROM device GROUP BY cohort
), counted AS (
  SELECT cohort, month, count(*) AS in_use FROM device JOIN used USING (device_id) GROUP BY cohort, month
)
SELECT cohort, sold, months.month, coalesce(in_use, 0) AS in_use, first, last
FROM cohorts
-- Every month that the lake knows of, so that a cohort nobody uses shows a zero.
JOIN (SELECT DISTINCT month FROM used) AS months ON months.month >= cohort
LEFT JOIN counted USING (cohort, month), seen
ORDER BY cohort, months.month
"""


def retention(rows: list[Row]) -> Chart:
    """Rows: month of sale, units sold, month of use, units in use, first and last day seen in the lake."""
    ages = [_months_between(row[0], row[2]) for row in rows]
    columns = list(range(min(ages), max(ages) + 1))
    names: list[str] = []
    values: list[list[float | None]] = []
    are_partial: list[list[bool]] = []
    for cohort, of_cohort in groupby(zip(rows, ages, strict=True), lambda pair: pair[0][0]):
        found = {age: row for row, age in of_cohort}
        names.append(f"{cohort:%b %Y} (n = {next(iter(found.values()))[1]:,})")
        values.append([100 * found[age][3] / found[age][1] if age in found else None for age in columns])
        are_partial.append([age in found and _is_partial(*found[age][2:3], *found[age][4:6]) for age in columns])
    seen = [is_partial for row in are_partial for is_partial in row]
    is_all_partial = all(is_partial for row, of_row in zip(are_partial, values, strict=True)
                         for is_partial, value in zip(row, of_row, strict=True) if value is not None)  # fmt: skip
    told = ""
    if is_all_partial:
        # A mark at every cell tells none from another.
        told = "Of no month has the lake seen the whole. "
        are_partial = [[False] * len(row) for row in are_partial]
    elif any(seen):
        told = "*: of this month the lake has seen a part only. "
    sold = sum({row[0]: row[1] for row in rows}.values())
    return Chart(
        "How many of the units sold are in use",
        f"{counted(sold, 'unit')} sold, by month of sale; used: at least once in the month. "
        f"{told}Months before the lake's first stay blank",
        [
            Cells(
                "Share of the units sold in a month that were used, %", "months since sale", "sold", names, columns,
                values, are_partial,
            )
        ],
    )  # fmt: skip


def _months_between(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def _is_partial(month: date, first: date, last: date) -> bool:
    return month < first or (month + timedelta(days=31)).replace(day=1) > last + timedelta(days=1)


FLEET = """
WITH span AS (
  SELECT coalesce($since::TIMESTAMP, max(minute_at) - INTERVAL '24 hours') AS since,
         coalesce($until::TIMESTAMP, max(minute_at) + INTERVAL '1 minute') AS until
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
    names = {product: f"{one}s" for product, one in PRODUCTS.items()}
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
        f"{told_day(first)} {first:%H:%M} to {told_day(last)} {last:%H:%M} UTC; means of ten minutes",
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
        "has no whole day of a washing machine whose place is known",
    ),
    Plot(
        "retention", "Share of the units sold in a month that are in use, month by month", RETENTION, retention,
        "has no usage of units whose sale is known", ("material", "since", "until"),
    ),
    Plot("fleet", "Devices in use and their power, minute by minute (last day)", FLEET, fleet, "has no fleet minutes"),
)  # fmt: skip
