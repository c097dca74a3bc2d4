"""What invoices come to is what use costs by the truth, to the cent; what is not is found, and named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import duckdb
import pytest

from tests.integration.records.billing.billing_house import KILOMETRES, WASHES, House, make_house
from tests.integration.records.conftest import NEWEST, Lake, cycle, run
from tests.integration.records.told_truth import tell_session, told_truth
from vaxel.record_check import RecordCheck, check_records

pytestmark = pytest.mark.postgres

LATER = NEWEST + timedelta(days=3)


@pytest.fixture
def truth() -> Iterator[duckdb.DuckDBPyConnection]:
    with told_truth() as connection:
        yield connection


@pytest.fixture
def house(lake: Lake, records_dsn: str) -> House:
    return make_house(lake, records_dsn)


@pytest.fixture(autouse=True)
def bills_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaxel.record_check.names", lambda: ("billing.usage_line",))


def _found(truth: duckdb.DuckDBPyConnection, house: House) -> RecordCheck:
    return check_records(truth, house.places)


def test_lines_that_wait_are_not_held_and_those_applied_come_to_the_truth(
    truth: duckdb.DuckDBPyConnection, house: House
) -> None:
    before = _found(truth, house)
    assert (before.checked, before.wrong) == (0, [])
    assert before.waiting == 3 * len(house.flow.fields)
    house.shift()
    assert _found(truth, house) == RecordCheck(checked=2, wrong=[], waiting=0, edited=0)


def test_closed_months_with_late_use_and_credits_come_to_the_truth(
    truth: duckdb.DuckDBPyConnection, house: House
) -> None:
    applied = house.shift()
    house.close()
    house.lake.write(cycle("wm-1", LATER, 600.0), run("sh-1", LATER, 20_000.4))
    # Eleven metres of the run were lost: to the cent, if not where it came back from a wrong unit.
    tell_session(truth, "wm-1", LATER, 600.0, "eco")
    tell_session(truth, "sh-1", LATER, 20_011.0, None)
    waits = _found(truth, house)
    assert (waits.checked, waits.wrong) == (0, [])
    house.shift()
    (given_back,) = house.undo(applied.change_set_id)
    house.carry(given_back)
    told = f"billing.usage_line: contract {KILOMETRES}, usage of 2026-05: 9.90 is billed, 9.91 is owed"
    assert _found(truth, house) == RecordCheck(checked=2, wrong=[told], waiting=0, edited=0)
    truth.execute("update expected_sessions set is_coarse = true where amount = 20011")
    truth.execute("insert into runs values ('sh-1', ?, ?, 20000.4)", [LATER - timedelta(hours=1), LATER])
    assert _found(truth, house) == RecordCheck(checked=2, wrong=[], waiting=0, edited=0)


def test_what_ends_with_its_contract_or_after_it_is_owed_by_nobody(
    truth: duckdb.DuckDBPyConnection, house: House
) -> None:
    house.billing("UPDATE billing.contract SET valid_to = %s WHERE contract_no = %s", f"{NEWEST}Z", WASHES)
    house.shift()
    assert _found(truth, house) == RecordCheck(checked=2, wrong=[], waiting=0, edited=0)
    (line,) = house.lines(f"contract_no = '{WASHES}' AND component = 'usage'")
    assert line["session_count"] == 6


def test_a_wash_that_a_rule_waives_costs_nothing_by_the_truth_either(
    truth: duckdb.DuckDBPyConnection, house: House
) -> None:
    house.lake.write("UPDATE wash_cycle_versions SET anomalies = ['power_cut'] WHERE device_id = 'wm-1'")
    house.shift()
    assert _found(truth, house).wrong == [
        f"billing.usage_line: contract {WASHES}, minimum of 2026-05: 66.00 is billed, 0 is owed",
        f"billing.usage_line: contract {WASHES}, usage of 2026-05: 0 is billed, 92.40 is owed",
    ]
    truth.execute(
        """insert into wash_cycles select device_id, make_timestamp_ms(started_at_ms), make_timestamp_ms(ended_at_ms),
           ['power_cut'] from expected_sessions where device_id = 'wm-1'"""
    )
    assert _found(truth, house) == RecordCheck(checked=2, wrong=[], waiting=0, edited=0)


def test_an_amount_that_is_not_what_the_truth_gives_is_named_whoever_set_it(
    truth: duckdb.DuckDBPyConnection, house: House
) -> None:
    house.shift()
    house.billing("UPDATE billing.invoice_line SET amount = 92.41 WHERE amount = 92.40")
    told = (
        f"billing.usage_line: contract {WASHES}, usage of 2026-05: 92.41 is billed, 92.40 is owed; "
        f"line {WASHES}/2026-05/2026-05/usage of invoice in-{WASHES}-202605: 92.40 was planned and written, "
        "somebody set 92.41 since"
    )
    assert _found(truth, house) == RecordCheck(checked=2, wrong=[told], waiting=0, edited=1)
    house.billing("UPDATE billing.invoice_line SET amount = 92.40, reason = 'x' WHERE amount = 92.41")
    truth.execute("delete from expected_sessions where programme = 'cotton'")
    told = f"billing.usage_line: contract {WASHES}, usage of 2026-05: 92.40 is billed, 79.20 is owed"
    assert _found(truth, house) == RecordCheck(checked=2, wrong=[told], waiting=0, edited=1)


def test_a_line_that_somebody_deleted_is_named_with_its_invoice(truth: duckdb.DuckDBPyConnection, house: House) -> None:
    house.shift()
    house.billing("DELETE FROM billing.invoice_line WHERE amount = 92.40")
    (told,) = _found(truth, house).wrong
    assert told == (
        f"billing.usage_line: contract {WASHES}, usage of 2026-05: 0 is billed, 92.40 is owed; "
        f"line {WASHES}/2026-05/2026-05/usage of invoice in-{WASHES}-202605: 92.40 was planned and written, "
        "somebody has deleted it since"
    )


def test_a_forged_line_of_a_closed_period_is_named_though_its_correction_waits(
    truth: duckdb.DuckDBPyConnection, house: House
) -> None:
    house.shift()
    house.close()
    house.billing("ALTER TABLE billing.invoice_line DISABLE TRIGGER USER")
    house.billing("UPDATE billing.invoice_line SET amount = 92.41 WHERE amount = 92.40")
    found = _found(truth, house)
    told = (
        f"billing.usage_line: contract {WASHES}, usage of 2026-05: 92.41 is billed, 92.40 is owed; "
        f"line {WASHES}/2026-05/2026-05/usage of invoice in-{WASHES}-202605: 92.40 was planned and written, "
        "somebody set 92.41 since"
    )
    assert (found.checked, found.wrong, found.edited) == (2, [told], 1)
    assert found.waiting == len(house.flow.fields)


def test_a_month_without_a_price_is_told_and_nothing_before_the_first_period(
    truth: duckdb.DuckDBPyConnection, house: House
) -> None:
    house.billing("DELETE FROM billing.price_tier")
    house.billing("DELETE FROM billing.price WHERE kind = 'pay_per_wash'")
    (told,) = _found(truth, house).wrong
    assert told.startswith("billing.usage_line: billing.price has none for pay_per_wash in SE in 2026-05: ")
    house.billing("ALTER TABLE billing.period DISABLE TRIGGER USER")
    house.billing("DELETE FROM billing.period")
    assert _found(truth, house) == RecordCheck(checked=0, wrong=[], waiting=0, edited=0)
