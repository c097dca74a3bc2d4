"""A whole table, made anew from Kafka alone or from an older snapshot and what Kafka holds since.

In:         the topic of the table, and rows of the snapshot.
Out:        all rows of the table, in new files. Positions stay where they are, so sinks need not stop.
Guarantee:  readers see the table as it was, then as it is: one transaction; what sinks store meanwhile stays.
On failure: killed at any point, the table is as before or as after; the next check or rebuild clears up.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import closing, nullcontext
from datetime import date

from schemas.errors import DecisionError, OutsideError
from schemas.lake import INPUTS, Input, is_compacted
from sinks.lake.anew import Lake, Made, Progress, keep_digests, opened, require_needed, require_the_beginning
from sinks.lake.care import only_maintainer
from sinks.lake.check import FileFault
from sinks.lake.connection import LAKE, open_reader, outside
from sinks.lake.exchange import Exchanged, changed_rows, exchange
from sinks.lake.files import LakeFile, catalogue, needed
from sinks.lake.reread import BATCH_ROWS, READ_ANEW
from sinks.lake.roll_up import lies_on, rolled_days
from sinks.lake.row_keys import KEYS, key_columns
from sinks.lake.spans import Moment, is_held, spans
from sinks.lake.stand_in import standing_in

AS_OF = "read_as_of"
"""The temporary table with the rows of the snapshot."""
_APPENDS = ("tables_inserted_into", "inlined_insert")
"""Changes of a snapshot that leave the rows of older ones, and their snapshots' numbers, as they are."""


def rebuild(
    kafka: str,
    address: str,
    place: str,
    table: str,
    snapshot: int | None,
    faults: Sequence[FileFault] = (),
    *,
    inputs: Sequence[Input] = INPUTS,
    accept_fewer: bool = False,
    dry_run: bool = False,
    progress: Progress = lambda _done, _all: None,
) -> Made:
    """Makes the table anew: rows of the snapshot, then those of Kafka since; None for Kafka alone.

    Days that were rolled up stay as they are, hours and readings that came late: their readings count in the hours.
    Rows and values that retention has taken since come back, and go again when `vaxel lake maintain` runs.

    1 read anew, 2 put stand-ins in the place of damaged files, 3 take all rows out and the others in, in one
    transaction, 4 give back what only time travel reads by then, 5 take digests of the new files. Killed before 3 has
    happened, the table is as it was, after it as it should be.

    Args:
        faults: Damaged files of the table, that the snapshot must not need.
        accept_fewer: Commit even if the table loses rows by it, or nobody can tell.
    Raises:
        DecisionError: Kafka does not hold what is needed, or rows that the table has would be lost, or a damaged file
            is of a day that was rolled up. Nothing has changed.
        OutsideError: another system stands in the way.
    """
    if is_compacted(table, inputs):
        raise DecisionError(
            f"Table {table!r} cannot be made anew: its topic keeps only what was told last of each device. "
            "Its rows stay."
        )
    alone = nullcontext() if dry_run else only_maintainer(address)
    with alone, opened(kafka, address, place, table, inputs) as lake:
        require_needed(address, faults)
        if snapshot is not None and snapshot not in lake.snapshots:
            raise DecisionError(f"There is no snapshot {snapshot} (any more). Kept are {_named(lake.snapshots)}.")
        blocked = [fault.file.path for fault in faults if snapshot is not None and fault.file.since <= snapshot]
        if blocked:
            raise DecisionError(f"Snapshot {snapshot} needs {blocked[0]}, which is damaged. Take an older one.")
        rolled = rolled_days(lake.writer, table)
        for day in rolled:
            for fault in faults:
                if lies_on(fault.file, day):
                    raise DecisionError(_hours_stay(fault.file, day))
        since, until = lake.moment(snapshot), lake.moment(lake.snapshots[-1])
        try:
            wanted = spans(since, until.positions, lake.extents)
        except DecisionError as error:
            # Positions only grow: what Kafka holds since a snapshot, it holds since all younger ones.
            first = bisect_left(lake.snapshots, True, key=lambda number: is_held(lake.moment(number), lake.extents))
            held = lake.snapshots[first:]
            would_do = f"Of the kept snapshots {_named(held)} would do." if held else "No kept snapshot would do."
            raise DecisionError(f"Cannot make table {table!r} anew: {error} {would_do}") from error
        offsets = sum(end - start for start, end in wanted.values())
        paths = [fault.file.path for fault in faults]
        if paths and since.snapshot is None and not accept_fewer:
            require_the_beginning(lake, paths)
        if dry_run:
            return Made(table, since.name, offsets, files=paths, rolled_up=rolled)
        # 1 read anew
        lake.read_anew(since, until, progress)
        _read_as_of(lake, since.snapshot)
        lost = [fault.file for fault in faults if fault.file.kind == "data"]
        files = _unreadable(address, faults)
        # 2 put stand-ins in the place of damaged files
        # 4 give back what only time travel reads by then, behind 3: lists of deletions and the files that they are of
        with standing_in(address, files, [file for file in files if file not in lost]):
            # 3 take all rows out and the others in
            done = exchange(
                lake.writer,
                lake.way,
                address,
                table,
                lambda: _replace(lake, until, files, rolled, accept_fewer=accept_fewer),
            )
        # 5 take digests of the new files
        keep_digests(address, place, table)
        return Made(table, since.name, offsets, done.removed, done.added, [file.path for file in lost], rolled)


