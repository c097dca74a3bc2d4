"""Plots of how data comes in: how late, and how much of it."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import get_args

from schemas.desk import CompletenessVerdict
from vaxel.plots.chart import Bars, Chart, Line, Lines
from vaxel.plots.plot import PRODUCTS, Plot, Row, counted, within

LATENESS_MARKS = (
    (1.0, "1 s"), (2.0, "2 s"), (5.0, "5 s"), (10.0, "10 s"), (60.0, "1 min"), (600.0, "10 min"), (3_600.0, "1 h"),
    (21_600.0, "6 h"), (86_400.0, "1 day"), (604_800.0, "1 week"), (2_592_000.0, "30 days"), (31_536_000.0, "1 year"),
)  # fmt: skip
"""Seconds, ascending, and how they are told."""

LATE = f"""
WITH upload AS (
  SELECT split_part(topic, '.', 2) AS product, (epoch_ms(sent_at) - epoch_ms(last_measured_at)) / 1000 AS held,
         (epoch_ms(received_at) - epoch_ms(last_measured_at)) / 1000 AS whole
  FROM uploads
  WHERE outcome = 'accepted' AND last_measured_at IS NOT NULL AND {within("uploads", instant="last_measured_at")}
), late AS (
  UNPIVOT upload ON held, whole INTO NAME kind VALUE late_s
)
SELECT kind, product, len(list_filter([{", ".join(str(seconds) for seconds, _ in LATENESS_MARKS)}],
                                      lambda mark_s: late_s > mark_s)) AS passed, count(*) AS uploads,
       (SELECT count(DISTINCT device_id) FROM uploads
        WHERE outcome = 'accepted' AND last_measured_at IS NOT NULL
          AND {within("uploads", instant="last_measured_at")}) AS devices
FROM late
GROUP BY ALL
ORDER BY kind, product DESC, passed
"""
_TOLD = {
    "held": "From the last reading to the sending (the device's clock)",
    "whole": "From the last reading to Växel (Kafka's clock)",
}


def late(rows: list[Row]) -> Chart:
    """Rows: held or whole, product, how many of the marks they are later than, uploads, devices in all."""
    panels = []
    for kind, of_kind in groupby(rows, itemgetter(0)):
        lines = []
        for product, group in groupby(of_kind, itemgetter(1)):
            passed = {row[2]: row[3] for row in group}
            later = [
                100 * sum(uploads for marks, uploads in passed.items() if marks > number) / sum(passed.values())
                for number in range(len(LATENESS_MARKS))
            ]
            lines.append(Line(f"{PRODUCTS[product]}s", [seconds for seconds, _ in LATENESS_MARKS], later))
        panels.append(Lines(_TOLD[kind], "later than", "% of uploads", lines, at=LATENESS_MARKS))
    uploads = sum(row[3] for row in rows if row[0] == rows[0][0])
    return Chart(
        "How late readings come",
        f"{counted(uploads, 'accepted upload')} with readings of {counted(rows[0][4], 'device')}; each by its last "
        "reading; a simulated or replayed fleet comes as late as its calendar is past",
        panels,
    )


COMPLETENESS = """
WITH chosen AS (
  SELECT * FROM completeness
  WHERE ($since IS NULL OR month >= $since) AND ($until IS NULL OR month < $until)
), of_month AS (
  -- A device that changed hands within a month has several rows of it.
  SELECT product, month, count(DISTINCT device_id) AS devices FROM chosen GROUP BY ALL
)
SELECT product, month, verdict, count(*) AS device_months, any_value(devices) AS devices
FROM chosen JOIN of_month USING (product, month)
GROUP BY product, month, verdict
ORDER BY product DESC, month DESC, verdict
"""


def completeness(rows: list[Row]) -> Chart:
    """Rows: product, month, verdict, months of devices with it, devices of the month whatever their verdict."""
    panels = []
    verdicts = [verdict for verdict in get_args(CompletenessVerdict) if any(row[2] == verdict for row in rows)]
    for product, of_product in groupby(rows, itemgetter(0)):
        counts: dict[str, dict[str, int]] = {}
        devices: dict[str, int] = {}
        for _, month, verdict, device_months, of_month in of_product:
            counts.setdefault(f"{month:%b %Y}", {})[verdict] = device_months
            devices[f"{month:%b %Y}"] = of_month
        sums = {month: sum(found.values()) for month, found in counts.items()}
        parts = [
            (verdict, [100 * counts[month].get(verdict, 0) / sums[month] for month in counts]) for verdict in verdicts
        ]
        notes = [counted(devices[month], PRODUCTS[product]) for month in counts]
        panels.append(Bars(f"{PRODUCTS[product].capitalize()}s", "% of months of devices", list(counts), parts, notes))
    return Chart(
        "Has everything arrived that devices counted?",
        f"{counted(sum(row[3] for row in rows), 'month of a device', 'months of devices')} (UTC): the device's own "
        "counter against what arrived",
        panels,
    )


PLOTS = (
    Plot("late", "How late uploads come", LATE, late, "has no uploads with readings", ("material", "since", "until")),
    Plot(
        "completeness", "What devices counted against what arrived, by month", COMPLETENESS, completeness,
        "has no months that were compared", ("since", "until"),
    ),
)  # fmt: skip
