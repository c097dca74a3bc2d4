"""What `vaxel lake maintain` does to a lake: fewer files, nothing that may not stay, and the same answers as before."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from schemas.errors import OutsideError
from schemas.lake import TABLES
from schemas.retention import DAY_MS, HOUR_MS, Policy
from sinks.lake import digests, leftovers, tables
from sinks.lake.care import maintain, only_maintainer
from sinks.lake.care_plan import STEPS, Done, Plan
from sinks.lake.connection import open_reader, open_writer
from sinks.lake.crash_points import MAINTAIN_POINTS, VARIABLE
from sinks.lake.doubt import Way
from sinks.lake.extent import holding
from sinks.lake.files import catalogue
from sinks.lake.forecast import foreseen
from tests.integration.lake.conftest import ROOT, FreshDatabase

pytestmark = pytest.mark.postgres

FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)
HEART_RATE = 143.21875
"""Found in a file's values, it is one of ours."""
ALL_AT_ONCE = Plan(snapshots_for_ms=0, grace_ms=0)
READING = """
SELECT 's-' || (i % 3) AS device_id, {first} + i AS seq, 1 AS session_no,
       ('{day}'::TIMESTAMP + to_milliseconds(i * {every_ms}))::TIMESTAMP AS measured_at, 1000 AS span_ms,
       i::DOUBLE AS distance_m, 170.0 AS cadence_spm, {heart_rate} + (i % 4) * 0.0078125 AS heart_rate_bpm,
       53.5 AS latitude_deg, 10.25 AS longitude_deg
FROM range({rows}) AS t(i)
"""
SEEN = "SELECT count(*), count(DISTINCT seq), sum(seq), count(heart_rate_bpm), count(latitude_deg) FROM readings_shoe"


@dataclass(frozen=True)
class Kept:
    """A lake without a Kafka."""

    catalog: str
    files: str
    writer: duckdb.DuckDBPyConnection

    def put(self, first: int, rows: int, day: int = 1, every_ms: int = 1000, heart_rate: float = HEART_RATE) -> None:
        values = {"first": first, "rows": rows, "day": f"2026-03-{day:02}", "every_ms": every_ms}
        self.writer.execute(f"INSERT INTO readings_shoe BY NAME {READING.format(heart_rate=heart_rate, **values)}")

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with open_reader(self.catalog, self.files) as reader:
            return reader.execute(query).fetchall()

    def newest(self) -> int:
        return max(number for number, _ in holding(self.catalog).snapshots)

    def maintain(self, plan: Plan = Plan(), at_ms: int | None = None) -> dict[str, Done]:  # noqa: B008
        """What was done, by step; as seen by a clock that says `at_ms`."""
        done: dict[str, Done] = {}
        maintain(
            self.catalog, self.files, plan, now_ms=now_ms() if at_ms is None else at_ms,
            report=lambda step: done.__setitem__(step.name, step),
        )  # fmt: skip
        return done

    def parquet(self, table: str = "readings_shoe") -> list[Path]:
        return sorted(Path(self.files).glob(f"main/{table}/**/*.parquet"))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def later_ms(days: int = 1) -> int:
    """So late that nothing is too young to go."""
    return now_ms() + days * DAY_MS


def age_ms(at_ms: int, day: int) -> int:
    """How long ago the begin of that day of March 2026 is then."""
    return at_ms - int(FIRST_DAY.timestamp() * 1000) - (day - 1) * DAY_MS


@pytest.fixture
def kept(fresh_database: FreshDatabase, tmp_path: Path) -> Iterator[Kept]:
    catalog, files = fresh_database(), str(tmp_path / "lake")
    with open_writer(catalog, files) as writer:
        tables.prepare(writer, TABLES, Way())
        yield Kept(catalog, files, writer)


def total(done: Done) -> int:
    return sum(change.count for change in done.changes)


