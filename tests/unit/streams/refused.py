"""Uploads that the contract refuses, each with its reason, and what a batch of them is decoded to."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from schemas.uploads import (
    MAX_READINGS,
    MAX_UPLOAD_BYTES,
    SHOE_VERSIONS,
    WASHER_VERSIONS,
    ShoeUpload,
    Upload,
    WasherUpload,
)
from streams.decode import Decoded, Decoder
from tests.unit.streams.building import a_second_washer_upload, a_shoe_upload, a_washer_upload, encoded

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
