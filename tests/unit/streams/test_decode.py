"""What the stream lets in and why it refuses the rest."""

from __future__ import annotations

import json
from functools import cache
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.evolution import lifted
from schemas.forms import arrow_schema
from schemas.uploads import (
    MAX_READINGS,
    MAX_UPLOAD_BYTES,
    SHOE_VERSIONS,
    WASHER_VERSIONS,
    ShoeUpload,
    Upload,
    WasherUpload,
    WasherUploadV2,
)
from streams.decode import Decoded, Decoder
from streams.refusal import Refused, examine
from tests.unit.examples import examples
from tests.unit.streams.building import a_second_washer_upload, a_shoe_upload, a_washer_upload, encoded, taken_by_duckdb

UPLOADS: dict[type[Upload], dict[str, Any]] = {WasherUpload: a_washer_upload(), ShoeUpload: a_shoe_upload()}
PLACE = {"location_consent": True, "latitude_deg": [57.7, None], "longitude_deg": [11.9, None]}
FORMS: dict[type[Upload], list[dict[str, Any]]] = {
    WasherUpload: [
        a_washer_upload(),
        a_washer_upload(board_no=2, alert="unbalance"),
        a_washer_upload(alert=None),
        a_second_washer_upload(),
        a_second_washer_upload(board_no=None, alert="door_open"),
    ],
    ShoeUpload: [
        a_shoe_upload(),
        a_shoe_upload(board_no=0, contact_balance_pct=[50.5, 49.0], **PLACE),
        a_shoe_upload(**PLACE),
    ],
}
VERSIONS = {WasherUpload: WASHER_VERSIONS, ShoeUpload: SHOE_VERSIONS}
PLAIN = encoded(a_washer_upload()).decode()


@cache
def decoder(model: type[Upload]) -> Decoder:
    return Decoder(VERSIONS[model])


def as_newest(uploads: dict[int, Upload], versions: tuple[type[Upload], ...]) -> dict[int, dict[str, Any]]:
    """The fields of uploads after they were lifted to the newest version, by the same numbers."""
    newest: dict[int, dict[str, Any]] = {}
    for version in versions:
        mine = {row: upload.model_dump() for row, upload in uploads.items() if type(upload) is version}
        rows = pa.Table.from_pylist(list(mine.values()), schema=arrow_schema(version))
        newest |= zip(mine, lifted(rows, version, versions).to_pylist(), strict=True)
    return newest


def decoded(*values: bytes | None, model: type[Upload] = WasherUpload) -> Decoded:
    return decoder(model).decode(values)


def written(**fields: str) -> bytes:
    """An upload with some values written in these very characters."""
    text = PLAIN
    for name, value in fields.items():
        before = json.dumps({name: a_washer_upload()[name]})[1:-1]
        assert before in text
        text = text.replace(before, f'"{name}": {value}')
    return text.encode()


def with_more(more: str) -> bytes:
    """An upload with something else before its last brace."""
    return (PLAIN[:-1] + more + "}").encode()


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


WITHOUT_SEQ = encoded({name: value for name, value in a_washer_upload().items() if name != "seq"})

