"""When the next run of looking after the lake can do what this one could not yet."""

from __future__ import annotations

from schemas.retention import DAY_MS, HOUR_MS
from sinks.lake.care_plan import Plan
from sinks.lake.extent import Holding
from sinks.lake.waits import Waits, waits

NOW_MS = 100 * DAY_MS
PLAN = Plan(snapshots_for_ms=7 * DAY_MS, grace_ms=DAY_MS)


def held(
    *snapshots: tuple[int, int], scheduled_ms: int | None = None, ended: int | None = None, scheduled: int = 1
) -> Holding:
    """Snapshots with the days at which they were made; the first file that one of them ended."""
    files = 0 if scheduled_ms is None else scheduled
    made = [(number, day * DAY_MS) for number, day in snapshots]
    return Holding({}, made, files, None, 0, None, scheduled_ms, ended)


def test_without_old_files_nothing_waits() -> None:
    assert waits(held((1, 90), (2, 99)), PLAN, NOW_MS) == Waits(None, None)
    assert waits(held(), PLAN, NOW_MS) == Waits(None, None)


def test_an_old_file_waits_for_its_last_snapshot_and_then_for_the_grace() -> None:
    # Snapshot 3 replaced the file, so 2 is the last that needs it; what 2 held ended on day 97, when 3 was made.
    #
    #   snapshot   1    2    3    4      now
    #   day        90   95   97   99     100      104: 2 goes    105: its file goes
    found = waits(held((1, 90), (2, 95), (3, 97), (4, 99), ended=3), PLAN, NOW_MS)
    assert found == Waits(expire_ms=104 * DAY_MS, remove_ms=105 * DAY_MS)


def test_a_file_that_only_an_expired_snapshot_needed_waits_for_the_grace_alone() -> None:
    began_ms = NOW_MS - 3 * HOUR_MS
    assert waits(held((9, 99), scheduled_ms=began_ms), PLAN, NOW_MS) == Waits(None, began_ms + DAY_MS)
    # The earlier of the two counts.
    found = waits(held((1, 90), (2, 98), scheduled_ms=began_ms, ended=2), PLAN, NOW_MS)
    assert found == Waits(105 * DAY_MS, began_ms + DAY_MS)


def test_what_is_due_already_counts_from_now_on() -> None:
    found = waits(held((1, 10), (2, 20), ended=2), PLAN, NOW_MS)
    assert found == Waits(expire_ms=NOW_MS, remove_ms=NOW_MS + DAY_MS)
    assert waits(held((1, 99), scheduled_ms=DAY_MS), PLAN, NOW_MS) == Waits(None, NOW_MS)


def test_a_file_that_no_kept_snapshot_needs_is_none_to_wait_for() -> None:
    assert waits(held((5, 90), (6, 99), ended=5), PLAN, NOW_MS) == Waits(None, None)
