"""Compares the ground truth with lake and record systems (decision D12): nothing lost, nothing twice, nothing wrong.

Places are judged against Kafka itself, so records that no simulator wrote count too; content is judged against the
truth that the producers wrote aside. The SQL here shares nothing with the stream's code.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from schemas.fields import Contract
from schemas.forms import arrow_schema
from schemas.truth import RECORDS_FILE, SESSIONS_FILE, TRUTH_FOLDER, TrueRecord, TrueSession

TOLERANCE = 1e-6
"""Relative: amounts are sums of floats on one side."""
MICROWATT_HOUR = 1e-6
MILLIMETRE = 1e-3
"""On the other side are sums of whole ones: each reading's energy, and a run's distance, may be off by half of one."""
EXAMPLES = 5


@dataclass(frozen=True)
class Verdict:
    """What verify found. `is_clean` tells what must be 0.

    Attributes:
        sent: Records in the telemetry topics, and records that the truth says Kafka acknowledged.
        lost: Records without any outcome, uploads never accepted, accepted uploads with readings missing.
        twice: Records with two outcomes, uploads accepted twice, readings beyond those sent.
        misjudged: Intact uploads refused, broken ones let in, outcomes of records that were never sent, uploads of
            a device in the truth that the truth does not know, refused bytes that are not the ones sent.
        waiting: Uploads that no worker has committed yet; they count as lost until `vaxel run --until-idle`.
        sessions_wrong: Sessions missing, invented, or with other numbers than the truth.
        sums_wrong: Sessions whose energy or distance is not that of their readings.
        record_rows_wrong: Rows in the record systems whose fields differ from what the truth gives.
        examples: For each count that is not 0, a few of the cases.
    """

    sent: int
    waiting: int
    accepted: int
    failed: int
    duplicates: int
    lost: int
    twice: int
    misjudged: int
    sessions_expected: int
    sessions_wrong: int
    sums_wrong: int
    record_rows_checked: int
    record_rows_wrong: int
    record_changes_waiting: int
    examples: dict[str, list[str]] = field(default_factory=dict)

    def is_clean(self) -> bool:
        """Whether nothing is lost, twice or wrong."""
        counts = (self.lost, self.twice, self.misjudged, self.sessions_wrong, self.sums_wrong, self.record_rows_wrong)
        return not any(counts)

    def asdict(self) -> dict[str, object]:
        """By name, as --json prints it."""
        return asdict(self)


def load_truth(lake: duckdb.DuckDBPyConnection, data_dir: Path, sent: pa.Table) -> None:
    """Make the tables that the checks read: sent, truth_records, truth_sessions, seen."""
    lake.register("sent_in_kafka", sent)
    lake.execute(
        f"""
        create or replace temp table truth_records as
        select distinct topic, partition, "offset", device_id, seq, reading_count, intact
        from ({_told(lake, data_dir, RECORDS_FILE, TrueRecord)})
        """
    )
    lake.execute(
        f"""
        create or replace temp table truth_sessions as
        select * from ({_told(lake, data_dir, SESSIONS_FILE, TrueSession)})
        -- The same session told by two runs of one seed: the run that delivered more of it knows it better.
        qualify row_number() over (
          partition by product, device_id, started_at_ms order by delivered_reading_count desc, end_is_known desc
        ) = 1
        """
    )
    lake.execute(
        """
        create or replace temp table sent as
        select topic, partition, "offset", low from sent_in_kafka
        union
        -- What Kafka has let go of by now; only the truth still knows it.
        select t.topic, t.partition, t."offset", 0
        from truth_records t anti join sent_in_kafka k using (topic, partition, "offset");
        create or replace temp table seen as
        select topic, partition, "offset", outcome, device_id, seq, reading_count from uploads
        union all
        select topic, partition, "offset", 'failed', device_id, null, null from failed_events
        """
    )


CHECKS: dict[str, tuple[str, ...]] = {
    "lost": (
        """select 'no outcome: ' || topic || '[' || partition || '] offset ' || "offset" from sent
           anti join seen using (topic, partition, "offset")""",
        """select 'never accepted: ' || device_id || ' seq ' || seq from truth_records where intact
           and (device_id, seq) not in (select (device_id, seq) from seen where outcome = 'accepted')
           and (topic, partition, "offset") not in (select (topic, partition, "offset") from failed_events)""",
        """select 'readings missing: ' || device_id || ' seq ' || seq from reading_counts where found < expected""",
    ),
    "twice": (
        """select 'two outcomes: ' || topic || '[' || partition || '] offset ' || "offset" from seen
           group by topic, partition, "offset" having count(*) > 1""",
        """select 'accepted twice: ' || device_id || ' seq ' || seq from seen where outcome = 'accepted'
           group by device_id, seq having count(*) > 1""",
        """select 'version written twice: ' || session_id || ' version ' || version from (
             select session_id, version from wash_cycle_versions union all select session_id, version from run_versions
           ) group by session_id, version having count(*) > 1""",
        """select 'readings too many: ' || device_id || ' seq ' || seq from reading_counts where found > expected""",
    ),
    "misjudged": (
        """select 'broken but let in: ' || topic || '[' || partition || '] offset ' || "offset" from truth_records
           join seen using (topic, partition, "offset") where not intact and outcome <> 'failed'""",
        """select 'intact but refused (' || reason || '): ' || topic || '[' || partition || '] offset ' || "offset"
           from truth_records join failed_events using (topic, partition, "offset")
           where intact and reason <> 'late'""",
        """select 'never sent: ' || topic || '[' || partition || '] offset ' || "offset" from seen
           anti join sent using (topic, partition, "offset")
           where (topic, partition) in (select (topic, partition) from sent)
           and "offset" >= (select min(low) from sent s where (s.topic, s.partition) = (seen.topic, seen.partition))""",
        """select 'not the bytes that were sent: ' || topic || '[' || partition || '] offset ' || "offset"
           from failed_events join sent_in_kafka using (topic, partition, "offset") where md5(original) <> digest""",
        # By number, not by place: a run killed outright leaves no truth, and the next one of its seed tells the same.
        """select 'unknown to the truth: ' || device_id || ' seq ' || seq from seen where outcome = 'accepted'
           and device_id in (select device_id from truth_records)
           and (device_id, seq) not in (select (device_id, seq) from truth_records)""",
    ),
    "sessions_wrong": (
        """select 'missing: ' || expected from session_pairs where found is null""",
        """select 'invented: ' || found from session_pairs where expected is null""",
        """select 'differs: ' || expected || ', found ' || found from session_pairs where is_different""",
    ),
    # Sessions against their readings: cycles of plug meters too, which no truth tells.
    "sums_wrong": (
        f"""select 'does not add up: cycle ' || session_no || ' of ' || device_id from (
             select device_id, session_no, sum(energy_wh) as wh from wash_cycles where source = 'reported' group by all
             having bool_and(status <> 'open')
           ) join (select device_id, session_no, sum(energy_wh) as read_wh from readings_washer group by all)
           using (device_id, session_no) where abs(wh - read_wh) > {TOLERANCE} * greatest(1, wh)""",
        f"""select 'does not add up: ' || c.session_id from wash_cycles c join readings_washer r
           on r.device_id = c.device_id and r.session_no is null
             and r.measured_at > c.started_at and r.measured_at <= c.ended_at
           where c.source = 'power_curve' group by c.session_id, c.energy_wh
           having abs(c.energy_wh - sum(r.energy_wh)) > {TOLERANCE} * greatest(1, c.energy_wh)""",
        f"""select 'does not add up: run ' || session_no || ' of ' || device_id from (
             select device_id, session_no, max(distance_m) as m from runs group by all having bool_and(status <> 'open')
           ) join (select device_id, session_no, max(distance_m) as read_m from readings_shoe group by all)
           using (device_id, session_no) where abs(m - read_m) > {TOLERANCE} * greatest(1, m) + {MILLIMETRE} / 2""",
    ),
}


def check(lake: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Every case that is wrong, by kind. Needs `load_truth` first."""
    lake.execute(_READING_COUNTS)
    lake.execute(_SESSION_PAIRS)
    return {
        kind: [str(row[0]) for query in queries for row in lake.execute(query).fetchall()]
        for kind, queries in CHECKS.items()
    }


