"""From the model's rows to invoice lines: which months, whose days, what is waived, what is left alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from schemas.errors import UsageError
from schemas.records import BY_NAME
from sinks.records.billing import shape as shaping
from sinks.records.billing.evidence_terms import session_from
from sinks.records.billing.rating import root_of
from sinks.records.billing.terms import version
from sinks.records.gear.wanted import conform
from tests.unit.records.billing.billed import JUNE, MAY, may
from tests.unit.records.billing.tables import (
    FLOW,
    a_price,
    as_held,
    contract_row,
    lines_of,
    produced,
    records,
    session_row,
)

JUNE_2 = datetime(2026, 6, 2, 12, tzinfo=UTC)


def test_a_line_carries_its_evidence() -> None:
    rows = produced(
        contract_row(complete={"2026-05-01": 0.5}),
        session_row("wm-1:2", may(4), anomalies=["paused", "power_cut"]),
        session_row("wm-1:1", may(3), version=3),
    )
    (line,) = lines_of(rows, records())
    assert (line["quantity"], line["amount"], line["currency"]) == (Decimal(1), Decimal("12.50"), "SEK")
    assert (line["session_count"], line["waived_count"]) == (2, 1)
    sessions = [session_from(row) for row in line["why_sessions"]]
    assert [one.line() for one in sessions] == [
        ["wm-1:1", 3, 1777809600000, "1", None],
        ["wm-1:2", 1, 1777896000000, "1", "wv-1"],
    ]
    terms = json.loads(line["why_terms"])
    assert line["merkle_root"] == root_of(sessions)
    assert (line["contract_version"], line["price_version"]) == (version(terms["contract"]), version(terms["tariff"]))
    assert FLOW.full_version in line["code_version"]
    assert line["gate_complete_share"] == 0.5


def test_the_rows_fit_their_flow_and_their_order_does_not_matter() -> None:
    rows = [contract_row(), *(session_row(f"wm-1:{number}", may(number)) for number in range(1, 9))]
    one, another = (shaping.shape(FLOW, produced(*order), records()) for order in (rows, rows[::-1]))
    assert one.equals(another)
    assert conform(FLOW, one).num_rows == 1


def test_kilometres_are_metres_as_decimals_and_yen_are_whole() -> None:
    rows = produced(contract_row("pay_per_km", "JP"), session_row("sh-1:1", may(3), distance_m=5003))
    found = {line["component"]: line for line in lines_of(rows, records())}
    assert (found["usage"]["quantity"], found["usage"]["amount"]) == (Decimal("5.003"), Decimal(36))
    assert (found["base"]["amount"], found["base"]["merkle_root"]) == (Decimal(240), None)


def test_a_flat_contract_counts_uses_of_any_product() -> None:
    rows = produced(
        contract_row("flat", "DE"),
        session_row("a", may(3)),
        session_row("b", may(4)),
        session_row("c", may(5), distance_m=700),
    )
    found = {line["component"]: line for line in lines_of(rows, records())}
    assert (found["usage"]["quantity"], found["usage"]["unit"]) == (Decimal(3), "use")
    assert found["usage"]["amount"] == Decimal("0.50")


def test_the_month_is_that_of_the_local_day_of_the_end() -> None:
    new_years_eve = datetime(2026, 5, 31, 22, 30, tzinfo=UTC)  # half past midnight in Stockholm
    rows = produced(contract_row(as_of=JUNE_2), session_row("a", new_years_eve))
    (line,) = lines_of(rows, records())
    assert (line["usage_period"], line["period"]) == (JUNE, JUNE)


def test_months_before_the_first_period_and_after_the_newest_session_are_not_billed() -> None:
    april = datetime(2026, 4, 3, tzinfo=UTC)
    rows = produced(
        contract_row("flat", "DE", as_of=may(20)),
        session_row("a", april),
        session_row("b", datetime(2026, 9, 1, tzinfo=UTC)),
    )
    assert [(line["usage_period"], line["component"]) for line in lines_of(rows, records())] == [(MAY, "base")]


def test_late_usage_goes_to_the_open_period_and_a_second_plan_finds_nothing() -> None:
    on_time = [contract_row(as_of=JUNE_2), session_row("a", may(3))]
    billed = as_held(lines_of(produced(*on_time), records()))
    late = [*on_time, session_row("b", may(31))]
    (line,) = lines_of(produced(*late), records(billed, closed=[MAY]))
    assert (line["period"], line["amount"], line["session_count"]) == (JUNE, Decimal("12.50"), 2)
    assert line["reason"] == "late usage of 2026-05: 1 wash more"
    assert lines_of(produced(*late), records([*billed, *as_held([line])], closed=[MAY])) == [line]
    assert lines_of(produced(*late), records([*billed, *as_held([line])], closed=[MAY, JUNE])) == []


def test_a_wash_that_turns_out_unfinished_is_given_back() -> None:
    billed = as_held(lines_of(produced(contract_row(as_of=JUNE_2), session_row("a", may(3))), records()))
    corrected = produced(contract_row(as_of=JUNE_2), session_row("a", may(3), anomalies=["power_cut"], version=2))
    (line,) = lines_of(corrected, records(billed, closed=[MAY]))
    assert (line["amount"], line["waived_count"]) == (Decimal("-12.50"), 1)
    assert line["reason"] == "correction of 2026-05: 1 wash fewer"


def test_credits_are_left_alone_and_stand_outside_of_what_was_billed() -> None:
    rows = produced(contract_row(as_of=JUNE_2), session_row("a", may(3)))
    billed = as_held(lines_of(rows, records()))
    credit = billed[0] | {"line_no": "x", "component": "credit", "amount": Decimal("-12.50"), "period": JUNE}
    known = records([*billed, credit], closed=[MAY])
    assert lines_of(rows, known) == []
    assert lines_of(rows, records([*billed, credit], closed=[MAY, JUNE])) == []
    assert shaping.held_filter(known["billing.invoice_line"], known).num_rows == 0
    still_open = records([*billed, credit])
    assert shaping.held_filter(still_open["billing.invoice_line"], still_open).num_rows == 1


def test_a_lake_that_lost_billed_months_gives_nothing_back() -> None:
    billed = as_held(lines_of(produced(contract_row(as_of=JUNE_2), session_row("a", may(3))), records()))
    older = produced(contract_row(as_of=datetime(2026, 4, 2, tzinfo=UTC)))
    with pytest.raises(UsageError, match="put back to an older state"):
        lines_of(older, records(billed, closed=[MAY]))


def test_a_missing_price_says_which() -> None:
    with pytest.raises(UsageError, match="none for pay_per_wash in FI in 2026-05"):
        lines_of(produced(contract_row(country="FI")), records())


def test_prices_may_not_change_currency_within_a_month() -> None:
    other = a_price("pay_per_wash", "SE", "EUR", "wash", "1") | {"valid_from": may(10).date()}
    with pytest.raises(UsageError, match="changes currency or unit within 2026-05"):
        lines_of(produced(contract_row()), records(prices=[a_price("pay_per_wash", "SE", "SEK", "wash", "1"), other]))


def test_without_periods_it_says_so() -> None:
    empty = records() | {"billing.period": BY_NAME["billing.period"].arrow_schema(("period", "status")).empty_table()}
    with pytest.raises(UsageError, match="period is empty"):
        lines_of(produced(contract_row()), empty)


def test_late_usage_that_is_included_is_shown_and_costs_nothing() -> None:
    on_time = [contract_row("flat", "DE", as_of=JUNE_2), session_row("a", may(3))]
    billed = [line for line in as_held(lines_of(produced(*on_time), records())) if line["period"] == MAY]
    late = lines_of(produced(*on_time, session_row("b", may(4))), records(billed, closed=[MAY]))
    (line,) = [line for line in late if line["usage_period"] == MAY]
    assert (line["quantity"], line["amount"]) == (Decimal(1), Decimal(0))
    assert line["reason"] == "late usage of 2026-05: 1 use more"


def test_a_credit_that_is_final_does_not_change_the_reason_of_late_usage() -> None:
    on_time = [contract_row(as_of=JUNE_2), session_row("a", may(3))]
    (billed,) = as_held(lines_of(produced(*on_time), records()))
    credit = billed | {"line_no": "z", "component": "credit", "amount": Decimal(-1), "period": JUNE}
    credit |= {"contract_version": None, "price_version": None}
    known = records([billed, credit], closed=[MAY, JUNE])
    (line,) = lines_of(produced(*on_time, session_row("b", may(4))), known)
    assert line["reason"] == "late usage of 2026-05: 1 wash more"


def test_a_waiver_ends_before_the_day_that_it_is_valid_to() -> None:
    known = records()
    ended = [known["billing.waiver_rule"].to_pylist()[0] | {"valid_to": may(5).date()}]
    known["billing.waiver_rule"] = pa.Table.from_pylist(ended, known["billing.waiver_rule"].schema)
    cut = [session_row(f"wm-1:{day}", may(day), anomalies=["power_cut"]) for day in (4, 5)]
    (line,) = lines_of(produced(contract_row(), *cut), known)
    assert (line["waived_count"], line["quantity"]) == (1, Decimal(1))
