"""Freezes: of one system or all, with their exceptions, alone and in a chain."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.records.gear.calendar import Freeze, frozen_until, next_freeze
from tests.unit.records.gear.sales import NOON
from tests.unit.records.gear.zones import HOUR


def freeze(starts: float, ends: float, **changed: object) -> Freeze:
    """Between so many hours after noon."""
    given: dict[str, object] = {"freeze_id": 1, "system": "erp", "reason": "year end", "excepted": frozenset()}
    return Freeze(**{**given, **changed}, starts_at=NOON + starts * HOUR, ends_at=NOON + ends * HOUR)  # type: ignore[arg-type]


def test_a_freeze_holds_from_its_start_to_before_its_end() -> None:
    one = freeze(0, 2)
    assert frozen_until([one], "erp", "f", NOON) == (NOON + 2 * HOUR, one)
    assert frozen_until([one], "erp", "f", NOON - timedelta(microseconds=1)) is None
    assert frozen_until([one], "erp", "f", NOON + 2 * HOUR) is None


@pytest.mark.parametrize(("of", "is_frozen"), [("erp", True), ("*", True), ("crm", False)])
def test_a_freeze_is_of_one_system_or_of_all(of: str, is_frozen: bool) -> None:
    assert (frozen_until([freeze(-1, 1, system=of)], "erp", "f", NOON) is not None) == is_frozen


def test_an_excepted_flow_moves_and_another_does_not() -> None:
    freezes = [freeze(-1, 1, excepted=frozenset(["f"]))]
    assert frozen_until(freezes, "erp", "f", NOON) is None
    assert frozen_until(freezes, "erp", "g", NOON) is not None


def test_an_exception_from_one_freeze_is_none_from_another() -> None:
    assert frozen_until([freeze(-1, 9, excepted=frozenset(["f"])), freeze(-1, 1)], "erp", "f", NOON) == (
        NOON + HOUR,
        freeze(-1, 1),
    )


def test_freezes_that_adjoin_or_overlap_end_together_and_one_apart_does_not_count() -> None:
    chain = [freeze(3, 4), freeze(0.5, 2), freeze(2, 3), freeze(-1, 1), freeze(4.5, 9)]
    assert frozen_until(chain, "erp", "f", NOON) == (NOON + 4 * HOUR, freeze(-1, 1))


def test_the_next_freeze_is_the_first_that_begins_now_or_later_for_that_flow() -> None:
    freezes = [
        freeze(-2, -1),
        freeze(5, 6),
        freeze(3, 4),
        freeze(1, 2, system="crm"),
        freeze(2, 3, excepted=frozenset(["f"])),
    ]
    assert next_freeze(freezes, "erp", "f", NOON) == NOON + 3 * HOUR
    assert next_freeze(freezes, "erp", "g", NOON) == NOON + 2 * HOUR
    assert next_freeze(freezes, "erp", "f", NOON + 3 * HOUR) == NOON + 3 * HOUR
    assert next_freeze(freezes, "erp", "f", NOON + 7 * HOUR) is None


freezes = st.builds(
    lambda start, length, of, excepted: freeze(start, start + length, system=of, excepted=excepted),
    st.integers(-9, 9),
    st.integers(1, 5),
    st.sampled_from(["erp", "crm", "*"]),
    st.frozensets(st.sampled_from("fg")),
)


@given(st.lists(freezes, max_size=6))
def test_the_end_of_a_freeze_is_the_first_instant_at_which_none_holds(declared: list[Freeze]) -> None:
    def holds(at: datetime) -> bool:
        return any(
            one.starts_at <= at < one.ends_at and one.system in ("erp", "*") and "f" not in one.excepted
            for one in declared
        )

    found = frozen_until(declared, "erp", "f", NOON)
    hours = [NOON + number * HOUR for number in range(100)]
    first = next(at for at in hours if not holds(at))
    assert (None if found is None else found[0]) == (None if first == NOON else first)
    begins = next_freeze(declared, "erp", "f", first)
    assert begins == next((at for at in hours if at > first and holds(at)), None)
