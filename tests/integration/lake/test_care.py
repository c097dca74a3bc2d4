"""What `vaxel lake maintain` does to a lake: fewer files, nothing that may not stay, and the same answers as before."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import psycopg
import pytest

from schemas.errors import OutsideError
from schemas.retention import DAY_MS, Policy
from sinks.lake import digests
from sinks.lake.care import maintain, only_maintainer
from sinks.lake.care_plan import STEPS, Plan
from sinks.lake.connection import open_reader
from sinks.lake.extent import holding
from sinks.lake.files import catalogue
from sinks.lake.forecast import foreseen
from tests.integration.lake.conftest import FreshDatabase
from tests.integration.lake.kept_lake import ALL_AT_ONCE, SEEN, Kept, age_ms, later_ms, now_ms, total

pytestmark = pytest.mark.postgres


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


def test_who_comes_after_a_care_that_has_ended_is_let_in_at_once(fresh_database: FreshDatabase) -> None:
    catalog = fresh_database()
    with psycopg.connect(catalog, autocommit=True) as other:
        for _ in range(100):
            with only_maintainer(catalog):
                pass
            held = (
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database "
            )
            assert other.execute(held + "WHERE datname = current_database())").fetchone() == (0,)
