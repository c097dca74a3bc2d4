"""A ledger, an ERP and a lake to look at, and the commands that look, called as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from schemas.records import system_ddl
from sinks.records.gear import places
from tests.integration.records.conftest import NEWEST, Lake
from tests.integration.records.gear.conftest import Ledger
from tests.integration.records.gear.filling import NOW, Filler, Wanted, ago
from vaxel.__main__ import run

Call = Callable[..., tuple[int, str]]
KEY = ("WM-8030", date(2026, 3, 1))
IN_USE, DORMANT = "in_use_qty", "dormant_qty"
SESSION = f"wm-1@{NEWEST - timedelta(hours=1):%Y%m%dT%H%M}"
UPLOAD = f"""
INSERT INTO uploads
  (topic, "partition", "offset", received_at, device_id, seq, outcome, last_measured_at, reading_count)
VALUES ('telemetry.washer', 2, 70, TIMESTAMP '{NEWEST}', 'wm-1', 8, 'accepted', TIMESTAMP '{NEWEST}', 50),
       ('telemetry.washer', 2, 75, TIMESTAMP '{NEWEST}', 'wm-1', 9, 'accepted', TIMESTAMP '{NEWEST}', 50),
       ('telemetry.washer', 2, 76, TIMESTAMP '{NEWEST}', 'wm-1', 9, 'duplicate', TIMESTAMP '{NEWEST}', 50)"""


@pytest.fixture
def fill(ledger: Ledger) -> Filler:
    """A ledger, and beside it an ERP with one row."""
    with psycopg.connect(ledger.owner) as connection:
        connection.execute(system_ddl("erp").encode())
        connection.execute(
            f"INSERT INTO erp.monthly_sales (material, month, sold_qty, {IN_USE}) VALUES (%s, %s, 9, 7)".encode(), KEY
        )
    return Filler(ledger.owner)


@pytest.fixture
def call(
    lake: Lake, ledger: Ledger, fill: Filler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """`call("show", "1")` gives the exit code and what was printed."""
    known = {
        "VAXEL_KAFKA": "nowhere:1",
        "VAXEL_LAKE_CATALOG": lake.catalog,
        "VAXEL_LAKE_FILES": str(lake.files),
        "VAXEL_RECORDS": ledger.owner,
        "VAXEL_RECORDS_ERP": ledger.owner,
        "VAXEL_LEDGER": ledger.dsn,
    }
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    stopped = places.Clock(now=lambda: NOW)
    monkeypatch.setattr(places, "Clock", lambda: stopped)

    def call(*arguments: str) -> tuple[int, str]:
        code = run(("gearbox", *arguments))
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


def reported(call: Call, *arguments: str) -> Any:
    code, text = call(*arguments, "--json")
    assert code == 0, text
    return json.loads(text)


@pytest.fixture
def written(fill: Filler, lake: Lake) -> int:
    """A set that Bert approved and that wrote 7 where nothing was, from the newest snapshot of the lake."""
    lake.write(UPLOAD)
    with psycopg.connect(lake.catalog) as connection:
        row = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshot").fetchone()
    assert row is not None
    why = {"session_count": 7, "session_sample": [SESSION, "wm-9@never"], "as_of": "2026-05-15T12:00:00Z"}
    number = fill.add_set(
        Wanted(KEY, IN_USE, None, 7, decision="needs_approval", reason="over the free size", why=why),
        Wanted(KEY, DORMANT, None, 2, why=why),
        status="applied",
        snapshot=row[0],
        planned_at=ago(hours=3),
    )
    fill.approve(number, "Bert Ek", "sales_lead", ago(hours=2))
    fill.carry(number, [1, 2], ago(hours=1), left_out={2: ("conflict", "the row was changed")})
    return number
