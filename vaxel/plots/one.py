"""One device's session: the course of a wash cycle, or of a run."""

from __future__ import annotations

from vaxel.plots.chart import Beneath, Chart, Line, Lines
from vaxel.plots.plot import Plot, Row, told_day

PACE_OVER_S = 30
"""Pace is the mean over so long: a single reading is too short for it."""
SLOWEST_S_PER_KM = 900
"""Slower than that is a pause, and a hole in the line."""

FASTEST_M_PER_S = 12
"""Nobody runs faster: a first reading that tells more metres tells those of readings before it, too."""

LONGEST_GAP_S = 1
"""A reading speaks for the time since the one before; where it does not reach back to it, nobody knows what was."""

_ACROSS = "minutes since the start"

CHOSEN = """
WITH sessions AS (
  SELECT session_id, device_id, material, firmware, started_at, ended_at, 'washer' AS product, programme,
         energy_wh AS amount, water_l FROM wash_cycles
  UNION ALL
  SELECT session_id, device_id, material, firmware, started_at, ended_at, 'shoe', null, distance_m, null FROM runs
)
SELECT * FROM sessions
WHERE ($session IS NULL OR session_id = $session) AND ($device IS NULL OR device_id = $device)
ORDER BY started_at DESC LIMIT 1
"""
"""Which session: asked first, so that of the readings only its device's and its day's files are read."""

SESSION = """
WITH readings AS (
  SELECT device_id, measured_at, span_ms, power_w AS first, temperature_c AS second, drum_rpm AS third
  FROM readings_washer
  UNION ALL
  SELECT device_id, measured_at, span_ms, distance_m, heart_rate_bpm, cadence_spm FROM readings_shoe
)
SELECT $product, $session_id, $material, $firmware, $started_at, $programme, $amount, $water_l,
       epoch_ms(measured_at) - epoch_ms($started_at::TIMESTAMP) AS after_ms, span_ms, first, second, third
FROM readings
WHERE device_id = $device_id AND measured_at >= $started_at::TIMESTAMP AND measured_at <= $ended_at::TIMESTAMP
ORDER BY measured_at
"""


def session(rows: list[Row]) -> Chart:
    """Rows: what is known of the session, then ms after its start, ms it speaks for, and three values of a reading.

    The three are power, temperature and drum speed of a washing machine; distance, heart rate and cadence of a shoe.
    """
    product, session_id, material, firmware, started_at, programme, amount, water_l = rows[0][:8]
    told = f"{session_id} · {material}, firmware {firmware} · began {told_day(started_at)} {started_at:%H:%M} UTC"
    if product == "washer":
        wet = "" if water_l is None else f", {water_l:.0f} l"
        title = f"A wash cycle ({programme or 'programme not known'}): {amount:,.0f} Wh{wet}"
        return Chart(title, told, _cycle(rows))
    return Chart(f"A run of {amount / 1000:.2f} km", told, _run(rows))


def _cycle(rows: list[Row]) -> list[Lines]:
    channels: tuple[tuple[str, str, int, Beneath], ...] = (
        ("Power", "W", 10, "zero"),
        ("Suds", "°C", 11, "data"),
        ("Drum", "1/min", 12, "zero"),
    )
    panels = [_channel(rows, name, unit, place, beneath) for name, unit, place, beneath in channels]
    return [panel for panel in panels if panel is not None]


def _channel(rows: list[Row], name: str, unit: str, place: int, beneath: Beneath) -> Lines | None:
    """One value of the readings over time, with a hole where none speaks; None when no reading has it."""
    minutes: list[float] = []
    values: list[float | None] = []
    for row in rows:
        from_minute = (row[8] - row[9]) / 60_000
        if minutes and from_minute - minutes[-1] > LONGEST_GAP_S / 60:
            minutes.append(from_minute)
            values.append(None)
        minutes.append(row[8] / 60_000)
        values.append(row[place])
    if all(value is None for value in values):
        return None
    return Lines(name, _ACROSS, unit, [Line(name.lower(), minutes, values)], beneath, has_points=False)


def _run(rows: list[Row]) -> list[Lines]:
    panels = []
    places, paces = _pace(rows)
    if places:
        panels.append(Lines("Pace", _ACROSS, "min/km", [Line("pace", places, paces)], "data", False, True))
    channels = (("Heart rate", "1/min", 11), ("Cadence", "steps/min", 12))
    moving = _without_pauses(rows)
    more = [_channel(moving, name, unit, place, "data") for name, unit, place in channels]
    return panels + [panel for panel in more if panel is not None]


def _without_pauses(rows: list[Row]) -> list[Row]:
    """The readings of a run, those with nothing but their time where its wearer stood: `SLOWEST_S_PER_KM` or slower."""
    found: list[Row] = []
    before_m = 0.0
    for row in rows:
        span_ms, at_m = row[9], row[10]
        stood = at_m is not None and (at_m - before_m) * SLOWEST_S_PER_KM < span_ms
        found.append((*row[:10], at_m, None, None) if stood else row)
        before_m = before_m if at_m is None else at_m
    return found


def _pace(rows: list[Row]) -> tuple[list[float], list[float | None]]:
    """Minutes since the start, and the pace there in min/km: the mean of windows that do not overlap.

    Distance is what was run since the run began, so a window's own is the difference of its ends. Where a
    lost upload had the begin, the first window begins at the first reading: nobody knows how long the metres before it
    took.
    """
    places: list[float] = []
    paces: list[float | None] = []
    told = [(row[8], row[10]) for row in rows if row[10] is not None]
    if not told:
        return places, paces
    first_ms, span_ms, first_m = next((row[8], row[9], row[10]) for row in rows if row[10] is not None)
    is_begin_lost = first_ms - span_ms > LONGEST_GAP_S * 1000 or first_m * 1000 > FASTEST_M_PER_S * span_ms
    from_ms, from_m = (first_ms, first_m) if is_begin_lost else (first_ms - span_ms, 0.0)
    for at_ms, at_m in told:
        if at_ms - from_ms < PACE_OVER_S * 1000:
            continue
        seconds, metres = (at_ms - from_ms) / 1000, at_m - from_m
        slow = metres <= 0 or seconds / metres * 1000 > SLOWEST_S_PER_KM
        places.append((from_ms + at_ms) / 2 / 60_000)
        paces.append(None if slow else seconds / metres * 1000 / 60)
        from_ms, from_m = at_ms, at_m
    return places, paces


PLOTS = (
    Plot(
        "session", "One session: the course of a wash cycle, or pace and heart rate of a run (newest, or --session)",
        SESSION, session, "has no readings of a session", ("device", "session"), CHOSEN,
    ),
)  # fmt: skip
