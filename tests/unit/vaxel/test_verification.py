"""`verify` has nothing against the stream's own logic, wherever a simulation was cut off and however it was batched."""

from __future__ import annotations

from pathlib import Path
from random import Random

import duckdb
import pytest

from tests.unit.vaxel.in_memory import cut_off, simulated, wrong


@pytest.mark.parametrize("seed", range(3))
def test_a_simulation_cut_off_anywhere_verifies(lake: duckdb.DuckDBPyConnection, tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    sent = simulated()[: rng.randrange(300, len(simulated()))]
    cut_off(lake, tmp_path, sent, rng)
    assert wrong(lake) == {}


def test_a_session_under_way_is_held_against_the_uploads_it_counts(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    cut_off(lake, tmp_path, simulated()[: len(simulated()) * 2 // 5], Random(1))
    for table, amount in (("wash_cycle", "energy_wh"), ("run", "distance_m")):
        count = lake.execute(f"select count(*) from {table}s where status = 'open'").fetchone()
        assert count is not None
        assert count[0] > 0, f"no open {table} to spoil"
        lake.execute("begin")
        lake.execute(f"update {table}_versions set {amount} = {amount} + 0.1 where status = 'open'")
        assert wrong(lake) == {"sessions_wrong": count[0]}
        lake.execute("rollback")
