"""What the lake has is told with its meaning; what is near a wrong name too."""

from __future__ import annotations

import pytest

from schemas.errors import UsageError
from vaxel.described import Found, described

FOUND: list[Found] = [
    ("run_versions", "avg_heart_rate_bpm", "DOUBLE", "old words"),
    ("usage", "energy_wh", "DOUBLE", None),
    ("usage", "subject", "VARCHAR", None),
    ("mine", "x", "INTEGER", "Somebody's own"),
]


def test_a_column_has_unit_class_and_meaning_of_its_contract() -> None:
    told = described(FOUND, "usage")
    assert told.names == ("name", "type", "unit", "class", "meaning")
    assert told.rows == [
        ("energy_wh", "DOUBLE", "Wh", "usage", "Energy drawn; washers only"),
        ("subject", "VARCHAR", "", "personal", "Who had it then, as a pseudonym; null: nobody"),
    ]


def test_without_a_name_each_column_says_of_what_it_is() -> None:
    told = described(FOUND)
    assert [row[:2] for row in told.rows] == [(table, column) for table, column, *_ in FOUND]
    assert told.rows[3] == ("mine", "x", "INTEGER", "", "", "Somebody's own")


@pytest.mark.parametrize("name", ["USAGE", "lake.usage", "lake.main.usage"])
def test_a_name_is_found_however_it_is_written(name: str) -> None:
    assert described(FOUND, name).rows == described(FOUND, "usage").rows


def test_what_needs_a_reason_is_marked_for_people_and_plain_for_programs() -> None:
    told = described(FOUND)
    assert [row[4] for row in told.rows] == ["health", "usage", "personal", ""]
    assert [row[4] for row in told.marked().rows] == ["health !", "usage", "personal !", ""]
    assert told.marked().has_marks
    assert not told.has_marks
    assert not described(FOUND, "mine").marked().has_marks


def test_a_wrong_name_says_which_are_near() -> None:
    with pytest.raises(UsageError, match=r"no table and no view 'usages'; near are usage$"):
        described(FOUND, "usages")
    with pytest.raises(UsageError, match=r"no view 'zzzz'; vaxel sql --describe lists what there is$"):
        described(FOUND, "zzzz")
