"""Rows of damaged files, put back from Kafka.

In:         the topic of the table, from the offset on that the lake had reached before the files were written.
Out:        their rows in new files. Positions stay where they are, so sinks need not stop.
Guarantee:  in one transaction the damaged files go and as many rows come back, each of them in no other file.
On failure: killed at any point, the files are still damaged or all is done; the same call does what is left.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing, nullcontext

from schemas.errors import DecisionError
from schemas.lake import INPUTS, Input, is_compacted
from sinks.lake import digests
from sinks.lake.anew import Lake, Made, Progress, keep_digests, opened, require_needed, require_the_beginning
from sinks.lake.care import only_maintainer
from sinks.lake.check import FileFault, look_at
from sinks.lake.connection import open_reader
from sinks.lake.damage import empty_columns, other_values, without_cache
from sinks.lake.exchange import Exchanged, changed_rows, exchange
from sinks.lake.files import LakeFile, catalogue, needed
from sinks.lake.reread import READ_ANEW
from sinks.lake.roll_up import lies_on, rolled_days
from sinks.lake.row_keys import KEYS, key_columns
from sinks.lake.spans import Moment, oldest_since, spans, youngest_before
from sinks.lake.stand_in import settle, standing_in


def damaged(
    address: str, place: str, tables: Collection[str] = (), progress: Progress = lambda _done, _all: None
) -> dict[str, list[FileFault]]:
    """Files that the newest snapshot needs and that are not as they were written, by table; of these tables, or of all.

    Raises:
        UnreachableError: the catalogue does not answer.
    """
    settle(address)
    with closing(open_reader(address, place)) as reader, catalogue(address) as connection:
        without_cache(reader)
        files = [file for file in needed(connection) if not tables or file.table in tables]
        found = look_at(reader, files, digests.known(connection), "usual", progress)
    faults: dict[str, list[FileFault]] = {}
    for file, seen in zip(files, found, strict=True):
        if seen.fault:
            faults.setdefault(file.table, []).append(FileFault(file, seen.fault, seen.opens))
    return faults


def restore(
    kafka: str,
    address: str,
    place: str,
    faults: Sequence[FileFault],
    *,
    inputs: Sequence[Input] = INPUTS,
    dry_run: bool = False,
    progress: Progress = lambda _done, _all: None,
) -> Made:
    """Puts the rows of damaged files of one table back, all others are left alone.

    What Kafka has since the youngest kept snapshot before the files, less what the whole files have of it, must be as
    many rows as the damaged files had, with keys between the same bounds; else, all that Kafka has is tried. Columns
    that were empty in all of the files stay empty: retention may have seen to that.

    Args:
        faults: Of `damaged`, all of one table.
    Raises:
        DecisionError: Kafka does not hold what is needed, or gives other rows. Nothing has changed.
        OutsideError: another system stands in the way.
    """
    files = [fault.file for fault in faults]
    table, paths, wanted = files[0].table, [file.path for file in files], sum(file.live_rows for file in files)
    # The topic of a compacted one has only what was told last: the table cannot be made anew of it.
    anew = "" if is_compacted(table, inputs) else f"`vaxel lake rebuild --from-kafka --table {table}`"
    lists = [file.path for file in files if file.kind == "delete"]
    if lists:
        raise DecisionError(
            f"Table {table!r}: which of its rows are deleted cannot be read, and Kafka does not know it. Put "
            f"{lists[0]} back from a backup" + (f", or make the table anew, deleted rows too: {anew}." if anew else ".")
        )
    alone = nullcontext() if dry_run else only_maintainer(address)
    with alone, opened(kafka, address, place, table, inputs) as lake:
        require_needed(address, faults)
        until = lake.moment(oldest_since(lake.snapshots, max(file.newest for file in files)))
        rolled = rolled_days(lake.writer, table)
        before = lake.moment(youngest_before(lake.snapshots, min(file.since for file in files)))
        for since in dict.fromkeys([before.snapshot, None]):
            moment = lake.moment(since)
            try:
                offsets = sum(end - start for start, end in spans(moment, until.positions, lake.extents).values())
            except DecisionError as error:
                raise DecisionError(
                    f"Cannot restore {wanted:,} rows of table {table!r} from Kafka: {error} Put {', '.join(paths)} "
                    "back from a backup."
                ) from error
            if since is None:
                if any(lies_on(file, day) for day in rolled for file in files):
                    raise DecisionError(_unknown(table, paths))
                # Then the bounds of the files are not those of their rows any more, and others may lie within.
                if any(file.deleted for file in files):
                    require_the_beginning(lake, paths)
            if dry_run:
                return Made(table, moment.name, offsets, files=paths)
            try:
                done = _attempt(lake, files, moment, until, progress)
            except _OtherRowsError as other:
                if other.found <= wanted and since is not None:
                    continue
                raise DecisionError(_unequal(table, wanted, other, paths, anew)) from other
            # 4 take digests of the new files
            keep_digests(address, place, table)
            return Made(table, moment.name, offsets, done.removed, done.added, paths)
    raise AssertionError("the last attempt returns or raises")


def _attempt(lake: Lake, files: Sequence[LakeFile], since: Moment, until: Moment, progress: Progress) -> Exchanged:
    """Puts the rows back.

    1 read anew, 2 put stand-ins in the place of the files (see `stand_in`), 3 take the files out and the rows in, in
    one transaction. Killed before 3 has happened, the files are still damaged, and the same call restores them; after
    it, they are needed no more. The caller does 4, take digests of the new files: killed before it, `check` does.

    Raises:
        _OtherRowsError: other rows than those of the files; they are as they were.
    """
    # 1 read anew
    lake.read_anew(since, until, progress)
    # 2 put stand-ins in the place of the files
    with standing_in(lake.address, files):
        # 3 take the files out and the rows in
        return exchange(
            lake.writer, lake.way, lake.address, lake.entry.table.name, lambda: _replace(lake, files, since)
        )


class _OtherRowsError(Exception):
    """Kafka gives other rows than the damaged files had: another number, or with values that none of those had."""

    def __init__(self, found: int, difference: str = "") -> None:
        super().__init__(found, difference)
        self.found, self.difference = found, difference


def _replace(lake: Lake, files: Sequence[LakeFile], since: Moment) -> Exchanged:
    table = lake.entry.table.name
    removed = changed_rows(
        lake.writer,
        f'DELETE FROM "{table}" WHERE filename IN (SELECT unnest(?))',
        [[lake.way.path(file.path) for file in files]],
    )
    lake.writer.execute(f"CREATE OR REPLACE TEMP TABLE put_back AS {_only_in_kafka(table, files, since)}")
    added = changed_rows(lake.writer, f'INSERT INTO "{table}" SELECT * FROM put_back')
    if not removed == added == sum(file.live_rows for file in files):
        raise _OtherRowsError(added)
    if difference := other_values(lake.writer, "put_back", KEYS.get(table, ()), files):
        raise _OtherRowsError(added, difference)
    return Exchanged(removed, added)


def _only_in_kafka(table: str, files: Sequence[LakeFile], since: Moment) -> str:
    """SQL for the rows that were read anew and are in no whole file.

    They are told by their keys: what retention has emptied in whole files, it has not in Kafka. What it has emptied in
    all of the damaged files stays empty.
    """
    # What was rewritten since has a younger number, so there is no upper end.
    whole = f'FROM "{table}"' + ("" if since.snapshot is None else f" WHERE snapshot_id > {since.snapshot:d}")
    key = KEYS.get(table)
    if key is None:  # record systems may tell the same again, and retention takes nothing of it
        return f"SELECT * FROM {READ_ANEW} EXCEPT ALL SELECT * {whole}"
    emptied = ", ".join(f'NULL AS "{name}"' for name in empty_columns(files))
    same = " AND ".join(f'whole."{name}" IS NOT DISTINCT FROM anew."{name}"' for name in key)
    return (
        f"SELECT * {f'REPLACE ({emptied})' if emptied else ''} FROM {READ_ANEW} AS anew "
        f"WHERE NOT EXISTS (SELECT 1 FROM (SELECT {key_columns(table)} {whole}) AS whole WHERE {same})"
    )


def _unknown(table: str, paths: Sequence[str]) -> str:
    return (
        f"Cannot restore table {table!r}: the day of its damaged files was rolled up, and no kept snapshot tells which "
        f"of Kafka's readings are in its hours. Put {', '.join(paths)} back from a backup."
    )


def _unequal(table: str, wanted: int, other: _OtherRowsError, paths: Sequence[str], anew: str) -> str:
    if other.difference:
        why = f"but they are others: {other.difference}"
    elif other.found < wanted:
        why = "Kafka no longer has the rest, or others than the sink had stored it"
    else:
        why = "some were deleted since, and would come back"
    return (
        f"Cannot restore table {table!r}: its damaged files had {wanted:,} rows, Kafka has {other.found:,} that are "
        f"in no other file: {why}. Nothing has changed. Put {', '.join(paths)} back from a backup"
        + (f", or make the table anew: {anew}." if anew else ".")
    )