REFUSED: list[tuple[str, bytes | None, str]] = [
    ("no value", None, "empty"),
    ("no bytes", b"", "empty"),
    ("one byte over the limit", b" " * (MAX_UPLOAD_BYTES + 1 - len(PLAIN)) + PLAIN.encode(), "too_large"),
    ("a stray byte", PLAIN.replace("WM-6010", "WM-\udcff").encode(errors="surrogateescape"), "not_utf8"),
    ("a surrogate in UTF-8", PLAIN.replace("WM-6010", "\ud800").encode(errors="surrogatepass"), "not_utf8"),
    ("a word", b"hello", "not_json"),
    ("white space", b" \n", "not_json"),
    ("truncated", PLAIN[:-10].encode(), "not_json"),
    ("trailing data", PLAIN.encode() + b"x", "not_json"),
    ("two in one", PLAIN.encode() * 2, "not_json"),
    ("a zero byte after it", PLAIN.encode() + b"\0", "not_json"),
    ("a byte order mark", b"\xef\xbb\xbf" + PLAIN.encode(), "not_json"),
    ("a comment", with_more("/* x */"), "not_json"),
    ("a trailing comma in the object", with_more(", "), "not_json"),
    ("a trailing comma in a list", written(power_w="[1, 2, ]"), "not_json"),
    ("a leading zero", written(seq="01"), "not_json"),
    ("NaN", written(power_w="[NaN, 1]"), "not_json"),
    ("Infinity", written(lifetime_energy_wh="Infinity"), "not_json"),
    ("NaN as a name", written(material="NaN"), "not_json"),
    ("inf as a name", written(device_id="inf"), "not_json"),
    ("endless nesting", b"[" * 300_000, "not_json"),
    ("nesting of both kinds", b" [ {" * 500, "not_json"),
    ("nesting in a field", written(power_w="[" * 5_000 + "]" * 5_000), "not_json"),
    ("a list of uploads", b"[" + PLAIN.encode() + b"]", "not_an_object"),
    ("null", b"null", "not_an_object"),
    ("a text", json.dumps(PLAIN).encode(), "not_an_object"),
    ("an empty object", b"{}", "missing_field"),
    ("a missing key", WITHOUT_SEQ, "missing_field"),
    ("a key in capitals", PLAIN.replace('"seq"', '"SEQ"').encode(), "missing_field"),
    ("a key twice", with_more(', "seq": 1'), "duplicate_key"),
    ("a key twice, once escaped", with_more(', "s\\u0065q": 1'), "duplicate_key"),
    ("null for a number", written(seq="null"), "wrong_type"),
    ("null for a list", written(power_w="null"), "wrong_type"),
    ("null in a list", written(power_w="[null, 1]"), "wrong_type"),
    ("null for a text", written(firmware="null"), "wrong_type"),
    ("null for a truth", written(cycle_ended="null"), "wrong_type"),
    ("1.5 for an integer", written(seq="1.5"), "wrong_type"),
    ("1.5 for an integer in a list", written(offset_ms="[0, 1.5]"), "wrong_type"),
    ("quoted 1.5 for an integer", written(seq='"1.5"'), "wrong_type"),
    ("a word for a number", written(seq='"one"'), "wrong_type"),
    ("an object for a number", written(seq='{"x": 1}'), "wrong_type"),
    ("an object for a list", written(power_w='{"0": 1}'), "wrong_type"),
    ("a number for a list", written(power_w="1"), "wrong_type"),
    ("lists in a list", written(power_w="[[1], [2]]"), "wrong_type"),
    ("a number for a text", written(device_id="5"), "wrong_type"),
    ("an object for a text", written(material='{"x": 1}'), "wrong_type"),
    ("a list for a text", written(material='["x"]'), "wrong_type"),
    ("true for a text", written(material="true"), "wrong_type"),
    ("false for a name", written(device_id="false"), "wrong_type"),
    ("2 for a truth", written(cycle_ended="2"), "wrong_type"),
    ("0.5 for a truth", written(cycle_ended="0.5"), "wrong_type"),
    ("a word for a truth", written(cycle_ended='"perhaps"'), "wrong_type"),
    ("a lone surrogate", written(material='"\\ud800"'), "wrong_type"),
    ("1e999", written(lifetime_energy_wh="1e999"), "out_of_range"),
    ("-1e999 in a list", written(power_w="[-1e999, 1]"), "out_of_range"),
    ("1e999 for an integer", written(seq="1e999"), "out_of_range"),
    ("2^53", written(seq="9007199254740992"), "out_of_range"),
    ("30 digits", written(seq="9" * 30), "out_of_range"),
    ("5,000 digits", written(seq="9" * 5_000), "out_of_range"),
    ("a negative number", written(seq="-1"), "out_of_range"),
    ("more power than a fuse bears", written(power_w="[10001, 1]"), "out_of_range"),
    ("too many readings", written(offset_ms=str([0] * (MAX_READINGS + 1))), "out_of_range"),
    ("a clock that was never set", written(start_ms="1000"), "time_out_of_bounds"),
    ("a cycle before any machine", written(cycle_started_ms="978307199999"), "time_out_of_bounds"),
    ("a zero character", written(material='"WM\\u0000"'), "bad_format"),
    ("a line end", written(firmware='"1.2.3\\n"'), "bad_format"),
    ("a name of 65 letters", written(device_id='"' + "w" * 65 + '"'), "bad_format"),
    ("a name with a path", written(device_id='"../../w"'), "bad_format"),
    ("a programme nobody has", written(programme='"boil"'), "bad_format"),
    ("channels of different length", written(power_w="[1]"), "unequal_lengths"),
    ("an optional channel of different length", written(drum_rpm="[1]"), "unequal_lengths"),
    ("offsets that fall", written(offset_ms="[1000, 0]"), "not_ascending"),
    ("a cycle without its start", written(cycle_started_ms="null"), "wrong_session"),
    ("a version nobody knows", with_more(', "schema_version": 3'), "unknown_version"),
    ("a second version without phases", with_more(', "schema_version": 2'), "missing_field"),
    ("phases that do not add up", encoded(a_second_washer_upload(cycle_energy_wh=9.5)), "wrong_sum"),
    ("a phase that lacks its sum", encoded(a_second_washer_upload(fill_energy_wh=None)), "wrong_sum"),
    ("a complaint nobody knows", with_more(', "alert": "bored"'), "bad_format"),
    ("an end without a cycle", written(cycle_no="null", cycle_started_ms="null", cycle_ended="true"), "wrong_session"),
]

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


