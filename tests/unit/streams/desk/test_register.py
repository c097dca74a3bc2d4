"""What is known of a device, as of any instant."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.reference import CustodyReference
from streams.desk.register import NOTHING, Register
from tests.unit.streams.desk.building import (
    ANNA,
    BERND,
    DAY_MS,
    NOON_MS,
    a_device,
    consents,
    contracts,
    custodies,
    taught,
)


def test_a_device_that_nobody_told_of_is_not_registered() -> None:
    assert Register().of("w-1") is NOTHING
    assert not NOTHING.is_registered
    assert NOTHING.custody_at(NOON_MS) is None
    assert NOTHING.agreed("health") is None


@pytest.mark.parametrize(
    ("at_ms", "subject"),
    [(NOON_MS - 1, None), (NOON_MS, ANNA), (NOON_MS + DAY_MS - 1, ANNA), (NOON_MS + DAY_MS, BERND)],
)
def test_custody_is_as_of_the_instant_and_ends_before_its_end(at_ms: int, subject: str | None) -> None:
    known = taught(a_device(), custodies((ANNA, NOON_MS, NOON_MS + DAY_MS), (BERND, NOON_MS + DAY_MS, None))).of("w-1")
    custody = known.custody_at(at_ms)
    assert (None if custody is None else custody.subject) == subject


def test_a_contract_is_as_of_the_instant() -> None:
    known = taught(contracts((NOON_MS, NOON_MS + 10), (NOON_MS + 20, None))).of("w-1")
    numbers = [known.contract_at(NOON_MS + after_ms) for after_ms in (-1, 0, 10, 20, DAY_MS)]
    assert [None if own is None else own.contract_no for own in numbers] == [None, "C-0", None, "C-1", "C-1"]


def test_a_consent_counts_only_while_the_one_who_gave_it_has_the_device() -> None:
    known = taught(
        custodies((ANNA, NOON_MS, NOON_MS + DAY_MS), (BERND, NOON_MS + DAY_MS, None)),
        consents((ANNA, "health", NOON_MS - DAY_MS, None), (BERND, "location", NOON_MS, None)),
    ).of("w-1")
    assert known.agreed("health") == ((NOON_MS, NOON_MS + DAY_MS),)
    assert known.agreed("coaching") == ()
    assert known.agreed_at("health", ANNA, NOON_MS)
    assert not known.agreed_at("health", BERND, NOON_MS)
    assert [own[0] for own in known.agreed("location") or ()] == [NOON_MS + DAY_MS]


def test_consents_given_twice_are_one() -> None:
    known = taught(
        custodies((ANNA, 0, None)),
        consents((ANNA, "health", 50, 90), (ANNA, "health", 10, 60), (ANNA, "health", 95, 99)),
    ).of("w-1")
    assert known.agreed("health") == ((10, 90), (95, 99))


@given(seed=st.integers(0, 2**32))
def test_the_newest_revision_counts_in_whatever_order_they_come(seed: int) -> None:
    rng = Random(seed)
    told = [
        custodies((rng.choice([ANNA, BERND]), NOON_MS + revision, None), revision=revision) for revision in range(1, 6)
    ]
    told += [a_device(revision=revision, material=f"WM-{revision}") for revision in range(1, 6)]
    expected = taught(*told).of("w-1")
    rng.shuffle(told)
    assert taught(*told, *told).of("w-1") == expected
    assert expected.material == "WM-5"


def test_old_news_is_none() -> None:
    register = Register()
    assert register.learn(a_device(revision=2))
    assert not register.learn(a_device(revision=2))
    assert not register.learn(a_device(revision=1))


def test_a_history_with_lists_of_different_length_or_intervals_that_end_before_they_begin_is_none() -> None:
    good = custodies((ANNA, 10, 20)).model_dump()
    with pytest.raises(ValidationError, match="unequal_lengths"):
        CustodyReference.model_validate(good | {"subject": [ANNA, BERND]})
    with pytest.raises(ValidationError, match="wrong_interval"):
        CustodyReference.model_validate(good | {"to_ms": [10]})
    with pytest.raises(ValidationError, match="subject"):
        CustodyReference.model_validate(good | {"subject": ["cu-7-000001"]})
