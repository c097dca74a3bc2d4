"""Roll-outs as they are asked for on the command line."""

from __future__ import annotations

from datetime import date

import pytest

from producers.fleet_calendar import DAY_MS, midnight_ms
from producers.roll_out import RollOut, roll_out
from schemas.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("washer:3.3.0@2026-05-10", RollOut("washer", "3.3.0", date(2026, 5, 10))),
        ("shoe:2.1.0@2026-05-10*0.25", RollOut("shoe", "2.1.0", date(2026, 5, 10), 0.25)),
        ("washer:3.3.0@2026-05-10*.5!power_kw", RollOut("washer", "3.3.0", date(2026, 5, 10), 0.5, "power_kw")),
        ("washer:3.3.0@2026-05-10!rate_double", RollOut("washer", "3.3.0", date(2026, 5, 10), 1.0, "rate_double")),
        ("shoe:2.1.0@2026-05-10*1!distance_ft", RollOut("shoe", "2.1.0", date(2026, 5, 10), 1.0, "distance_ft")),
    ],
)
def test_a_roll_out_is_read(text: str, expected: RollOut) -> None:
    assert roll_out(text) == expected
    assert roll_out(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("", "washer:3.3.0@2026-05-10*0.5!power_kw"),
        ("dryer:3.3.0@2026-05-10", "there is no product 'dryer'; accepted is PRODUCT:FIRMWARE@DAY"),
        ("washer:3.3@2026-05-10", "the firmware '3.3' is not three numbers"),
        ("washer:3.3.0@10 May", "the day '10 May' is not of the form YYYY-MM-DD"),
        ("washer:3.3.0", "PRODUCT:FIRMWARE@DAY"),
        ("washer:3.3.0@2026-05-10!power_kw*0.5", "cannot make the mistake 'power_kw*0.5'"),
        ("washer:3.3.0@2026-05-10*half", "the share is 'half', above 0 to 1 is accepted"),
        ("washer:3.3.0@2026-05-10*", "the share is ''"),
        ("washer:3.3.0@2026-02-30", "there is no day 2026-02-30"),
        ("washer:3.3.0@2026-05-10*1.5", "above 0 to 1 is accepted"),
        ("washer:3.3.0@2026-05-10*0", "above 0 to 1 is accepted"),
        ("washer:3.3.0@2026-05-10!power_hp", "accepted is temperature_f, power_kw"),
        ("shoe:3.3.0@2026-05-10!power_kw", "accepted is distance_ft"),
        ("washer:3.3.0@2026-05-1٠", "PRODUCT:FIRMWARE@DAY"),
        ("washer:3.3.0@2026-05-10\n", "PRODUCT:FIRMWARE@DAY"),
    ],
)
def test_anything_else_is_refused_in_one_line_that_says_what_is_accepted(text: str, accepted: str) -> None:
    with pytest.raises(UsageError) as refused:
        roll_out(text)
    assert accepted in str(refused.value)
    assert "\n" not in str(refused.value)


def test_devices_install_it_within_the_day_and_so_many_as_the_share_says() -> None:
    order = RollOut("washer", "3.3.0", date(2026, 5, 10), 0.3)
    found = [order.installed_at_ms(f"wm-7-{number:06d}") for number in range(2_000)]
    installed = [at_ms for at_ms in found if at_ms is not None]
    assert 0.26 < len(installed) / 2_000 < 0.34
    begins_ms = midnight_ms(order.day)
    quarters = [sum((at_ms - begins_ms) * 4 // DAY_MS == quarter for at_ms in installed) for quarter in range(4)]
    assert sum(quarters) == len(installed)
    assert min(quarters) > 100


def test_a_larger_share_holds_the_smaller_one_and_a_mistake_moves_nobody() -> None:
    day = date(2026, 5, 10)
    for number in range(200):
        device_id = f"wm-7-{number:06d}"
        few = RollOut("washer", "3.3.0", day, 0.2).installed_at_ms(device_id)
        many = RollOut("washer", "3.3.0", day, 0.7, "power_kw").installed_at_ms(device_id)
        assert few is None or few == many
