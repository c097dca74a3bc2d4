"""What `vaxel gearbox` prints, and the metrics: from plain data, without a ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from schemas.gearbox_ledger import Decision, Op
from schemas.records import BY_NAME
from sinks.records.gear.changes import Change, ChangeSet, Verdict
from sinks.records.gear.figures import FieldFigures, Figures, FlowFigures, Freeze, SystemFigures
from sinks.records.gear.planning import Planned
from sinks.records.values import json_text
from vaxel.commands.gearbox_log import key_parts, since_of
from vaxel.commands.gearbox_next import open_steps
from vaxel.commands.gearbox_report import planned_lines, planned_row
from vaxel.commands.gearbox_text import age_told, value_of, verdict_told
from vaxel.commands.gearbox_why import asked_for
from vaxel.gearbox_figures import Intake, Standing
from vaxel.gearbox_metrics import METRICS, gauges
from vaxel.observed import Meters

NOW = datetime(2026, 5, 15, 12, tzinfo=UTC)
HERE = Path(".vaxel")
GO = Verdict("go", "within the flow's free size")
NIGHT = Verdict("wait", "gear nightly", datetime(2026, 5, 17, tzinfo=UTC))


def a_set(verdicts: Sequence[Verdict], money: Decimal | None = None, missing: int = 0) -> ChangeSet:
    changes = tuple(
        Change("update", f'{{"customer_id":"cu-{index}"}}', "engagement", "null", '"daily"', 1, verdict=verdict)
        for index, verdict in enumerate(verdicts)
    )
    keys = tuple(f'{{"customer_id":"cu-{index}"}}' for index in range(min(missing, 20)))
    return ChangeSet(
        "plan", "crm.customer_usage", "1-abc", 41, "crm", "crm.customer", 5000, changes, missing, keys, money
    )


def lines(number: int | None, change_set: ChangeSet, because: str | None = None, *, is_new: bool = True) -> list[str]:
    return planned_lines(Planned(number, change_set, because, is_new), HERE)


def test_a_plan_tells_size_snapshot_decisions_and_the_next_step() -> None:
    refused = Verdict("refused", "no consent for coaching")
    found = a_set([*[NIGHT] * 40, *[GO] * 3120, *[refused] * 12], Decimal("12.50"))
    assert lines(7, found) == [
        "crm.customer_usage: change set 7: 3,172 changes in 3,172 of 5,000 rows of crm.customer, moving 12.50 in "
        "money, lake snapshot 41",
        "  3,120 go (within the flow's free size)",
        "  40 wait until 2026-05-17 00:00:00 UTC (gear nightly)",
        "  12 refused (no consent for coaching)",
        "next: vaxel gearbox apply 7    # write what may go now",
    ]


def test_a_plan_without_a_difference_says_so_and_names_missing_keys() -> None:
    assert lines(None, a_set([], missing=7)) == [
        "crm.customer_usage: nothing to change in 5,000 rows of crm.customer, lake snapshot 41",
        "  crm.customer has no row for cu-0, cu-1, cu-2, cu-3, cu-4 and 2 more; none is added",
    ]


def test_a_refused_plan_tells_why_and_offers_no_next_step() -> None:
    told = lines(7, a_set([GO]), "5,001 rows, 5,000 at most")
    assert told[1:] == ["  refused: 5,001 rows, 5,000 at most"]


def test_a_plan_of_what_was_open_already_says_so() -> None:
    assert "change set 7, as planned before: 1 change in" in lines(7, a_set([GO]), is_new=False)[0]


def test_many_reasons_are_cut() -> None:
    told = lines(7, a_set([Verdict("refused", f"reason {index:02}") for index in range(14)]))
    assert sum("refused (reason" in line for line in told) == 10
    assert told[-1] == "  and for 4 more reasons"


def test_a_plan_for_programs_has_values_and_no_texts_of_json() -> None:
    row = planned_row(Planned(7, a_set([NIGHT], Decimal("1.50"), missing=1), None, is_new=True))
    assert json.loads(json.dumps(row)) == row
    assert (row["change_set_id"], row["money"], row["missing_keys"]) == (7, "1.50", [{"customer_id": "cu-0"}])
    assert row["tallies"] == [
        {"decision": "wait", "reason": "gear nightly", "not_before": "2026-05-17T00:00:00Z", "changes": 1}
    ]


@pytest.mark.parametrize(
    ("decisions", "is_approved", "told"),
    [
        (["go"], False, ["apply 7 --by 'Ulf Lind'"]),
        (["needs_approval"], False, ["approve 7 --by WHO"]),
        (["needs_approval"], True, ["apply 7 --by 'Ulf Lind'"]),
        (["needs_approval", "go"], False, ["approve 7 --by WHO", "apply 7 --by 'Ulf Lind'"]),
        (["wait"], False, ["apply 7 --by 'Ulf Lind'"]),
        (["refused"], False, []),
    ],
)
def test_the_next_step_is_what_is_missing(decisions: list[Decision], is_approved: bool, told: list[str]) -> None:
    judged = [(decision, NOW if decision == "wait" else None) for decision in decisions]
    steps = open_steps(7, judged, HERE, is_approved=is_approved, by="Ulf Lind")
    assert [step.command for step in steps] == [f"vaxel gearbox {what}" for what in told]


def test_a_waiting_set_says_from_when_on() -> None:
    (step,) = open_steps(7, [("wait", NOW + timedelta(days=1)), ("wait", NOW)], HERE, is_approved=False)
    assert step.what.startswith("from 2026-05-15 12:00:00 UTC on")


@given(st.floats(-1e9, 1e9))
def test_an_age_in_words_never_says_more_than_has_passed(age_s: float) -> None:
    number, unit = age_told(age_s).split()
    unit_s = {"s": 1, "min": 60, "h": 3600, "d": 86_400}[unit]
    assert 0 <= int(number) * unit_s <= max(0.0, age_s)
    assert max(0.0, age_s) < (int(number) + 1) * unit_s


def test_ages_change_their_unit_where_people_do() -> None:
    spans = (59, 60, 3599, 3600, 172_799, 172_800)
    assert [age_told(span) for span in spans] == ["59 s", "1 min", "59 min", "1 h", "47 h", "2 d"]


def test_one_change_and_many_are_told_as_people_say_it() -> None:
    assert verdict_told(1, "needs_approval", "over the free size", None) == "1 needs an approval (over the free size)"
    assert verdict_told(2, "needs_approval", "", None) == "2 need an approval"


@pytest.mark.parametrize("value", [None, "", "é", 7, Decimal("1.50"), date(2026, 5, 1), NOW])
def test_a_value_of_the_ledger_comes_back_in_its_type(value: object) -> None:
    field = {
        int: ("erp.monthly_sales", "sold_qty"),
        Decimal: ("erp.monthly_sales", "usage_per_session"),
        date: ("erp.serial_number", "sold_on"),
        datetime: ("crm.customer", "last_used_at"),
    }.get(type(value), ("crm.customer", "engagement"))
    assert value_of(*field, json_text(value)) == value  # type: ignore[arg-type]


def test_a_field_that_is_no_longer_there_is_shown_as_it_was_kept() -> None:
    assert value_of("crm.customer", "gone", '"1.50"') == "1.50"
    assert value_of("gone.table", "gone", "null") is None
    assert value_of(None, None, None) is None


def test_a_key_is_given_by_name_or_in_its_order_and_a_field_after_it() -> None:
    table, key = BY_NAME["erp.monthly_sales"], ("WM-8030", date(2026, 3, 1))
    assert asked_for(table, ["WM-8030", "2026-03-01"]) == (key, None)
    assert asked_for(table, ["WM-8030", "2026-03-01", "sold_qty"]) == (key, "sold_qty")
    assert asked_for(table, ["month=2026-03-01", "material=WM-8030", "sold_qty"]) == (key, "sold_qty")
    assert asked_for(table, ["month=2026-03-01", "WM-8030"]) == (key, None)
    assert asked_for(BY_NAME["crm.customer"], ["customer_id=a=b"]) == (("a=b",), None)


def test_parts_of_a_key_that_contradict_each_other_are_a_wrong_call() -> None:
    assert key_parts(["a=1", "b=x=y"]) == {"a": "1", "b": "x=y"}
    with pytest.raises(UsageError, match="names a twice"):
        key_parts(["a=1", "a=2"])


def test_since_is_an_instant_a_day_or_so_long_ago() -> None:
    assert since_of("2 h", NOW) == NOW - timedelta(hours=2)
    assert since_of("20min", NOW) == NOW - timedelta(minutes=20)
    assert since_of("2026-05-03", NOW) == datetime(2026, 5, 3, tzinfo=UTC)
    assert since_of("2026-05-03T14:03+02:00", NOW) == datetime(2026, 5, 3, 12, 3, tzinfo=UTC)
    for wrong in ("soon", "2 weeks", "99999999999999 d"):
        with pytest.raises(UsageError, match="accepted are"):
            since_of(wrong, NOW)


FIGURES = Figures(
    flows=[
        FlowFigures(
            "erp.sales_usage", "erp", 1, {"go": 3, "wait": 2, "needs_approval": 0, "approved": 0, "sent": 0}, 1,
            NOW - timedelta(hours=1), NOW - timedelta(minutes=5), None,
        )
    ],
    fields=[
        FieldFigures("erp.sales_usage", "erp.monthly_sales", "in_use_qty", "nightly", NOW - timedelta(days=1), 3),
        FieldFigures("erp.sales_usage", "erp.monthly_sales", "dormant_qty", "nightly", NOW - timedelta(days=2), 4),
        FieldFigures("erp.sales_usage", "erp.monthly_sales", "activated_qty", "hourly", None, None),
    ],
    systems=[
        SystemFigures("crm", 0, 0, "closed", None, None),
        SystemFigures("erp", 50, 2, "half_open", "does not answer", NOW),
    ],
    freezes=[
        Freeze(1, "*", NOW, NOW + timedelta(days=1), "year end", "bert", []),
        Freeze(2, "erp", NOW + timedelta(days=1), NOW + timedelta(days=2), "year end", "bert", []),
    ],
)  # fmt: skip
STANDING = Standing(NOW, FIGURES, Intake(1000, 60_000, {3: NOW - timedelta(days=3)}))


def values(standing: Standing) -> dict[tuple[str, ...], float]:
    return {(name.removeprefix("vaxel_gearbox_"), *labels): value for name, labels, value in gauges(standing)}


def test_metrics_tell_queues_ages_ratio_breakers_and_freezes() -> None:
    told = values(STANDING)
    assert told["open_changes", "erp.sales_usage", "go"] == 3
    assert told["open_changes", "erp.sales_usage", "wait"] == 2
    assert told["oldest_open_seconds", "erp.sales_usage"] == 3600
    assert told["field_age_seconds", "erp.sales_usage"] == 2 * 86_400
    assert told["facts_age_seconds", "erp.sales_usage"] == 3 * 86_400
    assert told["uploads_per_row", "erp"] == 20
    assert ("uploads_per_row", "crm") not in told
    assert (told["breaker", "crm"], told["breaker", "erp"]) == (0, 1)
    assert told["conflicts", "erp"] == 2
    assert {labels: value for labels, value in told.items() if labels[0] == "freezes"} == {("freezes", "*"): 1}


def test_metrics_go_on_without_the_lake() -> None:
    names = {name for name, *_ in values(replace(STANDING, intake=None))}
    assert {name for name, *_ in values(STANDING)} - names == {"uploads_per_row", "facts_age_seconds"}


def test_every_metric_of_the_list_is_told_and_none_besides() -> None:
    told = list(gauges(STANDING))
    assert {name for name, _, _ in told} == {metric.name for metric in METRICS}
    text = Meters(METRICS).text(told).decode()
    assert 'vaxel_gearbox_open_changes{flow="erp.sales_usage",waiting="go"} 3.0' in text


@pytest.mark.parametrize(
    ("ops", "target_rows", "told"),
    [
        (["update", "delete"], 16, "in 2 of 16 rows of"),
        (["insert"], 16, "in 1 new row of"),
        (["update", "insert", "insert"], 16, "in 1 of 16 rows and 2 new rows of"),
        (["insert", "insert"], 0, "in 2 new rows of"),
        (["delete"], 0, "in 1 row of"),
    ],
)
def test_rows_that_are_new_are_told_apart(ops: list[Op], target_rows: int, told: str) -> None:
    found = a_set([GO] * len(ops))
    changes = tuple(replace(change, op=op) for change, op in zip(found.changes, ops, strict=True))
    assert told in lines(7, replace(found, changes=changes, target_rows=target_rows))[0]


def test_a_plan_that_is_open_and_approved_says_by_whom_and_what_is_next() -> None:
    found = a_set([Verdict("needs_approval", "over the free size")])
    told = planned_lines(Planned(7, found, None, is_new=False, approved_by=("Bea Berg", "Bo Ek")), HERE)
    assert told[1].startswith("  1 approved by Bea Berg and Bo Ek, goes when")
    assert told[-1].startswith("next: vaxel gearbox apply 7")
