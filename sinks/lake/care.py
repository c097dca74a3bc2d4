"""Looks after the lake while sinks write and readers read.

In:         a lake, and what to do (`Plan`).
Out:        the same rows in fewer, larger files; none that the policy no longer lets stay; no file that nobody needs.
Guarantee:  what a reader sees changes by retention and roll-up alone, whole transactions at a time. No file goes that
            a transaction open in the catalogue, or an outside reader within the grace period, may still read.
On failure: a step that sinks keep getting in the way of is left to the next run, and told. Killed at any point, or cut
            off from the catalogue, the lake is sound, and the next run does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import psycopg

from schemas.errors import OutsideError
from sinks.lake import care_steps, crash_points
from sinks.lake.care_plan import Done, Plan
from sinks.lake.connection import ANSWER_WITHIN_S, answering, exists, open_writer, outside
from sinks.lake.doubt import Way
from sinks.lake.files import catalogue, next_file
from sinks.lake.transactions import closed
from sinks.lake.turns import Turns
from sinks.lake.work import Work

_LOCK = 0x7661_7865_6C03
"""Key of the PostgreSQL advisory lock: of two that delete the same rows at once, DuckLake does not always tell."""


class AtWorkError(OutsideError):
    """Somebody else looks after the tables, or puts their rows back."""


def maintain(
    catalog: str,
    files: str,
    plan: Plan,
    *,
    now_ms: int,
    report: Callable[[Done], None] = lambda _: None,
    moved: Callable[[int, float], None] = lambda _number, _share: None,
) -> None:
    """Does all steps, each in transactions of its own, each of which leaves a sound lake.

    1 rows that wait in the catalogue become files (see `flushing`), 2 what may no longer stay is deleted, 3 old
    readings become hours, 4 files with deleted rows are written anew without them, 5 small files become large ones, and
    what 1 to 5 have written gets its digests, 6 snapshots that time travel need not reach go, 7 files go that only
    these needed, and digests of what is gone, 8 files go that no snapshot ever needed. Values that 2 or 3 delete are in
    the files until 6 and 7 have reached the snapshots before. Digests that a killed one has not taken, `check` takes.

    Args:
        now_ms: The time, ms since 1970 UTC.
        report: Called after each step.
        moved: Called with the number of the step and the share of it that is done.
    Raises:
        UnreachableError: the catalogue does not answer.
        OutsideError: there is no lake, or somebody else looks after it, or a file cannot be read or written.
    """
    require_lake(catalog)
    with ExitStack() as parts:
        parts.enter_context(only_maintainer(catalog))
        way = parts.enter_context(closing(Way()))
        lake = parts.enter_context(closed(open_writer(catalog, files, way=way)))
        plain = parts.enter_context(closed(open_writer(catalog, files)))
        turns = parts.enter_context(closing(Turns(catalog)))
        with catalogue(catalog) as connection:
            first_file = next_file(connection)
        work = Work(lake, way, plain, catalog, plan, now_ms, turns, moved, first_file)
        crash_points.reached("maintain.begun")
        for number, (name, step, point) in enumerate(care_steps.IN_ORDER, start=1):
            moved(number, 0.0)
            with outside(f"look after the lake (step {number}, {name})"):
                changes, removed_bytes = step(work, number)
            crash_points.reached(point)
            told = tuple(change for change in changes if change.count)
            report(Done(number, name, told, removed_bytes, tuple(work.left)))
            work.left.clear()


def require_lake(catalog: str) -> None:
    """Nothing, where there is a lake.

    Raises:
        UnreachableError: the catalogue does not answer.
        OutsideError: it holds no lake.
    """
    if not exists(catalog):
        raise OutsideError("The catalogue holds no lake yet: `vaxel run` or `vaxel sink lake` makes one.")


@contextmanager
def only_maintainer(catalog: str) -> Iterator[None]:
    """Holds, while inside, the one lock under which rows are deleted or put back, and files rewritten.

    Raises:
        UnreachableError: the catalogue does not answer.
        AtWorkError: somebody else holds it.
    """
    with answering(catalog):
        connection = psycopg.connect(catalog, autocommit=True, connect_timeout=ANSWER_WITHIN_S)
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    with connection:
        if row is None or not row[0]:
            raise AtWorkError("Another `vaxel lake maintain` or `vaxel lake rebuild` is at work here. Let it finish.")
        try:
            yield
        finally:
            # The server notices a closed connection a moment later: until then, the next one would not get the lock.
            with suppress(psycopg.OperationalError):
                connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
