"""A flow, a change set and people, so that a ledger has something to tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from sinks.records.database import session
from sinks.records.gear import flow as flows
from sinks.records.gear import people, sets
from sinks.records.gear.changes import Change, ChangeSet, Verdict
from sinks.records.gear.flow import Flow

NOW = datetime(2026, 5, 15, 12, tzinfo=UTC)
FLOW, ROLE = "crm.tested", "sales_lead"
DECLARED = """
title = "What tests feed"
version = 1
target = "crm.customer"
key = ["customer_id"]
[limits]
max_rows = 100
max_share_of_rows = 1.0
max_rows_per_day = 100
[fields.engagement]
gear = "hourly"
[approval]
role = "sales_lead"
"""
UNDECIDED = DECLARED.partition("[approval]")[0]


@contextmanager
def declared_flows() -> Iterator[None]:
    """The flows are `crm.tested`, and `crm.undecided`, which names no role."""
    known = {
        FLOW: flows.parse(FLOW, DECLARED, "SELECT 1"),
        "crm.undecided": flows.parse("crm.undecided", UNDECIDED, "SELECT 1"),
    }

    def load(name: str) -> Flow:
        if name not in known:
            return real(name)
        return known[name]

    real = flows.load
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flows, "names", lambda: sorted(known))
        patch.setattr(flows, "load", load)
        yield


def known_people(dsn: str) -> None:
    """Anna Holm keeps the people, Bo Ek the calendar, Siri Dahl leads sales; Ulf Lind holds no role."""
    people.add(dsn, "Anna Holm", "installer", NOW)
    for name in ("Bo Ek", "Siri Dahl", "Ulf Lind"):
        people.add(dsn, name, "anna holm", NOW)
    people.give(dsn, "Bo Ek", people.CALENDAR_KEEPER, "Anna Holm", NOW)
    people.give(dsn, "Siri Dahl", ROLE, "Anna Holm", NOW)


def a_change(customer: int, after: str = '"daily"') -> Change:
    key = f'{{"customer_id":"cu-{customer}"}}'
    return Change("update", key, "engagement", "null", after, 1, verdict=Verdict("needs_approval", "tested"))


def a_set(dsn: str, *changes: Change, who: str = "gearbox", flow: str = FLOW, now: datetime = NOW) -> int:
    """Number of an open change set, expiring after a week."""
    content = ChangeSet("plan", flow, "1-abc", 7, "crm", "crm.customer", 10, changes or (a_change(1), a_change(2)))
    with session(dsn) as connection:
        kept = sets.keep(connection, content, who, now, expires_after=timedelta(days=7))
    assert kept is not None
    return kept.change_set_id
