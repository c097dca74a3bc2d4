"""`vaxel lake files`: what it lists is the table, as Arrow reads it, or it says what is missing."""

from __future__ import annotations

import json

import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

from sinks.lake.connection import open_writer
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake
from tests.integration.lake.test_sql_command import variables
from vaxel.__main__ import run

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


def test_what_it_lists_is_the_table_as_arrow_reads_it_or_it_says_what_is_missing(
    lake: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables(lake).items():
        monkeypatch.setenv(name, value)
    lake.produce(range(3))
    lake.sink(3 * ROWS_IN_A_FRAME)
    with open_writer(lake.catalog, lake.files) as writer:
        writer.execute(
            "INSERT INTO readings_washer BY NAME SELECT 'w-0' AS device_id, 7::BIGINT AS seq, 9.5 AS power_w"
        )
        writer.execute("DELETE FROM readings_washer WHERE seq IN (1, 2)")
    assert run(["lake", "files", "readings_washer", "--json"]) == 1
    told = capsys.readouterr()
    listed = json.loads(told.out)
    assert (listed["rows"], listed["rows_in_catalogue"], listed["rows_deleted"]) == (3 * ROWS_IN_A_FRAME - 1, 1, 2)
    assert "vaxel lake maintain" in told.err

    with open_writer(lake.catalog, lake.files) as writer:
        writer.execute("CALL ducklake_flush_inlined_data('lake')")
        writer.execute("CALL ducklake_rewrite_data_files('lake', delete_threshold => 0)")
    assert run(["lake", "files", "readings_washer"]) == 0
    paths = capsys.readouterr().out.splitlines()
    read = ds.dataset(paths, format="parquet").to_table(columns=["seq", "power_w"])
    assert read.num_rows == 3 * ROWS_IN_A_FRAME - 1
    assert [(read.num_rows, pc.sum(read["seq"]).as_py(), pc.sum(read["power_w"]).as_py())] == lake.ask(
        "SELECT count(*), sum(seq), sum(power_w) FROM readings_washer"
    )


def test_a_table_that_is_none_is_refused_with_those_there_are(
    lake: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables(lake).items():
        monkeypatch.setenv(name, value)
    assert run(["lake", "files", "wash_cycles"]) == 2
    assert "wash_cycle_versions" in capsys.readouterr().err
