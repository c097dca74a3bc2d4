"""Why each upload that breaks the contract is refused, and which odd ones keep it."""

from __future__ import annotations

from functools import cache

import pytest

from schemas.uploads import MAX_UPLOAD_BYTES, Upload, WasherUpload, WasherUploadV2
from tests.unit.streams.building import a_second_washer_upload, a_washer_upload, taken_by_duckdb
from tests.unit.streams.refused import PLAIN, REFUSED, decoded, with_more, written


@cache
def reasons() -> dict[str, set[str | None]]:
    """Why each upload is refused, by its name; None when it is let in.

    Each is judged between two good ones, whose verdict may not change. They come all at once, and once more without
    those by which DuckDB's strict parse fails.
    """
    cases = {name: value for name, value, _ in REFUSED} | dict(ACCEPTED)
    found: dict[str, set[str | None]] = {name: set() for name in cases}
    for names in (list(cases), taken_as(WasherUpload, cases), taken_as(WasherUploadV2, cases)):
        good = PLAIN.encode()
        result = decoded(good, *(value for name in names for value in (cases[name], good)))
        assert set(range(0, 2 * len(names) + 1, 2)) <= set(result.rows.to_pylist())
        refused = {row: why.reason for row, why in result.refused}
        for row, name in enumerate(names):
            found[name].add(refused.get(2 * row + 1))
    return found


def taken_as(version: type[Upload], cases: dict[str, bytes | None]) -> list[str]:
    like = a_washer_upload() if version is WasherUpload else a_second_washer_upload()
    rows = taken_by_duckdb(version, like, list(cases.values()))
    return [name for row, name in enumerate(cases) if row in rows]


ACCEPTED: list[tuple[str, bytes]] = [
    ("exactly the limit", b" " * (MAX_UPLOAD_BYTES - len(PLAIN)) + PLAIN.encode()),
    ("no readings", written(offset_ms="[]", power_w="[]", water_l="[]", temperature_c="[]")),
    ("an unknown key", with_more(', "colour": {"front": ["white"]}')),
    ("an unknown key twice", with_more(', "x": 1, "x": 2')),
    ("a known key twice in an unknown object", with_more(', "x": {"seq": 1, "seq": 2}')),
    ("a lone surrogate in an unknown key", with_more(', "\\udc00": "\\ud800"')),
    ("an integer of 5,000 digits in an unknown key", with_more(', "x": ' + "9" * 5_000)),
    ("a comma and a bracket in an unknown text", with_more(', "x": ",]"')),
    ("NaN in an unknown key", with_more(', "x": NaN')),
    ("deep nesting in an unknown key", with_more(', "x": ' + "[" * 5_000 + "]" * 5_000)),
    ("an escaped key", PLAIN.replace('"seq"', '"s\\u0065q"').encode()),
    ("an escaped text", written(programme='"co\\u0074ton"')),
    ("the first version, said", with_more(', "schema_version": 1')),
    ("the first version, said in quotes", with_more(', "schema_version":"1" ')),
    ("the first version, said as a float", with_more(', "schema_version": 1.0')),
    ("another version in an unknown object", with_more(', "x": {"schema_version": 9}')),
    ("a quoted number", written(seq='"1"', power_w='["100.0", "2e2"]')),
    ("a quoted integer with an exponent", written(seq='"1e0"')),
    ("an integer with a point", written(seq="1.0", offset_ms="[0, 1e3]")),
    ("1 for a truth", written(cycle_ended="0")),
    ("a quoted truth", written(cycle_ended='"false"')),
    ("the largest integer", written(lifetime_cycles="9007199254740991")),
    ("a machine named true", written(device_id='"true"')),
]


@pytest.mark.parametrize(("name", "reason"), [pytest.param(case[0], case[2], id=case[0]) for case in REFUSED])
def test_an_upload_that_breaks_the_contract_is_refused_with_its_reason(name: str, reason: str) -> None:
    assert reasons()[name] == {reason}


@pytest.mark.parametrize("name", [case[0] for case in ACCEPTED])
def test_an_odd_upload_that_keeps_the_contract_is_let_in(name: str) -> None:
    assert reasons()[name] == {None}


def test_many_of_them_get_past_the_strict_parse() -> None:
    """And so are for the checks on columns; the others are for the explaining twin."""
    cases = {name: value for name, value, _ in REFUSED}
    assert len(taken_as(WasherUpload, cases)) > 30
    assert {"phases that do not add up", "a phase that lacks its sum"} <= set(taken_as(WasherUploadV2, cases))