def test_small_files_and_inlined_rows_become_one_sorted_file_a_day_and_time_travel_stays_right(kept: Kept) -> None:
    seen = {}
    for number in range(6):
        kept.put(number * 1000, 300 if number % 2 else 30, day=1 + number // 3)
        seen[kept.newest()] = kept.ask(SEEN)
    done = kept.maintain()
    assert [done[name].number for name in STEPS] == list(range(1, 9))
    assert total(done["flush"]) == 3 * 30
    assert holding(kept.catalog).tables["readings_shoe"].files == 2
    for version, answer in seen.items():
        with open_reader(kept.catalog, kept.files, as_of=version) as reader:
            assert reader.execute(SEEN).fetchall() == answer
    for (path,) in kept.ask("SELECT data_file FROM ducklake_list_files('lake', 'readings_shoe')"):
        keys = duckdb.sql(f"SELECT device_id, measured_at FROM read_parquet('{path}')").fetchall()
        assert keys == sorted(keys)
    again = kept.maintain()
    assert [total(again[name]) for name in STEPS] == [0] * 8


def test_row_groups_of_merged_files_have_between_100_000_and_a_million_rows(kept: Kept) -> None:
    for number in range(5):
        kept.put(number * 100_000, 90_000, every_ms=900)
    kept.maintain()
    ((path,),) = kept.ask("SELECT data_file FROM ducklake_list_files('lake', 'readings_shoe')")
    groups = duckdb.sql(
        f"SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata('{path}') ORDER BY 1"
    ).fetchall()
    assert len(groups) > 1
    assert all(100_000 <= rows <= 1_000_000 for _, rows in groups[:-1])
    assert sum(rows for _, rows in groups) == 450_000
    keys = duckdb.sql(f"SELECT device_id, measured_at FROM read_parquet('{path}')").fetchall()
    assert keys == sorted(keys)


def test_what_may_no_longer_stay_is_in_no_file_and_not_in_the_catalogue(kept: Kept) -> None:
    for day in (1, 2, 3):
        kept.put(day * 10_000, 500, day=day)
        kept.put(day * 10_000 + 5_000, 20, day=day)  # inlined
    kept.maintain()
    kept.put(90_000, 20, day=1)  # inlined again, and late
    at_ms = later_ms()
    # Both end in the middle of a file, so that most of what is in it stays.
    policy = Policy({"health": age_ms(at_ms, day=3) - 250_000, "usage": age_ms(at_ms, day=2) - 100_000})
    done = kept.maintain(Plan(policy, snapshots_for_ms=0, grace_ms=0), at_ms)
    assert [(change.table, change.what, change.count) for change in done["retention"].changes] == [
        ("readings_shoe", "usage: rows gone", 540 + 120),
        ("readings_shoe", "health: rows without heart_rate_bpm, ground_contact_ms, contact_balance_pct", 400 + 270),
    ]
    assert done["clean-up"].removed_bytes > 0
    assert kept.ask("SELECT min(measured_at), count(*), count(heart_rate_bpm) FROM readings_shoe") == [
        (datetime(2026, 3, 2, 0, 1, 40), 920, 250)  # noqa: DTZ001
    ]
    found = duckdb.sql(
        "SELECT min(measured_at), min(measured_at) FILTER (heart_rate_bpm IS NOT NULL), count(*), count(heart_rate_bpm)"
        f" FROM read_parquet({[str(path) for path in kept.parquet()]}, union_by_name => true)"
    ).fetchall()
    assert found == [(datetime(2026, 3, 2, 0, 1, 40), datetime(2026, 3, 3, 0, 4, 10), 920, 250)]  # noqa: DTZ001
    with psycopg.connect(kept.catalog) as catalogue:
        inlined = [
            table
            for (table,) in catalogue.execute("SELECT table_name FROM ducklake_inlined_data_tables").fetchall()
            if catalogue.execute(f'SELECT count(*) FROM "{table}"').fetchone() != (0,)
        ]
    assert inlined == []


def test_nothing_is_deleted_and_nothing_rolled_up_unless_told(kept: Kept) -> None:
    kept.put(0, 300)
    before = kept.ask(SEEN)
    done = kept.maintain(at_ms=later_ms(days=4_000))
    assert not done["retention"].changes
    assert not done["roll-up"].changes
    assert kept.ask(SEEN) == before


HOURS = "SELECT sum(readings), sum(span_ms), max(to_distance_m), count(*) FROM shoe_hours"


def test_readings_become_hours_and_those_that_come_late_too_and_the_hours_say_the_same(kept: Kept) -> None:
    at_ms = later_ms()
    plan = Plan(roll_up_after_days=age_ms(at_ms, day=2) // DAY_MS)
    kept.put(0, 600, day=1, every_ms=20_000)
    kept.put(1_000, 300, day=2)
    for late in (None, (2_000, 300), (3_000, 7)):
        if late is not None:
            kept.put(*late, every_ms=20_000)
        before = kept.ask(HOURS)
        seen = kept.newest()
        assert sum(change.count for change in kept.maintain(plan, at_ms)["roll-up"].changes) == (late or (0, 600))[1]
        assert kept.ask(HOURS) == before
        assert kept.ask("SELECT count(*), min(seq) FROM readings_shoe") == [(300, 1_000)]
        with open_reader(kept.catalog, kept.files, as_of=seen) as reader:
            assert reader.execute(HOURS).fetchall() == before
    assert kept.ask("SELECT sum(readings) FROM reading_hours_shoe") == [(907,)]


def test_snapshots_of_a_clock_that_jumped_go_no_earlier_than_by_a_clock_that_did_not(kept: Kept) -> None:
    for number in range(6):
        kept.put(number * 1_000, 300)
    newest = kept.newest()
    hours_ago = {newest - 5: 30, newest - 4: 20, newest - 3: -1_000, newest - 2: 10, newest - 1: 100_000, newest: 1}
    with psycopg.connect(kept.catalog) as catalogue:
        catalogue.execute("UPDATE ducklake_snapshot SET snapshot_time = now() - make_interval(hours => 40)")
        for number, hours in hours_ago.items():
            catalogue.execute(
                "UPDATE ducklake_snapshot SET snapshot_time = now() - make_interval(hours => %s) "
                "WHERE snapshot_id = %s", [hours, number]
            )  # fmt: skip
    # Of two of them the clock was wrong: weeks ahead, years behind.
    kept.maintain(Plan(snapshots_for_ms=15 * HOUR_MS))
    left = {number for number, _ in holding(kept.catalog).snapshots}
    # The second one was what the lake held until ten hours ago, as far as can be told.
    assert left >= {newest - 4, newest - 3, newest - 2, newest - 1, newest}
    assert newest - 5 not in left


def test_orphans_go_once_they_are_old_and_nothing_else_does(kept: Kept, tmp_path: Path) -> None:
    kept.put(0, 300)
    folder = kept.parquet()[0].parent
    old, young, other = folder / "old.parquet", folder / "young.parquet", Path(kept.files) / "notes.txt"
    for path in (old, young, other):
        path.write_bytes(b"PAR1")
    outside = tmp_path / "outside.parquet"
    outside.write_bytes(b"PAR1")
    for path in (old, other, outside, *kept.parquet()):
        if path != young:
            os.utime(path, times=(0, 0))
    done = kept.maintain()
    assert [(change.what, change.count) for change in done["orphans"].changes] == [("files no snapshot ever needed", 1)]
    assert done["orphans"].removed_bytes == 4
    assert [path.exists() for path in (old, young, other, outside)] == [False, True, True, True]
    assert kept.ask("SELECT count(*) FROM readings_shoe") == [(300,)]


def test_a_transaction_that_is_open_keeps_its_files_and_its_snapshot(kept: Kept) -> None:
    for number in range(3):
        kept.put(number * 1_000, 300)
    seen = kept.newest()
    with open_reader(kept.catalog, kept.files) as reader:
        reader.execute("BEGIN")
        before = reader.execute(SEEN).fetchall()
        kept.put(9_000, 300)
        files = kept.parquet()
        kept.maintain(ALL_AT_ONCE, later_ms())
        assert holding(kept.catalog).tables["readings_shoe"].files == 1
        assert set(files) <= set(kept.parquet())
        assert seen in {number for number, _ in holding(kept.catalog).snapshots}
        assert reader.execute(SEEN).fetchall() == before
        reader.execute("COMMIT")
    kept.maintain(ALL_AT_ONCE, later_ms())
    assert len(kept.parquet()) == 1
    assert kept.ask("SELECT count(*) FROM readings_shoe") == [(1200,)]


def test_a_transaction_begun_while_files_were_merged_keeps_those_from_before(kept: Kept) -> None:
    for number in range(3):
        kept.put(number * 1_000, 300)
    files = kept.parquet()
    kept.writer.execute("BEGIN")
    kept.writer.execute("CALL ducklake_merge_adjacent_files('lake', 'readings_shoe')")
    time.sleep(0.01)
    with open_reader(kept.catalog, kept.files) as reader:
        # It begins later than the merging does, by any clock, and yet sees what was before.
        reader.execute("BEGIN")
        before = reader.execute(SEEN).fetchall()
        kept.writer.execute("COMMIT")
        kept.maintain(ALL_AT_ONCE, later_ms())
        assert set(files) <= set(kept.parquet())
        assert reader.execute(SEEN).fetchall() == before


def test_a_file_that_is_being_written_is_no_orphan_whatever_the_clock_says(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.put(0, 300)
    remove = leftovers.remove_orphans

    def written_just_now(lake: duckdb.DuckDBPyConnection, before_ms: int) -> leftovers.Removed:
        kept.writer.execute("BEGIN")
        kept.put(1_000, 300)
        return remove(lake, before_ms)

    monkeypatch.setattr(leftovers, "remove_orphans", written_just_now)
    done = kept.maintain(ALL_AT_ONCE, later_ms())
    kept.writer.execute("COMMIT")
    assert not done["orphans"].changes
    assert kept.ask("SELECT count(*) FROM readings_shoe") == [(600,)]


def test_two_do_not_look_after_one_lake_at_once(kept: Kept) -> None:
    with only_maintainer(kept.catalog), pytest.raises(OutsideError, match="Another `vaxel lake maintain`"):
        kept.maintain()


def test_without_a_lake_none_is_made(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    catalog = fresh_database()
    with pytest.raises(OutsideError, match="holds no lake yet"):
        maintain(catalog, str(tmp_path / "lake"), Plan(), now_ms=now_ms())
    with pytest.raises(OutsideError, match="holds no lake yet"):
        foreseen(catalog, str(tmp_path / "lake"), Plan(), now_ms=now_ms())
    assert not (tmp_path / "lake").exists()


def test_a_dry_run_says_what_would_be_done_and_does_nothing(kept: Kept) -> None:
    for day in (1, 1, 2):
        kept.put(day * 10_000, 300, day=day)
    kept.put(90_000, 20, day=2)
    at_ms = later_ms()
    plan = Plan(Policy({"location": age_ms(at_ms, day=2)}), age_ms(at_ms, day=2) // DAY_MS, 0, 0)
    state = (kept.newest(), kept.parquet(), holding(kept.catalog).tables)
    told = {step.name: step for step in foreseen(kept.catalog, kept.files, plan, now_ms=at_ms)}
    assert (kept.newest(), kept.parquet(), holding(kept.catalog).tables) == state
    assert sum(change.count for change in told["merge"].changes) == 1
    done = kept.maintain(plan, at_ms)
    for name in ("flush", "retention", "roll-up"):
        assert told[name].changes
        assert told[name].changes == done[name].changes


def test_what_it_writes_has_its_digest_and_what_is_gone_has_none(kept: Kept) -> None:
    for number in range(3):
        kept.put(number * 1_000, 300)
        kept.put(10_000 + number * 1_000, 20)
    with catalogue(kept.catalog) as connection:
        digests.keep(connection, {str(path): "of before" for path in kept.parquet()})
    kept.maintain(ALL_AT_ONCE, later_ms())
    with catalogue(kept.catalog) as connection:
        known = digests.known(connection)
    assert known == {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept.parquet()}
    assert len(known) == 1


def test_positions_stay_in_the_catalogue_and_time_travel_finds_the_older_ones(kept: Kept) -> None:
    kept.writer.execute("INSERT INTO sink_position SELECT 't', i, 'id', 1 FROM range(300) AS t(i)")
    seen = {}
    for offset in (1, 2, 3):
        kept.writer.execute("UPDATE sink_position SET next_offset = ?", [offset])
        seen[kept.newest()] = offset
    kept.maintain()
    assert kept.ask("SELECT count(*), min(next_offset), max(next_offset) FROM sink_position") == [(300, 3, 3)]
    assert holding(kept.catalog).tables["sink_position"].files == 0
    for version, offset in seen.items():
        with open_reader(kept.catalog, kept.files, as_of=version) as reader:
            found = reader.execute("SELECT count(*), min(next_offset), max(next_offset) FROM sink_position").fetchall()
        assert found == [(300, offset, offset)]
    newest = kept.newest()
    assert not kept.maintain()["flush"].changes
    assert kept.newest() == newest


def a_lake_with_work_for_every_step(kept: Kept) -> tuple[dict[str, Any], list[Any]]:
    """What to have done, and what has to come of it."""
    for day in (1, 2, 3, 4):
        for number in range(2):
            kept.put(day * 10_000 + number * 1_000, 300, day=day)
    kept.put(90_000, 20, day=4)
    kept.writer.execute("INSERT INTO sink_position VALUES ('t', 0, 'id', 1)")
    kept.writer.execute("UPDATE sink_position SET next_offset = 2")
    orphan = kept.parquet()[0].with_name("orphan.parquet")
    orphan.write_bytes(b"PAR1")
    os.utime(orphan, times=(0, 0))
    at_ms = later_ms()
    call = {
        "at_ms": at_ms, "usage_ms": age_ms(at_ms, day=2), "roll_up_after_days": age_ms(at_ms, day=3) // DAY_MS,
        "health_ms": age_ms(at_ms, day=4),
    }  # fmt: skip
    return call, [(600 + 600 + 620, (600 + 600 + 620) * 1000)]


@pytest.mark.parametrize("point", MAINTAIN_POINTS)
def test_killed_between_two_steps_the_lake_is_sound_and_the_next_run_does_the_rest(kept: Kept, point: str) -> None:
    call, expected = a_lake_with_work_for_every_step(kept)
    before = kept.ask("SELECT sum(readings), sum(span_ms) FROM shoe_hours")
    program = Path(__file__).with_name("maintain_process.py")
    command = [sys.executable, str(program), kept.catalog, kept.files, json.dumps(call)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), VARIABLE: point}
    assert subprocess.run(command, env=environment, timeout=120, check=False).returncode == -signal.SIGKILL
    assert kept.ask("SELECT sum(readings), sum(span_ms) FROM shoe_hours") in (before, expected)
    assert kept.ask("SELECT count(*) - count(DISTINCT seq) FROM readings_shoe") == [(0,)]
    del environment[VARIABLE]
    # What a killed one wrote and did not commit is an orphan from now on: by tomorrow it is old.
    for name in ("at_ms", "usage_ms", "health_ms"):
        call[name] += DAY_MS
    call["roll_up_after_days"] += 1
    subprocess.run([*command[:-1], json.dumps(call)], env=environment, timeout=120, check=True)
    assert kept.ask("SELECT sum(readings), sum(span_ms) FROM shoe_hours") == expected
    assert kept.ask("SELECT count(*), count(heart_rate_bpm), min(measured_at) FROM readings_shoe") == [
        (1220, 620, datetime(2026, 3, 3))  # noqa: DTZ001
    ]
    assert kept.ask("SELECT next_offset, filename LIKE '%.parquet' FROM sink_position") in ([(2, False)], [(2, None)])
    listed = kept.ask("SELECT data_file FROM ducklake_list_files('lake', 'readings_shoe')")
    assert [str(path) for path in kept.parquet()] == sorted(path for (path,) in listed)
    assert len(listed) == 2
