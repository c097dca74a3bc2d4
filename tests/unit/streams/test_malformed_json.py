"""Every kind of malformed JSON, whole and in pieces, through decoder and step: nothing raises, everything is accounted.

After the idea of JSONTestSuite (Seriot, "Parsing JSON is a Minefield"), with cases of our own: `y_` must be let in,
`n_` must be refused, `i_` may be either. `test_decode` has what breaks the contract; here is what breaks the writing.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.failures import FailedEvent
from schemas.uploads import ShoeUpload, Upload
from streams.batch import Place
from streams.decode import Decoder
from streams.intake import taken_in
from streams.product import SHOE, WASHER, Product
from streams.refusal import DEEPEST, REASONS
from streams.state import State
from streams.step import step
from tests.unit.examples import examples
from tests.unit.streams.building import (
    NOON_MS,
    a_second_washer_upload,
    a_shoe_upload,
    a_washer_upload,
    encoded,
    taken_by_duckdb,
)

UPLOADS: list[tuple[Product, dict[str, Any]]] = [
    (WASHER, a_washer_upload()),
    (WASHER, a_second_washer_upload()),
    (SHOE, a_shoe_upload()),
]
RECEIVED_MS = NOON_MS + 60_000
BEFORE, AFTER = 0, 1
"""Numbers of the sound upload before everything and of the one behind it."""


@dataclass(frozen=True)
class Record:
    """As Kafka hands it over."""

    key: bytes | None
    value: bytes | None
    offset: int
    timestamp: int = RECEIVED_MS
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of records, by their place in the batch."""

    accepted: list[int]
    duplicates: list[int]
    failed: dict[int, FailedEvent]


@cache
def decoder(versions: tuple[type[Upload], ...]) -> Decoder:
    return Decoder(versions)


def outcome(product: Product, values: Sequence[bytes | None], key: str | Sequence[str]) -> Outcome:
    """What becomes of values that come between two sound uploads, which are let in whatever stands between them."""
    sound = dict(a_shoe_upload() if product is SHOE else a_washer_upload())
    around = [encoded(sound | {"device_id": "sound", "seq": seq}) for seq in (BEFORE, AFTER)]
    all_values = [around[0], *values, around[1]]
    own = [key] * len(values) if isinstance(key, str) else key
    keys = [b"sound", *(name.encode() for name in own), b"sound"]
    records = [Record(*pair, offset) for offset, pair in enumerate(zip(keys, all_values, strict=True))]
    batch, refused = taken_in(decoder(product.versions), Place(product.telemetry, 0), records)
    said = step(product, State(product), batch, refused)
    receipts = list(zip(said.receipts["offset"].to_pylist(), said.receipts["outcome"].to_pylist(), strict=True))
    told = [offset for offset, _ in receipts] + [event.offset for event in said.failed]
    assert sorted(told) == list(range(len(records))), "in = accepted + failed + duplicates, each record once"
    assert {0, len(records) - 1} <= {offset for offset, verdict in receipts if verdict == "accepted"}
    for event in said.failed:
        assert event.original == (all_values[event.offset] or b"")
        assert event.reason in REASONS
        assert event.detail
    return Outcome(
        [offset - 1 for offset, verdict in receipts if verdict == "accepted" and 0 < offset <= len(values)],
        [offset - 1 for offset, verdict in receipts if verdict == "duplicate"],
        {event.offset - 1: event for event in said.failed},
    )


def a_field(upload: dict[str, Any], name: str, text: str) -> str:
    """The upload with one value written in these very characters, or added so."""
    written = {known: json.dumps(value) for known, value in upload.items()} | {name: text}
    return "{" + ", ".join(f'"{known}": {value}' for known, value in written.items()) + "}"


def plain(upload: dict[str, Any]) -> str:
    return json.dumps(upload)


def with_text(upload: dict[str, Any], letters: bytes) -> bytes:
    """The upload with these bytes in a text that nobody reads."""
    return plain(upload)[:-1].encode() + b', "x": "' + letters + b'"}'


