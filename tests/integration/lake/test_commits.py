"""A commit whose answer never comes, or that is frozen: every row once, and nobody waits for ever."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from sinks.lake.connection import exists
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake, wait_for
from tests.integration.lake.test_faults import COUNTS, exactly, stopped
from tests.integration.lake.wire import wire_to

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

FRAMES = 5


@pytest.mark.parametrize("cut", ["within", "before", "behind"])
def test_a_commit_whose_answer_never_comes_is_found_out_by_the_positions(lake: Lake, cut: str) -> None:
    lake.produce(range(FRAMES))
    with wire_to(lake.catalog) as (wire, catalog):
        # A process of its own: DuckDB may ask the catalogue while it holds Python's lock, and the wire is Python too.
        sink = replace(lake, catalog=catalog).start()
        wait_for(lambda: exists(lake.catalog) and lake.lag() == 0)
        wire.cut = cut
        lake.produce(range(FRAMES, FRAMES + 1))
        wait_for(lambda: bool(wire.cuts) and lake.lag() == 0)
        assert lake.ask(COUNTS) == exactly((FRAMES + 1) * ROWS_IN_A_FRAME)
        # It reads on from where the catalogue is, not from where it thought.
        lake.produce(range(FRAMES + 1, FRAMES + 2))
        wait_for(lambda: lake.lag() == 0)
        assert stopped(sink) == 0
    assert wire.cuts == 1
    assert lake.ask(COUNTS) == exactly((FRAMES + 2) * ROWS_IN_A_FRAME)


def test_a_sink_frozen_in_its_commit_holds_up_the_others_until_the_catalogue_ends_it(lake: Lake) -> None:
    lake.produce(range(1))
    lake.sink(1)
    with wire_to(lake.catalog) as (wire, catalog):
        # The operator's own limit, instead of a minute.
        hasty = make_conninfo(catalog, options="-c idle_in_transaction_session_timeout=15s")
        frozen = replace(lake, catalog=hasty).start_with({"max_rows": 1_000, "max_age_s": 0.2, "share": "1/2"})
        lake.produce(range(1, 2))
        wait_for(lambda: lake.lag() == 0)
        wire.cut = "freeze"
        lake.produce(range(2, 3))
        wait_for(lambda: bool(wire.cuts))
        waiting = lake.start_with({"max_rows": 1_000, "max_age_s": 0.2, "share": "2/2"})
        lake.produce(range(3, 4), partition=1)
        asked = "SELECT count(*) FROM readings_washer WHERE device_id = 'w-3'"
        wait_for(lambda: waiting.poll() is not None or lake.ask(asked) == [(ROWS_IN_A_FRAME,)])
        assert stopped(waiting) == 0
        wire.thaw.set()
        wait_for(lambda: lake.lag() == 0)
        assert stopped(frozen) == 0
    assert lake.ask(COUNTS) == exactly(4 * ROWS_IN_A_FRAME)


def test_a_sink_that_waits_for_a_frozen_one_ends_when_told_to(lake: Lake) -> None:
    lake.produce(range(1), partition=1)
    lake.sink(1)
    sink = lake.start_with({"max_rows": 1_000, "max_age_s": 0.2, "share": "2/2"})
    lake.produce(range(1, 2), partition=1)
    wait_for(lambda: lake.lag() == 0)
    with psycopg.connect(lake.catalog) as frozen:
        # As a commit of DuckLake begins: with the number of the next snapshot.
        frozen.execute("INSERT INTO ducklake_snapshot SELECT max(snapshot_id) + 1 FROM ducklake_snapshot")
        lake.produce(range(2, 3), partition=1)
        wait_for(lambda: waits(lake.catalog))
        assert stopped(sink) != 0
        frozen.rollback()
    assert lake.ask(COUNTS) == exactly(2 * ROWS_IN_A_FRAME)


def waits(catalog: str) -> bool:
    """Whether somebody waits for a lock of somebody else's transaction."""
    with psycopg.connect(catalog) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return found.fetchone() is not None
