"""What `vaxel seed` puts into the record systems: all of it once, and into those of an older form, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import psycopg
import pytest

from producers.fleet import FIRST_DAY_MS, Fleet, fleet
from schemas.records import SYSTEMS, TABLES
from sinks.records import seeding
from sinks.records.seeded_service import AGENTS
from sinks.records.seeding_setup import PUT_ASIDE
from tests.integration.records.conftest import DEVICES
from tests.integration.records.older_ledger import DDL as OLDER_LEDGER
from tests.integration.records.relaying import query

pytestmark = pytest.mark.postgres

SEED = 11
FED_BY_NOBODY_BUT_FLOWS = {
    "erp.monthly_sales": "activated_qty in_use_qty dormant_qty sessions_per_unit usage_per_session label_deviation_pct",
    "erp.spare_parts_demand": "forecast_qty alert_qty",
    "crm.customer": "products_in_use last_used_at engagement next_best_action",
}
NEW_SINCE_0_1_0 = (
    "erp.spare_part",
    "erp.spare_parts_demand",
    "crm.account",
    "crm.campaign",
    "crm.activity",
    "billing.price",
    "billing.price_tier",
    "billing.waiver_rule",
    "billing.period",
)


@pytest.fixture(scope="module")
def living() -> Fleet:
    return fleet(SEED, 60, 60, FIRST_DAY_MS, 14)


def seeded(dsn: str, living: Fleet) -> dict[str, int]:
    return seeding.seed(dsn, living.devices, living.events)


def everything(dsn: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of all record systems, with the transaction that wrote each."""
    return {
        table.full_name: query(dsn, f"SELECT *, xmin::text FROM {table.full_name} ORDER BY {', '.join(table.key)}")
        for table in TABLES
    }


def test_seeding_fills_all_that_no_flow_makes_and_a_second_time_writes_nothing(
    fresh_database: Callable[[], str], living: Fleet
) -> None:
    dsn = fresh_database()
    written = seeded(dsn, living)
    before = everything(dsn)
    assert written == {name: len(before[name]) for name in written}
    assert {name for name, rows in before.items() if not rows} == {"billing.invoice", "billing.invoice_line"}
    assert set(seeded(dsn, living).values()) == {0}
    assert everything(dsn) == before
    for name, fields in FED_BY_NOBODY_BUT_FLOWS.items():
        assert {row[field] for row in before[name] for field in fields.split()} == {None}


def test_two_databases_are_seeded_alike(fresh_database: Callable[[], str], living: Fleet) -> None:
    one, other = fresh_database(), fresh_database()
    seeded(one, living)
    seeded(other, living)
    for table in TABLES:
        if table.full_name != "crm.customer":  # `changed_at` is CRM's clock
            rows = f"SELECT {', '.join(table.column_names)} FROM {table.full_name} ORDER BY {', '.join(table.key)}"
            assert query(one, rows) == query(other, rows), table.full_name


def test_what_is_seeded_fits_together_and_to_the_fleet(fresh_database: Callable[[], str], living: Fleet) -> None:
    dsn = fresh_database()
    seeded(dsn, living)
    rows = everything(dsn)
    covered = {row["serial"]: (row["starts_on"], row["ends_on"]) for row in rows["service.warranty"]}
    assert covered == {
        device.device_id: (device.sold_on, device.sold_on.replace(year=device.sold_on.year + 2))
        for device in living.devices
    }
    accounts = {row["account_id"]: row for row in rows["crm.account"]}
    assert {row["account_id"] for row in rows["crm.customer"]} == set(accounts)
    assert all(accounts[row["account_id"]]["country"] == row["country"] for row in rows["crm.customer"])
    assert {row["kind"] for row in accounts.values()} == {"household", "company"}
    assert 1 < max(Counter(row["account_id"] for row in rows["crm.customer"]).values()) < 5
    customers = {row["customer_id"] for row in rows["crm.customer"]}
    assert {row["customer_id"] for row in rows["crm.activity"]} <= customers
    devices = {device.device_id: device for device in living.devices}
    for case in rows["service.case"]:
        device = devices[case["device_id"]]
        assert (case["status"], case["priority"], case["evidence"]) == ("solved", 3, None)
        assert case["assigned_to"] in AGENTS
        assert device.sold_on < case["opened_at"].date() < max(own.sold_on for own in living.devices)
    parts = {row["part"]: row["product"] for row in rows["erp.spare_part"]}
    assert {row["part"] for row in rows["service.part"]} == set(parts)
    made = {(row["plant"], row["material"].startswith("WM")) for row in rows["erp.serial_number"]}
    planned = rows["erp.spare_parts_demand"]
    assert {(row["plant"], parts[row["part"]] == "washer") for row in planned} == made
    assert all(row["month"].day == 1 and row["planned_qty"] >= 0 for row in planned)
    assert sum(row["planned_qty"] for row in planned) > 0


