"""Bytes lost, doubled, cut off or drawn at random: each upload is accounted for, and a sound one let in."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.product import SHOE, WASHER, Product
from tests.unit.examples import examples
from tests.unit.streams.building import encoded
from tests.unit.streams.malformed import KINDS, UPLOADS, outcome


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
