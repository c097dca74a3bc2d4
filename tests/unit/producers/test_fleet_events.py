"""What happens to devices over the days."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.fleet import DAY_MS, FIRST_DAY_MS, Fleet, fleet
from producers.fleet_events import tenures
from producers.fleet_firmware import is_newer
from producers.fleet_homes import home
from producers.roll_out import RollOut, roll_out
from schemas.fleet import LifeEvent
from tests.unit.examples import examples

MISTAKEN = roll_out("washer:3.3.0@2026-05-10*0.5!power_kw")


@cache
def a_fleet(days: int = 14, roll_outs: tuple[RollOut, ...] = ()) -> Fleet:
    return fleet(7, 300, 300, FIRST_DAY_MS, days, roll_outs)


@cache
def events_of(days: int = 14, roll_outs: tuple[RollOut, ...] = ()) -> list[LifeEvent]:
    return a_fleet(days, roll_outs).events


@cache
def lives(days: int = 14, roll_outs: tuple[RollOut, ...] = ()) -> dict[str, list[LifeEvent]]:
    by_device: dict[str, list[LifeEvent]] = defaultdict(list)
    for event in events_of(days, roll_outs):
        by_device[event.device_id].append(event)
    return by_device


def test_a_fortnight_of_600_devices_shows_a_few_of_everything() -> None:
    kinds = Counter(event.kind for event in events_of() if event.at_ms >= FIRST_DAY_MS)
    for kind in ("sold", "activated", "resold", "lent", "returned", "board_swapped", "firmware_installed"):
        assert kinds[kind] >= 3, kind
    assert kinds["resold"] + kinds["lent"] + kinds["board_swapped"] < 60
    washers = {event.firmware for event in events_of() if event.device_id.startswith("wm")}
    shoes = {event.firmware for event in events_of() if event.device_id.startswith("sh")}
    assert (washers, shoes) == ({"3.1.4", "3.2.0", "3.2.1", "4.0.0"}, {"1.8.2", "1.9.0", "2.0.1"})


def test_events_come_in_the_order_of_time_and_end_with_the_simulated_days() -> None:
    at_ms = [event.at_ms for event in events_of()]
    assert at_ms == sorted(at_ms)
    assert at_ms[-1] < a_fleet().end_ms


def test_the_same_days_give_the_same_events() -> None:
    assert fleet(7, 30, 30, FIRST_DAY_MS, 14).events == fleet(7, 30, 30, FIRST_DAY_MS, 14).events
    assert fleet(8, 30, 30, FIRST_DAY_MS, 14).events != fleet(7, 30, 30, FIRST_DAY_MS, 14).events


@examples(10)
@given(seed=st.integers(0, 999), days=st.integers(1, 60), later=st.integers(0, 300))
def test_what_happened_stays_what_happened_on_later_days(seed: int, days: int, later: int) -> None:
    short = fleet(seed, 8, 9, FIRST_DAY_MS, days)
    for begins in (FIRST_DAY_MS, FIRST_DAY_MS + later * DAY_MS):
        longer = fleet(seed, 8, 9, begins, days + later, ())
        assert short.events == [event for event in longer.events if event.at_ms < short.end_ms]


def test_sale_and_activation_happen_on_the_local_days_of_the_books() -> None:
    for device in a_fleet().devices:
        sold = [event for event in lives().get(device.device_id, []) if event.kind == "sold"]
        activated = [event for event in lives().get(device.device_id, []) if event.kind == "activated"]
        assert len(sold) == 1 or (not sold and device.activated_on is None)
        assert [local_day(event) for event in sold] in ([], [device.sold_on])
        assert [local_day(event) for event in activated] == ([device.activated_on] if device.activated_on else [])
        assert [event.customer_id for event in sold] in ([], [None])
        assert [event.customer_id for event in activated] == ([device.customer_id] if device.activated_on else [])
        for event in sold + activated:
            assert (event.country, event.time_zone) == (device.country, device.time_zone)


def local_day(event: LifeEvent) -> object:
    return datetime.fromtimestamp(event.at_ms / 1000, ZoneInfo(event.time_zone)).date()


def test_each_event_changes_what_it_is_about_and_nothing_else() -> None:
    about: dict[str, set[str]] = {
        "activated": {"customer_id", "health_consent"},
        "resold": {"customer_id", "country", "time_zone", "health_consent"},
        "lent": set(),
        "returned": set(),
        "board_swapped": {"board_no"},
        "firmware_installed": {"firmware", "mistake"},
    }
    held = {"customer_id", "health_consent", "country", "time_zone", "board_no", "firmware", "mistake"}
    seen: Counter[str] = Counter()
    for events in lives(120, (MISTAKEN,)).values():
        assert events[0].kind == "sold"
        for before, after in pairwise(events):
            changed = {name for name in held if getattr(before, name) != getattr(after, name)}
            assert changed <= about[after.kind], after
            assert changed or after.kind in ("lent", "returned")
            seen[after.kind] += 1
            if after.kind == "board_swapped":
                assert after.board_no == before.board_no + 1
            if after.kind == "resold":
                assert after.customer_id not in (None, before.customer_id)
                seen["moved"] += after.time_zone != before.time_zone
            if after.kind == "firmware_installed" and after.firmware != MISTAKEN.firmware:
                assert is_newer(after.firmware, before.firmware)
    assert set(seen) == {*about, "moved"}
    assert seen["moved"] > 10


def test_a_customer_gives_one_answer_whichever_shoe_it_is_asked_for() -> None:
    """Whoever bought it new or used; before somebody owns it, and of washers, nobody was asked."""
    asked = 0
    for device_id, events in lives(120).items():
        for event in events:
            if device_id.startswith("wm") or event.customer_id is None:
                assert event.health_consent is None
            else:
                assert event.health_consent is home(7, int(event.customer_id[-6:])).health_consent
                asked += event.kind == "resold"
    assert asked > 10
    of_books = {device.device_id: device.health_consent for device in a_fleet(120).devices}
    assert all(
        event.health_consent is of_books[event.device_id]
        for events in lives(120).values()
        for event in events
        if event.kind == "activated"
    )


def test_devices_without_a_connection_are_neither_updated_nor_sold_on() -> None:
    silent = [member.device.device_id for member in a_fleet(120).members if member.habit == "silent"]
    kinds = {event.kind for device_id in silent for event in lives(120).get(device_id, [])}
    assert kinds == {"sold", "activated"}


def test_what_is_lent_comes_back_and_is_not_sold_meanwhile() -> None:
    lent: set[str] = set()
    loans = 0
    for event in fleet(7, 20, 500, FIRST_DAY_MS, 200).events:
        if event.kind == "lent":
            assert event.device_id.startswith("sh")
            assert event.device_id not in lent
            lent.add(event.device_id)
            loans += 1
        elif event.kind == "returned":
            lent.remove(event.device_id)
        assert not (event.kind == "resold" and event.device_id in lent)
    assert loans > 150


def test_both_shoes_of_a_pair_change_hands_together() -> None:
    together = ("sold", "activated", "resold", "lent", "returned")
    moved = 0
    for device in a_fleet(120).devices:
        if device.paired_with is None:
            continue
        mine, other = (
            [
                (event.kind, event.at_ms, event.customer_id, event.time_zone)
                for event in events
                if event.kind in together
            ]
            for events in (lives(120).get(device.device_id, []), lives(120).get(device.paired_with, []))
        )
        assert mine == other
        moved += len(mine) > 2
    assert moved > 5


def test_tenures_follow_each_other_from_the_first_simulated_day_on() -> None:
    for member in a_fleet(120).members:
        if member.device.activated_on is None:
            continue
        events = lives(120)[member.device.device_id]
        found = tenures(member.device, events, is_used=member.habit == "used")
        resold = [event for event in events if event.kind == "resold"]
        assert [tenure.from_ms for tenure in found[1:]] == [event.at_ms for event in resold]
        assert [tenure.time_zone for tenure in found[1:]] == [event.time_zone for event in resold]
        assert all(earlier.from_ms < later.from_ms for earlier, later in pairwise(found))
        assert all(tenure.is_used for tenure in found[1:])


def test_a_roll_out_reaches_its_share_within_a_day() -> None:
    installed = [event for event in events_of(14, (MISTAKEN,)) if event.firmware == "3.3.0"]
    own = [event for event in installed if event.kind == "firmware_installed"]
    begins_ms = FIRST_DAY_MS + 6 * DAY_MS
    assert all(begins_ms <= event.at_ms < begins_ms + DAY_MS for event in own)
    assert max(event.at_ms for event in own) - min(event.at_ms for event in own) > DAY_MS * 0.9
    assert {event.mistake for event in installed} == {"power_kw"}
    assert {event.device_id[:2] for event in installed} == {"wm"}
    connected = [
        member.device.device_id
        for member in a_fleet().members
        if member.habit != "silent" and lives()[member.device.device_id][1].at_ms < begins_ms
    ]
    reachable = sum(device_id.startswith("wm") for device_id in connected)
    assert 0.4 < len(own) / reachable < 0.6


def test_a_roll_out_for_all_reaches_all_that_are_connected_then() -> None:
    everywhere = roll_out("shoe:1.9.1@2026-05-08!distance_ft")
    begins_ms = FIRST_DAY_MS + 4 * DAY_MS
    reached = Counter[tuple[bool, bool]]()
    for member in a_fleet(14, (everywhere,)).members:
        events = lives(14, (everywhere,)).get(member.device.device_id, [])
        has_it = any(event.kind == "firmware_installed" and event.firmware == "1.9.1" for event in events)
        activated_ms = [event.at_ms for event in events if event.kind == "activated"]
        if activated_ms and begins_ms <= activated_ms[0] < begins_ms + DAY_MS:
            continue  # on the day itself: before or after its turn
        could = member.device.product == "shoe" and member.habit != "silent" and activated_ms[0] < begins_ms
        assert has_it == could
        reached[has_it, could] += 1
    assert min(reached.values()) > 100


def test_a_roll_out_changes_nothing_but_firmware() -> None:
    def others(events: list[LifeEvent]) -> list[object]:
        return [
            event.model_dump(exclude={"firmware", "mistake"}) for event in events if event.kind != "firmware_installed"
        ]

    assert others(events_of(14, (MISTAKEN,))) == others(events_of())


@pytest.mark.parametrize("mistake", [None, "power_kw"])
def test_a_second_roll_out_takes_the_mistake_back(mistake: str | None) -> None:
    first = RollOut("washer", "3.3.0", MISTAKEN.day, mistake=mistake)
    back = roll_out("washer:3.2.1@2026-05-12")
    for events in lives(14, (first, back)).values():
        if events[-1].device_id.startswith("wm") and any(event.firmware == "3.3.0" for event in events):
            at_end = events[-1]
            assert (at_end.mistake, at_end.firmware) in [(None, "3.2.1"), (None, "4.0.0")]