def test_a_refusal_names_the_field_what_it_held_and_what_is_accepted() -> None:
    (_, why), *_ = decoded(written(power_w="[10001, 1]")).refused
    assert (why.field, why.found, why.seq, why.material, why.firmware) == ("power_w", "10001", 1, "WM-6010", "1.2.3")
    assert why.accepted == "less than or equal to 10000"


def test_an_odd_way_of_writing_gives_the_same_columns() -> None:
    odd = written(
        seq='"1"', power_w='["100.0", "2e2"]', cycle_ended="0", offset_ms="[0, 1e3]", programme='"co\\u0074ton"'
    )
    first, second = decoded(PLAIN.encode(), odd).uploads.to_pylist()
    assert first == second


@pytest.mark.parametrize("model", FORMS)
def test_each_upload_keeps_its_additions_whatever_form_its_neighbours_have(model: type[Upload]) -> None:
    uploads = [upload for upload in FORMS[model] for _ in range(3)] * 2
    for order in range(2):
        Random(order).shuffle(uploads)
        found = decoded(*(encoded(upload) for upload in uploads), model=model).uploads.to_pylist()
        for upload, row in zip(uploads, found, strict=True):
            for name in ("board_no", "alert", "phase", "latitude_deg", "contact_balance_pct", "location_consent"):
                if name in row:
                    assert row[name] == upload.get(name), name


def test_a_second_version_says_the_same_as_the_first() -> None:
    first, second = decoded(PLAIN.encode(), encoded(a_second_washer_upload())).uploads.to_pylist()
    differing = {name for name in first if first[name] != second[name]}
    assert differing == {"phase", *(name for name in first if name.endswith("_energy_wh"))}


def test_an_addition_whose_key_is_written_with_an_escape_is_not_lost() -> None:
    value = encoded(a_washer_upload(board_no=3)).replace(b"board_no", b"board\\u005fno")
    assert decoded(PLAIN.encode(), value).uploads.column("board_no").to_pylist() == [None, 3]


def test_a_shoe_that_speaks_of_a_second_version_is_refused() -> None:
    (refused,) = decoded(encoded(a_shoe_upload(schema_version=2)), model=ShoeUpload).refused
    assert (refused[1].reason, refused[1].seq) == ("unknown_version", 1)


