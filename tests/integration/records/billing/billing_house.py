"""A small company that bills use: two contracts, a lake, a gearbox, and people who may approve."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from sinks.records.billing import closing
from sinks.records.billing.closing import Closed
from sinks.records.billing.heard import Heard, heard
from sinks.records.gear import approvals, people
from sinks.records.gear.applying import Applied, apply_set
from sinks.records.gear.flow import Flow, load
from sinks.records.gear.places import Clock, Places, places
from sinks.records.gear.planning import Planned, plan_flow
from sinks.records.gear.undo import plan_undo
from tests.integration.records.conftest import Lake

AUTHOR, APPROVER, KEEPER = "gearbox", "Bea Berg", "Karin Keeper"
MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)
WASHES, KILOMETRES = "ct-wm-1-1", "ct-sh-1-1"


@dataclass
class House:
    """What people do about bills, as functions.

    Attributes:
        at: When a period is closed; the gearbox's own clock is the real one.
    """

    lake: Lake
    dsn: str
    flow: Flow = field(default_factory=lambda: load("billing.usage_line"))
    clock: Clock = field(default_factory=Clock)
    at: datetime = datetime(2026, 7, 2, 12, tzinfo=UTC)

    @property
    def places(self) -> Places:
        return places({}, self.lake.catalog, self.dsn)

    def billing(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """Runs a statement as billing's own people do."""
        with psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(statement.encode(), arguments)
            return cursor.fetchall() if cursor.description else []

    def lines(self, where: str = "true") -> list[dict[str, Any]]:
        return self.billing(f"SELECT * FROM billing.invoice_line WHERE {where} ORDER BY line_no")

    def plan(self) -> Planned:
        return plan_flow(self.flow, self.places, AUTHOR, self.clock)

    def carry(self, planned: Planned) -> Applied:
        assert planned.change_set_id is not None
        now = self.clock.now()
        approvals.approve(self.places.ledger, planned.change_set_id, APPROVER, now, is_immediate=True)
        return apply_set(planned.change_set_id, self.flow, self.places, AUTHOR, self.clock)

    def shift(self) -> Applied:
        """Plans, approves and applies."""
        return self.carry(self.plan())

    def undo(self, change_set_id: int) -> list[Planned]:
        return plan_undo(change_set_id, self.flow, self.places, "Ulf Undo", self.clock, "the meter was wrong")

    def heard(self, period: date = MAY) -> Heard:
        return heard(self.lake.catalog, self.dsn, period)

    def close(self, period: date = MAY, who: str = APPROVER, forced_because: str | None = None) -> Closed:
        return closing.close(
            self.places.addresses["billing"],
            self.places.ledger,
            period,
            who,
            self.at,
            lambda: self.heard(period),
            forced_because=forced_because,
        )


def uploaded(device_id: str, sent_at: str, received_at: str | None = None, outcome: str = "accepted") -> str:
    """Statement that adds an upload to the lake, as of when it was sent and when it arrived (UTC)."""
    return (
        "INSERT INTO uploads (device_id, outcome, sent_at, received_at) "
        f"VALUES ('{device_id}', '{outcome}', '{sent_at}', '{received_at or sent_at}')"
    )


def make_house(lake: Lake, dsn: str, heard_until: str = "2026-06-01 04:00") -> House:
    """wm-1 is paid for by the wash and sh-1 by the kilometre, in Sweden; all else is owned. wm-2 is heard in June."""
    lake.write(uploaded("wm-2", heard_until))
    house = House(lake, dsn)
    house.billing("UPDATE billing.contract SET kind = 'owned'")
    for device_id, kind in (("wm-1", "pay_per_wash"), ("sh-1", "pay_per_km")):
        house.billing(
            "UPDATE billing.contract SET kind = %s, valid_from = '2026-01-01T00:00Z' WHERE device_id = %s",
            kind,
            device_id,
        )
    ledger = house.places.ledger
    people.add(ledger, KEEPER, "owner", house.at)
    people.add(ledger, APPROVER, KEEPER, house.at)
    people.give(ledger, APPROVER, closing.ROLE, KEEPER, house.at)
    return house
