"""Uploads, readings and sessions of some devices, read back out of the lake as Arrow.

Columns come by the names of their contracts, instants as integer milliseconds, so that the functions that made them can
take them again. Nothing here writes. A connection is one cursor on one snapshot (`open_reader(as_of=...)`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from schemas.facts import Receipt
from schemas.fields import Contract
from schemas.forms import columns
from schemas.lake import UPLOADS, Table
from sinks.lake.connection import LAKE, outside

DAY_MS = 86_400_000
MARGIN_MS = 2 * DAY_MS
"""No session is longer (`schemas.catalogue.LONGEST_SESSION_MS`): what is read beyond both ends of a period."""
AHEAD_MS = DAY_MS
"""A device's clock may be ahead of Kafka's by so much."""


@dataclass(frozen=True)
class Part:
    """Some devices of one product, and a period.

    Attributes:
        topic: Where their uploads came.
        first, last: Names of the first and the last device, both inclusive.
        from_ms, to_ms: Sessions that begin in [from_ms, to_ms) are asked for.
    """

    topic: str
    first: str
    last: str
    from_ms: int
    to_ms: int


@dataclass(frozen=True)
class Settling:
    """When the stream lets nothing more change. Its own numbers, handed in since stages do not know each other.

    Attributes:
        window: So far behind a device's newest number an upload is refused as late.
        waits_ms: So long after that a number that was missing is still waited for.
        curve_uploads: So many newer uploads of a power curve make sure that the state holds nothing of it any more.
    """

    window: int
    waits_ms: int
    curve_uploads: int


def snapshot_of(connection: duckdb.DuckDBPyConnection) -> int:
    """Number of the newest snapshot."""
    with outside("read the lake's snapshots"):
        row = connection.execute(f"SELECT max(snapshot_id) FROM ducklake_snapshots('{LAKE}')").fetchone()
    return int(row[0]) if row is not None and row[0] is not None else 0


def newest_received_ms(connection: duckdb.DuckDBPyConnection, topic: str) -> int:
    """When Kafka took in the newest upload that the lake knows of; 0 without any."""
    with outside("look for the newest upload"):
        row = connection.execute(f"SELECT epoch_ms(max(received_at)) FROM {UPLOADS.name} WHERE topic = ?", [topic])
        found = row.fetchone()
    return int(found[0]) if found is not None and found[0] is not None else 0


def devices(connection: duckdb.DuckDBPyConnection, topic: str, from_ms: int, to_ms: int) -> list[tuple[str, int]]:
    """Devices with anything to tell of a period, in the order of their names, and how many readings each has."""
    with outside("count the readings of each device"):
        return connection.execute(
            f"""SELECT device_id, sum(reading_count)::BIGINT FROM ({_INSIDE}) GROUP BY device_id ORDER BY device_id""",
            _named(Part(topic, "", "\U0010ffff", from_ms, to_ms)),
        ).fetchall()


def uploads(connection: duckdb.DuckDBPyConnection, part: Part) -> pa.Table:
    """Accepted uploads that tell of the period, device by device in order of arrival, and the next one of each device.

    The next one is what tells that a session is over. Beside the receipt's own columns: `asked`, whether its readings
    matter (those of sessions beyond the period do not), and `is_twice`, whether its number was accepted twice.
    """
    chosen = ", ".join(_plain(Receipt, "own"))
    with outside("read the uploads of a period"):
        return connection.execute(
            f"""
            WITH own AS MATERIALIZED ({_OWN}), inside AS MATERIALIZED ({_INSIDE_OWN}),
            next AS (
              SELECT device_id, min(seq) AS seq FROM own JOIN
                (SELECT device_id, max(seq) AS top FROM inside GROUP BY device_id) USING (device_id)
              WHERE seq > top GROUP BY device_id
            )
            SELECT {chosen},
              session_started_at IS NULL OR
                (session_started_at >= epoch_ms($from_ms) AND session_started_at < epoch_ms($to_ms)) AS asked,
              count(*) OVER (PARTITION BY device_id, seq) > 1 AS is_twice
            FROM own WHERE (device_id, seq) IN (SELECT (device_id, seq) FROM inside)
              OR (device_id, seq) IN (SELECT (device_id, seq) FROM next)
            ORDER BY device_id, received_at, "offset"
            """,
            _named(part),
        ).to_arrow_table()


def readings(
    connection: duckdb.DuckDBPyConnection, table: Table, part: Part, given: pa.Table, channels: Sequence[str]
) -> pa.Table:
    """Readings of the uploads asked for, in the order of these and of time, with `upload`, the index of each's own.

    Readings of one instant come as they did in nearly all cases: the one that speaks for a time first, and distances
    ascending.

    Args:
        given: From `uploads`.
        channels: Names of the columns wanted.
    """
    numbered = given.select(["device_id", "seq", "last_measured_at_ms"]).append_column(
        "upload", pa.array(range(given.num_rows), pa.int32())
    )
    mask = pc.and_(given.column("asked"), pc.invert(given.column("is_twice")))
    asked = numbered.filter(pc.and_(mask, pc.greater(given.column("reading_count"), 0)))
    chosen = ", ".join(f'r."{name}"' for name in channels)
    times = pc.min_max(asked.column("last_measured_at_ms")).as_py()
    order = ", distance_m" if "distance_m" in channels else ""
    connection.register("asked", asked)
    try:
        with outside("read the readings of a period"):
            return connection.execute(
                f"""
                SELECT upload, epoch_ms(measured_at) AS measured_at_ms, span_ms, {chosen}
                FROM {table.name} AS r JOIN asked USING (device_id, seq)
                WHERE r.device_id BETWEEN $first AND $last
                  AND measured_at BETWEEN epoch_ms($low_ms) AND epoch_ms($high_ms)
                ORDER BY upload, measured_at, span_ms DESC{order}
                """,
                {
                    "first": part.first,
                    "last": part.last,
                    "low_ms": (times["min"] or 0) - DAY_MS,
                    "high_ms": times["max"] or 0,
                },
            ).to_arrow_table()
    finally:
        connection.unregister("asked")


def newest(connection: duckdb.DuckDBPyConnection, table: Table, part: Part) -> pa.Table:
    """The newest version, also a withdrawn one, of each session that begins in the period or a margin around it."""
    with outside("read the newest versions of sessions"):
        return connection.execute(
            f"""
            SELECT {", ".join(_plain(table.contract, "v"))} FROM (
              SELECT * FROM {table.name}
              WHERE device_id BETWEEN $first AND $last
                AND started_at >= epoch_ms($from_ms - 2 * {MARGIN_MS})
                AND started_at < epoch_ms($to_ms + 2 * {MARGIN_MS})
              QUALIFY row_number() OVER (PARTITION BY session_id ORDER BY known_at DESC, version DESC) = 1
            ) AS v
            WHERE started_at >= epoch_ms($from_ms - {MARGIN_MS}) AND started_at < epoch_ms($to_ms + {MARGIN_MS})
            ORDER BY device_id, started_at
            """,
            {name: value for name, value in _named(part).items() if name != "topic"},
        ).to_arrow_table()


def settled(connection: duckdb.DuckDBPyConnection, part: Part, settling: Settling, newest_ms: int) -> pa.Table:
    """Up to when nothing of each device can change any more, and the partition of its uploads.

    Columns: device_id; partition; `newest_ms`, when its newest upload came; `received_ms`, before which an upload must
    have come (null: none is settled); `measured_ms`, before which a power curve must have ended.

    Args:
        newest_ms: From `newest_received_ms`.
    """
    with outside("see which sessions are settled"):
        return connection.execute(
            f"""
            WITH own AS MATERIALIZED (
              SELECT device_id, "partition", seq, received_at, last_measured_at,
                received_at <= epoch_ms($old_ms) AS is_old, session_started_at IS NULL AS is_curve
              FROM {UPLOADS.name}
              WHERE outcome = 'accepted' AND topic = $topic AND device_id BETWEEN $first AND $last
            ),
            device AS (
              SELECT device_id, arg_max("partition", received_at) AS "partition",
                max(seq) FILTER (is_old) - $window AS beyond
              FROM own GROUP BY device_id
            ),
            curve AS (
              SELECT device_id, min(last_measured_at) AS measured_at FROM (
                SELECT device_id, last_measured_at FROM own
                WHERE is_old AND is_curve AND last_measured_at IS NOT NULL
                QUALIFY row_number() OVER (PARTITION BY device_id ORDER BY seq DESC) <= $curve_uploads
              ) GROUP BY device_id HAVING count(*) = $curve_uploads
            )
            SELECT device_id, any_value(device."partition")::INTEGER AS "partition",
              epoch_ms(max(received_at)) AS newest_ms,
              epoch_ms(min(received_at) FILTER (seq > beyond)) AS received_ms,
              epoch_ms(any_value(curve.measured_at)) AS measured_ms
            FROM own JOIN device USING (device_id) LEFT JOIN curve USING (device_id)
            GROUP BY device_id ORDER BY device_id
            """,
            {
                "topic": part.topic,
                "first": part.first,
                "last": part.last,
                "old_ms": newest_ms - settling.waits_ms,
                "window": settling.window,
                "curve_uploads": settling.curve_uploads,
            },
        ).to_arrow_table()


_OWN = f"""
SELECT *, coalesce(session_started_at, last_measured_at, sent_at) AS about FROM {UPLOADS.name}
WHERE outcome = 'accepted' AND topic = $topic AND device_id BETWEEN $first AND $last
  AND received_at >= epoch_ms($from_ms - {MARGIN_MS + AHEAD_MS})
"""
_WITHIN = f"about >= epoch_ms($from_ms - {MARGIN_MS}) AND about < epoch_ms($to_ms + {MARGIN_MS})"
_INSIDE = f"SELECT device_id, reading_count FROM ({_OWN}) WHERE {_WITHIN}"
_INSIDE_OWN = f"SELECT device_id, seq FROM own WHERE {_WITHIN}"


def _plain(contract: type[Contract], source: str) -> list[str]:
    """The contract's columns by its own names."""
    return [
        f'epoch_ms({source}."{column.lake_name}") AS "{column.name}"'
        if column.is_instant
        else f'{source}."{column.name}"'
        for column in columns(contract)
    ]


def _named(part: Part) -> dict[str, object]:
    return {
        "topic": part.topic,
        "first": part.first,
        "last": part.last,
        "from_ms": part.from_ms,
        "to_ms": part.to_ms,
    }
