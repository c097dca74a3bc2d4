"""What the shipped flows want, asked of a small lake: figures, alerts' cases, spare parts, and the evidence of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from schemas.lake import ALERT_VERSIONS, COMPLETENESS_VERSIONS
from sinks.records.gear import flow as flows
from sinks.records.gear.model import run
from sinks.records.gear.wanted import conform
from tests.integration.records.conftest import NEWEST, Lake, cycle

pytestmark = pytest.mark.postgres

SALES, CUSTOMERS, PARTS, CASES = "erp.sales_usage", "crm.customer_usage", "erp.spare_parts_demand", "service.case"
MARCH = date(2026, 3, 1)


def wanted(name: str, lake: Lake, records_dsn: str) -> dict[Any, dict[str, Any]]:
    """What the flow wants, by key; a key of one column stands for itself."""
    flow = flows.load(name)
    produced, _ = run(flow, lake.catalog, records_dsn)
    rows = conform(flow, produced).to_pylist()
    return {tuple(row[part] for part in flow.key) if len(flow.key) > 1 else row[flow.key[0]]: row for row in rows}


def alert(device_id: str | None, kind: str, version: int = 1, status: str = "raised", day: int = 10) -> str:
    """Statement that adds a version of an alert to the lake; its event is of 10 May, whatever ends it."""
    row = {
        "alert_id": f"{device_id or 'WM-8030-2.0.0'}-{kind}-1",
        "version": version,
        "status": status,
        "kind": kind,
        "product": "washer",
        "device_id": device_id,
        "material": "WM-8030",
        "firmware": "2.0.0",
        "session_id": None if device_id is None else f"{device_id}@{day}",
        "happened_at": datetime(2026, 5, day),  # noqa: DTZ001 - as the lake holds it: UTC
        "score": 20,
        "threshold": 12,
        "reason": f"{kind} is {status}.",
        "evidence": f'{{"spin_w": {day}}}',
    }
    return _insert(ALERT_VERSIONS.name, row)


def device_month(device_id: str, verdict: str, month: date = MARCH) -> str:
    """Statement that adds what was told of a device's month to the lake."""
    figures = {"counted": 100, "arrived": 90, "missing": 10, "missing_uploads": 0, "refused_uploads": 0}
    return _insert(
        COMPLETENESS_VERSIONS.name, {"device_id": device_id, "month": month, "version": 1, "verdict": verdict} | figures
    )


def _insert(table: str, row: Mapping[str, object]) -> str:
    values = ", ".join("null" if value is None else f"'{value}'" for value in row.values())
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"


def open_cases(records_dsn: str, *case_ids: str) -> None:
    with psycopg.connect(records_dsn) as connection:
        for case_id in case_ids:
            connection.execute(
                """INSERT INTO service."case" (case_id, device_id, kind, title, opened_at)
                   VALUES (%s, 'wm-1', 'bearing', 'Bearing wears', now())""",
                [case_id],
            )


@pytest.mark.parametrize("name", [SALES, CUSTOMERS, PARTS, CASES])
def test_a_flow_wants_the_same_however_often_it_is_asked(name: str, lake: Lake, records_dsn: str) -> None:
    lake.write(*(alert(f"wm-{number}", "bearing") for number in (1, 2, 3)), device_month("wm-1", "gap"))
    first = wanted(name, lake, records_dsn)
    assert first
    assert wanted(name, lake, records_dsn) == first


