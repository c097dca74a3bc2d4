"""Who is known, and who may do what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from schemas.errors import UsageError
from sinks.records.database import session
from sinks.records.gear import people
from tests.integration.records.gear.conftest import Ledger
from tests.integration.records.gear.telling import NOW, ROLE, declared_flows, known_people

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
def flows() -> Iterator[None]:
    with declared_flows():
        yield


def roles(ledger: Ledger, name: str) -> tuple[str, ...]:
    with session(ledger.dsn) as connection:
        return people.roles_of(connection, name)


def told(ledger: Ledger) -> list[tuple[str, str, dict[str, object]]]:
    with psycopg.connect(ledger.owner) as connection:
        rows = connection.execute("SELECT event, who, detail FROM gearbox.audit ORDER BY audit_no").fetchall()
    return [(event, who, json.loads(detail)) for event, who, detail in rows]


def test_the_first_person_keeps_the_people(ledger: Ledger) -> None:
    added = people.add(ledger.dsn, " Anna  Holm ", "installer", NOW)

    assert added == people.Added("Anna Holm", is_new=True, is_first=True)
    assert roles(ledger, "Anna Holm") == (people.PEOPLE_KEEPER,)
    assert told(ledger) == [
        ("person", "installer", {"person": "Anna Holm", "is_added": True}),
        ("person", "installer", {"person": "Anna Holm", "role": "people_keeper", "is_held": True}),
    ]


def test_the_second_one_holds_no_role_and_is_added_by_a_known_keeper(ledger: Ledger) -> None:
    people.add(ledger.dsn, "Anna Holm", "installer", NOW)
    people.add(ledger.dsn, "Bo Ek", "ANNA holm", NOW)

    assert roles(ledger, "Bo Ek") == ()
    assert told(ledger)[-1] == ("person", "Anna Holm", {"person": "Bo Ek", "is_added": True})
    with session(ledger.dsn) as connection:
        assert [(person.name, person.roles, person.added_by) for person in people.everybody(connection)] == [
            ("Anna Holm", (people.PEOPLE_KEEPER,), "installer"),
            ("Bo Ek", (), "Anna Holm"),
        ]


@pytest.mark.parametrize("name", ["Bo Ek", "BO EK", "bo  ek", "Ｂｏ Ek"])
def test_the_same_person_is_not_added_twice(ledger: Ledger, name: str) -> None:
    known_people(ledger.dsn)
    before = told(ledger)

    assert people.add(ledger.dsn, name, "Anna Holm", NOW) == people.Added("Bo Ek", is_new=False)
    assert told(ledger) == before


def test_many_who_add_the_same_person_at_once_add_one(ledger: Ledger) -> None:
    people.add(ledger.dsn, "Anna Holm", "installer", NOW)
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda _: people.add(ledger.dsn, "Bo Ek", "Anna Holm", NOW), range(8)))

    assert sum(entry.is_new for entry in added) == 1


def test_of_many_first_people_at_once_one_keeps_the_people(ledger: Ledger) -> None:
    def add(number: int) -> bool:
        try:
            return people.add(ledger.dsn, f"Person {number}", "installer", NOW).is_new
        except UsageError:
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(add, range(8))) == 1
    with session(ledger.dsn) as connection:
        assert len(people.holders(connection, people.PEOPLE_KEEPER)) == 1


def test_who_keeps_no_people_adds_nobody(ledger: Ledger) -> None:
    known_people(ledger.dsn)
    with pytest.raises(UsageError, match=r"Bo Ek cannot add people: that needs the role people_keeper. Anna Holm can"):
        people.add(ledger.dsn, "Eva Berg", "Bo Ek", NOW)
    with pytest.raises(UsageError, match="Nobody is known as 'installer': say who you are, --by NAME; or be added"):
        people.add(ledger.dsn, "Eva Berg", "installer", NOW)


def test_who_keeps_no_people_gives_and_takes_no_role(ledger: Ledger) -> None:
    known_people(ledger.dsn)
    with pytest.raises(UsageError, match="Bo Ek cannot give roles"):
        people.give(ledger.dsn, "Ulf Lind", ROLE, "Bo Ek", NOW)
    with pytest.raises(UsageError, match="Bo Ek cannot take roles away"):
        people.take_away(ledger.dsn, "Siri Dahl", ROLE, "Bo Ek", NOW)

    assert roles(ledger, "Ulf Lind") == ()
    assert roles(ledger, "Siri Dahl") == (ROLE,)


@pytest.mark.parametrize("name", ["Anna Holm", "ANNA HOLM"])
def test_nobody_gives_a_role_to_themselves(ledger: Ledger, name: str) -> None:
    known_people(ledger.dsn)
    with pytest.raises(UsageError, match="cannot give a role to themselves"):
        people.give(ledger.dsn, name, ROLE, "anna holm", NOW)

    assert roles(ledger, "Anna Holm") == (people.PEOPLE_KEEPER,)


def test_a_role_is_given_once_and_taken_away_and_given_again(ledger: Ledger) -> None:
    known_people(ledger.dsn)

    assert people.give(ledger.dsn, "ulf lind", ROLE, "Anna Holm", NOW)
    assert not people.give(ledger.dsn, "Ulf Lind", ROLE, "Anna Holm", NOW)
    people.take_away(ledger.dsn, "Ulf Lind", ROLE, "Anna Holm", NOW)
    assert roles(ledger, "Ulf Lind") == ()
    assert people.give(ledger.dsn, "Ulf Lind", ROLE, "Anna Holm", NOW)
    assert roles(ledger, "Ulf Lind") == (ROLE,)
    assert [entry[2]["is_held"] for entry in told(ledger)[-3:]] == [True, False, True]


def test_a_role_that_nobody_declares_is_not_given(ledger: Ledger) -> None:
    known_people(ledger.dsn)
    with pytest.raises(UsageError, match="no role 'boss'; roles are calendar_keeper, people_keeper, sales_lead"):
        people.give(ledger.dsn, "Ulf Lind", "boss", "Anna Holm", NOW)


def test_a_role_that_is_not_held_is_not_taken_away(ledger: Ledger) -> None:
    known_people(ledger.dsn)
    with pytest.raises(UsageError, match="Ulf Lind does not hold 'sales_lead'; they hold no role"):
        people.take_away(ledger.dsn, "Ulf Lind", ROLE, "Anna Holm", NOW)


def test_somebody_is_left_to_keep_the_people(ledger: Ledger) -> None:
    known_people(ledger.dsn)
    with pytest.raises(UsageError, match="Anna Holm is the last people_keeper"):
        people.take_away(ledger.dsn, "Anna Holm", people.PEOPLE_KEEPER, "Anna Holm", NOW)

    people.give(ledger.dsn, "Ulf Lind", people.PEOPLE_KEEPER, "Anna Holm", NOW)
    people.take_away(ledger.dsn, "Anna Holm", people.PEOPLE_KEEPER, "Anna Holm", NOW)
    assert roles(ledger, "Anna Holm") == ()


def test_who_is_to_get_or_lose_a_role_is_made_known_first_and_is_not_who_calls(ledger: Ledger) -> None:
    known_people(ledger.dsn)
    told = r"^Nobody is known as 'Eva Berg'. Make them known: vaxel gearbox people add 'Eva Berg' --by WHO\.$"
    with pytest.raises(UsageError, match=told):
        people.give(ledger.dsn, "Eva Berg", people.CALENDAR_KEEPER, "Anna Holm", NOW)
    with pytest.raises(UsageError, match=told):
        people.take_away(ledger.dsn, "Eva Berg", people.CALENDAR_KEEPER, "Anna Holm", NOW)


def test_a_caller_is_told_by_the_known_name(ledger: Ledger) -> None:
    known_people(ledger.dsn)
    with session(ledger.dsn) as connection:
        assert people.caller(connection, "ANNA  Holm") == "Anna Holm"
        remedies = "say who you are, --by NAME; or be added: vaxel gearbox people add 'Eva Berg'"
        with pytest.raises(UsageError, match=f"Nobody is known as 'Eva Berg': {remedies}"):
            people.caller(connection, "Eva Berg")
        with pytest.raises(UsageError, match="is what acts by rule"):
            people.caller(connection, "GearBox")


def test_who_is_known_already_is_told_so_whoever_asks(ledger: Ledger) -> None:
    people.add(ledger.dsn, "Anna Holm", "installer", NOW)
    assert people.add(ledger.dsn, "anna holm", "a stranger", NOW) == people.Added("Anna Holm", is_new=False)
