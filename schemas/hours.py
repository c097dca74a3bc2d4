"""Hours of readings: what stays of a device's hour once its raw readings are rolled up.

A reading belongs to the hour of its `measured_at`, whole, however far back its span reaches. An hour may have several
rows: readings that come late are rolled up later, into a row of their own. `summed` brings them together, so whoever
asks the views sees the same before a roll-up and after.

Not kept: phases, positions, which upload a reading came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from schemas.fields import Contract, Count, DeviceId, described
from schemas.uploads import SessionNo

KEY = ("device_id", "session_no", "hour_at")


class ReadingHour(Contract):
    """What a device's readings of one hour and session say: the part that all products share."""

    device_id: DeviceId
    session_no: SessionNo | None
    hour_at_ms: Annotated[int, described("Begin of the hour, event time", "usage", "ms since 1970 UTC")]
    readings: Count
    span_ms: Annotated[int, described("Time that its readings speak for", "usage", "ms", ge=0)]


class WasherHour(ReadingHour):
    """One hour of a washing machine, or of the plug meter in front of it."""

    energy_wh: Annotated[float, described("Energy of its readings", "usage", "Wh", ge=0)]
    peak_w: Annotated[float, described("Highest mean power of a reading", "usage", "W", ge=0)]
    water_l: Annotated[float | None, described("Most water drawn since the cycle began", "usage", "l", ge=0)]
    mean_temperature_c: Annotated[float | None, described("Mean temperature of the suds over time", "usage", "°C")]
    temperature_span_ms: Annotated[int, described("Time that temperatures speak for", "usage", "ms", ge=0)]
    max_temperature_c: Annotated[float | None, described("Highest temperature of the suds", "usage", "°C")]
    mean_drum_rpm: Annotated[float | None, described("Mean speed of the drum over time", "usage", "1/min", ge=0)]
    drum_span_ms: Annotated[int, described("Time that speeds of the drum speak for", "usage", "ms", ge=0)]
    max_drum_rpm: Annotated[float | None, described("Highest speed of the drum", "usage", "1/min", ge=0)]


class ShoeHour(ReadingHour):
    """One hour of a running shoe."""

    from_distance_m: Annotated[float, described("Least distance since the run began", "usage", "m", ge=0)]
    to_distance_m: Annotated[float, described("Most distance since the run began", "usage", "m", ge=0)]
    mean_cadence_spm: Annotated[float | None, described("Mean cadence over time", "usage", "1/min", ge=0)]
    cadence_span_ms: Annotated[int, described("Time that cadences speak for", "usage", "ms", ge=0)]
    mean_heart_rate_bpm: Annotated[float | None, described("Mean heart rate over time", "health", "1/min")]
    heart_rate_span_ms: Annotated[int | None, described("Time that heart rates speak for", "health", "ms", ge=0)]
    max_heart_rate_bpm: Annotated[float | None, described("Highest heart rate of a reading", "health", "1/min")]
    mean_ground_contact_ms: Annotated[float | None, described("Mean contact time over time", "health", "ms")]
    ground_contact_span_ms: Annotated[int | None, described("Time that contact times speak for", "health", "ms", ge=0)]
    mean_contact_balance_pct: Annotated[
        float | None, described("Left foot's mean share of ground contact time", "health", "%")
    ]
    contact_balance_span_ms: Annotated[int | None, described("Time that such shares speak for", "health", "ms", ge=0)]


@dataclass(frozen=True)
class Figure:
    """How one column of an hour comes from its readings, and from several rows of the same hour.

    Attributes:
        of: Column of the readings. Means and spans count those readings only where it is not null.
        over: Of a mean: the column with the time behind it, its weight.
    """

    name: str
    how: Literal["sum", "min", "max", "mean", "span"]
    of: str
    over: str = ""


def _over_time(column: str, mean: str, over: str) -> tuple[Figure, Figure]:
    return Figure(mean, "mean", column, over), Figure(over, "span", column)


WASHER = (
    Figure("span_ms", "sum", "span_ms"),
    Figure("energy_wh", "sum", "energy_wh"),
    Figure("peak_w", "max", "power_w"),
    Figure("water_l", "max", "water_l"),
    *_over_time("temperature_c", "mean_temperature_c", "temperature_span_ms"),
    Figure("max_temperature_c", "max", "temperature_c"),
    *_over_time("drum_rpm", "mean_drum_rpm", "drum_span_ms"),
    Figure("max_drum_rpm", "max", "drum_rpm"),
)
SHOE = (
    Figure("span_ms", "sum", "span_ms"),
    Figure("from_distance_m", "min", "distance_m"),
    Figure("to_distance_m", "max", "distance_m"),
    *_over_time("cadence_spm", "mean_cadence_spm", "cadence_span_ms"),
    *_over_time("heart_rate_bpm", "mean_heart_rate_bpm", "heart_rate_span_ms"),
    Figure("max_heart_rate_bpm", "max", "heart_rate_bpm"),
    *_over_time("ground_contact_ms", "mean_ground_contact_ms", "ground_contact_span_ms"),
    *_over_time("contact_balance_pct", "mean_contact_balance_pct", "contact_balance_span_ms"),
)


def rolled(readings: str, figures: Sequence[Figure], condition: str = "true") -> str:
    """SQL of the hours of those raw readings that meet the condition: one row a device, session and hour."""
    return (
        "SELECT device_id, session_no, date_trunc('hour', measured_at)::TIMESTAMP AS hour_at, "
        f"count(*) AS readings, {', '.join(map(_of_readings, figures))} "
        f"FROM {readings} WHERE {condition} GROUP BY ALL"
    )


def summed(hours: str, readings: str, figures: Sequence[Figure]) -> str:
    """SQL of one row a device, session and hour: the rows of table `hours`, and the readings not rolled up yet."""
    return (
        f"SELECT {', '.join(KEY)}, sum(readings)::BIGINT AS readings, {', '.join(map(_of_hours, figures))} "
        f"FROM (SELECT * FROM {hours} UNION ALL BY NAME {rolled(readings, figures)}) AS parts "
        f"GROUP BY {', '.join(KEY)}"
    )


def _of_readings(figure: Figure) -> str:
    match figure.how:
        case "span":
            value = f"coalesce(sum(span_ms) FILTER ({figure.of} IS NOT NULL), 0)::BIGINT"
        case "mean":
            value = (
                f"sum({figure.of} * span_ms) / nullif(sum(span_ms) FILTER ({figure.of} IS NOT NULL), 0)"  # null: none
            )
        case "sum":
            value = _sum(figure.of)
        case _:
            value = f"{figure.how}({figure.of})"
    return f"{value} AS {figure.name}"


def _of_hours(figure: Figure) -> str:
    match figure.how:
        case "span" | "sum":
            value = _sum(figure.name)
        case "mean":
            value = f"sum({figure.name} * {figure.over}) / nullif(sum({figure.over}), 0)"
        case _:
            value = f"{figure.how}({figure.name})"
    return f"{value} AS {figure.name}"


def _sum(column: str) -> str:
    return f"sum({column})::BIGINT" if column.endswith("_ms") else f"sum({column})"
