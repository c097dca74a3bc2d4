"""The steps of looking after the lake. Each returns what it changed, and the bytes of the files it removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from schemas.lake import SINK_POSITION
from schemas.retention import removals
from sinks.lake import crash_points, digests, flushing, leftovers, retention, roll_up
from sinks.lake.care_plan import Change, StepName
from sinks.lake.connection import LAKE
from sinks.lake.expiry import expired
from sinks.lake.extent import holding
from sinks.lake.files import catalogue
from sinks.lake.work import Work

FLUSHED, ROLLED_UP = "rows moved to files", "readings rolled up"
REWRITTEN, MERGED = "deleted rows left out of new files", "files fewer"
EXPIRED, OLD, ORPHANS = "snapshots", "files no snapshot needs", "files no snapshot ever needed"

EXPIRED_AT_ONCE = 5_000
"""Snapshots a transaction: a statement of DuckLake names each of them."""
Changes = tuple[Iterable[Change], int]


def _flush(work: Work, number: int) -> Changes:
    changes = []
    for name in work.each(number, flushing.waiting(work.lake)):

        def flush(name: str = name) -> int:
            return flushing.to_files(work.lake, name)

        if name == SINK_POSITION.name:
            work.in_turn(name, flush)
            crash_points.reached("maintain.positions-flushed")
        else:
            changes.append(Change(name, FLUSHED, work.attempt(name, flush)))
    if flushing.positions_left(work.lake):
        work.in_turn(SINK_POSITION.name, lambda: flushing.take_positions_back(work.lake))
    return changes, 0


def _retain(work: Work, number: int) -> Changes:
    changes = []
    for removal in work.each(number, removals(work.plan.policy, work.now_ms)):
        rows = 0
        for part in list(retention.parts(work.lake, removal)):

            def remove(part: retention.Part = part) -> int:
                count = retention.remove(work.lake, part)
                crash_points.reached("maintain.retention-in-transaction")
                return count

            rows += work.in_turn(removal.table, remove)
        changes.append(Change(removal.table, retention.told(removal), rows))
    return changes, 0


def _roll_up(work: Work, number: int) -> Changes:
    if work.plan.roll_up_after_days is None:
        return (), 0
    end_ms = roll_up.before_ms(work.now_ms, work.plan.roll_up_after_days)
    changes = []
    for way in roll_up.WAYS:
        rows = 0
        for day, _ in work.each(number, list(roll_up.days(work.lake, way, end_ms))):

            def one_day(way: roll_up.Way = way, day: date = day) -> int:
                return roll_up.roll_up(work.lake, way, day)

            rows += work.in_turn(f"{way.readings.name} of {day}", one_day)
        changes.append(Change(way.readings.name, ROLLED_UP, rows))
    return changes, 0


def _rewrite(work: Work, number: int) -> Changes:
    """All of them, however few rows are deleted: erasure that waits for a share of deleted rows may wait for ever."""
    before = {name: extent for name, extent in holding(work.catalog).tables.items() if extent.deleted_rows}
    changes = []
    for name in work.each(number, before):
        work.call(name, f"CALL ducklake_rewrite_data_files('{LAKE}', '{name}', delete_threshold => 0.0)")
    after = holding(work.catalog).tables
    for name, extent in before.items():
        rows = max(0, extent.deleted_rows - after[name].deleted_rows)
        changes.append(Change(name, REWRITTEN, rows))
    return changes, 0


def _merge(work: Work, number: int) -> Changes:
    before = {name: extent for name, extent in holding(work.catalog).tables.items() if extent.files > 1}
    for name in work.each(number, before):
        work.call(name, f"CALL ducklake_merge_adjacent_files('{LAKE}', '{name}')")
    after = holding(work.catalog).tables
    with catalogue(work.catalog) as connection:
        digests.make(connection)
        digests.take(connection, work.first_file)
    return [
        Change(name, MERGED, extent.files - after[name].files)
        for name, extent in before.items()
        if extent.files > after[name].files
    ], 0


def _expire(work: Work, number: int) -> Changes:
    """Not those that an open transaction has not seen yet: by them its commit finds what it conflicts with."""
    held = holding(work.catalog)
    replaced = expired(held.snapshots, work.now_ms - work.plan.snapshots_for_ms, work.now_ms)
    gone = [snapshot for snapshot in replaced if snapshot < held.settled_snapshot]
    count = 0
    for at in work.each(number, range(0, len(gone), EXPIRED_AT_ONCE)):
        chunk = gone[at : at + EXPIRED_AT_ONCE]

        def expire(chunk: list[int] = chunk) -> int:
            return len(work.lake.execute(f"CALL ducklake_expire_snapshots('{LAKE}', versions => {chunk})").fetchall())

        count += work.attempt("snapshots", expire)
    return [Change("", EXPIRED, count)], 0


def _clean_up(work: Work, _number: int) -> Changes:
    removed = leftovers.Removed(0, 0)

    def clean_up() -> int:
        nonlocal removed
        before_ms, unsettled_ms = work.now_ms - work.plan.grace_ms, holding(work.catalog).unsettled_ms
        removed = leftovers.remove_old(work.plain, before_ms if unsettled_ms is None else min(before_ms, unsettled_ms))
        return removed.files

    count = work.tried("old files", clean_up)
    with catalogue(work.catalog) as connection:
        digests.forget(connection)
    return [Change("", OLD, count)], removed.bytes


def _remove_orphans(work: Work, _number: int) -> Changes:
    # A file that is written from now on is as young as the youngest one there: whatever our clock says, it stays.
    youngest_ms = leftovers.youngest_ms(work.plain)
    oldest_open_ms = holding(work.catalog).oldest_open_ms
    before_ms = min(work.now_ms - work.plan.grace_ms, youngest_ms)
    removed = leftovers.remove_orphans(
        work.plain, before_ms if oldest_open_ms is None else min(before_ms, oldest_open_ms)
    )
    return [Change("", ORPHANS, removed.files)], removed.bytes


IN_ORDER: tuple[tuple[StepName, Callable[[Work, int], Changes], str], ...] = (
    ("flush", _flush, "maintain.flushed"),
    ("retention", _retain, "maintain.retained"),
    ("roll-up", _roll_up, "maintain.rolled-up"),
    ("rewrite", _rewrite, "maintain.rewritten"),
    ("merge", _merge, "maintain.merged"),
    ("expire", _expire, "maintain.expired"),
    ("clean-up", _clean_up, "maintain.cleaned-up"),
    ("orphans", _remove_orphans, "maintain.orphans-removed"),
)
