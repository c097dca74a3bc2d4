"""Every kind of malformed JSON, whole and in pieces, through decoder and step: nothing raises, everything is accounted.

After the idea of JSONTestSuite (Seriot, "Parsing JSON is a Minefield"), with cases of our own: `y_` must be let in,
`n_` must be refused, `i_` may be either. `test_decode` has what breaks the contract; here is what breaks the writing.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.failures import FailedEvent
from schemas.uploads import Upload
from streams.batch import Place
from streams.decode import Decoder
from streams.intake import taken_in
from streams.product import SHOE, WASHER, Product
from streams.refusal import REASONS
from streams.step import State, step
from tests.unit.streams.building import NOON_MS, a_second_washer_upload, a_shoe_upload, a_washer_upload, encoded

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


def outcome(product: Product, values: Sequence[bytes | None], key: str) -> Outcome:
    """What becomes of values that come between two sound uploads, which are let in whatever stands between them."""
    sound = dict(a_shoe_upload() if product is SHOE else a_washer_upload())
    around = [encoded(sound | {"device_id": "sound", "seq": seq}) for seq in (BEFORE, AFTER)]
    all_values = [around[0], *values, around[1]]
    keys = [b"sound", *[key.encode()] * len(values), b"sound"]
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
DEPTH = 100_000
NESTINGS = {
    "lists": "[" * DEPTH + "]" * DEPTH,
    "objects": '{"a":' * DEPTH + "1" + "}" * DEPTH,
    "both": '[{"a":' * (DEPTH // 2) + "1" + "}]" * (DEPTH // 2),
    "lists that never end": "[" * DEPTH,
    "objects that never end": '{"a":' * DEPTH,
    "spread lists": "[ " * DEPTH + "] " * DEPTH,
    "lists that only end": "]" * DEPTH,
}


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


def y_cases(upload: dict[str, Any]) -> dict[str, bytes]:
    """What must be let in."""
    text = plain(upload)
    escaped = {"".join(f"\\u{ord(letter):04X}" for letter in name): value for name, value in upload.items()}
    cases = {
        "as it is": text.encode(),
        "white space around": f" \t\r\n{text}\n\r\t ".encode(),
        "white space everywhere": json.dumps(upload, indent="\t", separators=(" \r\n, ", " \t: ")).encode(),
        "no white space": json.dumps(upload, separators=(",", ":")).encode(),
        "the other way round": plain(dict(reversed(upload.items()))).encode(),
        "every letter of every key escaped": plain(escaped).replace("\\\\", "\\").encode(),
        "numbers in quotes": a_field(upload, "seq", '"1"').encode(),
        "a number with a point": a_field(upload, "seq", "1.0").encode(),
        "a number with an exponent": a_field(upload, "seq", "10E-1").encode(),
        "a number with many digits": a_field(upload, "seq", "1." + "0" * 5_000).encode(),
        "minus zero": a_field(upload, "lead_ms", "-0").encode(),
        "the smallest numbers": a_field(upload, "x", "[5e-324, -5e-324, 1e-999, 0e9]").encode(),
        "the largest numbers": a_field(upload, "x", "[1.7976931348623157e308, 18446744073709551616]").encode(),
        "an empty key": a_field(upload, "", "1").encode(),
        "a key of 10,000 letters": a_field(upload, "x" * 10_000, "1").encode(),
        "10,000 other keys": (text[:-1] + "".join(f', "x{number}": null' for number in range(10_000)) + "}").encode(),
        "another field twice": (text[:-1] + ', "x": 1, "x": [2]}').encode(),
        "its own keys further in": (text[:-1] + f', "x": [{text}, {text}]}}').encode(),
    }
    return cases | {f"UTF-8: {name}": with_text(upload, letters.encode()) for name, letters in UTF8.items()}


KINDS = [pytest.param(product, upload, id=f"{product.telemetry}-{len(upload)}") for product, upload in UPLOADS]


@pytest.mark.parametrize(("product", "upload"), KINDS)
def test_each_malformed_upload_is_refused_with_its_reason(product: Product, upload: dict[str, Any]) -> None:
    cases = n_cases(upload)
    for values in (list(cases.values()), list(reversed(cases.values()))):
        names = list(cases) if values[0] == (None, "empty") else list(reversed(cases))
        found = outcome(product, [value for value, _ in values], str(upload["device_id"]))
        let_in = [names[row] for row in found.accepted + found.duplicates]
        assert let_in == []
        wrong = {
            names[row]: (found.failed[row].reason, reason)
            for row, (_, reason) in enumerate(values)
            if reason not in (None, found.failed[row].reason)
        }
        assert wrong == {}


def test_each_malformed_upload_is_refused_when_it_comes_alone() -> None:
    for name, (value, reason) in n_cases(a_shoe_upload()).items():
        found = decoder(SHOE.versions).decode([value])
        assert [row for row, _ in found.refused] == [0], name
        assert reason in (None, found.refused[0][1].reason), name


@pytest.mark.parametrize(("product", "upload"), KINDS)
def test_each_odd_but_sound_upload_is_let_in(product: Product, upload: dict[str, Any]) -> None:
    cases = y_cases(upload)
    for name, value in cases.items():
        found = outcome(product, [value], str(upload["device_id"]))
        assert found.accepted == [0], (name, found.failed)


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
    value, rng = encoded(upload), Random(1)
    lost = [value[:at] + value[at + 1 :] for at in range(len(value))]
    doubled = [value[:at] + value[at : at + 1] + value[at:] for at in range(len(value))]
    changed = [value[:at] + rng.randbytes(1) + value[at + 1 :] for at in range(len(value))]
    swapped = [value[:at] + value[at + 1 : at + 2] + value[at : at + 1] + value[at + 2 :] for at in range(len(value))]
    bits = [value[:at] + bytes([value[at] ^ 1 << at % 8]) + value[at + 1 :] for at in range(len(value))]
    for values in (lost, doubled, changed, swapped, bits):
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
def test_nesting_without_end_where_nobody_looks_stops_nothing(product: Product, upload: dict[str, Any]) -> None:
    """`i_`: let in or refused, for what the field holds does not matter."""
    values = [a_field(upload, "x", nesting).encode() for nesting in NESTINGS.values()]
    values += [a_field(upload, "x", wrong).encode() for wrong in (*NOT_NUMBERS, *NOT_VALUES)]
    found = outcome(product, values, str(upload["device_id"]))
    assert len(found.accepted) + len(found.duplicates) + len(found.failed) == len(values)


def test_a_batch_of_nothing_else_is_accounted_for() -> None:
    for product, upload in UPLOADS:
        values = [value for value, _ in n_cases(upload).values()]
        records = [Record(b"w-1", value, offset) for offset, value in enumerate(values)]
        batch, refused = taken_in(decoder(product.versions), Place(product.telemetry, 0), records)
        said = step(product, State(product), batch, refused)
        assert sorted(event.offset for event in said.failed) == list(range(len(values)))
        assert said.receipts.num_rows == said.readings.num_rows == len(said.sessions) == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
white_space = st.text(" \t\r\n", max_size=3)


@st.composite
def sound_uploads(draw: st.DrawFn) -> tuple[Product, bytes]:
    """An upload that says what it must, written as nobody would."""
    product, upload = draw(st.sampled_from(UPLOADS))
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
    return product, text.encode("utf-8", "surrogatepass")


@settings(max_examples=40, deadline=None)
@given(sound_uploads())
def test_a_sound_upload_is_let_in_however_it_is_written(drawn: tuple[Product, bytes]) -> None:
    product, value = drawn
    key = "s-1" if product is SHOE else "w-1"
    found = outcome(product, [value, value], key)
    assert (found.accepted, found.duplicates) == ([0], [1]), (value, found.failed)


@settings(max_examples=15, deadline=None)
@given(st.lists(sound_uploads(), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_whatever_happens_to_its_bytes_each_upload_is_accounted_for(
    drawn: list[tuple[Product, bytes]], rng: Random
) -> None:
    for product in (WASHER, SHOE):
        values = [_damaged(value, rng) for _, value in drawn]
        found = outcome(product, values, "w-1")
        assert len(found.accepted) + len(found.duplicates) + len(found.failed) == len(values)


def _damaged(value: bytes, rng: Random) -> bytes:
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        at, length = rng.randrange(len(value) + 1), rng.choice([0, 1, 1, 3, 20])
        piece = rng.choice([b"", rng.randbytes(1), rng.randbytes(3), value[at : at + 2], b"[" * 2_000, b"null", b'"'])
        value = value[:at] + piece + value[at + length :]
    return value


@settings(max_examples=15, deadline=None)
@given(st.lists(st.binary(max_size=40) | json_values.map(lambda value: json.dumps(value).encode()), max_size=20))
def test_bytes_that_are_no_uploads_are_all_refused(values: list[bytes]) -> None:
    for product in (WASHER, SHOE):
        assert outcome(product, values, "w-1").failed.keys() == set(range(len(values)))
