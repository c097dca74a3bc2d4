"""What `maintain` would do, step by step, if nothing changed before. Nothing is written.

Steps are seen apart: files that 4 and 5 would replace are not yet among those of 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import duckdb

from schemas.lake import SINK_POSITION
from schemas.retention import removals
from sinks.lake import care_steps, leftovers, retention, roll_up
from sinks.lake.care import require_lake
from sinks.lake.care_plan import STEPS, Change, Done, Plan
from sinks.lake.connection import open_writer, outside
from sinks.lake.expiry import expired
from sinks.lake.extent import holding


def foreseen(catalog: str, files: str, plan: Plan, *, now_ms: int) -> list[Done]:
    """The steps as they would be reported; sizes of removed files included.

    Raises:
        UnreachableError: the catalogue does not answer.
        OutsideError: there is no lake.
    """
    require_lake(catalog)
    held = holding(catalog)
    with closing(open_writer(catalog, files)) as lake, outside("look at the lake"):
        tables = held.tables.items()
        flushed = [name for name in held.tables if name != SINK_POSITION.name]
        old = leftovers.old(lake, now_ms - plan.grace_ms)
        orphans = leftovers.orphans(lake, now_ms - plan.grace_ms)
        gone = expired(held.snapshots, now_ms - plan.snapshots_for_ms, now_ms)
        changes: dict[str, list[Change]] = {
            "flush": [Change(name, care_steps.FLUSHED, held.tables[name].inlined_rows) for name in flushed],
            "retention": list(_retained(lake, plan, now_ms)),
            "roll-up": list(_rolled_up(lake, plan, now_ms)),
            "rewrite": [Change(name, care_steps.REWRITTEN, extent.deleted_rows) for name, extent in tables],
            "merge": [Change(name, care_steps.MERGED, extent.small_files) for name, extent in tables],
            "expire": [Change("", care_steps.EXPIRED, len(gone))],
            "clean-up": [Change("", care_steps.OLD, len(old))],
            "orphans": [Change("", care_steps.ORPHANS, len(orphans))],
        }  # fmt: skip
        removed_bytes = {"clean-up": leftovers.sizes(lake, old), "orphans": leftovers.sizes(lake, orphans)}
    return [
        Done(number, name, tuple(change for change in changes[name] if change.count), removed_bytes.get(name, 0))
        for number, name in enumerate(STEPS, start=1)
    ]


def _retained(lake: duckdb.DuckDBPyConnection, plan: Plan, now_ms: int) -> Iterator[Change]:
    for removal in removals(plan.policy, now_ms):
        rows = retention.count(lake, retention.Part(removal, retention.condition_of(removal)))
        yield Change(removal.table, retention.told(removal), rows)


def _rolled_up(lake: duckdb.DuckDBPyConnection, plan: Plan, now_ms: int) -> Iterator[Change]:
    if plan.roll_up_after_days is None:
        return
    end_ms = roll_up.before_ms(now_ms, plan.roll_up_after_days)
    for way in roll_up.WAYS:
        rows = sum(count for _, count in roll_up.days(lake, way, end_ms))
        yield Change(way.readings.name, care_steps.ROLLED_UP, rows)
