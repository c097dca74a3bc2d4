"""What is sealed only the key reads, whole, in its place; and sealing it again writes the same bytes."""

from __future__ import annotations

import zlib

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from schemas.failures import KEPT_BYTES
from schemas.sealing import MAGIC, context_of, is_sealed, key_name, seal, unseal
from schemas.topics import FRAME_BYTES
from tests.unit.examples import examples

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
HERE, THERE = context_of("failed-event", "t", 0, 1), context_of("failed-event", "t", 0, 2)
UPLOAD = b'{"device_id": "s-1", "runner": "Ingrid Planted", "heart_rate_bpm": [171.375]}'


@examples(100)
@given(original=st.binary(max_size=300), context=st.binary(max_size=40), key=st.binary(min_size=32, max_size=32))
def test_what_was_sealed_comes_back_as_it_was(original: bytes, context: bytes, key: bytes) -> None:
    sealed = seal(key, original, context)
    assert is_sealed(sealed)
    assert unseal(key, sealed, context) == original


def test_the_same_bytes_in_the_same_place_are_sealed_alike() -> None:
    assert seal(KEY, UPLOAD, HERE) == seal(KEY, UPLOAD, HERE)


def test_nothing_of_it_can_be_read() -> None:
    sealed = seal(KEY, UPLOAD, HERE)
    for start in range(len(UPLOAD) - 3):
        assert UPLOAD[start : start + 4] not in sealed
    assert KEY[:8] not in sealed


@examples(100)
@given(texts=st.sets(st.tuples(st.binary(max_size=8), st.binary(max_size=8)), min_size=2, max_size=20))
def test_other_bytes_or_another_place_have_another_nonce(texts: set[tuple[bytes, bytes]]) -> None:
    """Also where one ends with what the other one begins with."""
    head = len(MAGIC) + 4
    nonces = {seal(KEY, original, context)[head : head + 12] for original, context in texts}
    assert len(nonces) == len(texts)


@examples(100)
@given(data=st.data())
def test_a_changed_or_missing_bit_is_an_error(data: st.DataObject) -> None:
    sealed = seal(KEY, UPLOAD, HERE)
    if data.draw(st.booleans()):
        torn = sealed[: data.draw(st.integers(0, len(sealed) - 1))]
    else:
        at = data.draw(st.integers(0, len(sealed) - 1))
        torn = sealed[:at] + bytes([sealed[at] ^ 1 << data.draw(st.integers(0, 7))]) + sealed[at + 1 :]
    with pytest.raises(ValueError, match=r"not sealed|cut off|sealed by key|not as they were written"):
        unseal(KEY, torn, HERE)


def test_sealed_bytes_moved_to_another_place_are_not_read_there() -> None:
    with pytest.raises(ValueError, match="or belong elsewhere"):
        unseal(KEY, seal(KEY, UPLOAD, HERE), THERE)


def test_another_key_says_that_it_is_another_one() -> None:
    with pytest.raises(
        ValueError, match=f"by key {key_name(KEY).hex()}, and the key here is {key_name(OTHER_KEY).hex()}"
    ):
        unseal(OTHER_KEY, seal(KEY, UPLOAD, HERE), HERE)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_what_is_no_key_seals_nothing(key: bytes) -> None:
    with pytest.raises(ValueError, match="32 are accepted"):
        seal(key, UPLOAD, HERE)


@pytest.mark.parametrize("value", [UPLOAD, b"", MAGIC[:-1], b"[]"])
def test_what_older_workers_wrote_is_not_sealed(value: bytes) -> None:
    assert not is_sealed(value)


def test_uploads_take_less_room_sealed_and_the_largest_fits_into_its_topic() -> None:
    assert len(seal(KEY, UPLOAD * 100, HERE)) < len(UPLOAD) * 20
    # What deflate cannot shrink grows by five bytes in 16 kilobytes.
    noise = AESGCM(KEY).encrypt(bytes(12), bytes(1_000_000), None)
    grown_bytes = len(seal(KEY, noise, HERE)) - len(noise)
    assert KEPT_BYTES + grown_bytes * (KEPT_BYTES // len(noise) + 1) < FRAME_BYTES - 100_000


def test_another_hand_opens_it_from_the_description_alone() -> None:
    """Written apart from the code, from what its first lines say."""

    def derived(purpose: bytes) -> bytes:
        mac = hmac.HMAC(KEY, hashes.SHA256())
        mac.update(b"vaxel sealing " + len(purpose).to_bytes(8, "big") + purpose)
        return mac.finalize()

    sealed = seal(KEY, UPLOAD, HERE)
    assert sealed[:14] == b"\0vaxel-sealed\x01"
    assert sealed[14:18] == derived(b"name")[:4]
    packed = AESGCM(derived(b"encrypt")).decrypt(sealed[18:30], sealed[30:], b"failed-event t[0]@1")
    assert zlib.decompress(packed) == UPLOAD