NOT_UTF8 = {
    "a lone continuation byte": b"\x80",
    "a row of them": b"\xbf\xbf\xbf",
    "an overlong slash in two": b"\xc0\xaf",
    "an overlong slash in three": b"\xe0\x80\xaf",
    "an overlong slash in four": b"\xf0\x80\x80\xaf",
    "an overlong zero": b"\xc0\x80",
    "a high surrogate": b"\xed\xa0\x80",
    "a low surrogate": b"\xed\xbf\xbf",
    "a pair of surrogates": b"\xed\xa0\xbd\xed\xb2\xa9",
    "beyond the last letter": b"\xf4\x90\x80\x80",
    "a lead byte that there is not": b"\xf5\x80\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "six bytes": b"\xfc\x84\x80\x80\x80\x80",
    "fe": b"\xfe",
    "ff": b"\xff",
    "two bytes cut off": b"\xc3",
    "three bytes cut off": b"\xe2\x82",
    "four bytes cut off": b"\xf0\x9f\x92",
    "Latin-1": "Wäsche".encode("latin-1"),
    "Windows-1252": "€".encode("cp1252"),
    "Shift-JIS": "洗濯".encode("shift-jis"),
}
UTF8 = {
    "two bytes": "é",
    "three bytes": "€",
    "four bytes": "𐍈",
    "the last letter of all": "\U0010ffff",
    "no letters": "\ufffe\uffff\ufdd0",
    "line separators": "\u2028\u2029",
    "a byte order mark inside": "\ufeff",
    "delete": "\x7f",
    "C1 controls": "\x80\x9f",
    "right to left": "\u202eabc",
    "escapes": '\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9',
    "an escaped pair": "\\ud834\\udd1e",
    "an escaped zero": "\\u0000",
    "brackets and quotes": '}],{[\\":',
    "comments": "// /* */ #",
}
NOT_NUMBERS = [
    "+1", ".5", "5.", "-", "--1", "1e", "1e+", "1e5.5", "0x10", "0b1", "0o7", "1_000", "01", "-01", "00", "1 000",
    "NaN", "-NaN", "nan", "Infinity", "-Infinity", "inf", "∞", "１", "½", "1,5", "1.2.3", "$1", "1f", "1L", "0.1e",
    "١", "1/2", "(1)", "1-1",
]  # fmt: skip
NOT_VALUES = [
    "True", "FALSE", "nul", "nulll", "undefined", "None", "nil", "eco", "'eco'", '"eco', 'eco"', "`eco`", '"ec\\o"',
    '"\\x65co"', "\"\\'eco\"", '"\\u12"', '"\\uzzzz"', '"\\U00000065"', '"eco\\"', '"ec" "o"', '"ec"+"o"', "<eco>",
    "“eco”", "[1", "1]", "[1}", "{1}", '{"a"}', '{"a":}', "{:1}", "{,}", "[,]", "[1,]", "[,1]", "[1,,2]", "[1 2]",
    '{"a" 1}', '{"a"::1}', '{"a":1,}', '{"a":1,,"b":2}', "{a:1}", "{'a':1}", '{"a":1 "b":2}', '{"a";1}', "[1;2]",
    "", "*", "...", "[...]", "/**/1", "1//", "1#", "Date(0)", "new Date(0)",
]  # fmt: skip
FRAMES = {
    "a byte order mark before": "\ufeff@",
    "a comment before": "/* an upload */ @",
    "a line comment behind": "@ // an upload",
    "a shell comment behind": "@ # an upload",
    "a guard against scripts": ")]},\n@",
    "a call": "callback(@);",
    "an assignment": "upload = @;",
    "two": "@@",
    "two lines": "@\n@",
    "a comma behind": "@,",
    "a bracket behind": "@}",
    "a list's bracket behind": "@]",
    "a bracket before": "{@",
    "quotes around": "'@'",
    "a zero byte behind": "@\0",
    "a zero byte before": "\0@",
    "a form feed before": "\f@",
    "a vertical tab behind": "@\v",
    "a space without break before": "\u00a0@",
    "a line separator behind": "@\u2028",
    "an end mark behind": "@\x1a",
    "a word behind": "@ end",
    "a number before": "1 @",
    "a length before": "512\r\n@",
    "a record separator before": "\x1e@\n",
    "event stream": "data: @\n\n",
}
OTHER_FORMS = {
    "XML": b"<upload><seq>1</seq></upload>",
    "YAML": b"device_id: w-1\nseq: 1\n",
    "TOML": b'device_id = "w-1"\nseq = 1\n',
    "CSV": b"device_id,seq\nw-1,1\n",
    "a form": b"device_id=w-1&seq=1",
    "HTML of an error": b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>",
    "Python's own writing": b"{'device_id': 'w-1', 'seq': 1, 'cycle_ended': False}",
    "MessagePack": b"\x82\xa9device_id\xa3w-1\xa3seq\x01",
    "CBOR": b"\xa2idevice_idcw-1cseq\x01",
    "compressed": gzip.compress(b"{}", mtime=0),
    "Base64": b"eyJkZXZpY2VfaWQiOiAidy0xIn0=",
    "zeros": b"\0" * 64,
    "random": Random(5).randbytes(256),
}
NOT_OBJECTS = ["null", "true", "false", "0", "-1.5e3", '""', '"x"', "[]", "[{}]", "[[]]"]


