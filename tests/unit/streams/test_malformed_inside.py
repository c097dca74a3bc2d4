"""What is wrong within an upload: keys that stand there twice, and nonsense where nobody looks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.product import SHOE, Product
from tests.unit.streams.building import a_shoe_upload
from tests.unit.streams.malformed import KINDS, a_field, decoder, outcome, plain
from tests.unit.streams.malformed_words import NESTINGS, NOT_NUMBERS, NOT_VALUES, nestings

NESTINGS_WITHOUT_END = nestings(100_000)


@pytest.mark.parametrize(("product", "upload"), KINDS)
def test_a_key_that_stands_there_twice_is_refused_whichever_it_is(product: Product, upload: dict[str, Any]) -> None:
    text = plain(upload)
    twice = [f"{text[:-1]}, {json.dumps({name: value})[1:-1]}}}".encode() for name, value in upload.items()]
    null_first = [f'{{"{name}": null, {text[1:]}'.encode() for name in upload]
    escaped = [f'{text[:-1]}, "\\u{ord(name[0]):04x}{name[1:]}": null}}'.encode() for name in upload]
    for values in (twice, null_first, escaped):
        found = outcome(product, values, str(upload["device_id"]))
        reasons = dict(zip(upload, (found.failed[row].reason for row in range(len(upload))), strict=True))
        if values is escaped and "schema_version" in upload:  # null is no version, and which one it is comes first
            assert reasons.pop("schema_version") == "unknown_version"
        assert set(reasons.values()) == {"duplicate_key"}, reasons


@pytest.mark.parametrize(("product", "upload"), KINDS)
def test_what_is_wrong_where_nobody_looks_stops_nothing(product: Product, upload: dict[str, Any]) -> None:
    """`i_`: let in or refused, for what the field holds does not matter."""
    outcome(product, where_nobody_looks(upload, NESTINGS), str(upload["device_id"]))


def test_nesting_without_end_stops_nothing() -> None:
    upload = a_shoe_upload()
    values = [nesting.encode() for nesting in NESTINGS_WITHOUT_END.values()]
    values += [a_field(upload, "distance_m", nesting).encode() for nesting in NESTINGS_WITHOUT_END.values()]
    found = outcome(SHOE, [*values, *where_nobody_looks(upload, NESTINGS_WITHOUT_END)], "s-1")
    assert found.failed.keys() >= set(range(len(values)))
    for field in ("distance_m", "x"):
        decoder(SHOE.versions).decode([a_field(upload, field, NESTINGS_WITHOUT_END["lists"]).encode()])


def where_nobody_looks(upload: dict[str, Any], nestings: dict[str, str]) -> list[bytes]:
    return [a_field(upload, "x", wrong).encode() for wrong in (*nestings.values(), *NOT_NUMBERS, *NOT_VALUES)]
