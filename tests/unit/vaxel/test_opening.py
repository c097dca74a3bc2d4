"""Who has the workers' key reads what refused uploads held; nobody else, and nobody makes a key for it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from schemas.errors import UsageError
from schemas.failures import FailedEvent
from schemas.forms import duckdb_columns
from schemas.sealing import context_of, seal
from streams.failed_record import KIND
from vaxel.keys import VARIABLE, keys
from vaxel.opening import opener, opener_of
from vaxel.refused_bytes import BROKEN, load_refused_bytes

UPLOAD = b'{"owner": "Ingrid Planted"}'


def sealed(key: bytes) -> bytes:
    return seal(key, UPLOAD, context_of(KIND, "t", 0, 7))


def test_the_key_of_the_data_directory_opens_what_its_workers_sealed(tmp_path: Path) -> None:
    key = keys({}, tmp_path).sealing  # as a worker does
    assert opener({}, tmp_path)("t", 0, 7, sealed(key)) == UPLOAD
    named = {VARIABLE: str(tmp_path / "keys")}
    assert opener(named, tmp_path / "elsewhere")("t", 0, 7, sealed(key)) == UPLOAD


def test_without_a_key_none_is_made_and_what_is_not_sealed_is_read(tmp_path: Path) -> None:
    opened = opener({}, tmp_path)
    assert opened("t", 0, 7, UPLOAD) == UPLOAD
    with pytest.raises(UsageError, match="there is no key"):
        opened("t", 0, 7, sealed(bytes(32)))
    assert list(tmp_path.iterdir()) == []


def test_another_key_is_told_with_the_place_and_where_keys_are_looked_for() -> None:
    with pytest.raises(UsageError, match=r"t\[0\]@7 held: they are sealed by key .*VAXEL_KEYS"):
        opener_of(lambda: bytes(32))("t", 0, 7, sealed(bytes(range(32))))


def test_digests_are_of_what_was_sent_not_of_its_seal() -> None:
    key = bytes(32)
    with duckdb.connect(config={"threads": 1}) as lake:
        lake.execute(f"create table failed_events ({duckdb_columns(FailedEvent)})")
        for offset, original in ((7, sealed(key)), (8, UPLOAD), (9, sealed(key))):  # the last one was moved
            lake.execute(
                'insert into failed_events (topic, partition, "offset", reason, original) values (?, 0, ?, ?, ?)',
                ["t", offset, "late", original],
            )
        load_refused_bytes(lake, opener_of(lambda: key))
        rows = lake.execute("select * from refused_bytes order by all").fetchall()
        (expected,) = lake.execute("select md5(?::blob)", [UPLOAD]).fetchone() or ()
    assert [row[2:] for row in rows] == [(7, "late", expected), (8, "late", expected), (9, "late", BROKEN)]
