"""Compares the ground truth with the lake (decision D12): nothing lost, nothing twice, nothing wrong.

Places are judged against Kafka itself, so records that no simulator wrote count too; content is judged against the
truth that the producers wrote aside. The SQL here shares nothing with the stream's code.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from vaxel.opening import WITHOUT_KEY, Opened
from vaxel.refused_bytes import load_refused_bytes
from vaxel.sent import Sent
from vaxel.session_check import EXPECTED_SESSIONS, SESSION_CHECKS, SESSION_PAIRS
from vaxel.told import killed_runs, load_told
from vaxel.upload_check import READINGS_ADD_UP, READINGS_PER_UPLOAD, UPLOADS_MISJUDGED


def load_truth(lake: duckdb.DuckDBPyConnection, data_dir: Path, sent: Sent, opened: Opened = WITHOUT_KEY) -> None:
    """Make the tables that the checks read: sent, extents, truth_*, seen, accepted, expected_sessions and others.

    Args:
        opened: Opens the bytes of refused uploads.
    """
    lake.register("sent_in_kafka", sent.records)
    lake.register("extents", sent.extents)
    load_told(lake, data_dir)
    load_refused_bytes(lake, opened)
    lake.execute(_SENT_AND_SEEN)
    lake.execute(_UNTOLD, {"is_any_killed": bool(killed_runs(data_dir))})
    lake.execute(EXPECTED_SESSIONS)


CHECKS: dict[str, tuple[str, ...]] = {
    "lost": (
        """select 'no outcome: ' || topic || '[' || partition || '] offset ' || "offset" from sent
           anti join seen using (topic, partition, "offset")""",
        """select 'never accepted: ' || device_id || ' seq ' || seq from (
             select device_id, seq from truth_records where intact and (topic, partition, "offset") in (
               select (topic, partition, "offset") from seen where outcome <> 'failed'
             )
             union
             select device_id, seq from seen where outcome = 'duplicate'
           ) where (device_id, seq) not in (select (device_id, seq) from seen where outcome = 'accepted')""",
        """select 'readings missing: ' || device_id || ' seq ' || seq from upload_readings where found < expected""",
        # Two devices under one name, say. Told as long as Kafka holds both: only bytes sent again are duplicates.
        """select 'judged a duplicate, but other bytes: ' || device_id || ' seq ' || seq from accepted_bytes a
           join (select * from seen join sent_in_kafka using (topic, partition, "offset") where outcome = 'duplicate') d
           using (device_id, seq) where a.digest <> d.digest""",
    ),
    "twice": (
        """select 'two outcomes: ' || topic || '[' || partition || '] offset ' || "offset" from seen
           group by topic, partition, "offset" having count(*) > 1""",
        """select 'accepted twice: ' || device_id || ' seq ' || seq from seen where outcome = 'accepted'
           group by device_id, seq having count(*) > 1""",
        """select 'version written twice: ' || session_id || ' version ' || version from (
             select session_id, version, known_at from wash_cycle_versions
             union all select session_id, version, known_at from run_versions
           -- A backfill and the stream may give away one number, but not of the same uploads.
           ) group by session_id, version, known_at having count(*) > 1""",
        """select 'readings too many: ' || device_id || ' seq ' || seq from upload_readings where found > expected""",
    ),
    "misjudged": (
        """select 'broken but let in: ' || topic || '[' || partition || '] offset ' || "offset" from truth_records
           join seen using (topic, partition, "offset")
           where not intact and outcome <> 'failed' and fault is distinct from 'wrong_unit'""",
        """select 'intact but refused (' || reason || '): ' || t.device_id || ' seq ' || t.seq || ' at '
             || t.topic || '[' || t.partition || '] offset ' || t."offset"
           from truth_records t join refused_bytes using (topic, partition, "offset")
           left join accepted_bytes a on (a.device_id, a.seq) = (t.device_id, t.seq)
           -- Late is right where the same was accepted before. Without bytes in Kafka, the number has to do.
           where intact and not (reason = 'late' and a.seq is not null and coalesce(a.digest = kept_digest, true))""",
        """select 'never sent: ' || topic || '[' || partition || '] offset ' || "offset" from seen
           anti join sent using (topic, partition, "offset") join extents using (topic, partition)
           where "offset" >= low""",
        """select 'not the bytes that were sent: ' || topic || '[' || partition || '] offset ' || "offset"
           from refused_bytes join sent_in_kafka using (topic, partition, "offset") where kept_digest <> digest""",
        """select 'another number of readings than sent: ' || t.device_id || ' seq ' || t.seq from truth_records t
           join seen using (topic, partition, "offset") where intact and t.reading_count <> seen.reading_count""",
        """select 'unknown to the truth: ' || device_id || ' seq ' || seq from untold
           anti join devices_in_doubt using (device_id)""",
        *UPLOADS_MISJUDGED,
    ),
    **SESSION_CHECKS,
    "sums_wrong": (*SESSION_CHECKS["sums_wrong"], READINGS_ADD_UP),
}


def check(lake: duckdb.DuckDBPyConnection, tell: Callable[[str], None] = lambda _kind: None) -> dict[str, list[str]]:
    """Every case that is wrong, by kind. Needs `load_truth` first.

    Args:
        tell: Gets each kind before it is looked for.
    """
    lake.execute(READINGS_PER_UPLOAD)
    lake.execute(SESSION_PAIRS)
    found = {}
    for kind, queries in CHECKS.items():
        tell(kind)
        found[kind] = [str(row[0]) for query in queries for row in lake.execute(query).fetchall()]
    return found


def count(lake: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number a query gives."""
    row = lake.execute(query).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


