"""The chain's hash: the same row has the same hash, and any other row another one."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import astuple, fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.records.gear.chain import GENESIS, AuditRow, row_hash

AT = datetime(2026, 5, 1, 12, 0, 0, 123, tzinfo=UTC)
ROW = AuditRow(
    "written", "gearbox", 12, 4, "crm.customer_usage", "crm.customer", '{"customer_id":"cu-1"}', "engagement",
    '"daily"', '"weekly"', '"Weekly"', '{"chunk":"7"}',
)  # fmt: skip

TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]))
NUMBER = st.none() | st.integers(0, 2**63 - 1)
ROWS = st.builds(AuditRow, st.just("written"), st.text(), NUMBER, NUMBER, *[TEXT] * 8)


@given(ROWS, st.binary(min_size=32, max_size=32), st.integers(1, 2**63 - 1))
def test_the_hash_goes_over_the_hash_before_and_the_json_of_all_columns(row: AuditRow, before: bytes, no: int) -> None:
    columns = json.dumps([no, AT.isoformat(), *astuple(row)], ensure_ascii=False, separators=(",", ":"))

    assert row_hash(before, no, AT, row) == hashlib.sha256(before + columns.encode()).digest()


@pytest.mark.parametrize("name", [field.name for field in fields(AuditRow)])
def test_each_column_changes_the_hash(name: str) -> None:
    value = getattr(ROW, name)
    others: list[object] = [value + 1] if isinstance(value, int) else [f"{value} ", ""]
    if name not in ("event", "who"):
        others.append(None)

    hashes = {row_hash(GENESIS, 1, AT, replace(ROW, **{name: other})) for other in [value, *others]}

    assert len(hashes) == 1 + len(others)


def test_number_instant_and_the_hash_before_change_the_hash() -> None:
    hashes = {
        row_hash(GENESIS, 1, AT, ROW),
        row_hash(GENESIS, 2, AT, ROW),
        row_hash(GENESIS, 1, AT + timedelta(microseconds=1), ROW),
        row_hash(row_hash(GENESIS, 1, AT, ROW), 1, AT, ROW),
    }

    assert len(hashes) == 4


def test_the_time_zone_of_an_instant_does_not_change_the_hash() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=2)))

    assert row_hash(GENESIS, 1, elsewhere, ROW) == row_hash(GENESIS, 1, AT, ROW)


def test_a_text_is_not_another_column_s_text() -> None:
    one, other = replace(ROW, before="a", after='b","c'), replace(ROW, before='a","b', after="c")

    assert row_hash(GENESIS, 1, AT, one) != row_hash(GENESIS, 1, AT, other)


def test_100_000_rows_are_hashed_fast() -> None:
    started, previous = time.process_time(), GENESIS
    for number in range(1, 100_001):
        previous = row_hash(previous, number, AT, ROW)

    assert time.process_time() - started < 3  # 0.5 s on an idle core; a busy one is slower
