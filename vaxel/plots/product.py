"""Plots of what products do: against their label, before and after a firmware, as they wear, what alerts say."""

from __future__ import annotations

from itertools import groupby
from math import sqrt
from operator import itemgetter

from vaxel.plots.chart import Bars, Box, Boxes, Chart, Interval, Intervals, Line, Lines
from vaxel.plots.plot import PRODUCTS, Plot, Row, counted, from_to, within

FEWEST_DEVICES = 3
"""A figure of fewer devices says more of these people than of the product, and is left out."""
Z95 = 1.96

LABEL = f"""
SELECT material, quantity, quantile_cont(deviation_pct, [0.05, 0.25, 0.5, 0.75, 0.95]) AS quantiles,
       count(*) AS cycles, count(DISTINCT device_id) AS devices
FROM (
  UNPIVOT (
    SELECT cycle.material, device_id, label_energy_deviation_pct AS energy, label_water_deviation_pct AS water
    FROM wash_cycles AS cycle LEFT JOIN usage USING (session_id, device_id)
    WHERE cycle.status <> 'open' AND {within("cycle", country="usage.country")}
  ) ON energy, water INTO NAME quantity VALUE deviation_pct
)
GROUP BY ALL
ORDER BY quantity, material
"""


def label(rows: list[Row]) -> Chart:
    """Rows: material, energy or water, the five quantiles in %, cycles, devices."""
    panels = []
    for quantity, group in groupby(rows, itemgetter(1)):
        boxes = [
            Box(material, tuple(quantiles), f"{counted(cycles, 'cycle')}, {counted(devices, PRODUCTS['washer'])}")
            for material, _, quantiles, cycles, devices in group
        ]
        panels.append(Boxes(f"{quantity.capitalize()} of a cycle", "% above the label (below: negative)", boxes))
    cycles = sum(row[3] for row in rows if row[1] == rows[0][1])
    return Chart(
        "What cycles take against what the label promises",
        f"{counted(cycles, 'finished wash cycle')} whose programme has a label; box: middle half, line: middle 90 %",
        panels,
    )


FIRMWARE = f"""
WITH cycles AS (
  SELECT cycle.material, cycle.device_id, cycle.firmware, cycle.programme, cycle.started_at,
         cycle.energy_wh, cycle.water_l, cycle.duration_min
  FROM wash_cycles AS cycle LEFT JOIN usage USING (session_id, device_id)
  -- Whole cycles only: the label's figure is null where a part of the cycle is not known, which would seem thrifty.
  WHERE cycle.status <> 'open' AND label_energy_deviation_pct IS NOT NULL AND anomalies = []
    AND {within("cycle", country="usage.country")}
), installed AS (
  SELECT device_id, firmware, min(started_at) AS first_at FROM cycles GROUP BY ALL
), steps AS (
  SELECT device_id, lag(firmware) OVER (PARTITION BY device_id ORDER BY first_at) AS before, firmware AS after
  FROM installed
), means AS (
  SELECT material, device_id, programme, firmware, count(*) AS cycles,
         avg(energy_wh) AS energy, avg(water_l) AS water, avg(duration_min) AS duration
  FROM cycles GROUP BY ALL
), changes AS (
  -- The same machine in the same programme before and after; a programme weighs as much as its rarer half.
  SELECT now.material, before, after, device_id,
         100 * (sum(now.energy * weight) / sum(was.energy * weight) - 1) AS energy,
         100 * (sum(now.water * weight) / sum(was.water * weight) - 1) AS water,
         100 * (sum(now.duration * weight) / sum(was.duration * weight) - 1) AS duration
  FROM steps JOIN means AS now USING (device_id) JOIN means AS was USING (device_id, programme),
       LATERAL (SELECT least(now.cycles, was.cycles) AS weight)
  WHERE before IS NOT NULL AND now.firmware = after AND was.firmware = before
  GROUP BY ALL
)
SELECT quantity, material, before, after, count(*) AS devices, avg(change_pct) AS mean,
       stddev_samp(change_pct) AS spread
FROM (UNPIVOT changes ON energy, water, duration INTO NAME quantity VALUE change_pct)
GROUP BY ALL
HAVING count(*) >= {FEWEST_DEVICES}
ORDER BY quantity, material, before, after
"""


def firmware(rows: list[Row]) -> Chart:
    """Rows: quantity, material, firmware before and after, devices, mean change of a device in %, its deviation."""
    # Every panel has every name, in one order: they stand side by side.
    updates = sorted({tuple(row[1:4]) for row in rows})
    panels = []
    for quantity, group in groupby(rows, itemgetter(0)):
        found = {tuple(row[1:4]): row[4:] for row in group}
        panels.append(
            Intervals(
                f"{quantity.capitalize()} of a cycle", "% change",
                [_interval(update, *found[update]) for update in updates if update in found],
            )
        )  # fmt: skip
    return Chart(
        "What a firmware changed",
        "Each washing machine against itself, same programme, before and after; line: 95 % interval of the mean over "
        f"n of them; updates of fewer than {FEWEST_DEVICES} are left out",
        panels,
        is_side_by_side=len({len(panel.intervals) for panel in panels}) == 1,
    )


