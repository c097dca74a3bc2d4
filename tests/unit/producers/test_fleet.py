"""Who is out there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from producers.fleet import DAY_MS, fleet

MONDAY_MS = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp()) * 1000


@settings(max_examples=30)
@given(seed=st.integers(0, 10**9 - 1), washers=st.integers(0, 6), shoes=st.integers(0, 6), days=st.integers(1, 30))
def test_dates_follow_each_other_and_owners_come_with_activation(
    seed: int, washers: int, shoes: int, days: int
) -> None:
    members = fleet(seed, washers, shoes, MONDAY_MS, days).members
    first_day = datetime.fromtimestamp(MONDAY_MS / 1000, UTC).date()
    assert len(members) == washers + shoes
    for member in members:
        device = member.device
        assert first_day - timedelta(days=365) <= device.sold_on < first_day
        assert (device.activated_on is None) == (device.customer_id is None)
        assert (device.health_consent is None) == (device.product == "washer")
        if device.activated_on is None:
            assert member.habit == "silent"
        else:
            assert device.sold_on <= device.activated_on < first_day + timedelta(days=days)


def test_the_same_seed_gives_the_same_fleet() -> None:
    assert fleet(7, 20, 20, MONDAY_MS, 14) == fleet(7, 20, 20, MONDAY_MS, 14)


def test_fleets_of_different_seeds_share_no_device_and_no_customer() -> None:
    one, other = (fleet(seed, 50, 50, MONDAY_MS, 14).devices for seed in (1, 11))
    assert not {device.device_id for device in one} & {device.device_id for device in other}
    assert not {device.customer_id for device in one} & {device.customer_id for device in other} - {None}


def test_a_fleet_has_devices_in_use_idle_silent_and_never_activated() -> None:
    members = fleet(7, 300, 300, MONDAY_MS, 14).members
    assert {member.habit for member in members} == {"used", "idle", "silent"}
    never = sum(member.device.activated_on is None for member in members)
    assert 0.04 < never / len(members) < 0.16
    assert fleet(7, 1, 1, MONDAY_MS, 14).end_ms == MONDAY_MS + 14 * DAY_MS
