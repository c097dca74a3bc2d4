"""What becomes of records that are no uploads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from aiokafka import ConsumerRecord

from schemas.failures import KEPT_BYTES, FailedEvent
from schemas.uploads import MAX_UPLOAD_BYTES, WASHER_VERSIONS
from streams.batch import Place
from streams.decode import Decoder
from streams.intake import taken_in


def refusal(
    value: bytes | None, key: bytes | None = b"w-1", headers: Sequence[tuple[str, bytes | None]] = ()
) -> FailedEvent:
    record = ConsumerRecord("t", 0, 7, 1_000, 1, key, value, None, 0, 0, headers)
    batch, (failed,) = taken_in(Decoder(WASHER_VERSIONS), Place("t", 0), [record])
    assert len(batch.offset) == 0
    return failed


def test_a_refused_upload_keeps_its_bytes_key_and_place() -> None:
    failed = refusal(b"no upload")
    assert (failed.original, failed.device_id, failed.topic, failed.offset) == (b"no upload", "w-1", "t", 7)
    assert refusal(None).original == b""
    assert refusal(b"no upload", None).device_id is None
    assert refusal(b"no upload", b"\xff").device_id is None


@pytest.mark.parametrize(
    "key", ["Ingrid Planted", "ingrid@planted.example", "k" * 65, "k" * 1_000_000, "5", "", "w-1\n", "Åsa", "\x1b[2J"]
)
def test_a_key_that_is_no_devices_name_is_not_kept(key: str) -> None:
    failed = refusal(b"no upload", key.encode())
    assert failed.device_id is None
    assert not key or key not in repr(failed.model_dump(exclude={"offset", "original", "received_at_ms"}).values())


@pytest.mark.parametrize(
    ("name", "kept"),
    [(b"water-in-ml-0123456789ab", "water-in-ml-0123456789ab"), (b"as-is", "as-is"), (b"Ingrid Planted", "unnamed"),
     (b"Ingrid", "unnamed"), (b"\xff", "unnamed"), (None, "unnamed"), (b"r" * 10_000, "unnamed")],
)  # fmt: skip
def test_a_header_that_names_no_repair_is_not_kept(name: bytes | None, kept: str) -> None:
    assert refusal(b"no upload", headers=(("vaxel-repaired", name),)).repair == kept


def test_bytes_that_kafka_would_not_take_again_are_cut_and_named() -> None:
    """Compressed, they came through; the worker must not end of what it cannot write on."""
    whole = refusal(b" " * KEPT_BYTES)
    assert (len(whole.original), whole.detail) == (
        KEPT_BYTES,
        f"{KEPT_BYTES} bytes, at most {MAX_UPLOAD_BYTES} are accepted",
    )
    bomb = b" " * (KEPT_BYTES + 1)
    cut = refusal(bomb)
    assert (cut.reason, cut.original) == ("too_large", bomb[:KEPT_BYTES])
    assert f"all {len(bomb)} of sha256 {hashlib.sha256(bomb).hexdigest()}" in cut.detail


def test_brackets_count_where_they_follow_each_other() -> None:
    assert refusal(b"[" * 1_000).detail == "nested too deeply"
    assert refusal((b"[" * 500 + b"x") * 990).detail != "nested too deeply"