def _interval(update: tuple[str, ...], devices: int, mean: float, spread: float) -> Interval:
    material, before, after = update
    off = Z95 * spread / sqrt(devices)
    return Interval(f"{material}\n{before} → {after}", mean - off, mean, mean + off, f"n = {devices:,}")


WEAR = f"""
WITH run AS (
  SELECT material, device_id, started_at, avg_ground_contact_ms AS contact_ms,
         sum(distance_m) OVER (PARTITION BY device_id ORDER BY started_at) / 1000 AS km
  FROM runs WHERE status <> 'open'
), compared AS (
  SELECT *, median(contact_ms) FILTER (WHERE km <= 50) OVER (PARTITION BY device_id) AS new_ms
  FROM run WHERE contact_ms IS NOT NULL
)
SELECT material, floor(km / 50)::INTEGER * 50 AS from_km, median(100 * (contact_ms / new_ms - 1)) AS change_pct,
       count(*) AS runs, list(DISTINCT device_id) AS devices
FROM compared
-- What is drawn is chosen here only: a shoe's first 50 km are the same whatever is asked for.
WHERE new_ms IS NOT NULL AND {within("compared")}
GROUP BY material, from_km
HAVING count(DISTINCT device_id) >= {FEWEST_DEVICES}
-- The first class is what shoes are compared with: alone it is 0 and says nothing.
QUALIFY max(from_km) OVER (PARTITION BY material) > 0
ORDER BY material, from_km
"""


def wear(rows: list[Row]) -> Chart:
    """Rows: material, begin of the class of 50 km, median change of ground contact in %, runs, their shoes."""
    shoes = {device for row in rows for device in row[4]}
    lines = []
    for material, group in groupby(rows, itemgetter(0)):
        found = {row[1] + 25: float(row[2]) for row in group}
        lines.append(Line(material, list(found), list(found.values())))
    return Chart(
        "How shoes wear",
        f"{counted(sum(row[3] for row in rows), 'run')} in {counted(len(shoes), 'shoe')} of runners who agreed to it; "
        "each against its own first 50 km seen; classes of 50 km, those with fewer than "
        f"{FEWEST_DEVICES} shoes are left out",
        [
            Lines(
                "Median ground contact time, by kilometre",
                "km run since the shoe was first seen",
                "% longer than in its first 50 km",
                lines,
                beneath="data",
            )
        ],
    )


ALERTS = f"""
SELECT kind, status, count(*) AS alerts, count(DISTINCT device_id) AS devices,
       min(happened_at)::DATE AS first, max(happened_at)::DATE AS last
FROM alerts
WHERE {within("alerts", instant="happened_at")}
GROUP BY ALL
ORDER BY kind, status
"""


def alerts(rows: list[Row]) -> Chart:
    """Rows: kind, status, alerts, devices with them, first and last day of the events."""
    sums = {kind: sum(row[2] for row in group) for kind, group in groupby(rows, itemgetter(0))}
    names = sorted(sums, key=lambda kind: sums[kind])
    found = {(row[0], row[1]): (row[2], row[3]) for row in rows}
    parts = [
        (told, [float(found.get((kind, status), (0, 0))[0]) for kind in names])
        for status, told in (("raised", "still holds"), ("cleared", "cleared"))
    ]
    return Chart(
        "What the maker should look at",
        f"{counted(sum(sums.values()), 'alert')}, {from_to(min(row[4] for row in rows), max(row[5] for row in rows))} "
        "(UTC)",
        [
            Bars(
                "Alerts by kind", "alerts", [name.replace("_", " ") for name in names], parts,
                [f"{sums[name]:,}" for name in names],
            )
        ],
    )  # fmt: skip


PLOTS = (
    Plot("label", "Energy and water of cycles against the label, by model", LABEL, label, "has no cycle with a label"),
    Plot(
        "firmware", "Energy, water and duration of cycles before and after a firmware", FIRMWARE, firmware,
        f"has no {FEWEST_DEVICES} washing machines of a model that washed the same programme before and after",
    ),
    Plot(
        "wear", "Ground contact time by kilometre of the shoe", WEAR, wear,
        f"has no {FEWEST_DEVICES} shoes of a model that ran more than their first 50 km, with times that may be kept",
        ("material", "since", "until"),
    ),
    Plot("alerts", "Alerts by kind and status", ALERTS, alerts, "has no alerts", ("material", "since", "until")),
)  # fmt: skip
