"""Whose use each session was, against the truth of who had the device when it began. SQL only, after `load_truth`."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from schemas.pseudonyms import pseudonym


def load_owners(lake: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Make the table `owners`: who had each device of the truth from when to when, as a pseudonym; null: nobody.

    Args:
        key: Of the pseudonyms.
    """
    found = lake.execute("select distinct customer_id from truth_events where customer_id is not null").fetchall()
    names = [str(row[0]) for row in found]
    subjects = [pseudonym(key, name) for name in names]
    lake.register(
        "pseudonyms",
        pa.table({"customer_id": pa.array(names, pa.string()), "subject": pa.array(subjects, pa.string())}),
    )
    lake.execute(_OWNERS)


_OWNERS = """
create or replace temp table owners as
select device_id, at_ms as from_ms, subject,
  lead(at_ms, 1, 9223372036854775807) over (partition by device_id order by at_ms) as to_ms
from truth_events left join pseudonyms using (customer_id);

create or replace temp table used as
select session_id, device_id, started_at, ended_at, version as session_version, known_at, status,
  energy_wh, null::double as distance_m from wash_cycles where status <> 'open'
union all by name
select session_id, device_id, started_at, ended_at, version as session_version, known_at, status,
  null::double as energy_wh, distance_m from runs where status <> 'open';
"""

USAGE_CHECKS: tuple[str, ...] = (
    "select 'nobody was told of: ' || session_id from used anti join usage using (session_id)",
    """select 'use of no session: ' || session_id from usage anti join used using (session_id)""",
    """select 'not the session as known now: ' || session_id from used join usage u using (session_id)
       where u.session_version <> used.session_version or u.known_at <> used.known_at or u.started_at <> used.started_at
         or u.ended_at <> used.ended_at or u.energy_wh is distinct from used.energy_wh
         or u.distance_m is distinct from used.distance_m""",
    """select 'use told twice: ' || session_id || ' version ' || version from usage_versions
       group by session_id, version having count(*) > 1""",
    """select 'somebody else''s use: ' || session_id || ' (' || status || ')' from usage u join owners o
       on u.device_id = o.device_id and epoch_ms(u.started_at) >= o.from_ms and epoch_ms(u.started_at) < o.to_ms
       where status <> 'unknown_device' and u.subject is distinct from o.subject""",
)

_COUNTS = """
select count(*) filter (status <> 'unknown_device' and device_id in (select device_id from owners)),
  count(*) filter (status = 'unknown_device') from usage
"""


@dataclass(frozen=True)
class UsageCheck:
    """Sessions whose owner was compared, and what is wrong of any.

    Attributes:
        unknown: Sessions of devices that no record system told of: said so, and no fault.
    """

    checked: int
    unknown: int
    wrong: list[str]


def check_usage(lake: duckdb.DuckDBPyConnection, key: bytes) -> UsageCheck:
    """Compare the use that is told of each session with the session and with the truth.

    Args:
        key: Of the pseudonyms.
    """
    load_owners(lake, key)
    wrong = [str(row[0]) for query in USAGE_CHECKS for row in lake.execute(query).fetchall()]
    counts = lake.execute(_COUNTS).fetchone()
    assert counts is not None, "an aggregate has a row"
    return UsageCheck(int(counts[0]), int(counts[1]), wrong)
