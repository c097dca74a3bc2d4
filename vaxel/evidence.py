"""What the lake holds behind a value of a record system: sessions, and the uploads behind these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from schemas.lake import RUN_VERSIONS, UPLOADS, WASH_CYCLE_VERSIONS
from sinks.lake.connection import open_reader, outside
from sinks.lake.snapshots import snapshots


@dataclass(frozen=True)
class Uploads:
    """Uploads of a session that arrived in one partition."""

    topic: str
    partition: int
    count: int
    first_offset: int
    last_offset: int
    first_received_at: datetime
    last_received_at: datetime


@dataclass(frozen=True)
class SessionBehind:
    """One session as the value's lake snapshot knew it.

    Attributes:
        version: None: the lake does not know the session.
        energy_wh: Of wash cycles.
        distance_m: Of runs.
    """

    session_id: str
    version: int | None
    status: str | None
    device_id: str | None
    started_at: datetime | None
    ended_at: datetime | None
    energy_wh: float | None
    distance_m: float | None
    uploads: Sequence[Uploads] = ()


@dataclass(frozen=True)
class Evidence:
    """Sessions behind a value.

    Attributes:
        snapshot: The lake snapshot that was asked, and when it was made.
        is_exact: It is the one that the value was made from; else that one has expired, and the newest was asked.
    """

    snapshot: int
    snapshot_at: datetime
    is_exact: bool
    sessions: Sequence[SessionBehind]


def snapshot_times(catalog: str) -> dict[int, datetime]:
    """When each snapshot was made that the lake still has, by number.

    Raises:
        UnreachableError: the catalogue does not answer.
        OutsideError: it holds no lake.
    """
    return {found.number: datetime.fromtimestamp(found.at_ms / 1000, UTC) for found in snapshots(catalog)}


def evidence(
    catalog: str, files: str, times: Mapping[int, datetime], lake_snapshot: int, named: Sequence[Any]
) -> Evidence:
    """What the lake knows of these sessions.

    Args:
        times: From `snapshot_times`; a lake always has a snapshot.
        lake_snapshot: The one that the value was made from.
        named: Ids of sessions, or objects with `session_id` and, of one version, `version`.
    Raises:
        UnreachableError: the catalogue does not answer.
        OutsideError: a file cannot be read.
    """
    asked = lake_snapshot if lake_snapshot in times else max(times)
    lake = open_reader(catalog, files, as_of=asked)
    try:
        with outside("read the sessions behind a value"):
            sessions = [_session(lake, *_named(one)) for one in named]
    finally:
        lake.close()
    return Evidence(asked, times[asked], asked == lake_snapshot, sessions)


def _named(one: Any) -> tuple[str, int | None]:
    if isinstance(one, dict):
        version = one.get("version")
        return str(one.get("session_id", "")), int(version) if isinstance(version, int) else None
    return str(one), None


_SESSION = f"""
SELECT version, status, device_id, started_at, ended_at, energy_wh, distance_m FROM (
  SELECT session_id, version, status, device_id, started_at, ended_at, energy_wh, NULL AS distance_m, known_at
  FROM {WASH_CYCLE_VERSIONS.name} WHERE session_id = $session_id
  UNION ALL
  SELECT session_id, version, status, device_id, started_at, ended_at, NULL, distance_m, known_at
  FROM {RUN_VERSIONS.name} WHERE session_id = $session_id)
WHERE $version::INTEGER IS NULL OR version = $version
ORDER BY known_at DESC, version DESC LIMIT 1"""  # as the views have it: known last, and of those the highest
_UPLOADS = f"""
SELECT topic, "partition", count(*), min("offset"), max("offset"), min(received_at), max(received_at)
FROM {UPLOADS.name}
WHERE outcome = 'accepted' AND device_id = $device_id
  AND (session_started_at = $started_at
       OR coalesce(last_measured_at, sent_at) BETWEEN $started_at AND $ended_at)
GROUP BY topic, "partition" ORDER BY topic, "partition\""""


def _session(lake: duckdb.DuckDBPyConnection, session_id: str, version: int | None) -> SessionBehind:
    row = lake.execute(_SESSION, {"session_id": session_id, "version": version}).fetchone()
    if row is None:
        return SessionBehind(session_id, version, None, None, None, None, None, None)
    known, status, device_id, started_at, ended_at, energy_wh, distance_m = row
    span = {"device_id": device_id, "started_at": started_at, "ended_at": ended_at}
    uploads = [
        Uploads(topic, partition, count, first, last, _utc(first_at), _utc(last_at))
        for topic, partition, count, first, last, first_at, last_at in lake.execute(_UPLOADS, span).fetchall()
    ]
    return SessionBehind(
        session_id, known, status, device_id, _utc(started_at), _utc(ended_at), energy_wh, distance_m, uploads
    )


def _utc(at: datetime) -> datetime:
    """An instant of the lake, which is UTC, so marked."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
