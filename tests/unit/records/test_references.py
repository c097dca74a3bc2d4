"""What is told of a device, from rows in any order and with people's mistakes in them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.pseudonyms import pseudonym
from sinks.records.references import (
    RefusedError,
    Row,
    consent_reference,
    contract_reference,
    custody_reference,
    device_reference,
    untangled,
)

KEY = bytes(range(32))


def subject_of(customer_id: str) -> str:
    return pseudonym(KEY, customer_id)


def a_custody(from_ms: int, to_ms: int | None, customer_id: str = "cu-1", **more: Any) -> Row:
    return {
        "from_ms": from_ms,
        "to_ms": to_ms,
        "customer_id": customer_id,
        "kind": "sold",
        "country": "SE",
        "time_zone": "Europe/Stockholm",
        "language": "sv",
        "insights_per_week": 3,
        "max_heart_rate_bpm": Decimal("187.00"),
        "goal": "10k",
        "weekly_km": Decimal("32.50"),
        "runs_per_week": 4,
        **more,
    }


def a_consent(from_ms: int, to_ms: int | None, purpose: str = "health", customer_id: str = "cu-1") -> Row:
    return {"from_ms": from_ms, "to_ms": to_ms, "purpose": purpose, "customer_id": customer_id}


def a_contract(from_ms: int, to_ms: int | None, country: str = "SE") -> Row:
    return {"from_ms": from_ms, "to_ms": to_ms, "contract_no": "ct-1", "kind": "owned", "country": country}


def a_price(from_ms: int, energy: str, currency: str = "SEK") -> Row:
    return {
        "from_ms": from_ms,
        "currency": currency,
        "energy_per_kwh": Decimal(energy),
        "water_per_m3": Decimal("52.00"),
    }


INTERVALS = st.lists(
    st.tuples(st.integers(0, 30), st.none() | st.integers(0, 30)).map(
        lambda ends: {"from_ms": ends[0], "to_ms": ends[1], "of": (ends[0], ends[1] or 99)}
    ),
    max_size=6,
)


def custody(*rows: Row) -> Any:
    return custody_reference("wm-1", rows, 5, subject_of)


def test_a_history_of_owners_is_told_oldest_first() -> None:
    told = custody(a_custody(20, None, "cu-2", kind="resold", language="de"), a_custody(10, 20))
    assert (told.from_ms, told.to_ms) == ([10, 20], [20, None])
    assert told.subject == [subject_of("cu-1"), subject_of("cu-2")]
    assert (told.kind, told.language) == (["sold", "resold"], ["sv", "de"])
    assert (told.device_id, told.revision) == ("wm-1", 5)


def test_nobody_has_it_any_more_is_told_by_empty_lists() -> None:
    assert custody().from_ms == []


def test_of_owners_who_overlap_the_later_one_has_it_while_it_lasts() -> None:
    #  0 ----------- cu-1 ---------- 50
    #          20 -- cu-2 -- 40
    told = custody(a_custody(0, 50), a_custody(20, 40, "cu-2"))
    assert list(zip(told.from_ms, told.to_ms, told.subject, strict=True)) == [
        (0, 20, subject_of("cu-1")),
        (20, 40, subject_of("cu-2")),
        (40, 50, subject_of("cu-1")),
    ]


def test_after_a_loan_within_a_loan_each_goes_back_to_whom_it_came_from() -> None:
    #  0 ------------------- A
    #     10 ------ B ------ 40
    #         20 - C - 30
    rows = [a_custody(20, 30, "C"), a_custody(0, None, "A"), a_custody(10, 40, "B")]
    told = [(row["customer_id"], row["from_ms"], row["to_ms"]) for row in untangled(rows)]
    assert told == [("A", 0, 10), ("B", 10, 20), ("C", 20, 30), ("B", 30, 40), ("A", 40, None)]


def test_a_time_hidden_by_a_later_one_to_its_end_leaves_no_seam() -> None:
    rows = [a_custody(0, 30, "A"), a_custody(10, None, "B")]
    assert [(row["customer_id"], row["from_ms"], row["to_ms"]) for row in untangled(rows)] == [
        ("A", 0, 10),
        ("B", 10, None),
    ]


def test_a_time_that_ends_before_it_begins_says_nothing() -> None:
    told = custody(a_custody(0, 50), a_custody(20, 10, "cu-2"), a_custody(30, 30, "cu-2"))
    assert (told.from_ms, told.to_ms) == ([0], [50])


@given(INTERVALS, st.randoms())
def test_untangled_times_do_not_overlap_and_lose_no_time_whatever_the_order(rows: list[Row], rng: Any) -> None:
    told = untangled(rows)
    rng.shuffle(rows)
    assert [(row["from_ms"], row["to_ms"]) for row in untangled(rows)] == [
        (row["from_ms"], row["to_ms"]) for row in told
    ]

    def has(row: Row, at_ms: int) -> bool:
        return bool(row["from_ms"] <= at_ms and (row["to_ms"] is None or at_ms < row["to_ms"]))

    for at_ms in range(32):
        # Of those that hold then the one begun last does, and of several the one that ends last.
        held = [row for row in rows if has(row, at_ms)]
        wanted = max(((row["from_ms"], row["to_ms"] or 99) for row in held), default=None)
        found = [row["of"] for row in told if has(row, at_ms)]
        assert found == ([] if wanted is None else [wanted])
    for one, following in pairwise(told):
        assert one["to_ms"] < following["from_ms"] or one["of"] != following["of"], "a seam within one row"


def test_whom_crm_holds_nothing_of_gets_no_advice() -> None:
    unknown: dict[str, Any] = dict.fromkeys(
        ("language", "insights_per_week", "max_heart_rate_bpm", "goal", "weekly_km", "runs_per_week")
    )
    told = custody(a_custody(0, None, country="ZZ", time_zone="UTC", **unknown))
    assert (told.language, told.insights_per_week, told.goal, told.max_heart_rate_bpm) == (["en"], [0], [None], [None])


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("insights_per_week", -3, 0),
        ("max_heart_rate_bpm", Decimal("20.00"), None),
        ("max_heart_rate_bpm", Decimal("240.00"), 240.0),
        ("max_heart_rate_bpm", Decimal("240.01"), None),
        ("goal", "become famous", None),
        ("weekly_km", Decimal("-1.00"), None),
        ("runs_per_week", 15, None),
        ("runs_per_week", 14, 14),
        ("max_heart_rate_bpm", Decimal("NaN"), None),
        ("weekly_km", Decimal("NaN"), None),
        ("country", "Astrid", "ZZ"),
        ("country", "se", "ZZ"),
        ("country", "SE\n", "ZZ"),
        ("country", "ZZ", "ZZ"),
        ("time_zone", "Europe/Stokholm", "UTC"),
        ("time_zone", "", "UTC"),
        ("time_zone", "/etc", "UTC"),
        ("time_zone", "Europe", "UTC"),
        ("time_zone", "Europe/\0", "UTC"),
        ("time_zone", "x" * 5000, "UTC"),
        ("time_zone", "Asia/Tokyo", "Asia/Tokyo"),
        ("language", "på svenska", "en"),
        ("language", "", "en"),
        ("language", "yue", "yue"),
        ("language", "de-AT", "de-AT"),
    ],
)
def test_a_preference_that_cannot_be_read_counts_as_not_told(name: str, value: Any, told: Any) -> None:
    assert getattr(custody(a_custody(0, None, **{name: value})), name) == [told]


def test_what_does_not_fit_is_refused_by_the_field_s_name_without_what_it_holds() -> None:
    with pytest.raises(RefusedError, match=r"^kind") as caught:
        custody(a_custody(0, None, kind="Astrid's"))
    assert "Astrid" not in str(caught.value)


def test_a_contract_is_cut_where_prices_change_and_the_first_price_holds_before_it() -> None:
    prices = {"SE": [a_price(30, "2.00"), a_price(10, "1.85")], "DE": [a_price(0, "0.38", "EUR")]}
    told = contract_reference("wm-1", [a_contract(0, 40), a_contract(40, None, "DE")], prices, 1)
    assert (told.from_ms, told.to_ms) == ([0, 30, 40], [30, 40, None])
    assert told.energy_price_per_kwh == [1.85, 2.0, 0.38]
    assert told.currency == ["SEK", "SEK", "EUR"]


def test_a_price_that_begins_after_the_contract_s_end_is_not_told() -> None:
    told = contract_reference("wm-1", [a_contract(0, 20)], {"SE": [a_price(0, "1.00"), a_price(20, "2.00")]}, 1)
    assert told.energy_price_per_kwh == [1.0]


def test_a_contract_where_nobody_knows_prices_is_refused() -> None:
    with pytest.raises(RefusedError, match="country: billing has no utility price there"):
        contract_reference("wm-1", [a_contract(0, None, "NO")], {}, 1)


def test_consents_of_purposes_and_people_may_overlap() -> None:
    rows = [a_consent(5, None, "care"), a_consent(0, 10), a_consent(10, None, customer_id="cu-2")]
    told = consent_reference("sh-1", rows, 1, subject_of)
    assert list(zip(told.from_ms, told.to_ms, told.purpose, told.subject, strict=True)) == [
        (0, 10, "health", subject_of("cu-1")),
        (5, None, "care", subject_of("cu-1")),
        (10, None, "health", subject_of("cu-2")),
    ]


def test_a_purpose_of_which_the_stream_knows_nothing_is_no_consent() -> None:
    told = consent_reference("sh-1", [a_consent(0, None, "advertising"), a_consent(0, None)], 1, subject_of)
    assert told.purpose == ["health"]


@given(INTERVALS)
def test_somebody_has_agreed_exactly_while_one_of_the_declarations_holds(rows: list[Row]) -> None:
    told = consent_reference("sh-1", [{**a_consent(0, None), **row} for row in rows], 1, subject_of)
    for at_ms in range(32):
        wanted = any(row["from_ms"] <= at_ms and (row["to_ms"] is None or at_ms < row["to_ms"]) for row in rows)
        found = [
            begin
            for begin, end in zip(told.from_ms, told.to_ms, strict=True)
            if begin <= at_ms and (end is None or at_ms < end)
        ]
        assert len(found) == int(wanted)


def test_a_unit_is_told_as_erp_has_it() -> None:
    row = {
        "device_id": "wm-1",
        "product": "washer",
        "material": "WM-8030",
        "plant": "1010",
        "sold_on": date(2026, 3, 3),
        "registered_at_ms": 1,
    }
    assert device_reference(row, 7).model_dump() == {**row, "revision": 7}
    with pytest.raises(RefusedError, match=r"^product: "):
        device_reference({**row, "product": "toaster"}, 7)
