"""Answers for people and for programs."""

from __future__ import annotations

import csv
import datetime
import io
import json
from decimal import Decimal

import pytest

from sinks.lake.answers import as_text, csv_lines, json_lines, table_lines
from vaxel.commands.prompt import is_whole

AT = datetime.datetime(2026, 5, 3, 7, 10, 0, 500_000)  # noqa: DTZ001 (the lake's timestamps have no zone)
BERLIN = datetime.timezone(datetime.timedelta(hours=2))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (Decimal("1.10"), "1.10"),
        (Decimal("1E+2"), "100"),
        (b"{}", "{}"),
        (b"\xff\x00", "\\xff00"),
        (AT, "2026-05-03T07:10:00.500Z"),
        (datetime.datetime(2026, 5, 3, 9, 10, tzinfo=BERLIN), "2026-05-03T07:10:00Z"),
        (datetime.date(2026, 5, 3), "2026-05-03"),
        ({"a": [Decimal("1.50"), None]}, '{"a": [1.50, null]}'),
    ],
)
def test_a_value_as_text(value: object, text: str) -> None:
    assert as_text(value) == text


def test_csv_tells_null_from_empty_and_can_be_read_back() -> None:
    lines = list(csv_lines(["a", "b,c"], [(None, ""), ('say "hi"', "two\nlines")]))
    assert lines[1] == ',""'
    assert list(csv.reader(io.StringIO("\n".join(lines)))) == [["a", "b,c"], ["", ""], ['say "hi"', "two\nlines"]]


def test_json_is_an_array_of_objects_with_exact_decimals() -> None:
    text = "\n".join(json_lines(["d", "x", "d"], [(Decimal("0.10"), float("nan"), 2**70), (None, 1.5, b"\x1b")]))
    assert json.loads(text, parse_float=Decimal) == [
        {"d": Decimal("0.10"), "x": None, "d_1": 2**70},
        {"d": None, "x": Decimal("1.5"), "d_1": "\x1b"},
    ]


def test_no_rows_are_a_header_or_an_empty_array() -> None:
    assert list(csv_lines(["a"], [])) == ["a"]
    assert json.loads("\n".join(json_lines(["a"], []))) == []
    assert list(table_lines(["a"], [], 10))[-1] == "(0 rows)"


def test_a_table_says_how_many_rows_it_left_out() -> None:
    assert list(table_lines(["n"], [(index,) for index in range(1_234)], 2)) == [
        "n", "-", "0", "1", "(2 rows shown, 1,232 left out)",
    ]  # fmt: skip


def test_a_table_aligns_numbers_right_and_says_that_times_are_utc() -> None:
    assert list(table_lines(["name", "n", "at"], [("b", 5, AT), (None, 12, None)], 10)) == [
        "name   n  at",
        "----  --  -----------------------",
        "b      5  2026-05-03 07:10:00.500",
        "null  12  null",
        "(2 rows; times are UTC)",
    ]


def test_a_hostile_text_reaches_no_terminal() -> None:
    assert list(table_lines(["t"], [("\x1b[2Jx",)], 1))[2] == "\\x1b[2Jx"


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("select 1;", True), ("select 1; -- done", True), ("select 1", False), ("select ';", False),
        ("select ';';", True), ('select 1 as ";"', False), ("select 1 /* ; */", False), ("select 1 -- ;", False),
        ("select 'it''s;", False), ("select 'it''s';  ", True), ("", True),
    ],
)  # fmt: skip
def test_a_statement_ends_with_a_semicolon_outside_quotes_and_comments(text: str, whole: bool) -> None:
    assert is_whole(text) is whole
