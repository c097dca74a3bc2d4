"""The gearbox on a real PostgreSQL and a real DuckLake."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from schemas.catalogue import WASHER_BY_MATERIAL
from schemas.errors import UnreachableError, UsageError
from schemas.records import TABLES
from sinks.records import audit, gearbox, ledger, model, seeding, target
from sinks.records.flow import Limits, load, names
from tests.integration.records.conftest import DEVICES, NEWEST, Lake, cycle

pytestmark = pytest.mark.postgres

SALES, CUSTOMERS = load("erp.sales_usage"), load("crm.customer_usage")
STEPS = ["staged", "checked", "updated", "audited", "marked", "committed"]


def query(dsn: str, statement: str) -> list[dict[str, Any]]:
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def everything(dsn: str) -> list[list[dict[str, Any]]]:
    """All that the record systems and the audit hold, without the times of writing."""
    audited = "change_no, flow, target_table, key, field, before, after, row_version_before, why"
    return [
        query(dsn, "SELECT * FROM erp.monthly_sales ORDER BY material, month"),
        query(dsn, "SELECT * FROM crm.customer ORDER BY customer_id"),
        query(dsn, f"SELECT {audited} FROM gearbox.audit ORDER BY audit_no"),
    ]


def wait_until_somebody_waits_for_a_lock(dsn: str, deadline_s: float = 30) -> None:
    waiting = (
        "SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()"
    )
    end_s = time.monotonic() + deadline_s
    while not query(dsn, waiting):
        assert time.monotonic() < end_s, "nobody waits for a lock"


def shift_all(lake: Lake, dsn: str) -> list[gearbox.Shift]:
    return [gearbox.shift(load(name), lake.catalog, dsn, "tester") for name in names()]


def test_postgresql_holds_what_the_schemas_declare(records_dsn: str) -> None:
    names = {"character varying": "text", "timestamp with time zone": "timestamptz", "numeric": "numeric(14, 2)"}
    for table in TABLES:
        found = query(
            records_dsn,
            "SELECT column_name, data_type, is_nullable = 'YES' AS nullable FROM information_schema.columns "
            f"WHERE table_schema = '{table.system}' AND table_name = '{table.name}' ORDER BY ordinal_position",
        )
        assert [
            (row["column_name"], names.get(row["data_type"], row["data_type"]), row["nullable"]) for row in found
        ] == [
            *((column.name, column.postgres_type, column.nullable) for column in table.columns),
            ("row_version", "bigint", False),
        ]


def test_seeding_again_changes_nothing(records_dsn: str) -> None:
    before = [
        query(records_dsn, f"SELECT *, xmin::text FROM {table}") for table in ("erp.monthly_sales", "crm.customer")
    ]
    assert set(seeding.seed(records_dsn, DEVICES).values()) == {0}
    after = [
        query(records_dsn, f"SELECT *, xmin::text FROM {table}") for table in ("erp.monthly_sales", "crm.customer")
    ]
    assert after == before


def test_seeding_a_larger_fleet_adds_to_what_is_there_and_touches_no_fed_field(lake: Lake, records_dsn: str) -> None:
    shift_all(lake, records_dsn)
    more = DEVICES[0].model_copy(update={"device_id": "wm-9", "customer_id": "cu-9"})
    written = seeding.seed(records_dsn, [*DEVICES, more])
    assert (written["erp.serial_number"], written["crm.customer"], written["erp.monthly_sales"]) == (1, 1, 1)
    (march,) = query(records_dsn, "SELECT * FROM erp.monthly_sales WHERE material = 'WM-8030' AND month = '2026-03-01'")
    assert (march["sold_qty"], march["activated_qty"]) == (4, 2)


def test_a_device_that_had_an_owner_gets_no_second_one_from_seeding(records_dsn: str) -> None:
    later = [device.model_copy(update={"sold_on": date(2026, 6, 1), "customer_id": "cu-8"}) for device in DEVICES[:1]]
    seeding.seed(records_dsn, later)
    owners = query(records_dsn, "SELECT customer_id FROM crm.ownership WHERE device_id = 'wm-1'")
    assert owners == [{"customer_id": "cu-1"}]


def test_sales_figures_cover_every_model_and_month_and_count_the_units_sold(records_dsn: str) -> None:
    figures = query(records_dsn, "SELECT material, count(*) AS months FROM erp.monthly_sales GROUP BY 1")
    assert [row["months"] for row in figures] == [13] * 9
    sold = query(
        records_dsn,
        "SELECT material, month, sold_qty FROM erp.monthly_sales WHERE sold_qty > 0 ORDER BY material, month",
    )
    assert [(row["material"], row["month"], row["sold_qty"]) for row in sold] == [
        ("SH-220", date(2025, 4, 1), 1),
        ("SH-220", date(2026, 4, 1), 1),
        ("WM-8030", date(2026, 3, 1), 3),
    ]


def test_sales_figures_say_what_became_of_the_units(lake: Lake, records_dsn: str) -> None:
    gearbox.shift(SALES, lake.catalog, records_dsn, "tester")
    rows = query(records_dsn, "SELECT * FROM erp.monthly_sales WHERE sold_qty > 0 ORDER BY material, month")
    fields = ("sold_qty", *SALES.fields)
    # wm-1 and wm-2 were heard of, wm-3 was not; 8 cycles, 7 of them eco with 608 Wh on average
    label_wh = WASHER_BY_MATERIAL["WM-8030"].labels["eco"].energy_wh
    deviation_pct = round(Decimal((608 / label_wh - 1) * 100), 2)
    assert [tuple(row[field] for field in fields) for row in rows] == [
        (1, 1, 1, 0, Decimal("2.00"), Decimal("7500.50"), None),
        (1, 1, 0, 1, Decimal("0.00"), None, None),
        (3, 2, 1, 1, Decimal("4.00"), Decimal("657.00"), deviation_pct),
    ]


def test_customers_get_usage_engagement_and_a_next_step(lake: Lake, records_dsn: str) -> None:
    gearbox.shift(CUSTOMERS, lake.catalog, records_dsn, "tester")
    rows = query(records_dsn, "SELECT * FROM crm.customer ORDER BY customer_id")
    newest = NEWEST.replace(tzinfo=UTC)
    assert [tuple(row[field] for field in CUSTOMERS.fields) for row in rows] == [
        (2, newest, "daily", "replace shoes"),
        (0, newest - timedelta(days=20), "rare", "win back"),
        (0, None, "none", None),
    ]


def test_a_session_counts_for_who_owned_the_unit_then(lake: Lake, records_dsn: str) -> None:
    sold = (NEWEST - timedelta(days=3)).date()
    query(records_dsn, f"UPDATE crm.ownership SET owned_to = '{sold}' WHERE device_id = 'wm-1'")
    query(records_dsn, f"INSERT INTO crm.ownership VALUES ('wm-1', 'cu-3', '{sold}', NULL)")
    gearbox.shift(CUSTOMERS, lake.catalog, records_dsn, "tester")
    rows = query(records_dsn, "SELECT customer_id, products_in_use, engagement FROM crm.customer ORDER BY customer_id")
    assert [tuple(row.values()) for row in rows] == [("cu-1", 1, "weekly"), ("cu-2", 0, "rare"), ("cu-3", 1, "weekly")]


def test_a_customer_who_turns_out_never_to_have_owned_a_unit_loses_its_usage(lake: Lake, records_dsn: str) -> None:
    shift_all(lake, records_dsn)
    query(records_dsn, "UPDATE crm.ownership SET customer_id = 'cu-3' WHERE customer_id = 'cu-1'")
    shift_all(lake, records_dsn)
    rows = query(records_dsn, "SELECT * FROM crm.customer WHERE customer_id IN ('cu-1', 'cu-3') ORDER BY customer_id")
    newest = NEWEST.replace(tzinfo=UTC)
    assert [tuple(row[field] for field in CUSTOMERS.fields) for row in rows] == [
        (0, None, "none", None),
        (2, newest, "daily", "replace shoes"),
    ]


def test_sales_figures_whose_units_turn_out_to_be_others_are_emptied(lake: Lake, records_dsn: str) -> None:
    shift_all(lake, records_dsn)
    query(records_dsn, "UPDATE erp.serial_number SET material = 'WM-9040' WHERE material = 'WM-8030'")
    shift_all(lake, records_dsn)
    march = "SELECT * FROM erp.monthly_sales WHERE material = '{}' AND month = '2026-03-01'"
    (before,), (after,) = (query(records_dsn, march.format(material)) for material in ("WM-8030", "WM-9040"))
    assert [before[field] for field in SALES.fields] == [0, 0, 0, None, None, None]
    assert after["usage_per_session"] == Decimal("657.00")


def test_units_and_owners_that_the_target_has_no_row_for_are_named(lake: Lake, records_dsn: str) -> None:
    query(records_dsn, "DELETE FROM erp.monthly_sales WHERE material = 'WM-8030' AND month = '2026-03-01'")
    query(records_dsn, "DELETE FROM erp.material WHERE material = 'WM-8030'")
    query(records_dsn, "DELETE FROM crm.customer WHERE customer_id = 'cu-2'")
    customers, sales = shift_all(lake, records_dsn)
    assert (sales.change_set.missing_keys, sales.change_set.missing_rows) == ((("WM-8030", date(2026, 3, 1)),), 1)
    assert (customers.change_set.missing_keys, customers.change_set.missing_rows) == ((("cu-2",),), 1)
    assert query(records_dsn, "SELECT * FROM crm.customer WHERE customer_id = 'cu-2'") == []


def test_a_label_of_0_wh_gives_no_deviation(lake: Lake, records_dsn: str) -> None:
    query(records_dsn, "UPDATE erp.material SET label_wh_per_cycle = 0 WHERE material = 'WM-8030'")
    gearbox.shift(SALES, lake.catalog, records_dsn, "tester")
    (row,) = query(records_dsn, "SELECT * FROM erp.monthly_sales WHERE material = 'WM-8030' AND in_use_qty > 0")
    assert (row["usage_per_session"], row["label_deviation_pct"]) == (Decimal("657.00"), None)


def test_a_device_that_erp_does_not_know_moves_no_figure(lake: Lake, records_dsn: str) -> None:
    shift_all(lake, records_dsn)
    before = everything(records_dsn)
    lake.write(cycle("stranger-1", NEWEST + timedelta(days=200), 900.0))
    shift_all(lake, records_dsn)
    assert everything(records_dsn) == before


def test_the_second_run_writes_no_row_and_no_audit_row(lake: Lake, records_dsn: str) -> None:
    first = shift_all(lake, records_dsn)
    assert all(shift.rows > 0 and shift.changes > 0 for shift in first)
    before = everything(records_dsn)
    assert [(shift.rows, shift.changes, shift.change_set_id) for shift in shift_all(lake, records_dsn)] == [
        (0, 0, None),
        (0, 0, None),
    ]
    assert everything(records_dsn) == before


def test_applying_the_same_change_set_again_writes_nothing(lake: Lake, records_dsn: str) -> None:
    first = gearbox.shift(SALES, lake.catalog, records_dsn, "tester")
    before = everything(records_dsn)
    assert first.change_set_id is not None
    again = gearbox.apply_kept(first.change_set_id, records_dsn, "tester")
    assert (again.rows, again.changes, again.conflict_rows) == (0, 0, 0)
    assert everything(records_dsn) == before


def test_other_fields_stay_and_the_record_systems_count_the_version(lake: Lake, records_dsn: str) -> None:
    kept = "SELECT customer_id, name, email, language, country FROM crm.customer ORDER BY 1"
    before = query(records_dsn, kept)
    shift_all(lake, records_dsn)
    assert query(records_dsn, kept) == before
    assert query(records_dsn, "SELECT DISTINCT row_version FROM crm.customer") == [{"row_version": 2}]


def test_an_audit_row_says_who_what_when_and_why(lake: Lake, records_dsn: str) -> None:
    shifted = gearbox.shift(SALES, lake.catalog, records_dsn, "tester")
    key: dict[str, str | int | None] = {"material": "WM-8030", "month": "2026-03-01"}
    row = next(row for row in audit.log(records_dsn, "erp.monthly_sales", key) if row["field"] == "in_use_qty")
    assert (row["before"], row["after"], row["row_version_before"], row["who"]) == (None, 1, 1, "tester")
    assert (row["flow"], row["flow_version"]) == ("erp.sales_usage", SALES.full_version)
    assert row["change_set_id"] == shifted.change_set_id
    assert row["why"]["session_count"] == 8
    assert row["why"]["session_sample"][0].startswith("wm-1@")
    assert row["why"]["as_of"] == "2026-05-15T12:00:00.000Z"
    assert row["applied_at"] <= datetime.now(UTC)  # noqa: TID251


def test_a_plan_can_be_made_from_an_older_snapshot(lake: Lake, records_dsn: str) -> None:
    _, snapshot = model.run(CUSTOMERS, lake.catalog, records_dsn)
    lake.write(cycle("wm-2", NEWEST + timedelta(hours=1), 560.0))
    then = gearbox.plan_flow(CUSTOMERS, lake.catalog, records_dsn, "tester", snapshot).change_set
    now = gearbox.plan_flow(CUSTOMERS, lake.catalog, records_dsn, "tester").change_set
    assert (then.lake_snapshot, now.lake_snapshot) == (snapshot, snapshot + 1)
    uses = [
        [change.after for change in found.changes if (change.key, change.field) == (("cu-2",), "products_in_use")]
        for found in (then, now)
    ]
    assert uses == [[0], [1]]


def test_a_row_a_person_edits_between_plan_and_apply_is_a_conflict_and_stays(lake: Lake, records_dsn: str) -> None:
    planned = gearbox.plan_flow(CUSTOMERS, lake.catalog, records_dsn, "tester")
    query(records_dsn, "UPDATE crm.customer SET engagement = 'a friend of ours' WHERE customer_id = 'cu-1'")
    assert planned.change_set_id is not None
    applied = target.apply(records_dsn, CUSTOMERS, planned.change_set_id, "tester")
    assert (applied.rows, applied.conflict_rows) == (2, 1)
    rows = query(records_dsn, "SELECT engagement, products_in_use FROM crm.customer ORDER BY customer_id")
    assert [tuple(row.values()) for row in rows] == [("a friend of ours", None), ("rare", 0), ("none", 0)]
    entry = ledger.load(records_dsn, planned.change_set_id)
    conflicts = {
        change.key
        for change, status in zip(entry.change_set.changes, entry.statuses, strict=True)
        if status == "conflict"
    }
    assert conflicts == {("cu-1",)}
    assert audit.log(records_dsn, "crm.customer", {"customer_id": "cu-1"}) == []


def test_an_edit_that_commits_while_apply_waits_for_the_row_stays(lake: Lake, records_dsn: str) -> None:
    planned = gearbox.plan_flow(CUSTOMERS, lake.catalog, records_dsn, "tester")
    assert planned.change_set_id is not None
    with ThreadPoolExecutor(1) as pool, psycopg.connect(records_dsn) as person:
        person.execute("UPDATE crm.customer SET engagement = 'a friend of ours' WHERE customer_id = 'cu-1'")
        waiting = pool.submit(target.apply, records_dsn, CUSTOMERS, planned.change_set_id, "tester")
        wait_until_somebody_waits_for_a_lock(records_dsn)
        person.commit()
        assert waiting.result(timeout=30).conflict_rows == 1
    (row,) = query(records_dsn, "SELECT engagement FROM crm.customer WHERE customer_id = 'cu-1'")
    assert row == {"engagement": "a friend of ours"}


def test_two_who_apply_the_same_set_at_once_write_it_once(lake: Lake, records_dsn: str) -> None:
    planned = gearbox.plan_flow(CUSTOMERS, lake.catalog, records_dsn, "tester")
    assert planned.change_set_id is not None
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(target.apply, records_dsn, CUSTOMERS, planned.change_set_id, "tester") for _ in range(2)]
        assert sorted(done.result(timeout=30).rows for done in both) == [0, 3]
    assert len(audit.log(records_dsn, limit=100)) == len(planned.change_set.changes)


def test_a_row_that_is_gone_is_a_conflict(lake: Lake, records_dsn: str) -> None:
    planned = gearbox.plan_flow(CUSTOMERS, lake.catalog, records_dsn, "tester")
    query(records_dsn, "DELETE FROM crm.customer WHERE customer_id = 'cu-3'")
    assert planned.change_set_id is not None
    assert target.apply(records_dsn, CUSTOMERS, planned.change_set_id, "tester").conflict_rows == 1


def test_a_row_that_was_deleted_and_loaded_again_with_other_values_is_a_conflict(lake: Lake, records_dsn: str) -> None:
    planned = gearbox.plan_flow(CUSTOMERS, lake.catalog, records_dsn, "tester")
    assert planned.change_set_id is not None
    # Loaded again, a row begins at version 1, which is the version the plan saw.
    query(records_dsn, "CREATE TABLE kept AS SELECT * FROM crm.customer")
    query(records_dsn, "DELETE FROM crm.customer")
    query(records_dsn, "UPDATE kept SET engagement = 'a friend of ours' WHERE customer_id = 'cu-1'")
    query(records_dsn, "INSERT INTO crm.customer SELECT * FROM kept")
    applied = target.apply(records_dsn, CUSTOMERS, planned.change_set_id, "tester")
    assert (applied.rows, applied.conflict_rows) == (2, 1)
    rows = query(records_dsn, "SELECT engagement, products_in_use FROM crm.customer ORDER BY customer_id")
    assert [tuple(row.values()) for row in rows] == [("a friend of ours", None), ("rare", 0), ("none", 0)]
    assert audit.log(records_dsn, "crm.customer", {"customer_id": "cu-1"}) == []


def test_a_set_over_its_limits_is_refused_and_cannot_be_applied(lake: Lake, records_dsn: str) -> None:
    narrow = SALES.model_copy(update={"limits": Limits(max_rows=1, max_share_of_rows=1)})
    before = everything(records_dsn)
    shifted = gearbox.shift(narrow, lake.catalog, records_dsn, "tester")
    assert (shifted.verdict.decision, shifted.rows) == ("refused", 0)
    assert shifted.change_set_id is not None
    with pytest.raises(UsageError, match="was refused: 117 rows would change, the flow's limit is 1"):
        gearbox.apply_kept(shifted.change_set_id, records_dsn, "tester")
    assert everything(records_dsn) == before


def test_a_newer_plan_supersedes_the_older_one(lake: Lake, records_dsn: str) -> None:
    older, _newer = (gearbox.plan_flow(SALES, lake.catalog, records_dsn, "tester") for _ in range(2))
    assert older.change_set_id is not None
    with pytest.raises(UsageError, match="was superseded by a newer plan"):
        gearbox.apply_kept(older.change_set_id, records_dsn, "tester")


def test_a_plan_of_another_version_of_the_flow_is_not_applied(lake: Lake, records_dsn: str) -> None:
    planned = gearbox.plan_flow(SALES, lake.catalog, records_dsn, "tester")
    assert planned.change_set_id is not None
    with pytest.raises(UsageError, match="Plan again"):
        target.apply(records_dsn, SALES.model_copy(update={"digest": "other"}), planned.change_set_id, "tester")


@pytest.mark.parametrize(
    "statement", ["UPDATE gearbox.audit SET who = 'nobody'", "DELETE FROM gearbox.audit", "TRUNCATE gearbox.audit"]
)
def test_the_audit_cannot_be_rewritten(lake: Lake, records_dsn: str, statement: str) -> None:
    gearbox.shift(CUSTOMERS, lake.catalog, records_dsn, "tester")
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        query(records_dsn, statement)


def test_audit_and_records_agree_until_somebody_edits_a_fed_field(lake: Lake, records_dsn: str) -> None:
    assert audit.audit_consistent(records_dsn) == []
    shift_all(lake, records_dsn)
    assert audit.audit_consistent(records_dsn) == []
    query(records_dsn, "UPDATE crm.customer SET name = 'New Name' WHERE customer_id = 'cu-1'")
    assert audit.audit_consistent(records_dsn) == []
    query(records_dsn, "UPDATE crm.customer SET products_in_use = 99 WHERE customer_id = 'cu-1'")
    query(
        records_dsn,
        "UPDATE erp.monthly_sales SET label_deviation_pct = 1 WHERE month = '2025-05-01' AND material = 'SH-110'",
    )
    assert [fault.split(" holds ")[0] for fault in audit.audit_consistent(records_dsn)] == [
        "crm.customer {'customer_id': 'cu-1'} products_in_use",
        "erp.monthly_sales {'material': 'SH-110', 'month': '2025-05-01'} label_deviation_pct",
    ]


def test_an_applied_change_without_audit_row_is_found(lake: Lake, records_dsn: str) -> None:
    planned = gearbox.plan_flow(CUSTOMERS, lake.catalog, records_dsn, "tester")
    query(records_dsn, "UPDATE gearbox.change SET status = 'applied' WHERE change_no = 1")
    assert audit.audit_consistent(records_dsn) == [
        f"change 1 of change set {planned.change_set_id} is applied, its audit row is missing"
    ]


APPLY = "import sys; from sinks.records.gearbox import apply_kept; apply_kept(int(sys.argv[1]), sys.argv[2], 'tester')"


@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_after_any_step_leaves_nothing_half_done(lake: Lake, records_dsn: str, step: str) -> None:
    planned = gearbox.plan_flow(CUSTOMERS, lake.catalog, records_dsn, "tester")
    before = everything(records_dsn)
    killed = subprocess.run(
        [sys.executable, "-c", APPLY, str(planned.change_set_id), records_dsn],
        env=os.environ | {"VAXEL_CRASH_AT": f"records.{step}"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    if step == "committed":
        assert everything(records_dsn) != before
    else:
        assert everything(records_dsn) == before
    assert planned.change_set_id is not None
    gearbox.apply_kept(planned.change_set_id, records_dsn, "tester")
    assert query(records_dsn, "SELECT DISTINCT row_version FROM crm.customer") == [{"row_version": 2}]
    assert len(audit.log(records_dsn, limit=100)) == len(planned.change_set.changes)
    assert audit.audit_consistent(records_dsn) == []
    assert gearbox.shift(CUSTOMERS, lake.catalog, records_dsn, "tester").changes == 0


def test_an_empty_lake_says_that_nothing_is_in_use(lake: Lake, records_dsn: str) -> None:
    lake.write("DELETE FROM wash_cycle_versions", "DELETE FROM run_versions", "DELETE FROM uploads")
    shift_all(lake, records_dsn)
    figures = query(records_dsn, "SELECT DISTINCT activated_qty, in_use_qty, sessions_per_unit FROM erp.monthly_sales")
    assert [tuple(row.values()) for row in figures] == [(0, 0, None)]
    assert query(records_dsn, "SELECT DISTINCT engagement FROM crm.customer") == [{"engagement": "none"}]


def test_a_system_that_does_not_answer_is_named_without_its_password(records_dsn: str) -> None:
    nowhere = "postgresql://user:very-secret@127.0.0.1:1/nowhere"
    for call in (lambda: target.read_rows(nowhere, SALES), lambda: model.run(SALES, nowhere, records_dsn)):
        with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1/nowhere") as refused:
            call()
        assert "very-secret" not in str(refused.value)


def test_record_systems_without_tables_say_what_to_do(lake: Lake) -> None:
    with pytest.raises(UsageError, match="Run `vaxel seed` first"):
        target.read_rows(lake.catalog, SALES)


def test_a_model_whose_figure_does_not_fit_is_no_outside_fault(lake: Lake, records_dsn: str) -> None:
    broken = SALES.model_copy(update={"model_sql": "select 'inf'::double::decimal(14, 2) as figure"})
    with pytest.raises(UsageError, match=r"The model of flow 'erp\.sales_usage' does not fit: .*inf"):
        model.run(broken, lake.catalog, records_dsn)


def test_a_snapshot_the_lake_does_not_have_is_told_with_those_it_has(lake: Lake, records_dsn: str) -> None:
    newest = gearbox.plan_flow(SALES, lake.catalog, records_dsn, "tester").change_set.lake_snapshot
    for unknown in (newest + 1, 10**50):
        with pytest.raises(UsageError, match=rf"lake has no snapshot {unknown}: .* 0 to {newest}"):
            model.run(SALES, lake.catalog, records_dsn, unknown)


def test_a_model_that_names_no_table_of_the_lake_is_told_in_one_line(lake: Lake, records_dsn: str) -> None:
    broken = SALES.model_copy(update={"model_sql": "select * from lake.nothing"})
    with pytest.raises(UsageError, match=r"The model of flow 'erp\.sales_usage' does not fit: .*nothing"):
        model.run(broken, lake.catalog, records_dsn)
