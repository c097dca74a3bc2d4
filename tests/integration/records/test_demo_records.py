"""What the demo shows of ERP and CRM."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from sinks.records.gear import approvals, people
from sinks.records.gear.applying import apply_set
from sinks.records.gear.flow import load
from sinks.records.gear.places import Clock, places
from sinks.records.gear.planning import plan_flow
from tests.integration.records.conftest import Lake
from vaxel.commands import demo_records

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 5, 16, 9, tzinfo=UTC)
AUTHOR, APPROVER, KEEPER = "Paul Planner", "Bea Berg", "Karin Keeper"


def carry_customers(lake: Lake, records_dsn: str) -> None:
    """What the lake tells of customers goes into CRM, at once."""
    there, clock, flow = places({}, lake.catalog, records_dsn), Clock(), load("crm.customer_usage")
    people.add(there.ledger, KEEPER, "owner", NOW)
    people.add(there.ledger, APPROVER, KEEPER, NOW)
    people.give(there.ledger, APPROVER, "crm_approver", KEEPER, NOW)
    number = plan_flow(flow, there, AUTHOR, clock).change_set_id
    assert number is not None
    approvals.approve(there.ledger, number, APPROVER, clock.now(), is_immediate=True)
    apply_set(number, flow, there, AUTHOR, clock)


def test_a_mean_over_months_weighs_each_month_by_its_sessions(
    records_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = "activated_qty = %s, sessions_per_unit = %s, usage_per_session = %s, label_deviation_pct = %s"
    months = (("2026-02-01", 1, 1, 100, None), ("2026-03-01", 3, 2, 800, 10), ("2026-04-01", 3, 1, 800, -20))
    with psycopg.connect(records_dsn) as connection:
        for month, *values in months:
            statement = f"UPDATE erp.monthly_sales SET {figures} WHERE material = 'WM-8030' AND month = '{month}'"
            connection.execute(statement.encode(), values)
    demo_records.show_figures(records_dsn)
    (shown,) = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("WM-8030")]
    # (100 + 9 * 800) / 10 sessions; how many of them were eco cycles nobody knows, so the months' extremes stand there.
    assert shown[-5:] == ["730", "710", "-20.0", "to", "10.0"]


def test_the_changed_fields_come_with_counts_and_examples(
    lake: Lake, records_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo_records.changes_written(records_dsn) == 0
    carry_customers(lake, records_dsn)
    # Of ten, one is advice to a customer who agreed to none.
    assert demo_records.changes_written(records_dsn) == 9
    demo_records.show_changed_fields(records_dsn)
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert shown[0] == "field customers_changed for_example before after"
    assert "engagement 3 cu-1 - daily" in shown
    assert "last_used_at 2 cu-2 - 2026-04-25T12:00:00+00:00" in shown
    assert [line for line in shown if line.startswith("next_best_action")] == [
        "next_best_action 1 cu-1 - replace shoes",
    ]
    assert shown[-1] == "(7 rows)"
