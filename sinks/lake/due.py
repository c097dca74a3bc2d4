"""Whether looking after the lake is worth a run, and why. Pure.

In:         what the lake holds, as `extent.holding` tells it.
Out:        reasons, none of them when there is nothing to gain.
Guarantee:  of the same holding the same reasons; `vaxel lake maintain` with its defaults takes each of them away, if
            not the rows and files that it has to leave to readers for a while.
On failure: there is none.
"""

from __future__ import annotations

from schemas.retention import DAY_MS
from sinks.lake.care_plan import Plan
from sinks.lake.expiry import expired
from sinks.lake.extent import Holding

MANY_FILES = 100
"""Small files beside each other of which one could be made: from so many on, opening them is most of a question."""
RUN_EVERY_MS = DAY_MS
"""Care is to run so often: what is due for less long was not there at the last run."""


def reasons(held: Holding, now_ms: int) -> list[str]:
    """Why `vaxel lake maintain` is due, the weightiest first; empty: it is not.

    Args:
        now_ms: The time, ms since 1970 UTC.
    """
    small = {name: extent.small_files for name, extent in held.tables.items() if extent.small_files}
    deleted = {name: extent.deleted_rows for name, extent in held.tables.items() if extent.deleted_rows}
    snapshots_for_ms = Plan().snapshots_for_ms
    old = expired(held.snapshots, now_ms - snapshots_for_ms - RUN_EVERY_MS, now_ms)
    found = []
    if deleted:
        found.append(f"{_counted(sum(deleted.values()), 'deleted row')} still in files of {_tables(len(deleted))}")
    if sum(small.values()) >= MANY_FILES:
        found.append(f"{sum(small.values()):,} small files in {_tables(len(small))}")
    if old:
        found.append(f"{_counted(len(old), 'snapshot')} older than the {snapshots_for_ms // DAY_MS} days that are kept")
    return found


def _tables(count: int) -> str:
    return _counted(count, "table")


def _counted(count: int, one: str) -> str:
    return f"{count:,} {one}{'' if count == 1 else 's'}"