def _unreadable(address: str, faults: Sequence[FileFault]) -> list[LakeFile]:
    """Damaged files, and those of which the deletions cannot be read, before them: no row of these counts any more."""
    files = [fault.file for fault in faults]
    of_lists = {file.data_file_id for file in files if file.kind == "delete"} - {file.file_id for file in files}
    with catalogue(address) as connection:
        return [file for file in needed(connection) if file.kind == "data" and file.file_id in of_lists] + files


def _replace(
    lake: Lake, until: Moment, damaged: Sequence[LakeFile], rolled: Sequence[date], *, accept_fewer: bool
) -> Exchanged:
    table = lake.entry.table.name
    _refuse_disturbed(lake, until)
    # Damaged files first: no value of them can be read, the number of its snapshot neither.
    changed_rows(
        lake.writer,
        f'DELETE FROM "{table}" WHERE filename IN (SELECT unnest(?::VARCHAR[]))',
        [[lake.way.path(file.path) for file in damaged if file.kind == "data"]],
    )
    removed = sum(file.live_rows for file in damaged if file.kind == "data")
    days = ", ".join(f"DATE '{day}'" for day in rolled)
    is_open = f"{lake.entry.table.by_day}::DATE NOT IN ({days})" if rolled else "true"
    anew = f"snapshot_id <= {until.snapshot:d} AND {is_open}"
    key = key_columns(table)
    lake.writer.execute(f'CREATE OR REPLACE TEMP TABLE had AS SELECT {key} FROM "{table}" WHERE {anew}')
    removed += changed_rows(lake.writer, f'DELETE FROM "{table}" WHERE {anew}')
    added = changed_rows(lake.writer, f'INSERT INTO "{table}" SELECT * FROM {READ_ANEW} WHERE {is_open}')
    added += changed_rows(lake.writer, f'INSERT INTO "{table}" BY NAME SELECT * FROM {AS_OF} WHERE {is_open}')
    if not accept_fewer:
        _refuse_loss(lake, key, removed, added)
    return Exchanged(removed, added)


def _refuse_loss(lake: Lake, key: str, removed: int, added: int) -> None:
    """Rows are compared, not only counted: others may have come in their place, deleted ones say.

    Of a row that was stored twice one is enough, where its key tells it.
    """
    table = lake.entry.table.name
    once = table in KEYS
    distinct, without = ("DISTINCT ", "EXCEPT") if once else ("", "EXCEPT ALL")
    row = lake.writer.execute(
        f"SELECT count(*), any_value(CAST(lost AS VARCHAR)), (SELECT count(*) FROM had), "
        f"(SELECT count(*) FROM (SELECT {distinct}* FROM had)) "
        f'FROM (SELECT * FROM had {without} SELECT {key} FROM "{table}") AS lost'
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    missing, one, had, had_once = row
    lost = max(int(missing), removed - (had - had_once) - added)
    if lost > 0:
        which = f" (one of them: {one})" if missing else ""
        raise DecisionError(
            f"Table {table!r} would lose {lost:,} of its {removed:,} rows{which}: they are not in Kafka"
            f"{'' if once else ', or were stored twice'}. Nothing has changed. To go on with that: --accept-fewer."
        )


def _read_as_of(lake: Lake, snapshot: int | None) -> None:
    """Lays down in `AS_OF` what the table held then; nothing without a snapshot.

    Another connection reads it: in a transaction that has changed the table, `AT (VERSION => ...)` mixes in what it has
    changed. And it reads before anything stands in the place of files that were whole then.
    """
    table = lake.entry.table.name
    if snapshot is None:
        lake.writer.execute(f'CREATE OR REPLACE TEMP TABLE {AS_OF} AS SELECT * FROM "{table}" LIMIT 0')
        return
    with closing(open_reader(lake.address, lake.place, as_of=snapshot)) as then, outside(f"read table {table!r}"):
        lake.writer.register("as_of", then.execute(f'SELECT * FROM "{table}"').to_arrow_reader(BATCH_ROWS))
        try:
            lake.writer.execute(f"CREATE OR REPLACE TEMP TABLE {AS_OF} AS SELECT * FROM as_of")
        finally:
            lake.writer.unregister("as_of")


def _refuse_disturbed(lake: Lake, until: Moment) -> None:
    """Rows that maintenance rewrote since would be taken for rows that a sink has stored since."""
    with catalogue(lake.address) as connection:
        row = connection.execute(
            "SELECT table_id FROM ducklake_table WHERE table_name = %s AND end_snapshot IS NULL",
            [lake.entry.table.name],
        ).fetchone()
    assert row is not None, "the table is there"
    with outside("read the lake's snapshots"):
        changes = lake.writer.execute(
            f"SELECT changes FROM ducklake_snapshots('{LAKE}') WHERE snapshot_id > ?", [until.snapshot]
        ).fetchall()
    for (change,) in changes:
        if any(str(row["table_id"]) in tables for kind, tables in change.items() if kind not in _APPENDS):
            raise OutsideError(f"Table {lake.entry.table.name!r} was under maintenance meanwhile: try again.")


def _hours_stay(file: LakeFile, day: date) -> str:
    rolled = f"Cannot make table {file.table!r} anew: {day} was rolled up, so its hours stay, and "
    if file.kind == "delete":
        return f"{rolled}which of its readings are deleted cannot be read. Put {file.path} back from a backup."
    return (
        f"{rolled}a damaged file has readings of it that came late. First put these back alone: "
        f"`vaxel lake rebuild --table {file.table}`."
    )


def _named(snapshots: Sequence[int]) -> str:
    numbers = sorted(snapshots)
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
