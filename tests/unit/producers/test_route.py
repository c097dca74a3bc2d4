"""Where somebody runs."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from producers.route import COUNTRIES, EARTH_RADIUS_M, Track, a_home, a_loop, a_neighbour, track


def haversine_m(where: Track) -> NDArray[np.float64]:
    """Lengths between positions on a sphere (Sinnott, 1984)."""
    latitude, longitude = np.radians(where.latitude_deg), np.radians(where.longitude_deg)
    half = (
        np.sin(np.diff(latitude) / 2) ** 2
        + np.cos(latitude[1:]) * np.cos(latitude[:-1]) * np.sin(np.diff(longitude) / 2) ** 2
    )
    lengths: NDArray[np.float64] = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(half))
    return lengths


@given(
    seed=st.integers(0, 2**32),
    country=st.sampled_from(COUNTRIES),
    total_m=st.floats(900, 30_000),
    speed=st.floats(1.5, 5.0),
)
def test_the_route_is_as_long_as_the_run_and_ends_at_home(
    seed: int, country: str, total_m: float, speed: float
) -> None:
    nature = Random(seed)
    home = a_home(country, nature)
    distance_m = np.linspace(0, total_m, int(total_m / speed / 3))
    where = track(a_loop(home, nature), distance_m)
    legs_m = haversine_m(where)
    assert legs_m.sum() == pytest.approx(total_m, rel=0.02)
    assert legs_m.max() < 3 * speed * 1.1 + 0.5
    for position in (0, -1):
        assert where.latitude_deg[position] == pytest.approx(home.latitude_deg, abs=2e-6)
        assert where.longitude_deg[position] == pytest.approx(home.longitude_deg, abs=2e-6)


def test_the_route_is_smooth_and_stays_around_home() -> None:
    for seed in range(20):
        home = a_home("SE", Random(seed))
        where = track(a_loop(home, Random(seed)), np.arange(0, 12_000, 9.0))
        north, east = np.diff(where.latitude_deg), np.diff(where.longitude_deg) * np.cos(np.radians(home.latitude_deg))
        turns = np.abs(np.diff(np.unwrap(np.arctan2(north, east))))
        assert np.quantile(turns, 0.95) < 0.3
        assert np.abs(where.latitude_deg - home.latitude_deg).max() < 0.04


def test_no_two_runners_live_at_one_place_and_friends_live_near() -> None:
    homes = [a_home("FI", Random(seed)) for seed in range(50)]
    assert len(set(homes)) == 50
    friend = a_neighbour(homes[0], Random(1))
    assert friend != homes[0]
    assert abs(friend.latitude_deg - homes[0].latitude_deg) < 0.01


def test_who_stands_still_stays_where_they_are() -> None:
    where = track(a_loop(a_home("JP", Random(1)), Random(1)), np.array([9.0, 500.0, 500.0, 2_000.0]))
    assert where.latitude_deg[1] == where.latitude_deg[2]
    assert where.longitude_deg[1] == where.longitude_deg[2]
