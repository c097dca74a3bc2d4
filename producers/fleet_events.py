"""What happens to a device over the days: sold, activated, updated, repaired, lent, sold on. The maker's books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from random import Random

from producers.fleet_calendar import DAY_MS, born_ms, local_ms
from producers.fleet_firmware import is_newer, updates
from producers.fleet_homes import Home, home, next_home
from producers.fleet_pairs import pair_id
from producers.fleet_routines import Tenure
from producers.roll_out import RollOut
from schemas.fleet import FleetDevice, LifeEvent, LifeEventKind

RESOLD_PER_YEAR = 0.3
LENT_PER_YEAR = 1.0
"""Shoes in use only, to a friend for `LENT_DAYS`."""
BOARD_SWAPPED_PER_YEAR = 0.3
"""Mean numbers a year of one connected device, from the first simulated day on."""

LENT_DAYS = (1.0, 9.0)

_SHOP_HOURS, _HOME_HOURS = range(10, 14), range(14, 19)
"""Local hours of sale and activation. In every time zone here they lie on the same day in UTC."""


@dataclass(frozen=True, slots=True)
class Owners:
    """Whom a device may belong to: customers of this number, of the fleet of this seed."""

    seed: int
    customers: int
    first: int


@dataclass(frozen=True, slots=True)
class _Turn:
    """Something that may happen; what it changes depends on what has happened until then."""

    at_ms: int
    kind: LifeEventKind
    firmware: str = ""
    mistake: str | None = None
    is_ordered: bool = False


def life_events(
    device: FleetDevice, owners: Owners, roll_outs: Sequence[RollOut], *, is_connected: bool, is_used: bool, end_ms: int
) -> list[LifeEvent]:
    """All that happens to a device before `end_ms`, in the order of time. The same up to any end.

    Sold and activated come first, for every device that was by then. More happens to connected ones only.

    Args:
        roll_outs: In the order they were ordered; each replaces what a device has, older or newer.
        is_connected: Whether it is plugged in, once activated.
        is_used: Whether its first owner starts sessions; idle devices are not lent.
    """
    key = pair_id(device)
    books = Random(f"{key}/books")
    turns = [_Turn(local_ms(device.sold_on, device.time_zone, _SHOP_HOURS, books), "sold")]
    if device.activated_on is not None:
        activated_ms = local_ms(device.activated_on, device.time_zone, _HOME_HOURS, books)
        turns.append(_Turn(activated_ms, "activated"))
        if is_connected:
            turns += _installations(device, activated_ms, roll_outs)
            turns += chain(_sales(key, device, end_ms), _loans(key, device, end_ms), _repairs(device, end_ms))
    turns.sort(key=attrgetter("at_ms"))
    return list(_told(device, owners, [turn for turn in turns if turn.at_ms < end_ms], is_used=is_used))


def tenures(device: FleetDevice, events: Sequence[LifeEvent], *, is_used: bool) -> list[Tenure]:
    """Who uses the device one after the other, and where; who buys a used one does so to use it.

    Args:
        events: Of this device, in the order of time.
        is_used: Whether its first owner starts sessions.
    """
    first = Tenure(0, born_ms(device), device.time_zone, is_used)
    resold = (event for event in events if event.kind == "resold")
    return [
        first,
        *(Tenure(number, event.at_ms, event.time_zone, is_used=True) for number, event in enumerate(resold, start=1)),
    ]


def _told(device: FleetDevice, owners: Owners, turns: list[_Turn], *, is_used: bool) -> Iterator[LifeEvent]:
    """The turns that can happen, each with all that holds from then on."""
    place = home(owners.seed, owners.first)
    resales = Random(f"{pair_id(device)}/resales")
    owner: Home | None = None
    firmware, mistake, board_no, is_lent = device.firmware, None, 0, False
    for turn in turns:
        match turn.kind:
            case "activated":
                owner = place
            case "resold":
                if is_lent or owners.customers < 2:
                    continue
                place, is_used = next_home(owners.seed, owners.customers, place, resales), True
                owner = place
            case "lent":
                if not is_used:
                    continue
                is_lent = True
            case "returned":
                if not is_lent:
                    continue
                is_lent = False
            case "board_swapped":
                board_no += 1
            case "firmware_installed":
                if not turn.is_ordered and not is_newer(turn.firmware, firmware):
                    continue
                firmware, mistake = turn.firmware, turn.mistake
            case "sold":
                pass
        yield LifeEvent(
            device_id=device.device_id,
            at_ms=turn.at_ms,
            kind=turn.kind,
            customer_id=None if owner is None else owner.customer_id,
            health_consent=None if owner is None or device.product != "shoe" else owner.health_consent,
            country=place.country,
            time_zone=place.time_zone,
            firmware=firmware,
            board_no=board_no,
            mistake=mistake,
        )


def _installations(device: FleetDevice, activated_ms: int, roll_outs: Sequence[RollOut]) -> Iterator[_Turn]:
    for at_ms, firmware in updates(device.device_id, device.product, activated_ms):
        yield _Turn(at_ms, "firmware_installed", firmware)
    for roll_out in roll_outs:
        ordered_ms = roll_out.installed_at_ms(device.device_id) if roll_out.product == device.product else None
        if ordered_ms is not None and ordered_ms > activated_ms:
            yield _Turn(ordered_ms, "firmware_installed", roll_out.firmware, roll_out.mistake, is_ordered=True)


def _sales(key: str, device: FleetDevice, end_ms: int) -> Iterator[_Turn]:
    rng = Random(f"{key}/sales")
    at_ms = born_ms(device) + _wait_ms(rng, RESOLD_PER_YEAR)
    while at_ms < end_ms:
        yield _Turn(at_ms, "resold")
        at_ms += _wait_ms(rng, RESOLD_PER_YEAR)


def _loans(key: str, device: FleetDevice, end_ms: int) -> Iterator[_Turn]:
    if device.product != "shoe":
        return
    rng = Random(f"{key}/loans")
    at_ms = born_ms(device) + _wait_ms(rng, LENT_PER_YEAR)
    while at_ms < end_ms:
        back_ms = at_ms + round(rng.uniform(*LENT_DAYS) * DAY_MS)
        yield _Turn(at_ms, "lent")
        yield _Turn(back_ms, "returned")
        at_ms = back_ms + _wait_ms(rng, LENT_PER_YEAR)


def _repairs(device: FleetDevice, end_ms: int) -> Iterator[_Turn]:
    rng = Random(f"{device.device_id}/repairs")
    at_ms = born_ms(device) + _wait_ms(rng, BOARD_SWAPPED_PER_YEAR)
    while at_ms < end_ms:
        yield _Turn(at_ms, "board_swapped")
        at_ms += _wait_ms(rng, BOARD_SWAPPED_PER_YEAR)


def _wait_ms(rng: Random, per_year: float) -> int:
    """Time to the next of events that happen at random; at least a millisecond."""
    return 1 + round(rng.expovariate(per_year / 365) * DAY_MS)
