"""Who is out there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from producers.fleet import DAY_MS, FIRST_DAY, SOLD_LATER_DAYS, fleet
from producers.fleet_firmware import RELEASES, as_made
from schemas.fleet import FleetDevice
from tests.unit.examples import examples

MONDAY_MS = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp()) * 1000


@examples(30)
@given(seed=st.integers(0, 10**9 - 1), washers=st.integers(0, 6), shoes=st.integers(0, 6), days=st.integers(1, 30))
def test_dates_follow_each_other_and_owners_come_with_activation(
    seed: int, washers: int, shoes: int, days: int
) -> None:
    members = fleet(seed, washers, shoes, MONDAY_MS, days).members
    first_day = datetime.fromtimestamp(MONDAY_MS / 1000, UTC).date()
    assert len(members) == washers + shoes
    for member in members:
        device = member.device
        assert first_day - timedelta(days=365) <= device.sold_on < first_day + timedelta(days=SOLD_LATER_DAYS)
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
    assert 0.04 < never / len(members) < 0.18
    assert fleet(7, 1, 1, MONDAY_MS, 14).end_ms == MONDAY_MS + 14 * DAY_MS


def test_some_are_sold_while_the_others_live() -> None:
    sold_later = [device for device in fleet(7, 300, 300, MONDAY_MS, 14).devices if device.sold_on >= FIRST_DAY]
    assert 0.02 < len(sold_later) / 600 < 0.1
    assert len({device.sold_on for device in sold_later}) > 5
    assert any(device.activated_on is not None for device in sold_later)


def test_a_device_is_the_same_in_a_larger_fleet_but_for_its_owner() -> None:
    small, large = fleet(7, 30, 30, MONDAY_MS, 14), fleet(7, 50, 51, MONDAY_MS, 14)
    found = {member.device.device_id: member for member in large.members}
    for member in small.members:
        same = found[member.device.device_id]
        assert without_owner(same.device) == without_owner(member.device)
        assert same.habit == member.habit


def without_owner(device: FleetDevice) -> dict[str, object]:
    return device.model_dump(exclude={"customer_id", "country", "time_zone", "health_consent"})


def test_about_a_tenth_of_shoes_come_as_two_devices_that_name_each_other() -> None:
    members = fleet(7, 5, 2_001, MONDAY_MS, 14).members
    by_id = {member.device.device_id: member for member in members}
    paired = [member for member in members if member.device.paired_with is not None]
    assert 0.06 < len(paired) / 2_001 < 0.14
    for member in paired:
        device = member.device
        assert device.paired_with is not None
        other = by_id[device.paired_with].device
        assert other.paired_with == device.device_id
        assert {number(device) // 2, number(other) // 2} == {number(device) // 2}
        assert other.product == "shoe"
        assert by_id[other.device_id].habit == member.habit
        exclude = {"device_id", "paired_with"}
        assert other.model_dump(exclude=exclude) == device.model_dump(exclude=exclude)


def number(device: FleetDevice) -> int:
    return int(device.device_id.rsplit("-", 1)[1])


@given(seed=st.integers(0, 500), shoes=st.integers(1, 40))
def test_the_last_shoe_of_an_odd_number_is_never_paired(seed: int, shoes: int) -> None:
    devices = fleet(seed, 0, shoes, MONDAY_MS, 1).devices
    ids = {device.device_id for device in devices}
    assert len(ids) == shoes
    assert {device.paired_with for device in devices} <= ids | {None}
    if shoes % 2:
        assert devices[-1].paired_with is None


def test_devices_leave_the_factory_with_the_firmware_of_their_day() -> None:
    for product, releases in RELEASES.items():
        days = [released_on for _, released_on in releases]
        assert days == sorted(days)
        for firmware, released_on in releases:
            assert as_made(product, released_on + timedelta(days=60)) == firmware
        assert as_made(product, releases[1][1]) == releases[0][0]
    assert len({device.firmware for device in fleet(7, 100, 0, MONDAY_MS, 14).devices}) >= 2