def test_every_refusal_says_what_was_found() -> None:
    result = decoded(*[value for _, value, _ in REFUSED])
    for row, why in result.refused:
        assert 10 < len(why.detail) < 400, REFUSED[row][0]
        why.detail.encode()


def test_no_uploads_give_none() -> None:
    result = decoded()
    assert (len(result.uploads), len(result.rows), result.refused) == (0, 0, [])


def test_a_batch_of_refused_uploads_only_gives_all_of_them_back() -> None:
    values = [value for _, value, _ in REFUSED]
    result = decoded(*values)
    assert [(row, why.reason) for row, why in result.refused] == [(row, case[2]) for row, case in enumerate(REFUSED)]


def test_bad_uploads_strewn_over_a_large_batch_are_refused_and_no_others() -> None:
    values: list[bytes | None] = [PLAIN.encode()] * 1_500
    strewn = {7 + 13 * index: case for index, case in enumerate(REFUSED)}
    for row, (_, value, _) in strewn.items():
        values[row] = value
    result = decoded(*values)
    assert {row: why.reason for row, why in result.refused} == {row: case[2] for row, case in strewn.items()}
    assert result.rows.to_pylist() == [row for row in range(len(values)) if row not in strewn]


# Values and pieces of text that have broken one parser or another.
FRAGMENTS = ["null", "true", "0", "-0.0", "1.5", "1e3", "1e999", "-1", "NaN", "[]", "{}", "[1,]", '""', '"7"', '"x"',
             '"\\u0000"', '"\\ud800"', "9007199254740993", ",",
             "]", "}", '"', "\\", "\0", "\xff", '"seq":1,']  # fmt: skip


@st.composite
def mutated_uploads(draw: st.DrawFn) -> tuple[type[Upload], list[bytes]]:
    """Uploads of one product, most of them with values replaced or bytes changed."""
    model = draw(st.sampled_from(list(UPLOADS)))
    rng = Random(draw(st.integers(0, 2**32)))
    forms = rng.sample(FORMS[model], rng.randint(1, len(FORMS[model])))
    return model, [_mutated(rng.choice(forms), rng) for _ in range(60)]


def _mutated(upload: dict[str, Any], rng: Random) -> bytes:
    fields = {name: json.dumps(value) for name, value in upload.items()}
    for _ in range(rng.choice([0, 1, 1, 2])):
        name = rng.choice(list(fields))
        fragments = [json.dumps(value) for value in upload.values()] + FRAGMENTS[:17]
        fields[name] = rng.choice(fragments)
    if rng.random() < 0.05:
        fields["schema_version"] = rng.choice(
            ["1", "1", '"1"', "1.0", "2", '"2"', "2.0", "3", "null", "true", "[2]", '"x"']
        )
    value = ("{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}").encode()
    for _ in range(rng.choice([0, 0, 1, 2])):
        at = rng.randrange(len(value))
        value = value[:at] + rng.choice(FRAGMENTS).encode("latin-1") + value[at + rng.randrange(3) :]
    return value


@examples(8)
@given(mutated_uploads())
def test_the_batch_lets_in_exactly_what_the_contract_lets_in(drawn: tuple[type[Upload], list[bytes]]) -> None:
    model, values = drawn
    result = decoded(*values, model=model)
    found: dict[int, object] = dict(zip(result.rows.to_pylist(), result.uploads.to_pylist(), strict=True))
    found.update(result.refused)
    assert sorted(found) == list(range(len(values))), "each upload is in exactly one of both"
    verdicts = dict(enumerate(examine(value, VERSIONS[model]) for value in values))
    sound = {row: verdict for row, verdict in verdicts.items() if not isinstance(verdict, Refused)}
    expected: dict[int, object] = {**verdicts, **as_newest(sound, VERSIONS[model])}
    for row, value in enumerate(values):
        assert found[row] == expected[row], value
