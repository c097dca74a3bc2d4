"""The course of a wash cycle as the contract tells it. Pure."""

from __future__ import annotations

from typing import Any

from schemas.catalogue import WASHER_BY_MATERIAL
from streams.recognition import recognised
from streams.wash_anomalies import RULES, Rules, anomalies, anomalies_of_curve
from streams.wash_course import Course
from streams.wash_phases import PHASES

MS_PER_HOUR = 3_600_000
SMALLEST_RISE_K = 5.0
"""Below that the sensor's last digits make any rate."""


def course_facts(course: Course, rules: Rules = RULES) -> dict[str, Any]:
    """The fields of `schemas.facts.WashCycle` that a cycle's course fills. What nobody measured is None."""
    if course.is_detected:
        return _curve_facts(course, rules)
    says_phases, has_drum = any(course.phase_ms), course.fastest_rpm > 0
    found = anomalies(course, heating_k_per_min(course), rules)
    is_whole = course.is_over and not {"unfinished", "readings_missing", "power_cut"} & set(found)
    return {
        **_programme(course, rules, is_whole=is_whole),
        **{
            f"{phase}_s": took_ms / 1e3 if says_phases else None
            for phase, took_ms in zip(PHASES, course.phase_ms, strict=True)
        },
        "drain_s": course.drain_ms / 1e3 if has_drum else None,
        "heat_energy_wh": course.heating_wh,
        "heater_w": heater_w(course),
        "heating_k_per_min": heating_k_per_min(course),
        "max_temperature_c": course.hottest_c,
        "max_drum_rpm": float(course.fastest_rpm) if has_drum else None,
        "spin_w": course.spin_wh / course.spin_ms * MS_PER_HOUR if course.spin_ms else None,
        **_label_deviations(course, is_whole=is_whole),
        "anomalies": found,
    }


_UNKNOWN: dict[str, Any] = dict.fromkeys(
    (
        *(f"{phase}_s" for phase in PHASES),
        *(
            "drain_s",
            "heat_energy_wh",
            "heater_w",
            "anomalies",
            "heating_k_per_min",
            "max_temperature_c",
            "max_drum_rpm",
            "spin_w",
        ),
        *("label_energy_deviation_pct", "label_water_deviation_pct"),
    )
)
"""What watts alone do not tell, and what they tell in times that were not always kept."""


def _curve_facts(course: Course, rules: Rules) -> dict[str, Any]:
    """The fields that a cycle found in a power curve has."""
    programme = {
        "programme": course.programme,
        "programme_source": None if course.programme is None else "recognised",
    }
    if course.covered_ms == 0:
        return {**_UNKNOWN, **programme}
    return {
        **_UNKNOWN,
        **programme,
        "heat_s": course.hot_ms / 1e3,
        "heat_energy_wh": course.heating_wh,
        "heater_w": heater_w(course),
        "anomalies": anomalies_of_curve(course, rules),
    }


def _programme(course: Course, rules: Rules, *, is_whole: bool) -> dict[str, str | None]:
    """As the machine says it, else as the course of a whole cycle shows it."""
    if course.programme is not None:
        return {"programme": course.programme, "programme_source": "reported"}
    warm_ms = round(course.heating_wh / (heater_w(course) or 1.0) * MS_PER_HOUR)
    lasted_ms = course.lasted_ms - rules.fill_ms
    found = recognised(lasted_ms, warm_ms, course.energy_wh, course.heating_wh) if is_whole else None
    return {"programme": found, "programme_source": found and "recognised"}


def heater_w(course: Course) -> float | None:
    """Mean power of the readings in which the heater was on throughout."""
    return course.hot_wh / course.hot_ms * MS_PER_HOUR if course.hot_ms else None


def heating_k_per_min(course: Course) -> float | None:
    """Rise from the coldest to the warmest suds, by the time that the energy of heating takes at the heater's power.

    Pulses that keep the suds warm are in that time: one or two of a programme's thirty or more.
    """
    power_w = heater_w(course)
    if power_w is None or course.hottest_c is None or course.coldest_c is None:
        return None
    rise_k = course.hottest_c - course.coldest_c
    return rise_k / (course.heating_wh / power_w * 60) if rise_k >= SMALLEST_RISE_K else None


def _label_deviations(course: Course, *, is_whole: bool) -> dict[str, float | None]:
    """Energy and water above the label's, in per cent; None of cycles that are not known as a whole.

    The label speaks of a nominal load and of inlet water at 15 °C: a full drum in winter takes more, and is sound.
    """
    model = WASHER_BY_MATERIAL.get(course.material)
    if model is None or course.programme is None or not is_whole:
        return {"label_energy_deviation_pct": None, "label_water_deviation_pct": None}
    label = model.labels[course.programme]
    return {
        "label_energy_deviation_pct": (course.energy_wh / label.energy_wh - 1) * 100,
        "label_water_deviation_pct": None if course.water_l is None else (course.water_l / label.water_l - 1) * 100,
    }