GONE = """
select count(*) from seen anti join sent using (topic, partition, "offset") join extents using (topic, partition)
where "offset" < low
"""
UNTOLD = "select count(*) from untold semi join devices_in_doubt using (device_id)"
LOST_BEFORE = "select count(*) from truth_uploads anti join accepted using (device_id, seq) where is_lost"
LET_IN = """
select count(*) from truth_records join seen using (topic, partition, "offset")
where fault = 'wrong_unit' and outcome = 'accepted'
"""

_SENT_AND_SEEN = """
create or replace temp table sent as
select topic, partition, "offset" from sent_in_kafka
union
-- What Kafka has let go of by now; only the truth still knows it.
select topic, partition, "offset" from truth_records;

create or replace temp table seen as
select topic, partition, "offset", outcome, device_id, seq, reading_count from uploads
union all
select topic, partition, "offset", 'failed', device_id, null, null from failed_events;

create or replace temp table accepted as
select distinct device_id, seq from seen where outcome = 'accepted';

-- Under each number that was accepted, the bytes; null where Kafka no longer holds them.
create or replace temp table accepted_bytes as
select device_id, seq, any_value(digest) as digest from seen
left join sent_in_kafka using (topic, partition, "offset") where outcome = 'accepted' group by all
"""

# By number, not by place: a run killed outright does not tell its last places, and the next one of its seed tells the
# same numbers. What came back repaired has a place that no producer knows; its number is that of the refused upload.
_UNTOLD = """
create or replace temp table untold as
select distinct device_id, seq from seen
left join sent_in_kafka using (topic, partition, "offset")
where outcome = 'accepted'
  and not coalesce(is_repaired, (device_id, seq) in (select (device_id, seq) from truth_uploads))
  and (device_id, seq) not in (select (device_id, seq) from truth_records where intact)
  and (topic, partition, "offset") not in (select (topic, partition, "offset") from truth_records);

-- The truth does not know these, or not all that they sent: a run did not live to tell, and may have sent the rest.
create or replace temp table devices_in_doubt as
select distinct device_id from untold where $is_any_killed or device_id not in (select device_id from truth_uploads)
"""
