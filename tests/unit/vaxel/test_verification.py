"""`verify` has nothing against the stream's own logic, wherever a simulation was cut off and however it was batched."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import get_args

import duckdb
import pytest

from producers.uploads import Upload
from schemas.truth import Fault
from tests.unit.vaxel.in_memory import cut_off, simulated, wrong


def test_every_fault_is_among_what_is_verified() -> None:
    assert {delivery.fault for delivery in simulated()} >= set(get_args(Fault)) - {"wrong_unit"}


@pytest.mark.parametrize("seed", range(2))
def test_a_simulation_cut_off_anywhere_verifies(lake: duckdb.DuckDBPyConnection, tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    sent = simulated()[: rng.randrange(len(simulated()) // 2, len(simulated()))]
    cut_off(lake, tmp_path, sent, rng)
    assert wrong(lake) == {}


def where_sessions_are_under_way() -> int:
    """How many deliveries there are when a cycle and a run have begun and not ended."""
    newest: dict[str, Upload] = {}
    for number, delivery in enumerate(simulated(), start=1):
        upload = delivery.upload
        if delivery.intact and not delivery.is_lost and upload.seq >= newest.get(upload.device_id, upload).seq:
            newest[upload.device_id] = upload
        parts = (upload.part for upload in newest.values())
        under_way = {part.session.product for part in parts if part is not None and not part.ends_session}
        if number > len(simulated()) / 3 and under_way == {"washer", "shoe"}:
            return number
    raise AssertionError("nowhere is a cycle and a run under way")


def test_a_session_under_way_is_held_against_the_uploads_it_counts(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    cut_off(lake, tmp_path, simulated()[: where_sessions_are_under_way()])
    for table, amount in (("wash_cycle", "energy_wh"), ("run", "distance_m")):
        count = lake.execute(f"select count(*) from {table}s where status = 'open'").fetchone()
        assert count is not None
        assert count[0] > 0, f"no open {table} to spoil"
        lake.execute("begin")
        lake.execute(f"update {table}_versions set {amount} = {amount} + 0.1 where status = 'open'")
        assert wrong(lake) == {"sessions_wrong": count[0]}
        lake.execute("rollback")
