"""When looking after the lake is due, and why."""

from __future__ import annotations

from schemas.retention import DAY_MS
from sinks.lake.due import MANY_FILES, reasons
from sinks.lake.extent import Extent, Holding

NOW_MS = 100 * DAY_MS


def held(*ages_days: float, **tables: tuple[int, int]) -> Holding:
    """A lake with snapshots so old; of each table the small files and the deleted rows."""
    extents = {
        name: Extent(10, small + 1, 9, 1, 1, deleted, 0, 0, 0, small) for name, (small, deleted) in tables.items()
    }
    snapshots = [(number, NOW_MS - int(days * DAY_MS)) for number, days in enumerate(ages_days)]
    return Holding(extents, snapshots, 0, None, len(snapshots), None)


def test_a_lake_that_was_looked_after_is_not_due() -> None:
    # The newest snapshot before the seven days is what time travel starts from; of what is due for a day no run knew.
    assert reasons(held(30, 7.5, 1, 0, uploads=(3, 0), runs=(MANY_FILES - 4, 0)), NOW_MS) == []
    assert reasons(held(), NOW_MS) == []


def test_many_small_files_are_a_reason_wherever_they_are() -> None:
    assert reasons(held(0, uploads=(40, 0), runs=(97, 0), alerts=(0, 0)), NOW_MS) == ["137 small files in 2 tables"]


def test_deleted_rows_are_a_reason_however_few_for_they_may_be_somebodys() -> None:
    assert reasons(held(0, uploads=(0, 1)), NOW_MS) == ["1 deleted row still in files of 1 table"]


def test_snapshots_are_a_reason_a_day_after_they_should_have_gone() -> None:
    assert reasons(held(30, 20, 8.1, 1), NOW_MS) == ["2 snapshots older than the 7 days that are kept"]
