"""What is told where a row of a device cannot be told as it is."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.outbox import ReferenceKind
from schemas.reference import ConsentReference, CustodyReference
from sinks.records.references import Row, Rows
from sinks.records.telling import Wanted, told
from streams.desk.register import Register
from tests.unit.records.test_references import a_consent, a_custody, subject_of

BOTH: list[Wanted] = [("custody", "sh-1"), ("consent", "sh-1")]


def rows_of(*custodies: Row) -> Rows:
    return Rows({}, {"sh-1": list(custodies)}, {}, {"sh-1": [a_consent(0, None)]}, {})


def held(custodies: list[Row]) -> list[tuple[int, int | None, str]]:
    built, _ = told([("custody", "sh-1")], rows_of(*custodies), 1, subject_of)
    ((_, reference),) = built
    assert isinstance(reference, CustodyReference)
    return list(zip(reference.from_ms, reference.to_ms, reference.subject, strict=True))


@pytest.mark.parametrize(
    "mistake",
    [{"time_zone": "Europe/Stokholm"}, {"country": "Sweden"}, {"language": "?"}, {"kind": "found"}],
)
def test_a_mistake_at_the_new_owner_s_never_lets_the_former_owner_s_consent_go_on(mistake: dict[str, Any]) -> None:
    register = Register()
    for revision, custodies in enumerate(
        [[a_custody(0, None)], [a_custody(0, 50), a_custody(50, None, "cu-2", **mistake)]], start=1
    ):
        for _, reference in told(BOTH, rows_of(*custodies), revision, subject_of)[0]:
            register.learn(reference)
    assert register.of("sh-1").agreed("health") == ((0, 50),)


def test_whoever_came_in_a_way_nobody_knows_is_nobody_and_the_entry_waits() -> None:
    custodies = [a_custody(0, None), a_custody(20, 40, "cu-2", kind="lent"), a_custody(60, None, "cu-3")]
    _, refused = told(BOTH, rows_of(*custodies), 1, subject_of)
    assert [(own.kind, own.device_id, own.reason.partition(":")[0]) for own in refused] == [
        ("custody", "sh-1", "kind.1")
    ]
    assert held(custodies) == [
        (0, 20, subject_of("cu-1")),
        (40, 60, subject_of("cu-1")),
        (60, None, subject_of("cu-3")),
    ]


def test_of_a_device_with_a_name_that_is_none_nothing_is_told() -> None:
    built, refused = told([("custody", "no name")], rows_of(), 1, subject_of)
    assert built == []
    assert [own.reason.partition(":")[0] for own in refused] == ["device_id"]


@pytest.mark.parametrize("kind", ["custody", "consent"])
def test_each_device_is_told_once_however_often_it_is_wanted(kind: ReferenceKind) -> None:
    built, refused = told([(kind, "sh-1")] * 3, rows_of(a_custody(0, None)), 1, subject_of)
    assert [type(reference) for _, reference in built] == [
        {"custody": CustodyReference, "consent": ConsentReference}[kind]
    ]
    assert refused == []
