"""Which uploads a replay leaves out: what is back, on its way back, or met before."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb

from schemas.topics import TELEMETRY_WASHER
from streams.repair import Fit, Held
from streams.repair_folder import RepairFolder, folder_as_is
from streams.repair_rule import Selection
from tests.unit.vaxel.test_failed_events import COLUMNS, accept, fail, tables, tables_of_all
from vaxel.commands.failed_replay import not_back, on_its_way
from vaxel.failed_events import FailedEvents

__all__ = ["tables", "tables_of_all"]

RULE = "watts-0123456789ab"


def a_fit(offset: int, seq: int | None = None) -> Fit:
    held = Held(TELEMETRY_WASHER, 1, offset, "w-1", "cohort_differs", b"{}")
    return Fit(held, "w-1", offset if seq is None else seq, b"{}")


def acknowledge(folder: RepairFolder, offsets: Iterable[int]) -> None:
    with folder.acknowledgements() as file:
        file.write(f"{TELEMETRY_WASHER}[1]@{offset}" for offset in offsets)


def left(lake: duckdb.DuckDBPyConnection, data_dir: Path, folder: RepairFolder) -> tuple[list[int], dict[str, int]]:
    events, skipped = FailedEvents(lake, COLUMNS), {"back_before": 0, "accepted_before": 0}
    fits = [a_fit(offset) for offset in range(6)] + [a_fit(7, seq=5)]
    sent = not_back(events, fits, lambda: on_its_way(events, data_dir, folder), skipped)
    return [fit.held.offset for fit in sent], skipped


def test_what_a_repair_has_brought_back_does_not_come_back_as_it_is_before_the_lake_has_it(
    tables: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Between a repair's replay and the next run the lake knows nothing of it."""
    rule, as_is = RepairFolder(tmp_path / "repairs" / RULE), folder_as_is(tmp_path)
    acknowledge(rule, [0, 1, 2])
    acknowledge(as_is, [3])
    accept(tables, seq=4, minute=0)
    assert left(tables, tmp_path, as_is) == ([5], {"back_before": 4, "accepted_before": 1})
    assert left(tables, tmp_path, rule) == ([3, 5], {"back_before": 3, "accepted_before": 1})


def test_what_a_repair_brought_back_and_was_refused_again_may_come_back_as_it_is(
    tables: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    acknowledge(RepairFolder(tmp_path / "repairs" / RULE), [0, 1, 2])
    fail(tables, 101, seq=1, repair=RULE)
    fail(tables, 102, seq=2, repair="another-0123456789ab")
    assert left(tables, tmp_path, folder_as_is(tmp_path))[0] == [1, 3, 4, 5]
    acknowledge(folder_as_is(tmp_path), [1])
    assert left(tables, tmp_path, folder_as_is(tmp_path))[0] == [3, 4, 5]


def test_what_is_acknowledged_is_looked_up_when_the_first_is_about_to_be_sent(
    tables: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """That is when nobody else brings the same repair back any more."""
    events, folder = FailedEvents(tables, COLUMNS), RepairFolder(tmp_path / "repairs" / RULE)
    skipped = {"back_before": 0, "accepted_before": 0}
    sent = not_back(events, [a_fit(0), a_fit(1)], lambda: on_its_way(events, tmp_path, folder), skipped)
    acknowledge(folder, [0])
    assert [fit.seq for fit in sent] == [1]
    assert events.count(Selection()) == 0
