"""Where somebody runs: an invented smooth round from home, as long as the run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, degrees, pi, radians, sin
from random import Random

import numpy as np
from numpy.typing import NDArray

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius R1 of the WGS 84 ellipsoid (IUGG)."""

_SHIFT_M = 3_000.0
_NEIGHBOURHOOD_M = 800.0
_CORNERS = 240
_HARMONICS = 4


@dataclass(frozen=True, slots=True)
class Home:
    latitude_deg: float
    longitude_deg: float


# Centres of large cities and towns around them with nothing but land, rivers and small lakes within a few kilometres.
_CITIES: Mapping[str, tuple[Home, ...]] = {
    "SE": (Home(59.86, 17.64), Home(58.41, 15.62), Home(55.70, 13.20)),  # Uppsala, Linköping, Lund
    "DE": (Home(52.53, 13.40), Home(48.14, 11.57), Home(51.34, 12.37)),  # Berlin, Munich, Leipzig
    "GB": (Home(51.55, -0.14), Home(52.48, -1.89), Home(53.80, -1.55)),  # London, Birmingham, Leeds
    "FI": (Home(60.30, 25.03), Home(60.41, 25.10), Home(60.46, 24.81)),  # Vantaa, Kerava, Nurmijärvi
    "US": (Home(40.73, -73.83), Home(33.76, -84.39), Home(35.22, -80.84)),  # Queens, Atlanta, Charlotte
    "JP": (Home(35.70, 139.57), Home(35.17, 136.93), Home(35.90, 139.64)),  # western Tokyo, Nagoya, Saitama
}
COUNTRIES = tuple(_CITIES)
"""Countries in which a home can be."""


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A round from home and back, of length 1: corners east and north of home, `along` from 0 to 1."""

    home: Home
    lap_m: float
    along: NDArray[np.float64]
    east: NDArray[np.float64]
    north: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Positions in whole millionths of a degree, which is about a decimetre."""

    latitude_deg: NDArray[np.float64]
    longitude_deg: NDArray[np.float64]


def a_home(country: str, nature: Random) -> Home:
    """A place within a few kilometres of a large city.

    Args:
        country: One of `COUNTRIES`.
    """
    return _shifted(nature.choice(_CITIES[country]), _SHIFT_M, nature)


def a_neighbour(home: Home, nature: Random) -> Home:
    """A place within a kilometre."""
    return _shifted(home, _NEIGHBOURHOOD_M, nature)


def a_loop(home: Home, nature: Random) -> Loop:
    """A smooth round of three to six kilometres: a circle bent by a few waves."""
    angle = np.linspace(0, 2 * pi, _CORNERS + 1)
    east, north = np.cos(angle), np.sin(angle)
    for wave in range(2, _HARMONICS + 1):
        east += nature.uniform(-0.5, 0.5) / wave * np.cos(wave * angle + nature.uniform(0, 2 * pi))
        north += nature.uniform(-0.5, 0.5) / wave * np.cos(wave * angle + nature.uniform(0, 2 * pi))
    turn = nature.uniform(0, 2 * pi)
    east, north = east * cos(turn) - north * sin(turn), east * sin(turn) + north * cos(turn)
    along = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(east), np.diff(north)))))
    length = along[-1]
    lap_m = nature.uniform(3_000, 6_000)
    return Loop(home, lap_m, along / length, (east - east[0]) / length, (north - north[0]) / length)


def track(loop: Loop, distance_m: NDArray[np.float64]) -> Track:
    """Where somebody is who has run so far: whole laps, stretched so that the last one ends at home.

    Args:
        distance_m: Ascending, at least one, the last one above 0.
    """
    total_m = float(distance_m[-1])
    lap_m = total_m / max(1, round(total_m / loop.lap_m))
    along = (distance_m / lap_m) % 1.0
    north_m, east_m = (np.interp(along, loop.along, axis) * lap_m for axis in (loop.north, loop.east))
    north_deg = loop.home.latitude_deg + np.degrees(north_m / EARTH_RADIUS_M)
    shrunk_m = EARTH_RADIUS_M * cos(radians(loop.home.latitude_deg))
    return Track(north_deg.round(6), (loop.home.longitude_deg + np.degrees(east_m / shrunk_m)).round(6))


def _shifted(home: Home, by_m: float, nature: Random) -> Home:
    north_deg = degrees(nature.uniform(-by_m, by_m) / EARTH_RADIUS_M)
    east_deg = degrees(nature.uniform(-by_m, by_m) / EARTH_RADIUS_M) / cos(radians(home.latitude_deg))
    return Home(home.latitude_deg + north_deg, home.longitude_deg + east_deg)
