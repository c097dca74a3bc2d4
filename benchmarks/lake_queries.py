"""Twelve questions to the readings, after TSBS (github.com/timescale/tsbs, DevOps and IoT), told of washing machines.

Pure: texts for a span of days. DuckDB's and PostgreSQL's are the same but where the latter has a quicker way of asking.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

TOLERANCE = 1e-9
"""Relative: sums of the same numbers in another order."""

Row = Sequence[Any]


@dataclass(frozen=True)
class Span:
    """The readings that are asked, [first, last): whole days, in UTC."""

    first: datetime
    last: datetime

    def before_end(self, hours: int) -> datetime:
        """An instant so many hours before the end, at the beginning at the earliest."""
        return max(self.first, self.last - timedelta(hours=hours))


@dataclass(frozen=True)
class Query:
    """One question.

    Attributes:
        sql: With `{readings}` and `{cycles}` for the tables. Rows may come in any order.
        postgres: What PostgreSQL is asked instead, where an index gives the same answer sooner; else empty.
    """

    name: str
    asks: str
    sql: str
    postgres: str = ""


def queries(span: Span, devices: Sequence[str]) -> tuple[Query, ...]:
    """All twelve for the span.

    Args:
        devices: Names of eight devices; the first one is asked alone.
    """
    end = _at(span.last)
    eight = ", ".join(f"'{device}'" for device in devices)
    last = {hours: f"measured_at >= {_at(span.before_end(hours))} AND measured_at < {end}" for hours in (12, 24, 168)}
    a_day_ago = _at(span.before_end(24))
    newest = (
        "(SELECT device_id, measured_at, power_w, temperature_c FROM {readings} AS reading "
        "WHERE reading.device_id = device.device_id ORDER BY measured_at DESC LIMIT 1) AS newest"
    )
    each_device = f"(SELECT DISTINCT device_id FROM {{cycles}}) AS device CROSS JOIN LATERAL {newest}"
    return (
        Query(
            "single-groupby-1",
            "highest power of one machine by minute, a week",
            f"SELECT date_trunc('minute', measured_at) AS minute, max(power_w) FROM {{readings}} "
            f"WHERE device_id = '{devices[0]}' AND {last[168]} GROUP BY 1",
        ),
        Query(
            "max-all-8",
            "highest value of each channel of 8 machines by hour, a day",
            "SELECT date_trunc('hour', measured_at) AS hour, max(power_w), max(water_l), max(temperature_c), "
            f"max(drum_rpm) FROM {{readings}} WHERE device_id IN ({eight}) AND {last[24]} GROUP BY 1",
        ),
        Query(
            "double-groupby-1",
            "mean power by machine and hour, 12 hours",
            "SELECT device_id, date_trunc('hour', measured_at) AS hour, avg(power_w) FROM {readings} "
            f"WHERE {last[12]} GROUP BY 1, 2",
        ),
        Query(
            "double-groupby-all",
            "mean of each channel by machine and hour, 12 hours",
            "SELECT device_id, date_trunc('hour', measured_at) AS hour, avg(power_w), avg(water_l), "
            f"avg(temperature_c), avg(drum_rpm) FROM {{readings}} WHERE {last[12]} GROUP BY 1, 2",
        ),
        Query(
            "groupby-orderby-limit",
            "highest power of the fleet in each of the last five minutes",
            "SELECT date_trunc('minute', measured_at) AS minute, max(power_w) FROM {readings} "
            f"WHERE measured_at < {end} GROUP BY 1 ORDER BY 1 DESC LIMIT 5",
        ),
        Query(
            "high-load",
            "machines with a mean above 1.9 kW over ten minutes, and how often, a day",
            "SELECT device_id, count(*) FROM (SELECT device_id, floor(extract(epoch FROM measured_at) / 600) AS tenth, "
            f"avg(power_w) AS mean_w FROM {{readings}} WHERE {last[24]} GROUP BY 1, 2) AS tenths "
            "WHERE mean_w > 1900 GROUP BY 1",
        ),
        Query(
            "lastpoint",
            "last reading of each machine",
            "SELECT device_id, max(measured_at), arg_max(power_w, measured_at), arg_max(temperature_c, measured_at) "
            "FROM {readings} GROUP BY 1",
            f"SELECT newest.* FROM {each_device}",
        ),
        Query(
            "stale-devices",
            "machines that were silent on the last day, and since when",
            f"SELECT device_id, max(measured_at) FROM {{readings}} GROUP BY 1 HAVING max(measured_at) < {a_day_ago}",
            f"SELECT newest.device_id, measured_at FROM {each_device} WHERE measured_at < {a_day_ago}",
        ),
        Query(
            "avg-daily-wash-duration",
            "mean minutes a day that machines of a model draw power, all days",
            "SELECT material, avg(minutes) FROM (SELECT device_id, date_trunc('day', measured_at) AS day, "
            "sum(span_ms) / 60000.0 AS minutes FROM {readings} WHERE power_w > 5 GROUP BY 1, 2) AS days "
            "JOIN (SELECT DISTINCT device_id, material FROM {cycles}) AS device USING (device_id) GROUP BY 1",
        ),
        Query(
            "breakdown-frequency",
            "how often heating began, by model: from one ten minutes to the next, a week",
            "SELECT material, count(*) FROM (SELECT device_id, is_hot, lag(is_hot) OVER (PARTITION BY device_id "
            "ORDER BY tenth) AS was_hot FROM (SELECT device_id, floor(extract(epoch FROM measured_at) / 600) AS tenth, "
            f"avg(power_w) > 1000 AS is_hot FROM {{readings}} WHERE {last[168]} GROUP BY 1, 2) AS tenths) AS steps "
            "JOIN (SELECT DISTINCT device_id, material FROM {cycles}) AS device USING (device_id) "
            "WHERE is_hot AND NOT was_hot GROUP BY 1",
        ),
        Query(
            "energy-by-hour",
            "energy by hour of the day, all days",
            "SELECT extract(hour FROM measured_at) AS hour, sum(energy_wh) FROM {readings} GROUP BY 1",
        ),
        Query(
            "percentile-by-programme",
            "95th percentile of power by programme, a week",
            "SELECT programme, percentile_cont(0.95) WITHIN GROUP (ORDER BY power_w) FROM {readings} AS reading "
            f"JOIN {{cycles}} AS cycle USING (device_id, session_no) WHERE {last[168]} GROUP BY 1",
        ),
    )


def difference(found: Iterable[Row], expected: Iterable[Row]) -> str:
    """Where two answers differ, the order of rows aside; empty when they are the same."""
    ours, theirs = _sorted(found), _sorted(expected)
    if len(ours) != len(theirs):
        return f"{len(ours)} rows, {len(theirs)} expected"
    for our, their in zip(ours, theirs, strict=True):
        if len(our) != len(their) or not all(map(_is_same, our, their)):
            return f"{our} where {their} was expected"
    return ""


def _at(instant: datetime) -> str:
    # Without a type it takes the column's own. Compared as another type, no file would be left out.
    return f"'{instant:%Y-%m-%d %H:%M:%S}'"


def _sorted(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    # Keys come first in every answer and are no measured values, so that rounding cannot change the order.
    plain = [tuple(float(value) if isinstance(value, int | Decimal) else value for value in row) for row in rows]
    return sorted(plain, key=lambda row: tuple(map(str, row)))


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(one == other)
