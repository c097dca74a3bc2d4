"""What was kept of refused uploads, opened, as digests that can be compared with what Kafka holds."""

from __future__ import annotations

import hashlib

import duckdb
import pyarrow as pa

from schemas.errors import OutsideError
from vaxel.opening import Opened

BROKEN = "broken seal"

ROWS_AT_ONCE = 100
"""Each may hold `schemas.failures.KEPT_BYTES`."""


def load_refused_bytes(lake: duckdb.DuckDBPyConnection, opened: Opened) -> None:
    """Make the table refused_bytes: topic, partition, offset, reason and MD5 (`kept_digest`) of each failed event.

    Where the lake does not hold what was sealed, the digest is `BROKEN`: no bytes have it.

    Raises:
        UsageError: they are sealed, and the key is another one or none.
    """
    found: list[tuple[str, int, int, str, str | None]] = []
    lake.execute('select topic, partition, "offset", reason, original from failed_events')
    while rows := lake.fetchmany(ROWS_AT_ONCE):
        for topic, partition, offset, reason, original in rows:
            found.append((topic, partition, offset, reason, _digest(opened, (topic, partition, offset), original)))
    columns: list[tuple[str, pa.DataType]] = [
        *(("topic", pa.string()), ("partition", pa.int64()), ("offset", pa.int64())),
        *(("reason", pa.string()), ("kept_digest", pa.string())),
    ]
    table = pa.table(
        {name: pa.array([row[place] for row in found], kind) for place, (name, kind) in enumerate(columns)}
    )
    lake.register("refused_bytes_read", table)
    lake.execute("create or replace temp table refused_bytes as select * from refused_bytes_read")
    lake.unregister("refused_bytes_read")


def _digest(opened: Opened, place: tuple[str, int, int], original: bytes | None) -> str | None:
    if original is None:
        return None
    try:
        kept = opened(*place, original)
    except OutsideError:
        return BROKEN
    return hashlib.md5(kept, usedforsecurity=False).hexdigest()
