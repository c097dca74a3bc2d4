"""What may no longer stay goes, from the files too, and old readings become hours."""

from __future__ import annotations

from datetime import datetime

import duckdb
import psycopg
import pytest

from schemas.retention import DAY_MS, Policy
from sinks.lake.care_plan import Plan
from sinks.lake.connection import open_reader
from tests.integration.lake.kept_lake import SEEN, Kept, age_ms, later_ms

pytestmark = pytest.mark.postgres


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
