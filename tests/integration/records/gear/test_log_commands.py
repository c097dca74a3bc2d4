"""`vaxel gearbox log`: what is asked for is known, and a reason is read first."""

from __future__ import annotations

import pytest

from sinks.records.gear import people
from tests.integration.records.gear import looking
from tests.integration.records.gear.conftest import Ledger
from tests.integration.records.gear.filling import NOW, Filler, Wanted
from tests.integration.records.gear.looking import IN_USE, KEY, Call, reported

pytestmark = pytest.mark.postgres

fill, call = looking.fill, looking.call


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--flow", "erp.sale"), "There is no flow 'erp.sale'; flows are billing.usage_line, crm.customer_usage, "),
        (("--set", "99"), "There is no change set 99; the newest is 1."),
        (
            ("--who", "Eva Berg"),
            "Nobody is known as 'Eva Berg'; who is known, or did something: anna, bert, installer.",
        ),
    ],
)
def test_what_is_asked_for_and_not_known_is_a_wrong_call_that_names_what_is(
    call: Call, fill: Filler, ledger: Ledger, arguments: tuple[str, ...], told: str
) -> None:
    fill.add_set(Wanted(KEY, IN_USE, 7, 8))
    people.add(ledger.dsn, "bert", "installer", NOW)
    fill.tell("frozen", "anna", NOW, reason="year end")
    code, text = call("log", "--events", *arguments)
    assert code == 2
    assert told in text
    assert text.count("\n") == 1


def test_who_is_known_and_did_nothing_has_an_empty_log(call: Call, ledger: Ledger) -> None:
    people.add(ledger.dsn, "Bert Ek", "installer", NOW)
    assert reported(call, "log", "--who", "bert ek", "--events") == []


def test_an_event_tells_its_reason_first_and_whole_and_its_hash_to_programs_only(call: Call, fill: Filler) -> None:
    number = fill.add_set(Wanted(KEY, IN_USE, 7, 8), status="refused")
    reason = "nothing of it may go: whom it is about has not agreed to care or coaching, and did not before either"
    fill.tell("planned", "anna", NOW, number, content_hash="ab" * 32, changes=1, refused_because=reason)
    text = call("log", "--events")[1]
    assert f"refused_because {reason}, changes 1" in text
    assert "abab" not in text
    (row,) = reported(call, "log", "--events")
    assert row["detail"]["content_hash"] == "ab" * 32