def test_what_people_changed_stays_when_seeded_again(fresh_database: Callable[[], str], living: Fleet) -> None:
    dsn = fresh_database()
    seeded(dsn, living)
    for statement in (
        "UPDATE erp.spare_parts_demand SET planned_qty = planned_qty + 7",
        "UPDATE service.case SET status = 'open', assigned_to = NULL",
        "UPDATE crm.customer SET account_id = NULL",
        "UPDATE service.part SET stock_qty = 0",
    ):
        query(dsn, statement)
    before = everything(dsn)
    assert set(seeded(dsn, living).values()) == {0}
    assert everything(dsn) == before


def older_form(dsn: str) -> None:
    """What a release before service, accounts and approvals left behind, with a row in its audit."""
    for statement in (
        "DROP SCHEMA service CASCADE",
        "DROP SCHEMA gearbox CASCADE",
        *(f"DROP TABLE {name} CASCADE" for name in NEW_SINCE_0_1_0),
        "DROP TRIGGER touch ON crm.customer",
        "ALTER TABLE crm.customer DROP COLUMN account_id, DROP COLUMN changed_at",
        *(f"DROP TABLE {system}.gearbox_receipt" for system in SYSTEMS if system != "service"),
    ):
        query(dsn, statement)
    with psycopg.connect(dsn) as connection:
        connection.execute(OLDER_LEDGER.encode())
        connection.execute(
            "INSERT INTO gearbox.change_set (flow, flow_version, lake_snapshot, target_table, target_rows, "
            "missing_keys, missing_rows, status, planned_by) "
            "VALUES ('f', '1', 1, 'erp.material', 1, '[]', 0, 'applied', 'p')"
        )


def test_record_systems_of_an_older_form_get_what_is_new_and_keep_what_they_have(
    fresh_database: Callable[[], str], living: Fleet
) -> None:
    dsn = fresh_database()
    seeded(dsn, living)
    fresh = everything(dsn)
    older_form(dsn)
    query(dsn, "UPDATE crm.customer SET engagement = 'rare'")
    told: list[str] = []
    seeding.seed(dsn, living.devices, living.events, tell=told.append)
    upgraded = everything(dsn)
    assert {row["engagement"] for row in upgraded["crm.customer"]} == {"rare"}
    account_of = {row["customer_id"]: row["account_id"] for row in upgraded["crm.customer"]}
    assert account_of == {row["customer_id"]: row["account_id"] for row in fresh["crm.customer"]}
    assert {name: len(rows) for name, rows in upgraded.items()} == {name: len(rows) for name, rows in fresh.items()}
    assert len(told) == 1
    assert f"schema {PUT_ASIDE}" in told[0]
    assert "\n" not in told[0]
    assert query(dsn, f"SELECT flow FROM {PUT_ASIDE}.change_set") == [{"flow": "f"}]
    assert query(dsn, "SELECT FROM gearbox.change_set") == []
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        query(dsn, f"DELETE FROM {PUT_ASIDE}.audit")
    assert set(seeding.seed(dsn, living.devices, living.events, tell=told.append).values()) == {0}
    assert len(told) == 1


def test_a_ledger_of_the_form_of_today_stays(records_dsn: str) -> None:
    query(records_dsn, "INSERT INTO gearbox.person VALUES ('Ada', 'ada', 'owner', now())")
    told: list[str] = []
    seeding.set_up(records_dsn, told.append)
    assert told == []
    assert query(records_dsn, "SELECT name FROM gearbox.person") == [{"name": "Ada"}]


def test_a_unit_sold_on_a_leap_day_is_covered_for_two_years(fresh_database: Callable[[], str]) -> None:
    dsn = fresh_database()
    seeding.seed(dsn, [DEVICES[0].model_copy(update={"sold_on": date(2024, 2, 29)})])
    assert query(dsn, "SELECT ends_on FROM service.warranty") == [{"ends_on": date(2026, 2, 28)}]


def test_every_system_keeps_receipts(records_dsn: str) -> None:
    found = query(
        records_dsn, "SELECT table_schema FROM information_schema.tables WHERE table_name = 'gearbox_receipt'"
    )
    assert {row["table_schema"] for row in found} == set(SYSTEMS)