def count(lake: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number a query gives."""
    row = lake.execute(query).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


EXPECTED_SESSIONS = "select count(*) from truth_sessions where delivered_reading_count > 0"

_READING_COUNTS = """
create or replace temp table reading_counts as
select device_id, seq, coalesce(u.reading_count, 0) as expected, coalesce(r.readings, 0) as found
from (select device_id, seq, max(reading_count) as reading_count from uploads where outcome = 'accepted' group by all) u
full join (
  select device_id, seq, count(*) as readings from (
    select device_id, seq from readings_washer union all select device_id, seq from readings_shoe
  ) group by all
) r using (device_id, seq)
"""

_SESSION_PAIRS = f"""
create or replace temp table found_sessions as
select 'washer' as product, session_id, device_id, session_no, epoch_ms(started_at) as started_at_ms,
  epoch_ms(ended_at) as ended_at_ms, energy_wh as amount, {MICROWATT_HOUR} / 2 * reading_count as rounded,
  reading_count, status, version
from wash_cycles where source = 'reported'
union all
select 'shoe', session_id, device_id, session_no, epoch_ms(started_at), epoch_ms(ended_at), distance_m,
  {MILLIMETRE} / 2, reading_count, status, version
from runs;

-- A session under way is told when it begins and when it is over. Until then its one version says what its first
-- uploads said, as many as the version counts.
create or replace temp table told_so_far as
with uploads_so_far as (
  select s.session_id, s.started_at_ms, u.device_id, u.seq from found_sessions s
  join uploads u on u.device_id = s.device_id and u.session_no = s.session_no and u.outcome = 'accepted'
  where s.status = 'open'
  qualify row_number() over (partition by s.session_id order by u."offset") <= s.version
)
select session_id, count(measured_at) as reading_count,
  greatest(any_value(started_at_ms), coalesce(max(epoch_ms(measured_at)), 0)) as ended_at_ms,
  coalesce(sum(energy_wh), max(distance_m), 0) as amount
from uploads_so_far left join (
  select device_id, seq, measured_at, energy_wh, null as distance_m from readings_washer
  union all
  select device_id, seq, measured_at, null, distance_m from readings_shoe
) using (device_id, seq)
group by session_id;

create or replace temp table session_pairs as
with pairs as (
  select e.device_id as expected_device_id, f.device_id as found_device_id, e.end_is_known,
    coalesce(e.started_at_ms, f.started_at_ms) as started_at_ms,
    coalesce(s.ended_at_ms, e.delivered_ended_at_ms) as expected_ended_at_ms,
    coalesce(s.amount, e.delivered_amount) as expected_amount,
    coalesce(s.reading_count, e.delivered_reading_count) as expected_reading_count,
    f.ended_at_ms, f.amount, f.reading_count, f.rounded, f.status
  from (select * from truth_sessions where delivered_reading_count > 0) e
  full join found_sessions f
    on f.product = e.product and f.device_id = e.device_id and f.started_at_ms = e.started_at_ms
  left join told_so_far s on s.session_id = f.session_id
)
select
  expected_device_id || ' at ' || make_timestamp_ms(started_at_ms) || ': ' || expected_amount || ' in '
    || expected_reading_count || ' readings until ' || make_timestamp_ms(expected_ended_at_ms)
    || case when end_is_known then '' else ', open' end as expected,
  found_device_id || ' at ' || make_timestamp_ms(started_at_ms) || ': ' || amount || ' in '
    || reading_count || ' readings until ' || make_timestamp_ms(ended_at_ms) || ', ' || status as found,
  expected_device_id is not null and found_device_id is not null and (
    ended_at_ms <> expected_ended_at_ms
    or reading_count <> expected_reading_count
    or abs(amount - expected_amount) > {TOLERANCE} * greatest(1, expected_amount) + rounded
    or (status = 'open') = end_is_known
  ) as is_different
from pairs
where expected_device_id is not null or found_device_id in (select device_id from truth_sessions)
"""


def _told(lake: duckdb.DuckDBPyConnection, data_dir: Path, file: str, contract: type[Contract]) -> str:
    """A query over the file of that name in each truth folder; no rows when there is none."""
    files = sorted(str(path) for path in (data_dir / TRUTH_FOLDER).glob(f"*/{file}"))
    if not files:
        lake.register("nothing", arrow_schema(contract).empty_table())
        return "select * from nothing"
    quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
    return f"select * from read_parquet([{quoted}], union_by_name => true)"
