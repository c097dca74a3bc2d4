"""A month is closed once its facts are there, or by force with a reason; the audit tells it once, whenever killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import UsageError
from sinks.records.crash import ARMED_BY
from tests.integration.records.billing.billing_house import APPROVER, KEEPER, MAY, House, make_house, uploaded
from tests.integration.records.conftest import Lake
from vaxel.__main__ import run

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).parents[4]
REASON = "the fleet lives two weeks only"


@pytest.fixture
def house(lake: Lake, records_dsn: str) -> House:
    return make_house(lake, records_dsn)


@pytest.fixture
def early(lake: Lake, records_dsn: str) -> House:
    """A house whose lake has heard of wm-2 until half a second before May is over everywhere."""
    found = make_house(lake, records_dsn, "2026-06-01 03:59:59.5")
    found.shift()
    return found


def told(house: House, event: str = "period_closed") -> list[dict[str, Any]]:
    return house.billing("SELECT * FROM gearbox.audit WHERE event = %s ORDER BY audit_no", event)


def details(house: House, event: str = "period_closed") -> list[dict[str, Any]]:
    return [json.loads(row["detail"]) for row in told(house, event)]


def test_a_month_whose_end_the_lake_has_not_heard_stays_open(early: House) -> None:
    with pytest.raises(UsageError) as refused:
        early.close()
    assert str(refused.value) == (
        "Cannot close 2026-05: the lake has heard nothing after 2026-06-01 03:59 UTC, and the month is over everywhere "
        "at 2026-06-01 04:00 UTC. Take in what has come (vaxel run --until-idle), plan and apply billing.usage_line, "
        "and close it then; or say why not to wait: --force REASON"
    )
    assert early.billing("SELECT * FROM billing.period WHERE status = 'closed'") == []
    assert told(early) == told(early, "period_forced") == []
    early.lake.write(uploaded("wm-2", "2026-06-01 04:00"))
    assert early.close().lacking is None


@pytest.mark.parametrize(
    "statement",
    [
        uploaded("nobody", "2026-06-03 12:00"),
        uploaded("wm-2", "2026-06-03 12:00", received_at="2026-05-20 12:00"),
        uploaded("wm-2", "2026-05-20 12:00", received_at="2026-06-03 12:00"),
        uploaded("wm-2", "2026-06-03 12:00", outcome="duplicate"),
    ],
    ids=["a stranger", "a clock that is ahead", "one that was late", "a duplicate"],
)
def test_what_proves_nothing_of_the_months_end(early: House, statement: str) -> None:
    early.lake.write(statement)
    with pytest.raises(UsageError, match="nothing after 2026-06-01 03:59"):
        early.close()


def test_other_reasons_come_before_the_lake_is_asked(early: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(House, "heard", lambda *_: pytest.fail("the lake was asked"))
    with pytest.raises(UsageError, match="billing_approver"):
        early.close(who=KEEPER)
    with pytest.raises(UsageError, match="needs a reason"):
        early.close(forced_because="  ")


def test_units_that_are_paid_for_and_were_not_heard_are_counted(house: House) -> None:
    found = house.heard()
    assert (found.paid_units, found.quiet_units) == (2, 2)
    house.lake.write(uploaded("wm-1", "2026-06-01 04:00"), uploaded("sh-1", "2026-05-31 12:00"))
    assert house.heard().quiet_units == 1
    house.billing("UPDATE billing.contract SET valid_to = '2026-05-31T00:00Z' WHERE device_id = 'sh-1'")
    assert (house.heard().paid_units, house.heard().quiet_units) == (1, 0)


def test_the_audit_tells_a_close_once_with_its_invoices_and_totals(house: House) -> None:
    house.billing("UPDATE billing.price SET currency = 'EUR' WHERE kind = 'pay_per_km'")
    house.shift()
    done = house.close()
    house.close()
    (row,) = told(house)
    assert (row["who"], row["target_table"], row["key"]) == (APPROVER, "billing.period", '{"period":"2026-05-01"}')
    assert details(house) == [
        {
            "closed_at": "2026-07-02T12:00:00+00:00",
            "invoices": 2,
            "totals": {"EUR": "16.50", "SEK": "92.40"},
            "forced": None,
        }
    ]
    assert {currency: str(total) for currency, total in done.totals.items()} == {"EUR": "16.50", "SEK": "92.40"}
    assert told(house, "period_forced") == []


def test_a_forced_close_tells_what_was_lacking_before_and_its_reason_after(early: House) -> None:
    done = early.close(forced_because=f"  {REASON}\n")
    assert done.lacking is not None
    (forced,) = details(early, "period_forced")
    assert (forced["reason"], forced["lacking"]) == (REASON, done.lacking)
    assert [detail["forced"] for detail in details(early)] == [REASON]
    before, after = told(early, "period_forced") + told(early)
    assert before["audit_no"] < after["audit_no"]


def test_force_where_nothing_is_lacking_is_none(house: House) -> None:
    house.shift()
    assert house.close(forced_because=REASON).lacking is None
    assert told(house, "period_forced") == []
    assert [detail["forced"] for detail in details(house)] == [None]


def test_a_month_closed_before_closes_were_told_is_told_when_it_is_closed_again(house: House) -> None:
    house.shift()
    house.billing(
        "UPDATE billing.period SET status = 'closed', closed_at = '2026-06-02T08:00Z', closed_by = 'Old Hand' "
        "WHERE period = %s",
        MAY,
    )
    done = house.close()
    assert (done.is_new, done.closed_by) == (False, "Old Hand")
    (row,) = told(house)
    assert row["who"] == "Old Hand"
    assert json.loads(row["detail"])["closed_at"] == "2026-06-02T08:00:00+00:00"


@pytest.mark.parametrize(
    ("point", "is_closed", "forced", "closed"),
    [("billing.forced", False, 1, 0), ("billing.closed", True, 1, 0), ("billing.told", True, 1, 1)],
)
def test_killed_between_two_steps_closing_again_makes_up_for_what_is_missing(
    early: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, point: str, is_closed: bool, forced: int, closed: int
) -> None:
    for name, value in addresses(early).items():
        monkeypatch.setenv(name, value)
    command = ["billing", "close", "2026-05", "--by", APPROVER, "--force", REASON, "--data-dir", str(tmp_path)]
    killed = subprocess.run(
        [sys.executable, "-m", "vaxel", *command],
        cwd=ROOT,
        env={**os.environ, ARMED_BY: point},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert bool(early.billing("SELECT 1 FROM billing.period WHERE status = 'closed'")) is is_closed
    assert (len(told(early, "period_forced")), len(told(early))) == (forced, closed)
    assert run(command) == 0
    assert run(command) == 0
    assert [detail["forced"] for detail in details(early)] == [REASON]
    assert len(early.billing("SELECT * FROM billing.invoice")) == 2
    assert len(told(early, "period_forced")) == (1 if is_closed else 2)


def test_the_command_says_what_was_closed_and_log_shows_it(
    early: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in addresses(early).items():
        monkeypatch.setenv(name, value)
    here = ["--data-dir", str(tmp_path)]
    assert run(["billing", "close", "2026-05", "--by", APPROVER, *here]) == 2
    assert capsys.readouterr().err.startswith("vaxel: Cannot close 2026-05: the lake has heard nothing after")
    assert run(["billing", "close", "2026-05", "--by", APPROVER, "--force", REASON, *here]) == 0
    first, *more = capsys.readouterr().out.splitlines()
    assert first.startswith("2026-05 closed at 20")
    assert first.endswith("UTC by Bea Berg: 2 final invoices, 108.90 SEK")
    assert more[0].startswith("forced: the lake has heard nothing after 2026-06-01 03:59 UTC")
    assert more[1].startswith("2 of 2 units that are paid for were not heard since")
    assert run(["gearbox", "log", "--events", "--table", "billing.period", *here]) == 0
    shown = capsys.readouterr().out
    assert "period_closed" in shown
    assert REASON in shown
    assert run(["billing", "invoices", "--lines", *here]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  ct-wm-1-1/2026-05/2026-05/usage  7 wash  92.40 SEK" in lines
    assert run(["billing", "invoices", "--contract", "ct-wm-1-1", "--json", *here]) == 0
    (invoice,) = json.loads(capsys.readouterr().out)
    assert (invoice["lines"], invoice["items"][0]["line_no"]) == (1, "ct-wm-1-1/2026-05/2026-05/usage")


def addresses(house: House) -> dict[str, str]:
    return {
        "VAXEL_KAFKA": "127.0.0.1:1",
        "VAXEL_LAKE_CATALOG": house.lake.catalog,
        "VAXEL_LAKE_FILES": str(house.lake.files),
        "VAXEL_RECORDS": house.dsn,
    }
