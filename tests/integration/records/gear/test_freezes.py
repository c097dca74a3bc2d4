"""The freeze calendar: who keeps it, and what is in force."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg
import pytest

from schemas.errors import UsageError
from sinks.records.database import session
from sinks.records.gear import freezes
from sinks.records.gear.calendar import Freeze
from tests.integration.records.gear.conftest import Ledger
from tests.integration.records.gear.telling import FLOW, NOW, declared_flows, known_people

pytestmark = pytest.mark.postgres

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def flows() -> Iterator[None]:
    with declared_flows():
        yield


@pytest.fixture
def dsn(ledger: Ledger) -> str:
    known_people(ledger.dsn)
    return ledger.dsn


def declared(dsn: str, system: str = "crm", starts_at: datetime = NOW, ends_at: datetime = NOW + DAY) -> int:
    return freezes.declare(dsn, system, starts_at, ends_at, "stock taking", "bo ek", NOW)


def in_force(dsn: str, system: str, now: datetime = NOW) -> tuple[Freeze, ...]:
    with session(dsn) as connection:
        return freezes.in_force(connection, system, now)


def test_a_freeze_is_in_force_until_it_ends_and_known_before_it_begins(dsn: str) -> None:
    number = declared(dsn, starts_at=NOW + HOUR)

    expected = (Freeze(number, "crm", NOW + HOUR, NOW + DAY, "stock taking"),)
    assert in_force(dsn, "crm") == expected
    assert in_force(dsn, "crm", NOW + DAY - timedelta(microseconds=1)) == expected
    assert in_force(dsn, "crm", NOW + DAY) == ()


def test_a_freeze_holds_its_own_system_and_that_of_all_holds_each(dsn: str) -> None:
    own, every = declared(dsn), declared(dsn, "*")

    assert [freeze.freeze_id for freeze in in_force(dsn, "crm")] == [own, every]
    assert [freeze.freeze_id for freeze in in_force(dsn, "erp")] == [every]


def test_what_is_declared_lifted_and_excepted_is_told_by_the_audit(ledger: Ledger, dsn: str) -> None:
    number = declared(dsn)
    freezes.except_flow(dsn, number, FLOW, "a recall", "Bo Ek", NOW)
    freezes.lift(dsn, number, "Bo Ek", NOW + HOUR)

    with psycopg.connect(ledger.owner) as connection:
        rows = connection.execute(
            "SELECT who, flow, at, detail FROM gearbox.audit WHERE event = 'frozen' ORDER BY audit_no"
        ).fetchall()
    assert [(who, flow, at, json.loads(detail)) for who, flow, at, detail in rows] == [
        (
            "Bo Ek",
            None,
            NOW,
            {
                "freeze": number,
                "is": "declared",
                "system": "crm",
                "starts_at": NOW.isoformat(),
                "ends_at": (NOW + DAY).isoformat(),
                "reason": "stock taking",
            },
        ),
        ("Bo Ek", FLOW, NOW, {"freeze": number, "is": "excepted", "reason": "a recall"}),
        ("Bo Ek", None, NOW + HOUR, {"freeze": number, "is": "lifted"}),
    ]


def test_a_lifted_freeze_holds_nothing_and_is_listed_with_the_past(dsn: str) -> None:
    number = declared(dsn)
    freezes.lift(dsn, number, "Bo Ek", NOW)

    assert in_force(dsn, "crm") == ()
    with session(dsn) as connection:
        assert freezes.listing(connection, NOW) == []
        (entry,) = freezes.listing(connection, NOW, with_past=True)
    assert (entry.freeze.freeze_id, entry.declared_by, entry.lifted_by, entry.lifted_at) == (
        number, "Bo Ek", "Bo Ek", NOW,
    )  # fmt: skip


def test_an_excepted_flow_is_named_by_the_freeze(dsn: str) -> None:
    number = declared(dsn, "*")

    assert freezes.except_flow(dsn, number, FLOW, "a recall", "Bo Ek", NOW)
    assert not freezes.except_flow(dsn, number, FLOW, "a recall", "Bo Ek", NOW)
    assert in_force(dsn, "crm")[0].excepted == {FLOW}


def test_only_who_keeps_the_calendar_declares_lifts_and_excepts(dsn: str) -> None:
    number = declared(dsn)
    needed = "that needs the role calendar_keeper. Bo Ek can"
    with pytest.raises(UsageError, match=f"Anna Holm cannot declare a freeze: {needed}"):
        freezes.declare(dsn, "crm", NOW, NOW + DAY, "why", "Anna Holm", NOW)
    with pytest.raises(UsageError, match=f"Anna Holm cannot lift a freeze: {needed}"):
        freezes.lift(dsn, number, "Anna Holm", NOW)
    with pytest.raises(UsageError, match=f"Anna Holm cannot except a flow: {needed}"):
        freezes.except_flow(dsn, number, FLOW, "why", "Anna Holm", NOW)

    assert [freeze.excepted for freeze in in_force(dsn, "crm")] == [frozenset()]


@pytest.mark.parametrize(
    ("system", "starts_at", "ends_at", "reason", "message"),
    [
        ("hr", NOW, NOW + DAY, "why", r"no record system 'hr'; there are erp, crm, .*and \* for all"),
        ("crm", NOW, NOW, "why", r"from 2026-\d\d-\d\d \d\d:\d\d UTC cannot end at 2026-.* UTC: give"),
        ("crm", NOW - DAY, NOW, "why", r"has ended at 2026-\d\d-\d\d \d\d:\d\d UTC holds nothing"),
        ("crm", NOW, NOW + DAY, " ", "needs a reason"),
    ],
)
def test_a_freeze_that_would_hold_nothing_is_refused(
    dsn: str, system: str, starts_at: datetime, ends_at: datetime, reason: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        freezes.declare(dsn, system, starts_at, ends_at, reason, "Bo Ek", NOW)


def test_a_freeze_that_is_over_is_neither_lifted_nor_excepted_from(dsn: str) -> None:
    ended, lifted = declared(dsn, ends_at=NOW + HOUR), declared(dsn)
    freezes.lift(dsn, lifted, "Bo Ek", NOW)
    for number, message in (
        (ended, "has ended already"), (lifted, "was lifted already, by Bo Ek"), (99, "no freeze 99"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=message):
            freezes.lift(dsn, number, "Bo Ek", NOW + HOUR)
        with pytest.raises(UsageError, match=message):
            freezes.except_flow(dsn, number, FLOW, "why", "Bo Ek", NOW + HOUR)


def test_a_flow_that_is_not_there_or_feeds_another_system_is_not_excepted(dsn: str) -> None:
    number = declared(dsn, "erp")
    with pytest.raises(UsageError, match=f"of erp, and flow {FLOW} feeds crm"):
        freezes.except_flow(dsn, number, FLOW, "why", "Bo Ek", NOW)
    with pytest.raises(UsageError, match=r"no flow 'crm.unknown'; flows are crm.tested, crm.undecided"):
        freezes.except_flow(dsn, number, "crm.unknown", "why", "Bo Ek", NOW)
