"""The rule file of a backfill, and what other rules change."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

import pytest

from schemas.errors import UsageError
from schemas.reference import ContractReference
from streams.desk.register import Register
from streams.history_compare import Change, Compared
from streams.history_report import Money, Report, report_of, rounded
from streams.history_rule_file import as_toml
from streams.history_rules import Rules, read_rules
from streams.product import WASHER, with_thresholds
from tests.unit.history.kept import Kept, as_plug_meters, simulated

PRICED = '[prices.EUR]\npay_per_wash = "1.20"\n'
WASHERS = simulated("washer", 5, 4)


def told_by(kept: Kept, text: str, **bounds: int) -> Report:
    rules = read_rules(text, "rules.toml")
    compared = kept.compared(with_thresholds(WASHER, rules.thresholds), **bounds)
    return report_of(compared, kept.register, rules.prices)


def paid_per_wash(*device_ids: str) -> Register:
    register = Register()
    for device_id in device_ids:
        register.learn(
            ContractReference(
                device_id=device_id, revision=1, from_ms=[0], to_ms=[None], contract_no=["c-1"], kind=["pay_per_wash"],
                currency=["EUR"], energy_price_per_kwh=[0.3], water_price_per_m3=[4.5],
            )
        )  # fmt: skip
    return register


def test_the_rules_printed_are_read_as_the_same() -> None:
    rules = read_rules(PRICED + "[cycles]\npause_ms = 1200000\n[runs]\nslowest_mm_per_ms = 0.7\n", "it")
    assert read_rules(as_toml(rules), "it") == rules
    assert read_rules(as_toml(Rules()), "it") == Rules()


def test_each_rule_printed_has_its_meaning_above_it_and_its_unit_beside_it() -> None:
    blocks = [block.splitlines() for block in as_toml(Rules()).split("\n\n")]
    rules = [block for block in blocks if any(" = " in line and not line.startswith("#") for line in block)]
    printed = {line.split(" = ")[0] for block in rules for line in block if " = " in line}
    assert printed == {name for own in asdict(Rules().thresholds).values() for name in own}
    for block in rules:
        assert block[0].startswith("# ")
        assert all(" = " not in line or "  # " in line for line in block)
    assert ["# A reading of at least this is activity; below it lies standby.", "active_w = 10.0  # W"] in blocks


def test_prices_printed_as_an_example_are_rules_once_their_marks_are_gone() -> None:
    text = as_toml(Rules())
    example = text[text.index("# [prices.EUR]") :].replace("# ", "")
    assert read_rules(example, "it").prices == {
        ("EUR", "pay_per_wash"): Decimal("1.20"), ("EUR", "pay_per_km"): Decimal("0.06"),
    }  # fmt: skip


def test_a_price_keeps_its_digits_whether_it_is_a_text_or_a_number() -> None:
    exact = "0.1234567890123456789012345678"
    assert Decimal(float(exact)) != Decimal(exact)
    for written in (exact, f'"{exact}"'):
        rules = read_rules(f"[prices.EUR]\npay_per_km = {written}\n", "it")
        assert rules.prices["EUR", "pay_per_km"] == Decimal(exact)
        assert f'pay_per_km = "{exact}"' in as_toml(rules)


def test_a_digest_tells_rules_apart_by_their_numbers_alone() -> None:
    same = read_rules("[cycles]\npause_ms = 900000 # as it is\n", "it")
    assert same.digest == Rules().digest
    assert read_rules("[cycles]\npause_ms = 900001\n", "it").digest != same.digest
    assert read_rules('[prices.EUR]\npay_per_km = "0.050"', "it").digest == read_rules(
        "[prices.EUR]\npay_per_km = 0.05", "it"
    ).digest  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pause", "it is not TOML: "),
        ("[cycle]\n", "it: cycle is not known; cycles, anomalies, runs, prices are"),
        ("[cycles]\npause_s = 1\n", "it: cycles: pause_s is not known; active_w, jog_ms"),
        ("[cycles]\npause_ms = 1.5\n", "it: cycles.pause_ms is 1.5; a whole number from 0 to"),
        ("[cycles]\nactive_w = '10'\n", "it: cycles.active_w is '10'; a number from 0 to"),
        ("[cycles]\nactive_w = nan\n", "it: cycles.active_w is NaN; a number from 0 to"),
        ("[cycles]\nactive_w = true\n", "it: cycles.active_w is True; a number from 0 to"),
        ("[cycles]\nactive_w = -1\n", "it: cycles.active_w is -1; a number from 0 to"),
        ("cycles = 1\n", "it: cycles is 1; a table with active_w"),
        ("prices = 1\n", "it: prices is no table of currencies"),
        ("[prices.euro]\n", "it: prices.euro is no currency"),
        ("[prices.EUR]\nwash = 1\n", "it: prices.EUR: wash is not known; pay_per_wash, pay_per_km are"),
        ("[prices.EUR]\npay_per_wash = 'much'\n", "it: prices.EUR.pay_per_wash is 'much'; a decimal"),
        ("[prices.EUR]\npay_per_wash = -1\n", "it: prices.EUR.pay_per_wash is -1; a decimal"),
        ("[prices.EUR]\npay_per_wash = inf\n", "it: prices.EUR.pay_per_wash is Infinity; a decimal"),
        ("[prices.EUR]\npay_per_wash = '1_0'\n", "it: prices.EUR.pay_per_wash is '1_0'; a decimal"),
        ("[prices.EUR]\npay_per_wash = '1e3'\n", "it: prices.EUR.pay_per_wash is '1e3'; a decimal"),
        ("[prices.EUR]\npay_per_wash = ' 1'\n", "it: prices.EUR.pay_per_wash is ' 1'; a decimal"),
        ("[prices.EUR]\npay_per_wash = '١'\n", "it: prices.EUR.pay_per_wash is '١'; a decimal"),
        ("[prices.EUR]\npay_per_wash = true\n", "it: prices.EUR.pay_per_wash is True; a decimal"),
    ],
)
def test_what_is_no_rule_is_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_rules(text, "it")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stricter_limit_changes_the_field_it_decides_and_no_other() -> None:
    kept = Kept(WASHER).take(WASHERS)
    report = told_by(kept, "[anomalies]\nleast_spin_ms = 3600000\n")
    assert set(report.fields) <= {"anomalies", "programme", "programme_source"} | {
        name for name in report.fields if name.startswith("label_")
    }
    assert report.kinds["changed"] == report.fields["anomalies"].sessions > 10
    _, before, after = report.fields["anomalies"].examples[0]
    assert "unfinished" in after
    assert "unfinished" not in before


def test_cycles_that_are_none_any_more_are_withdrawn_and_come_back_under_their_names() -> None:
    kept = Kept(WASHER).take(as_plug_meters(WASHERS))
    stricter = read_rules("[cycles]\ncycle_wh = 500\n", "it")
    compared = kept.compared(with_thresholds(WASHER, stricter.thresholds))
    withdrawn = [change.after for change in compared.changes if change.kind == "withdrawn"]
    assert len(withdrawn) == 3
    assert {session["status"] for session in withdrawn} == {"withdrawn"}
    kept.write([change.after for change in compared.changes])
    assert kept.compared(with_thresholds(WASHER, stricter.thresholds)).changes == []
    again = kept.compared()
    assert {change.after["session_id"] for change in again.changes} == {own["session_id"] for own in withdrawn}
    assert {change.kind for change in again.changes} == {"appears"}
    assert {change.after["version"] for change in again.changes} == {own["version"] + 1 for own in withdrawn}


def test_a_version_is_the_next_one_and_says_what_changed_since_the_one_before() -> None:
    kept = Kept(WASHER).take(as_plug_meters(WASHERS))
    wider = read_rules("[cycles]\nactive_w = 5\n", "it")
    changes = kept.compared(with_thresholds(WASHER, wider.thresholds)).changes
    assert {change.kind for change in changes} == {"changed"}
    asked = "select device_id, epoch_ms(max(received_at)) from uploads where outcome = 'accepted' group by all"
    newest_ms = dict(kept.connection.execute(asked).fetchall())
    for change in changes:
        assert change.before is not None
        assert change.after["version"] == change.before["version"] + 1
        assert change.after["status"] == "corrected"
        assert change.after["known_at_ms"] == newest_ms[change.after["device_id"]]
        assert change.after["changed_amount"] == change.after["energy_wh"] - change.before["energy_wh"]
        assert change.after["changed_readings"] == change.after["reading_count"] - change.before["reading_count"]


def test_money_is_that_of_the_contracts_to_the_last_digit() -> None:
    plugs = as_plug_meters(WASHERS)
    kept = Kept(WASHER, paid_per_wash(*{device_id for device_id, _, _ in plugs})).take(plugs)
    stricter = read_rules(PRICED + "[cycles]\ncycle_wh = 500\n", "it")
    compared = kept.compared(with_thresholds(WASHER, stricter.thresholds))
    report = report_of(compared, kept.register, stricter.prices)
    gone = [change.before for change in compared.changes if change.before is not None]
    assert {change.kind for change in compared.changes} == {"withdrawn"}
    washes, energy = report.money["EUR", "pay_per_wash"], report.money["EUR", "energy"]
    assert (washes.before, washes.after) == (len(gone) * Decimal("1.20"), Decimal(0))
    exact = sum((Decimal(repr(own["energy_wh"])) for own in gone), Decimal(0)) / 1000 * Decimal("0.3")
    assert (energy.before, energy.after) == (exact, Decimal(0))
    assert [rounded(Decimal(amount), "EUR") for amount in ("0.005", "0.015", "-0.005")] == [0, Decimal("0.02"), 0]


def a_change(before: dict[str, Any], after: dict[str, Any]) -> Compared:
    shared = {"session_id": "s-1:5", "device_id": "s-1", "status": "corrected", "started_at_ms": 5, "ended_at_ms": 20}
    return Compared([Change({**shared, **before}, {**shared, **after}, tuple(before))])


def test_kilometres_are_paid_by_the_kilometre_under_the_contract_that_held_when_the_run_began() -> None:
    register = Register()
    register.learn(
        ContractReference(
            device_id="s-1", revision=1, from_ms=[0, 10], to_ms=[10, None], contract_no=["c-1", "c-2"],
            kind=["pay_per_km", "pay_per_km"], currency=["EUR", "SEK"], energy_price_per_kwh=[0.3, 0.3],
            water_price_per_m3=[4.5, 4.5],
        )
    )  # fmt: skip
    prices = {("EUR", "pay_per_km"): Decimal("0.06"), ("SEK", "pay_per_km"): Decimal("0.7")}
    report = report_of(a_change({"distance_m": 1_000.0}, {"distance_m": 2_500.0}), register, prices)
    assert report.money == {("EUR", "pay_per_km"): Money(Decimal("0.06"), Decimal("0.15"))}


def test_energy_is_paid_by_the_kilowatt_hour_and_water_by_the_cubic_metre() -> None:
    before, after = {"energy_wh": 500.0, "water_l": None}, {"energy_wh": 1_500.0, "water_l": 40.0}
    report = report_of(a_change(before, after), paid_per_wash("s-1"), {("EUR", "pay_per_wash"): Decimal(2)})
    assert report.money == {
        ("EUR", "energy"): Money(Decimal("0.15"), Decimal("0.45")),
        ("EUR", "water"): Money(Decimal(0), Decimal("0.18")),
        ("EUR", "pay_per_wash"): Money(Decimal(2), Decimal(2)),
    }


def test_uses_without_a_price_are_counted() -> None:
    plugs = as_plug_meters(WASHERS)
    kept = Kept(WASHER, paid_per_wash(*{device_id for device_id, _, _ in plugs})).take(plugs)
    report = told_by(kept, "[cycles]\nactive_w = 5\n")
    assert report.kinds["changed"] == report.unpriced["EUR pay_per_wash"] > 0
    assert not any(what == "pay_per_wash" for _, what in report.money)


def test_uses_without_a_price_that_are_withdrawn_or_appear_are_counted_once_too() -> None:
    plugs = as_plug_meters(WASHERS)
    kept = Kept(WASHER, paid_per_wash(*{device_id for device_id, _, _ in plugs})).take(plugs)
    stricter = with_thresholds(WASHER, read_rules("[cycles]\ncycle_wh = 500\n", "it").thresholds)
    for product, kind in ((stricter, "withdrawn"), (WASHER, "appears")):
        compared = kept.compared(product)
        report = report_of(compared, kept.register, {})
        assert report.unpriced == {"EUR pay_per_wash": report.kinds[kind]}
        assert report.unpriced.total() == len(compared.changes) > 0
        kept.write([change.after for change in compared.changes])


def test_reports_of_parts_add_up_to_the_report_of_the_whole() -> None:
    kept = Kept(WASHER).take(as_plug_meters(WASHERS))
    strict = "[cycles]\ncycle_wh = 500\nactive_w = 5\n"
    middle_ms = sorted(own["started_at_ms"] for own in kept.newest().values())[5]
    whole, first, second = told_by(kept, strict), told_by(kept, strict, to_ms=middle_ms), Report()
    second.add(first)
    second.add(told_by(kept, strict, from_ms=middle_ms))
    assert (second.kinds, second.same, second.left) == (whole.kinds, whole.same, whole.left)
    assert {name: own.sessions for name, own in second.fields.items()} == {
        name: own.sessions for name, own in whole.fields.items()
    }
    assert second.fields["energy_wh"].total == pytest.approx(whole.fields["energy_wh"].total)
    assert second.fields["energy_wh"].examples == whole.fields["energy_wh"].examples
