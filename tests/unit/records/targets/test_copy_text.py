"""Rows as PostgreSQL's COPY reads them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import RecordRefusedError
from sinks.records.targets.copy_text import copy_lines
from sinks.records.values import Value

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
_UNESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


def read_back(data: bytes) -> list[list[str | None]]:
    """As the server reads it."""
    return [
        [
            None if value == "\\N" else re.sub(r"\\[\\tnr]", lambda found: _UNESCAPED[found[0]], value)
            for value in line.split("\t")
        ]
        for line in data.decode().split("\n")[:-1]
    ]


@given(st.integers(1, 3).flatmap(lambda width: st.lists(st.lists(TEXTS | st.none(), min_size=width, max_size=width))))
def test_texts_and_nulls_come_back_as_they_were(rows: list[list[str | None]]) -> None:
    assert read_back(copy_lines(zip(*rows, strict=True))) == rows


def test_every_kind_has_its_text() -> None:
    instant = datetime(2026, 5, 1, 12, tzinfo=UTC)
    row: list[Value] = [True, False, 7, Decimal("-0.10"), date(2026, 5, 1), instant, None]
    assert copy_lines([[value] for value in row]) == b"t\tf\t7\t-0.10\t2026-05-01\t2026-05-01T12:00:00+00:00\t\\N\n"


@pytest.mark.parametrize(("text", "told"), [("secret\x00", "NUL"), ("secret\ud800", "surrogate")])
def test_a_text_that_postgresql_cannot_hold_is_refused_without_being_told(text: str, told: str) -> None:
    with pytest.raises(RecordRefusedError, match=told) as refused:
        copy_lines([["a"], [text]])
    assert "secret" not in str(refused.value)