def nestings(depth: int) -> dict[str, str]:
    return {
        "lists": "[" * depth + "]" * depth,
        "objects": '{"a":' * depth + "1" + "}" * depth,
        "both": '[{"a":' * (depth // 2) + "1" + "}]" * (depth // 2),
        "lists that never end": "[" * depth,
        "objects that never end": '{"a":' * depth,
        "spread lists": "[ " * depth + "] " * depth,
        "lists that only end": "]" * depth,
    }


NESTINGS = nestings(3 * DEEPEST)
NESTINGS_WITHOUT_END = nestings(100_000)


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


KINDS = [pytest.param(product, upload, id=f"{product.telemetry}-{len(upload)}") for product, upload in UPLOADS]


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


@pytest.mark.parametrize(("product", "upload"), KINDS)
def test_an_upload_cut_off_at_any_byte_is_refused(product: Product, upload: dict[str, Any]) -> None:
    value = encoded(upload | {"x": "é€𐍈\n"})
    value = value.replace(json.dumps("é€𐍈").strip('"').encode(), "é€𐍈".encode())
    found = outcome(product, [value[:length] for length in range(len(value) + 1)], str(upload["device_id"]))
    assert found.accepted == [len(value)]
    assert {event.reason for event in found.failed.values()} == {"empty", "not_json", "not_utf8"}
    tails = outcome(product, [value[start:] for start in range(1, len(value))], str(upload["device_id"]))
    assert tails.accepted == []


@pytest.mark.parametrize(("product", "upload"), KINDS)
def test_a_byte_lost_doubled_or_changed_anywhere_is_accounted_for(product: Product, upload: dict[str, Any]) -> None:
    """Each of five damages at each fifth byte, so that each byte suffers one."""
    value, rng = encoded(upload), Random(1)
    damages: list[Callable[[int], bytes]] = [
        lambda at: value[:at] + value[at + 1 :],
        lambda at: value[:at] + value[at : at + 1] + value[at:],
        lambda at: value[:at] + rng.randbytes(1) + value[at + 1 :],
        lambda at: value[:at] + value[at + 1 : at + 2] + value[at : at + 1] + value[at + 2 :],
        lambda at: value[:at] + bytes([value[at] ^ 1 << at % 8]) + value[at + 1 :],
    ]
    first = UPLOADS.index((product, upload))
    values = [damages[(at + first) % len(damages)](at) for at in range(len(value))]
    found = outcome(product, values, str(upload["device_id"]))
    assert len(found.failed) > len(values) // 2


def test_every_single_byte_and_every_pair_of_signs_is_accounted_for() -> None:
    signs = [*(bytes([byte]) for byte in range(256)), *map(bytes, permutations(b'{}[]":,-0tn/\\', 2))]
    for product in (WASHER, SHOE):
        assert outcome(product, signs, "w-1").failed.keys() == set(range(len(signs)))


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


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
white_space = st.text(" \t\r\n", max_size=3)


@st.composite
def sound_texts(draw: st.DrawFn, upload: dict[str, Any]) -> bytes:
    """An upload that says what it must, written as nobody would."""
    more = draw(st.dictionaries(st.text(max_size=6).map("x_".__add__), json_values, max_size=3))
    pairs = []
    for name, value in draw(st.permutations([*(upload | more).items()])):
        key = json.dumps(name, ensure_ascii=draw(st.booleans()))
        if draw(st.booleans()):
            key = f'"\\u{ord(name[0]):04x}{key[2:]}'
        written = json.dumps(value, ensure_ascii=True)
        if isinstance(value, int) and not isinstance(value, bool) and name in upload:
            written = draw(st.sampled_from([written, f"{written}.0", f'"{written}"', f"{written}e0", f"{written}0E-1"]))
        pairs.append(f"{draw(white_space)}{key}{draw(white_space)}:{draw(white_space)}{written}{draw(white_space)}")
    text = f"{draw(white_space)}{{{','.join(pairs)}}}{draw(white_space)}"
    return text.encode("utf-8", "surrogatepass")


@examples(6)
@given(st.data(), st.sampled_from((WASHER, SHOE)), st.integers(1, 8))
def test_a_sound_upload_is_let_in_however_it_is_written(data: st.DataObject, product: Product, count: int) -> None:
    devices = [f"d-{number}" for number in range(count)]
    uploads = st.sampled_from([upload for made, upload in UPLOADS if made is product])
    values = [data.draw(sound_texts(data.draw(uploads) | {"device_id": device})) for device in devices]
    found = outcome(product, [*values, *values], [*devices, *devices])
    assert found.accepted == list(range(count)), found.failed
    assert found.duplicates == list(range(count, 2 * count))


@examples(6)
@given(
    st.sampled_from((WASHER, SHOE)),
    st.lists(st.sampled_from([upload for _, upload in UPLOADS]).flatmap(sound_texts), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_whatever_happens_to_its_bytes_each_upload_is_accounted_for(
    product: Product, values: list[bytes], rng: Random
) -> None:
    outcome(product, [_damaged(value, rng) for value in values], "w-1")


def _damaged(value: bytes, rng: Random) -> bytes:
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        at, length = rng.randrange(len(value) + 1), rng.choice([0, 1, 1, 3, 20])
        piece = rng.choice([b"", rng.randbytes(1), rng.randbytes(3), value[at : at + 2], b"[" * 2_000, b"null", b'"'])
        value = value[:at] + piece + value[at + length :]
    return value


@examples(6)
@given(
    st.sampled_from((WASHER, SHOE)),
    st.lists(st.binary(max_size=40) | json_values.map(lambda value: json.dumps(value).encode()), max_size=20),
)
def test_bytes_that_are_no_uploads_are_all_refused(product: Product, values: list[bytes]) -> None:
    assert outcome(product, values, "w-1").failed.keys() == set(range(len(values)))
