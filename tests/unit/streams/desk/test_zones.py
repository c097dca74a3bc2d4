"""Names of time zones, as record systems may tell them."""

from __future__ import annotations

import pytest

from streams.desk.advice_told import local
from streams.desk.register import Known
from streams.desk.usage import USAGE_STORES, UsageBook
from streams.store import Store
from tests.unit.streams.desk.building import ANNA, NOON_MS, a_cycle, a_device, custodies

NO_ZONES = ["Europe", "America/", "A" * 300, "", "../x", "Europe/Berlin\0", "Mars/Olympus", "\ud800"]


def the_use(time_zone: str) -> object:
    book = UsageBook({name: Store(dtype) for name, dtype in USAGE_STORES.items()})
    custody = custodies((ANNA, 0, None)).model_copy(update={"time_zone": [time_zone]})
    return book.take(1, a_cycle(), Known(device=a_device(), custody=custody))


@pytest.mark.parametrize("name", NO_ZONES)
def test_a_name_that_is_no_zone_leaves_the_local_day_open(name: str) -> None:
    use = the_use(name)
    assert getattr(use, "local_day", "") is None
    assert getattr(use, "subject", "") == ANNA


@pytest.mark.parametrize("name", NO_ZONES)
def test_advice_goes_by_universal_time_where_the_zone_is_not_known(name: str) -> None:
    assert local(NOON_MS, name).hour == 12


def test_a_zone_is_known_to_usage_and_advice_alike() -> None:
    assert getattr(the_use("Asia/Tokyo"), "local_day", None) == local(NOON_MS, "Asia/Tokyo").date()
    assert local(NOON_MS, "Asia/Tokyo").hour == 21
