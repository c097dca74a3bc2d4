"""What CRM and billing hold follows from the fleet's life."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.fleet import FIRST_DAY_MS, fleet
from schemas.fleet import FleetDevice, LifeEvent, LifeEventKind
from schemas.reference import Goal
from sinks.records.people import Training, preference
from sinks.records.seeded import Held, Last, consents, custody_news, held_by

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def a_device(
    device_id: str = "sh-1", customer_id: str | None = "cu-1", *, paired_with: str | None = None
) -> FleetDevice:
    return FleetDevice(
        device_id=device_id,
        product="shoe" if device_id.startswith("sh") else "washer",
        material="SH-220",
        firmware="1.0.0",
        country="SE",
        time_zone="Europe/Stockholm",
        sold_on=date(2026, 3, 3),
        activated_on=date(2026, 3, 4),
        customer_id=customer_id,
        health_consent=True,
        paired_with=paired_with,
    )


def an_event(kind: LifeEventKind, after_h: int, customer_id: str | None = None) -> LifeEvent:
    return LifeEvent(
        device_id="sh-1",
        at_ms=int((NOON + timedelta(hours=after_h)).timestamp() * 1000),
        kind=kind,
        customer_id=customer_id,
        health_consent=customer_id is not None,
        country="DE",
        time_zone="Europe/Berlin",
        firmware="1.0.0",
        board_no=0,
        mistake=None,
    )


def spans(held: list[Held]) -> list[tuple[str, str, int | None, int | None]]:
    def hours(at: datetime | None) -> int | None:
        return None if at is None else round((at - NOON) / timedelta(hours=1))

    return [(own.customer_id, own.kind, hours(own.from_at), hours(own.to_at)) for own in held]


LIFE = [
    an_event("sold", 0),
    an_event("activated", 5, "cu-1"),
    an_event("lent", 10, "cu-1"),
    an_event("returned", 20, "cu-1"),
    an_event("board_swapped", 25, "cu-1"),
    an_event("resold", 30, "cu-2"),
    an_event("resold", 40, "cu-1"),
]


def test_the_first_owner_has_it_from_the_sale_and_each_buyer_from_the_resale() -> None:
    assert spans(held_by([a_device()], LIFE)) == [
        ("cu-1", "sold", 0, 30),
        ("cu-2", "resold", 30, 40),
        ("cu-1", "resold", 40, None),
    ]


def test_without_events_it_is_had_from_the_day_of_sale_where_it_stands() -> None:
    (held,) = held_by([a_device()])
    assert (held.from_at, held.to_at) == (datetime(2026, 3, 2, 23, tzinfo=UTC), None)


def test_a_unit_that_nobody_activated_has_no_owner() -> None:
    assert held_by([a_device(customer_id=None)], LIFE[:1]) == []


def test_what_crm_does_not_know_of_is_all_news() -> None:
    held = held_by([a_device()], LIFE)
    assert custody_news({}, held).added == held


@given(st.integers(1, 3))
def test_of_a_known_unit_only_later_owners_are_news_and_end_what_was_open(known: int) -> None:
    held = held_by([a_device()], LIFE)
    last = held[known - 1]
    news = custody_news({"sh-1": Last(last.from_at, None, last.customer_id)}, held)
    assert news.added == held[known:]
    assert news.ended == ({} if known == 3 else {("sh-1", last.from_at): held[known].from_at})


def test_a_begin_that_somebody_moved_makes_no_second_owner() -> None:
    held = held_by([a_device()], LIFE[:6])
    moved = Last(held[1].from_at - timedelta(days=3), None, "cu-2")
    assert custody_news({"sh-1": moved}, held).added == []


def test_both_shoes_of_a_pair_are_paid_for_in_one_way() -> None:
    pairs = [(f"sh-7-{number:06d}", f"sh-7-{number + 1:06d}") for number in range(0, 200, 2)]
    kinds = [
        [held_by([a_device(one, paired_with=other)])[0].contract_kind for one, other in (pair, reversed(pair))]
        for pair in pairs
    ]
    assert all(left == right for left, right in kinds)
    assert {left for left, _ in kinds} == {"owned", "pay_per_km", "flat"}


def test_consents_begin_with_what_they_are_about_and_positions_are_agreed_to_per_pair_of_shoes() -> None:
    held = held_by([a_device()], LIFE)
    agreed = {(own.customer_id, own.purpose): own for own in consents(held, {("sh-1", "cu-2")})}
    assert agreed["cu-1", "health"].granted_at == held[0].from_at
    assert agreed["cu-2", "location"].device_id == "sh-1"
    assert ("cu-1", "location") not in agreed
    assert agreed["cu-2", "health"].device_id is None


def test_who_rents_pays_by_use_and_who_owns_does_not() -> None:
    held = held_by(fleet(7, 200, 200, FIRST_DAY_MS, 3).devices)
    assert {(own.kind, own.contract_kind) for own in held} == {
        ("sold", "owned"),
        ("rented", "pay_per_wash"),
        ("rented", "pay_per_km"),
        ("rented", "flat"),
    }
    assert 0.05 < sum(own.kind == "rented" for own in held) / len(held) < 0.2


def test_a_customer_wants_the_same_each_time_and_nobody_more_than_five_insights_a_week() -> None:
    wanted = [preference(f"cu-7-{number:06d}", None) for number in range(200)]
    assert wanted == [preference(f"cu-7-{number:06d}", None) for number in range(200)]
    assert {own.insights_per_week for own in wanted} == {0, 1, 2, 3, 5}


@pytest.mark.parametrize("runs_per_week", range(1, 15))
def test_a_runner_s_wishes_fit_the_contract(runs_per_week: int) -> None:
    training = Training(highest_bpm=187.4, runs_per_week=runs_per_week, weekly_km=31.6)
    wanted = [preference(f"cu-{number}", training) for number in range(50)]
    assert {own.max_heart_rate_bpm for own in wanted} == {None, 187}
    assert {own.weekly_km for own in wanted} == {None, 32}
    assert {own.goal for own in wanted} <= {None, *get_args(Goal)}
    for own in wanted:
        assert (own.goal is None) == (own.weekly_km is None) == (own.runs_per_week is None)