@pytest.mark.parametrize("name", [SALES, CUSTOMERS, PARTS, CASES])
def test_every_row_tells_its_sessions_and_as_of_when(name: str, lake: Lake, records_dsn: str) -> None:
    lake.write(alert("wm-1", "bearing"))
    for row in wanted(name, lake, records_dsn).values():
        assert row["why_session_count"] >= len(row["why_session_sample"] or [])
        assert re.fullmatch(r"2026-05-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["why_as_of"])


def test_sales_get_what_became_of_the_units_of_the_month(lake: Lake, records_dsn: str) -> None:
    row = wanted(SALES, lake, records_dsn)["WM-8030", MARCH]
    # wm-1 washes daily, wm-2 was used once 20 days ago, wm-3 never said anything.
    assert (row["activated_qty"], row["in_use_qty"], row["dormant_qty"]) == (2, 1, 1)
    assert row["sessions_per_unit"] == Decimal("4.00")
    assert row["usage_per_session"] == Decimal("657.00")  # (6 * 616 + 1000 + 560) / 8
    assert row["why_session_count"] == 8
    assert len(row["why_session_sample"]) == 3


def test_sales_tell_the_share_of_whole_device_months(lake: Lake, records_dsn: str) -> None:
    april = date(2026, 4, 1)
    lake.write(
        device_month("wm-1", "complete"),
        device_month("wm-1", "gap", april),
        device_month("wm-2", "swapped"),
        device_month("wm-2", "unexplained", april),
        device_month("sh-1", "rollover"),
    )
    shares = {key: row["gate_complete_share"] for key, row in wanted(SALES, lake, records_dsn).items()}
    assert shares["WM-8030", MARCH] == 0.5
    assert shares["SH-220", date(2025, 4, 1)] == 1.0
    assert shares["SH-220", april] is None  # nothing is told of them: nothing stands in the way


def test_customers_get_an_action_by_alert_before_any_other(lake: Lake, records_dsn: str) -> None:
    before = wanted(CUSTOMERS, lake, records_dsn)
    assert {key: row["next_best_action"] for key, row in before.items() if row["next_best_action"]} == {
        "cu-1": "replace shoes",
        "cu-2": "win back",
    }
    lake.write(
        alert("wm-1", "bearing"),
        alert("wm-2", "drain_pump"),
        alert("wm-2", "drain_pump", 2, "cleared"),
        alert("sh-2", "dormant"),
    )
    after = wanted(CUSTOMERS, lake, records_dsn)
    assert (after["cu-1"]["next_best_action"], after["cu-1"]["why_alerts"]) == ("book a service", ["wm-1-bearing-1"])
    assert after["cu-2"]["next_best_action"] == "win back"
    assert after["cu-3"]["next_best_action"] is None


def test_an_alert_opens_a_case_with_what_opened_it(lake: Lake, records_dsn: str) -> None:
    lake.write(alert("wm-1", "bearing"), alert(None, "cohort_shift"))
    cases = wanted(CASES, lake, records_dsn)
    assert cases.keys() == {"wm-1-bearing-1", "WM-8030-2.0.0-cohort_shift-1"}
    case = cases["wm-1-bearing-1"]
    assert (case["device_id"], case["kind"], case["title"]) == ("wm-1", "bearing", "Bearing wears: WM-8030 wm-1")
    assert case["opened_at"].isoformat() == "2026-05-10T00:00:00+00:00"
    assert case["evidence"] == 'bearing is raised. {"spin_w": 10}'
    assert case["why_alerts"] == ["wm-1-bearing-1"]
    cohort = cases["WM-8030-2.0.0-cohort_shift-1"]
    assert cohort["device_id"] is None
    assert cohort["title"] == "Firmware changes the figures: WM-8030 with firmware 2.0.0"


def test_an_alert_that_ended_is_told_to_its_case_and_opens_none(lake: Lake, records_dsn: str) -> None:
    lake.write(
        *(alert("wm-1", "bearing", version, status, day) for version, status, day in _ENDED),
        *(alert("wm-2", "bearing", version, status, day) for version, status, day in _ENDED),
    )
    open_cases(records_dsn, "wm-1-bearing-1")
    cases = wanted(CASES, lake, records_dsn)
    assert cases.keys() == {"wm-1-bearing-1"}
    case = cases["wm-1-bearing-1"]
    assert case["evidence"] == 'Ended 2026-05-14: bearing is cleared. It was: bearing is raised. {"spin_w": 10}'
    assert case["opened_at"].isoformat() == "2026-05-10T00:00:00+00:00"
    assert case["title"] == "Bearing wears: WM-8030 wm-1"


_ENDED = ((1, "raised", 10), (2, "cleared", 14))


def test_a_part_is_needed_for_each_alert_and_for_a_share_of_the_units_in_use(lake: Lake, records_dsn: str) -> None:
    lake.write(alert("wm-1", "bearing"), alert("wm-2", "bearing"), alert("wm-2", "unbalance", 1, "cleared"))
    demand = wanted(PARTS, lake, records_dsn)
    may = date(2026, 5, 1)  # of the newest session end, not of today
    assert {(plant, month) for _, plant, month in demand} == {("1010", may), ("2010", may)}
    told = {
        part: (row["alert_qty"], row["forecast_qty"]) for (part, plant, _), row in demand.items() if plant == "1010"
    }
    assert told == {
        "SP-1001": (2, 2),  # both units in use have the alert: nobody else is left
        "SP-1002": (0, 1),  # a share of two units, rounded up
        "SP-1003": (0, 1),
        "SP-1004": (0, 1),  # its alert holds no longer
        "SP-1005": (0, 1),
    }
    bearing = demand["SP-1001", "1010", may]
    assert bearing["why_alerts"] == ["wm-1-bearing-1", "wm-2-bearing-1"]
    assert (bearing["why_units_in_use"], bearing["why_session_count"]) == (2, 8)
    assert {part for part, plant, _ in demand if plant == "2010"} == {"SP-2001", "SP-2002"}


def test_a_new_month_of_use_asks_for_parts_of_that_month(lake: Lake, records_dsn: str) -> None:
    lake.write(cycle("wm-1", NEWEST + timedelta(days=20), 600.0))
    assert {month for _, _, month in wanted(PARTS, lake, records_dsn)} == {date(2026, 6, 1)}
