"""From washes in the lake to final invoices: drafts, the close, late usage, credits, evidence, at a real PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from schemas.errors import UsageError
from schemas.record_billing import PERIOD_LOCK
from sinks.records.billing import evidence, invoices
from sinks.records.billing.evidence_check import faults
from tests.integration.records.billing.billing_house import (
    APPROVER,
    JUNE,
    KEEPER,
    KILOMETRES,
    MAY,
    WASHES,
    House,
    make_house,
)
from tests.integration.records.conftest import NEWEST, Lake, cycle, run

pytestmark = pytest.mark.postgres

JUNE_3 = datetime(2026, 6, 3, 12)  # noqa: DTZ001 - as the lake holds it: UTC


@pytest.fixture
def house(lake: Lake, records_dsn: str) -> House:
    return make_house(lake, records_dsn)


def _amounts(house: House, where: str = "true") -> dict[str, Decimal]:
    return {row["line_no"]: row["amount"] for row in house.lines(where)}


def test_use_becomes_drafts_to_the_cent_and_a_second_plan_finds_nothing(house: House) -> None:
    house.shift()
    # Seven washes at 13.20 SEK are above the minimum; 10 km are included in 16.50 SEK.
    assert _amounts(house) == {
        f"{KILOMETRES}/2026-05/2026-05/base": Decimal("16.50"),
        f"{KILOMETRES}/2026-05/2026-05/usage": Decimal("0.00"),
        f"{WASHES}/2026-05/2026-05/usage": Decimal("92.40"),
    }
    assert house.plan().change_set_id is None
    drafts = invoices.invoices(house.dsn)
    assert [(row.contract_no, row.status, row.total) for row in drafts] == [
        (KILOMETRES, "draft", Decimal("16.50")),
        (WASHES, "draft", Decimal("92.40")),
    ]


def test_a_corrected_wash_moves_its_draft_and_one_that_is_gone_removes_it(house: House) -> None:
    house.shift()
    house.lake.write("UPDATE wash_cycle_versions SET anomalies = ['power_cut'] WHERE device_id = 'wm-1'")
    house.shift()
    # All are waived; what stays is the minimum.
    (line,) = house.lines(f"contract_no = '{WASHES}'")
    assert (line["component"], line["amount"]) == ("minimum", Decimal("66.00"))
    assert (line["session_count"], line["waived_count"]) == (7, 7)


def test_the_close_makes_final_invoices_once_and_nobody_changes_them(house: House) -> None:
    house.shift()
    first = house.close()
    assert (first.invoices, first.closed_by, first.is_new) == (2, APPROVER, True)
    again = house.close()
    assert (again.invoices, again.closed_at, again.is_new) == (2, first.closed_at, False)
    held = {row.contract_no: (row.status, row.total) for row in invoices.invoices(house.dsn)}
    assert held[WASHES] == ("final", Decimal("92.40"))
    assert [(row.period, row.status) for row in invoices.periods(house.dsn)] == [(MAY, "closed"), (JUNE, "open")]
    for statement, told in (
        ("UPDATE billing.invoice_line SET amount = 1", "period 2026-05 is closed"),
        ("UPDATE billing.invoice_line SET period = '2026-06-01'", "period 2026-05 is closed"),
        ("DELETE FROM billing.invoice_line", "period 2026-05 is closed"),
        ("INSERT INTO billing.invoice_line SELECT * FROM billing.invoice_line", "period 2026-05 is closed"),
        ("UPDATE billing.invoice SET total = 0", "is final"),
        ("DELETE FROM billing.invoice", "is final"),
        ("UPDATE billing.period SET status = 'open'", "can be neither changed nor deleted"),
        ("DELETE FROM billing.period", "can be neither changed nor deleted"),
        ("TRUNCATE billing.invoice_line", "TRUNCATE is refused"),
        ("TRUNCATE billing.invoice", "TRUNCATE is refused"),
    ):
        with pytest.raises(psycopg.errors.RaiseException, match=told):
            house.billing(statement)


def test_the_close_says_what_stands_in_its_way(house: House) -> None:
    planned = house.plan()
    with pytest.raises(UsageError, match=rf"\(3\) wait in change set {planned.change_set_id}"):
        house.close()
    house.carry(planned)
    with pytest.raises(UsageError, match="it is the turn of 2026-05"):
        house.close(JUNE)
    with pytest.raises(UsageError, match="billing_approver"):
        house.close(who=KEEPER)
    with pytest.raises(UsageError, match="Nobody is known"):
        house.close(who="Somebody Else")
    house.at = datetime(2026, 6, 1, 3, 59, tzinfo=UTC)  # still May in New York
    with pytest.raises(UsageError, match="over everywhere at 2026-06-01 04:00 UTC"):
        house.close()
    house.at += timedelta(minutes=1)
    assert house.close().is_new


def test_late_usage_is_billed_in_the_open_period_with_its_reason(house: House) -> None:
    house.shift()
    house.close()
    before = _amounts(house)
    house.lake.write(
        cycle("wm-1", NEWEST + timedelta(days=3), 600.0),
        cycle("wm-1", NEWEST + timedelta(days=4), 600.0),
        run("sh-1", NEWEST + timedelta(days=5), 20_000.0),
    )
    house.shift()
    late = house.lines("period = '2026-06-01'")
    assert {row["line_no"]: (row["amount"], row["reason"]) for row in late} == {
        f"{WASHES}/2026-05/2026-06/usage": (Decimal("26.40"), "late usage of 2026-05: 2 washes more"),
        f"{KILOMETRES}/2026-05/2026-06/usage": (Decimal("9.90"), "late usage of 2026-05: 20 km more"),
    }
    assert _amounts(house, "period = '2026-05-01'") == before
    assert house.plan().change_set_id is None


def test_the_undo_of_a_final_invoice_is_a_credit_and_its_undo_a_deletion(house: House) -> None:
    applied = house.shift()
    house.close()
    (planned,) = house.undo(applied.change_set_id)
    assert planned.change_set.kind == "compensate"
    credited = house.carry(planned)
    given_back = house.lines("component = 'credit'")
    assert sorted(row["amount"] for row in given_back) == [Decimal("-92.40"), Decimal("-16.50")]
    assert {row["period"] for row in given_back} == {JUNE}
    assert all("the meter was wrong" in row["reason"] for row in given_back)
    assert house.plan().change_set_id is None, "a credit is no reason to bill the same again"
    (back,) = house.undo(credited.change_set_id)
    assert back.change_set.kind == "undo"
    house.carry(back)
    assert house.lines("component = 'credit'") == []


def test_the_evidence_of_each_invoice_fits_and_tells_nothing_of_others(house: House) -> None:
    house.shift()
    house.close()
    house.lake.write(cycle("wm-1", NEWEST + timedelta(days=3), 600.0), cycle("wm-1", JUNE_3, 600.0))
    applied = house.shift()
    assert applied.left_out == 0
    for contract_no, period in ((WASHES, MAY), (WASHES, JUNE), (KILOMETRES, MAY), (KILOMETRES, JUNE)):
        found = evidence.gather(house.dsn, house.places.ledger, contract_no, period)
        assert faults(found) == []
        other = KILOMETRES if contract_no == WASHES else WASHES
        assert other not in json.dumps(found)
        assert found["lines"]
    june = evidence.gather(house.dsn, house.places.ledger, WASHES, JUNE)
    assert any(line["billed_before"] for line in june["lines"])


def test_what_the_gearbox_has_not_written_has_no_evidence(house: House) -> None:
    house.shift()
    house.billing("UPDATE billing.invoice_line SET merkle_root = repeat('0', 64) WHERE component = 'usage'")
    with pytest.raises(UsageError, match="the gearbox has not written it"):
        evidence.gather(house.dsn, house.places.ledger, WASHES, MAY)


def test_an_invoice_that_is_not_there_is_told(house: House) -> None:
    with pytest.raises(UsageError, match="has no invoice in 2026-05"):
        evidence.gather(house.dsn, house.places.ledger, WASHES, MAY)
    with pytest.raises(UsageError, match="no invoice number"):
        evidence.named("ct-1", None)
    assert evidence.named("in-ct-wm-1-1-202605", None) == (WASHES, MAY)


def test_nobody_closes_while_a_line_is_being_written(house: House) -> None:
    """The close holds billing's periods alone: no line slips in between its sums and its end."""
    house.shift()
    with psycopg.connect(house.dsn) as writer:
        writer.execute("UPDATE billing.invoice_line SET reason = 'x' WHERE component = 'base'")
        with psycopg.connect(house.dsn, autocommit=True) as closer:
            closer.execute("SET lock_timeout = '200ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                closer.execute("SELECT pg_advisory_xact_lock(%s)", [PERIOD_LOCK])
