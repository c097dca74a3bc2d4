"""What the record systems hold of a fleet beside its devices and owners: accounts, service, planners' figures."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from schemas.fleet import FleetDevice
from sinks.records.assortment import SPARE_PARTS
from sinks.records.seeded import held_by
from sinks.records.seeded_accounts import accounts, activities
from sinks.records.seeded_demand import planned_demand
from sinks.records.seeded_service import cases, warranties

COUNTRIES = st.sampled_from(["SE", "DE", "JP"])


def device(number: int, sold_on: date, material: str = "WM-8030") -> FleetDevice:
    return FleetDevice(
        device_id=f"wm-7-{number:06d}",
        product="washer" if material.startswith("WM") else "shoe",
        material=material,
        firmware="1.0.0",
        country="SE",
        time_zone="Europe/Stockholm",
        sold_on=sold_on,
        activated_on=sold_on,
        customer_id=f"cu-7-{number:06d}",
        health_consent=None,
    )


FLEET = [
    device(number, date(2025, 5 + number % 8, 1 + number % 28), material)
    for number, material in enumerate(["WM-8030", "WM-6010", "SH-110"] * 100)
]


@given(st.dictionaries(st.integers(0, 60).map(lambda number: f"cu-7-{number:06d}"), COUNTRIES))
def test_every_customer_has_an_account_of_their_own_country(homes: dict[str, str]) -> None:
    found = accounts(homes)
    assert found.keys() == homes.keys()
    assert all(found[customer].country == country for customer, country in homes.items())
    assert len({own.account_id for own in found.values()}) == len(set(found.values())), "one number, one account"


def test_some_customers_share_a_household_and_some_accounts_are_companies() -> None:
    homes = {f"cu-7-{number:06d}": "SE" for number in range(300)}
    found = accounts(homes)
    assert 0.5 < len(set(found.values())) / len(homes) < 0.9
    assert {own.kind for own in found.values()} == {"household", "company"}


def test_a_customer_whose_number_is_none_has_an_account_too() -> None:
    (own,) = accounts({"cu-x": "BR"}).values()
    assert (own.account_id, own.country) == ("ac-x", "BR")


def test_people_note_things_of_some_customers_after_they_had_their_first_unit() -> None:
    held = held_by(FLEET)
    since = {own.customer_id: own.from_at for own in reversed(held)}
    rows = activities(held)
    assert len({row[0] for row in rows}) == len(rows), "one number, one entry"
    assert 0.1 < len({row[1] for row in rows}) / len(since) < 0.3
    assert all(isinstance(row[3], datetime) and row[3] > since[str(row[1])] for row in rows)
    assert activities(list(reversed(held))) == rows


def test_cases_and_activities_of_a_longer_life_are_the_same_ones_and_more() -> None:
    later = [*FLEET, *(device(number, date(2026, 4, 1)) for number in range(1000, 1100))]
    assert set(cases(FLEET)) < set(cases(later))
    assert set(activities(held_by(FLEET))) < set(activities(held_by(later)))


def test_no_case_was_opened_before_the_sale_or_after_the_newest_one() -> None:
    sold = {own.device_id: own.sold_on for own in FLEET}
    newest = max(sold.values())
    opened = {str(row[1]): row[5] for row in cases(FLEET)}
    assert opened
    for device_id, at in opened.items():
        assert isinstance(at, datetime)
        assert sold[device_id] < at.astimezone(UTC).date() < newest


def test_a_warranty_begins_with_the_sale_and_ends_after_two_years_leap_day_or_not() -> None:
    rows = warranties([device(1, date(2024, 2, 29)), device(2, date(2025, 3, 1))])
    assert [row[1:3] for row in rows] == [
        (date(2024, 2, 29), date(2026, 2, 28)),
        (date(2025, 3, 1), date(2027, 3, 1)),
    ]


def test_planners_plan_parts_of_what_a_plant_makes_for_whole_months_and_a_little_ahead() -> None:
    rows = planned_demand(FLEET)
    plants = {(str(row[0])[:4], row[1]) for row in rows}
    assert plants == {("SP-1", "1010"), ("SP-1", "1020"), ("SP-2", "2010")}
    months = [row[2] for row in rows if isinstance(row[2], date)]
    assert len(months) == len(rows)
    assert {month.day for month in months} == {1}
    assert (min(months), max(months)) == (date(2025, 5, 1), date(2026, 2, 1))
    assert {row[0] for row in rows} == {part.part for part in SPARE_PARTS}
    assert len({row[:3] for row in rows}) == len(rows)


def test_the_more_units_in_the_field_the_more_parts_are_planned() -> None:
    large = [device(number, date(2025, 5, 1)) for number in range(3000)]
    few, many = ({row[:3]: row[3] for row in planned_demand(fleet)} for fleet in (large[:1500], large))
    later = [key for key in few if key[2] != date(2025, 5, 1)]
    assert later
    assert all(isinstance(few[key], int) and few[key] < many[key] for key in later)  # type: ignore[operator]


def test_no_fleet_no_plans() -> None:
    assert planned_demand([]) == []
    assert cases([]) == []
    assert activities([]) == []
