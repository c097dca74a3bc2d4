"""Approvals: by whom, of what, and that they count for that content alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from schemas.errors import UsageError
from sinks.records.database import session
from sinks.records.gear import approvals, people, sets
from sinks.records.gear.approvals import Standing
from tests.integration.records.gear.conftest import Ledger
from tests.integration.records.gear.telling import FLOW, NOW, ROLE, a_change, a_set, declared_flows, known_people

pytestmark = pytest.mark.postgres

NOBODY = Standing((), None, is_approved=False, approved_now_at=None)


@pytest.fixture(autouse=True)
def flows() -> Iterator[None]:
    with declared_flows():
        yield


@pytest.fixture
def dsn(ledger: Ledger) -> str:
    known_people(ledger.dsn)
    return ledger.dsn


def content_hash(dsn: str, number: int) -> str:
    with session(dsn) as connection:
        return sets.load(connection, number).content_hash


def standing(dsn: str, number: int, content: str | None = None) -> Standing:
    with session(dsn) as connection:
        return approvals.standing(connection, number, content or content_hash(dsn, number))


def test_an_approval_keeps_the_known_name_the_role_and_the_content(ledger: Ledger, dsn: str) -> None:
    number = a_set(dsn)
    told = approvals.approve(dsn, number, "SIRI  dahl", NOW, reason="as\nagreed")

    content = content_hash(dsn, number)
    assert told == approvals.Approval(number, content, "Siri Dahl", ROLE, True, False, "as agreed", NOW)
    assert standing(dsn, number) == Standing(("Siri Dahl",), None, is_approved=True, approved_now_at=None)
    with psycopg.connect(ledger.owner) as connection:
        (row,) = connection.execute(
            "SELECT who, change_set_id, flow, target_table, at, detail FROM gearbox.audit WHERE event = 'approved'"
        ).fetchall()
    assert row[:5] == ("Siri Dahl", number, FLOW, "crm.customer", NOW)
    assert json.loads(row[5]) == {
        "content_hash": content, "role": ROLE, "is_immediate": False, "reason": "as agreed",
    }  # fmt: skip


def test_nothing_was_said_of_a_new_set_nor_of_another_content(dsn: str) -> None:
    number = a_set(dsn)
    assert standing(dsn, number) == NOBODY

    approvals.approve(dsn, number, "Siri Dahl", NOW)
    assert standing(dsn, number, "0" * 64) == NOBODY


def test_an_approval_for_now_says_since_when(dsn: str) -> None:
    number = a_set(dsn)
    approvals.approve(dsn, number, "Siri Dahl", NOW)
    later = NOW + timedelta(hours=1)
    approvals.approve(dsn, number, "Siri Dahl", later, is_immediate=True)

    assert standing(dsn, number) == Standing(("Siri Dahl",), None, is_approved=True, approved_now_at=later)


@pytest.mark.parametrize("is_immediate", [True, False])
def test_the_same_is_not_said_twice(dsn: str, is_immediate: bool) -> None:
    number = a_set(dsn)
    approvals.approve(dsn, number, "Siri Dahl", NOW, is_immediate=is_immediate)
    with pytest.raises(UsageError, match="Siri Dahl has approved change set 1 already"):
        approvals.approve(dsn, number, "siri dahl", NOW, is_immediate=is_immediate)


def test_who_is_not_known_or_holds_no_such_role_does_not_decide(dsn: str) -> None:
    number = a_set(dsn)
    for decide in (approvals.approve, lambda *given: approvals.reject(*given, reason="no")):
        with pytest.raises(UsageError, match="Nobody is known as 'Eva Berg'"):
            decide(dsn, number, "Eva Berg", NOW)
        with pytest.raises(UsageError, match=r"Ulf Lind cannot .* that needs the role sales_lead. Siri Dahl can"):
            decide(dsn, number, "Ulf Lind", NOW)

    assert standing(dsn, number) == NOBODY


def test_a_role_that_nobody_holds_says_what_to_do(dsn: str) -> None:
    number = a_set(dsn)
    people.take_away(dsn, "Siri Dahl", ROLE, "Anna Holm", NOW)
    with pytest.raises(UsageError, match=r"Nobody holds it yet: vaxel gearbox people give NAME sales_lead --by WHO\.$"):
        approvals.approve(dsn, number, "Siri Dahl", NOW)


@pytest.mark.parametrize("author", ["Siri Dahl", "SIRI DAHL", "siri  dahl", "Ｓiri Dahl"])
def test_nobody_approves_what_they_planned(dsn: str, author: str) -> None:
    number = a_set(dsn, who=author)
    with pytest.raises(UsageError, match="Siri Dahl planned change set 1: somebody else with the role sales_lead"):
        approvals.approve(dsn, number, "Siri Dahl", NOW)

    assert standing(dsn, number) == NOBODY


def test_who_planned_a_set_may_reject_it(dsn: str) -> None:
    number = a_set(dsn, who="Siri Dahl")
    assert approvals.reject(dsn, number, "siri dahl", NOW, reason="a mistake").person == "Siri Dahl"


def test_a_rejected_set_is_closed_with_its_reason(ledger: Ledger, dsn: str) -> None:
    number = a_set(dsn)
    approvals.approve(dsn, number, "Siri Dahl", NOW, is_immediate=True)
    people.give(dsn, "Ulf Lind", ROLE, "Anna Holm", NOW)
    approvals.reject(dsn, number, "Ulf Lind", NOW, reason="wrong month")

    assert standing(dsn, number) == Standing(("Siri Dahl",), "Ulf Lind", is_approved=False, approved_now_at=None)
    with session(dsn) as connection:
        stored = sets.load(connection, number)
    assert (stored.status, stored.reason) == ("rejected", "Ulf Lind: wrong month")
    with pytest.raises(UsageError, match=r"Change set 1 is rejected \(Ulf Lind: wrong month\): only an open one"):
        approvals.approve(dsn, number, "Siri Dahl", NOW)
    with psycopg.connect(ledger.owner) as connection:
        row = connection.execute("SELECT who FROM gearbox.audit WHERE event = 'rejected'").fetchone()
    assert row == ("Ulf Lind",)


def test_a_rejection_says_why(dsn: str) -> None:
    with pytest.raises(UsageError, match="needs a reason"):
        approvals.reject(dsn, a_set(dsn), "Siri Dahl", NOW, reason=" ")


def test_what_is_not_there_expired_or_closed_is_not_decided_upon(dsn: str) -> None:
    with pytest.raises(UsageError, match="no change set 5; the newest is not planned yet"):
        approvals.approve(dsn, 5, "Siri Dahl", NOW)

    old = a_set(dsn)
    with pytest.raises(UsageError, match=rf"has expired at 2026-05-22 \d\d:\d\d UTC\. .*vaxel gearbox plan {FLOW}"):
        approvals.approve(dsn, old, "Siri Dahl", NOW + timedelta(days=7))

    a_set(dsn, a_change(3))
    with pytest.raises(UsageError, match="Change set 1 is superseded"):
        approvals.approve(dsn, old, "Siri Dahl", NOW)


def test_a_flow_that_names_no_role_is_decided_upon_by_nobody(dsn: str) -> None:
    number = a_set(dsn, flow="crm.undecided")
    with pytest.raises(UsageError, match=r"Flow crm.undecided names nobody who decides"):
        approvals.approve(dsn, number, "Siri Dahl", NOW)
