"""Every kind of malformed JSON, whole, through decoder and step: nothing raises, everything is accounted.

After the idea of JSONTestSuite (Seriot, "Parsing JSON is a Minefield"), with cases of our own: `y_` must be let in,
`n_` must be refused, `i_` may be either. `test_decode_reasons` has what breaks the contract; here is what breaks the
writing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from schemas.uploads import ShoeUpload
from streams.batch import Place
from streams.intake import taken_in
from streams.product import SHOE, Product
from streams.state import State
from streams.step import step
from tests.unit.streams.building import a_shoe_upload, taken_by_duckdb
from tests.unit.streams.malformed import KINDS, Record, a_field, decoder, outcome, plain
from tests.unit.streams.malformed_words import (
    FRAMES,
    NESTINGS,
    NOT_NUMBERS,
    NOT_OBJECTS,
    NOT_UTF8,
    NOT_VALUES,
    OTHER_FORMS,
    UTF8,
)


def with_text(upload: dict[str, Any], letters: bytes) -> bytes:
    """The upload with these bytes in a text that nobody reads."""
    return plain(upload)[:-1].encode() + b', "x": "' + letters + b'"}'


def n_cases(upload: dict[str, Any]) -> dict[str, tuple[bytes | None, str | None]]:
    """What must be refused, and for which reason; None: whichever."""
    text = plain(upload)
    channel = next(name for name in ("power_w", "distance_m") if name in upload)
    counter = next(name for name in ("lifetime_energy_wh", "lifetime_distance_m", "lifetime_water_l") if name in upload)
    cases: dict[str, tuple[bytes | None, str | None]] = {
        "nothing": (None, "empty"),
        "no bytes": (b"", "empty"),
        "a space": (b" ", "not_json"),
        "white space": (b" \t\r\n", "not_json"),
        "UTF-16 with a mark": (text.encode("utf-16"), "not_utf8"),
        "UTF-16 little end first": (text.encode("utf-16-le"), "not_json"),
        "UTF-16 big end first": (text.encode("utf-16-be"), "not_json"),
        "UTF-32": (text.encode("utf-32-le"), "not_json"),
        "in quotes": (json.dumps(text).encode(), "not_an_object"),
        "in a list": (f"[{text}]".encode(), "not_an_object"),
        "single quotes": (text.replace('"', "'").encode(), "not_json"),
        "curly quotes": (text.replace('"', "”").encode(), "not_json"),
        "keys without quotes": (text.replace('"seq"', "seq").encode(), "not_json"),
        "an equals sign": (text.replace(":", "=", 1).encode(), "not_json"),
        "no colons": (text.replace(":", "").encode(), "not_json"),
        "no commas": (text.replace(",", "").encode(), "not_json"),
        "semicolons": (text.replace(", ", "; ").encode(), "not_json"),
        "square for curly": (("[" + text[1:-1] + "]").encode(), "not_json"),
        "curly closed by square": ((text[:-1] + "]").encode(), "not_json"),
        "a trailing comma": ((text[:-1] + ",}").encode(), "not_json"),
        "two trailing commas": ((text[:-1] + ",,}").encode(), "not_json"),
        "a leading comma": (("{," + text[1:]).encode(), "not_json"),
        "a comment inside": ((text[:-1] + "/* the end */}").encode(), "not_json"),
        "a line comment inside": ((text[:-1] + "// the end\n}").encode(), "not_json"),
        "a key without value": ((text[:-1] + ', "x"}').encode(), "not_json"),
        "a value without key": ((text[:-1] + ", 1}").encode(), "not_json"),
        "a number for a key": ((text[:-1] + ", 1: 1}").encode(), "not_json"),
        "1e999": (a_field(upload, counter, "1e999").encode(), "out_of_range"),
        "100,000 digits": (a_field(upload, counter, "9" * 100_000).encode(), "out_of_range"),
        "100,000 digits behind the point": (a_field(upload, "seq", "0." + "3" * 100_000).encode(), "wrong_type"),
        "an exponent without end": (a_field(upload, counter, "1e" + "9" * 1_000).encode(), "out_of_range"),
        "half a pair of surrogates": (a_field(upload, "material", '"\\ud800"').encode(), "wrong_type"),
        "the other half": (a_field(upload, "material", '"WM\\udc00"').encode(), "wrong_type"),
        "a pair the wrong way round": (a_field(upload, "material", '"\\udc00\\ud800"').encode(), "wrong_type"),
    }
    cases |= {f"not UTF-8: {name}": (with_text(upload, letters), "not_utf8") for name, letters in NOT_UTF8.items()}
    cases |= {
        f"control character {number:#04x} in a text": (with_text(upload, bytes([number])), "not_json")
        for number in range(0x20)
    }
    cases |= {name: (frame.replace("@", text).encode(), "not_json") for name, frame in FRAMES.items()}
    cases |= {name: (value, None) for name, value in OTHER_FORMS.items()}
    cases |= {f"only {value}": (value.encode(), "not_an_object") for value in NOT_OBJECTS}
    for wrong in NOT_NUMBERS:
        cases[f"{wrong} for a number"] = (a_field(upload, counter, wrong).encode(), "not_json")
        cases[f"{wrong} in a channel"] = (a_field(upload, channel, f"[{wrong}, 1]").encode(), None)
    for wrong in NOT_VALUES:
        cases[f"{wrong} for a text"] = (a_field(upload, "material", wrong).encode(), "not_json")
    for name, nesting in NESTINGS.items():
        cases[f"nothing but {name}"] = (nesting.encode(), None)
        cases[f"{name} for a channel"] = (a_field(upload, channel, nesting).encode(), None)
    return cases


Y_CASES: dict[str, Callable[[dict[str, Any]], str]] = {
    "as it is": plain,
    "white space around": lambda upload: f" \t\r\n{plain(upload)}\n\r\t ",
    "white space everywhere": lambda upload: json.dumps(upload, indent="\t", separators=(" \r\n, ", " \t: ")),
    "no white space": lambda upload: json.dumps(upload, separators=(",", ":")),
    "the other way round": lambda upload: plain(dict(reversed(upload.items()))),
    "every letter of every key escaped": lambda upload: plain(
        {"".join(f"\\u{ord(letter):04X}" for letter in name): value for name, value in upload.items()}
    ).replace("\\\\", "\\"),
    "numbers in quotes": lambda upload: a_field(upload, "seq", '"1"'),
    "a number with a point": lambda upload: a_field(upload, "seq", "1.0"),
    "a number with an exponent": lambda upload: a_field(upload, "seq", "10E-1"),
    "a number with many digits": lambda upload: a_field(upload, "seq", "1." + "0" * 5_000),
    "minus zero": lambda upload: a_field(upload, "lead_ms", "-0"),
    "the smallest numbers": lambda upload: a_field(upload, "x", "[5e-324, -5e-324, 1e-999, 0e9]"),
    "the largest numbers": lambda upload: a_field(upload, "x", "[1.7976931348623157e308, 18446744073709551616]"),
    "an empty key": lambda upload: a_field(upload, "", "1"),
    "a key of 10,000 letters": lambda upload: a_field(upload, "x" * 10_000, "1"),
    "10,000 other keys": lambda upload: (
        plain(upload)[:-1] + "".join(f', "x{number}": null' for number in range(10_000)) + "}"
    ),
    "another field twice": lambda upload: plain(upload)[:-1] + ', "x": 1, "x": [2]}',
    "its own keys further in": lambda upload: plain(upload)[:-1] + f', "x": [{plain(upload)}, {plain(upload)}]}}',
}
"""What must be let in."""


def y_case(name: str, upload: dict[str, Any]) -> bytes:
    return Y_CASES[name](upload).encode() if name in Y_CASES else with_text(upload, UTF8[name].encode())


Y_NAMES = [*Y_CASES, *UTF8]


@pytest.mark.parametrize(("product", "upload"), KINDS)
def test_each_malformed_upload_is_refused_with_its_reason(product: Product, upload: dict[str, Any]) -> None:
    cases = n_cases(upload)
    found = outcome(product, [value for value, _ in cases.values()], str(upload["device_id"]))
    names = list(cases)
    assert [names[row] for row in found.accepted + found.duplicates] == []
    wrong = {
        name: (found.failed[row].reason, reason)
        for row, (name, (_, reason)) in enumerate(cases.items())
        if reason not in (None, found.failed[row].reason)
    }
    assert wrong == {}


@pytest.mark.parametrize(("product", "upload"), KINDS)
def test_a_batch_of_nothing_else_is_refused_for_the_same_reasons(product: Product, upload: dict[str, Any]) -> None:
    """And from the end on: the parse of a batch stops at the first bad one."""
    cases = list(reversed(n_cases(upload).items()))
    records = [Record(b"w-1", value, offset) for offset, (_, (value, _)) in enumerate(cases)]
    batch, refused = taken_in(decoder(product.versions), Place(product.telemetry, 0), records)
    assert [event.offset for event in refused] == list(range(len(cases)))
    for event, (name, (_, reason)) in zip(refused, cases, strict=True):
        assert reason in (None, event.reason), name
    said = step(product, State(product), batch, refused)
    assert sorted(event.offset for event in said.failed) == list(range(len(cases)))
    assert said.receipts.num_rows == said.readings.num_rows == len(said.sessions) == 0


def test_each_malformed_upload_is_refused_when_it_comes_alone() -> None:
    """Those that DuckDB takes unless worse ones stand beside them, and a few of all others."""
    cases = n_cases(a_shoe_upload())
    taken = taken_by_duckdb(ShoeUpload, a_shoe_upload(), [value for value, _ in cases.values()])
    assert len(cases) > 250
    assert 20 < len(taken) < 60
    for row, (name, (value, reason)) in enumerate(cases.items()):
        if row in taken or row % 32 == 0:
            found = decoder(SHOE.versions).decode([value])
            assert [row for row, _ in found.refused] == [0], name
            assert reason in (None, found.refused[0][1].reason), name


@pytest.mark.parametrize(("product", "upload"), KINDS)
def test_each_odd_but_sound_upload_is_let_in(product: Product, upload: dict[str, Any]) -> None:
    devices = [f"w-{number}" for number in range(len(Y_NAMES))]
    values = [y_case(name, upload | {"device_id": device}) for name, device in zip(Y_NAMES, devices, strict=True)]
    found = outcome(product, values, devices)
    refused = {Y_NAMES[row]: event for row, event in found.failed.items()}
    assert (found.accepted, refused) == (list(range(len(values))), {})


def test_each_odd_but_sound_upload_is_let_in_when_it_comes_alone() -> None:
    for name in Y_NAMES:
        assert decoder(SHOE.versions).decode([y_case(name, a_shoe_upload())]).refused == [], name
