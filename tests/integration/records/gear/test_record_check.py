"""What `vaxel verify` says of record systems: wrong, or only waiting, or set by somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import duckdb
import psycopg
import pytest

from sinks.records.gear import approvals, people
from sinks.records.gear import flow as flows
from sinks.records.gear.applying import apply_set
from sinks.records.gear.places import Clock, Places, places
from sinks.records.gear.planning import plan_flow
from tests.integration.records.conftest import Lake
from tests.integration.records.gear.test_flows import CASES, CUSTOMERS, PARTS, SALES, alert
from tests.integration.records.told_truth import told_truth
from vaxel.record_check import check_records

pytestmark = pytest.mark.postgres

APPROVER, KEEPER = "Bea Berg", "Karin Keeper"
BILLS = "billing.usage_line"


@pytest.fixture
def truth() -> Iterator[duckdb.DuckDBPyConnection]:
    with told_truth() as connection:
        yield connection


@pytest.fixture
def there(lake: Lake, records_dsn: str) -> Places:
    lake.write(alert("wm-1", "bearing"))
    found = places({}, lake.catalog, records_dsn)
    now = datetime.now(UTC)  # noqa: TID251
    people.add(found.ledger, KEEPER, "owner", now)
    people.add(found.ledger, APPROVER, KEEPER, now)
    for role in ("erp_approver", "crm_approver", "service_approver", "billing_approver"):
        people.give(found.ledger, APPROVER, role, KEEPER, now)
    return found


def carry(there: Places) -> None:
    """Plans, approves and applies every flow that is checked here, whatever its gear."""
    for name in (SALES, CUSTOMERS, PARTS, CASES, BILLS):
        planned = plan_flow(flows.load(name), there, "gearbox", Clock())
        assert planned.change_set_id is not None
        now = datetime.now(UTC)  # noqa: TID251
        approvals.approve(there.ledger, planned.change_set_id, APPROVER, now, is_immediate=True)
        apply_set(planned.change_set_id, flows.load(name), there, "gearbox", Clock())


def edit(there: Places, statement: str) -> None:
    with psycopg.connect(there.records) as connection:
        assert connection.execute(statement.encode()).rowcount == 1


def test_what_is_not_applied_yet_or_held_back_waits_and_is_not_wrong(
    truth: duckdb.DuckDBPyConnection, there: Places
) -> None:
    with psycopg.connect(there.records) as connection:
        connection.execute("DELETE FROM crm.consent")
    before = check_records(truth, there)
    assert before.wrong == []
    assert before.waiting > 20
    carry(there)
    after = check_records(truth, there)
    assert after.wrong == []
    assert after.edited == 0
    # Nobody agreed to advice: cu-1 and cu-2 would get some.
    assert after.waiting == 2
    assert after.checked > 10


def test_what_differs_from_the_truth_is_wrong_and_what_a_person_set_is_not(
    truth: duckdb.DuckDBPyConnection, there: Places
) -> None:
    carry(there)
    edit(there, "UPDATE erp.monthly_sales SET in_use_qty = 77 WHERE (material, month) = ('WM-8030', '2026-03-01')")
    edit(there, "UPDATE crm.customer SET engagement = 'rare' WHERE customer_id = 'cu-3'")
    edited = check_records(truth, there)
    assert (edited.wrong, edited.edited) == ([], 2)
    truth.execute("update expected_sessions set amount = 700 where device_id = 'wm-2'")
    truth.execute("delete from expected_sessions where device_id = 'sh-1' and amount = 10000")
    truth.execute("insert into alerts values ('wm-2-bearing-1', 'wm-2', 'bearing', 'raised')")
    wrong = check_records(truth, there).wrong
    march = f'{{"material":"WM-8030","month":"{date(2026, 3, 1)}"}}'
    assert f"erp.sales_usage {march}: usage_per_session is 657.00, 674.5 expected" in wrong
    assert 'crm.customer_usage {"customer_id":"cu-1"}: products_in_use is 2, 1 expected' in wrong
    assert 'service.case {"case_id":"wm-2-bearing-1"}: there is no such row' in wrong
    assert (
        'erp.spare_parts_demand {"part":"SP-1001","plant":"1010","month":"2026-05-01"}: alert_qty is 1, 2 expected'
        in wrong
    )


def test_a_truth_that_does_not_tell_all_is_held_against_nothing(
    truth: duckdb.DuckDBPyConnection, there: Places
) -> None:
    truth.execute("insert into devices_in_doubt values ('wm-1')")
    truth.execute("delete from expected_sessions")
    check = check_records(truth, there)
    assert (check.checked, check.wrong) == (0, [])
    assert check.skipped == "no truth tells all that 1 registered units sent, wm-1 is one"
