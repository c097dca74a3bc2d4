"""Whether the lake is whole: its files, its positions, its rows.

Changes nothing but the list of digests, and the size of a file that is back from a backup (`sinks.lake.stand_in`).

In:         catalogue, files, and what Kafka says of the topics.
Out:        a `Report`; digests of files that had none (see `sinks.lake.digests`).
Guarantee:  a file whose bytes have changed since its digest was taken is named, whatever the change.
On failure: an unreadable file is a fault in the report; a catalogue that does not answer is an error.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import duckdb

from schemas.errors import OutsideError, PositionError
from schemas.lake import INPUTS, TABLES, Input, Table
from sinks.lake import digests, positions
from sinks.lake.connection import open_reader, outside
from sinks.lake.damage import Examined, examine, glance, without_cache
from sinks.lake.files import LakeFile, all_paths, catalogue, needed
from sinks.lake.row_keys import KEYS, repeated
from sinks.lake.stand_in import ASIDE, settle
from sinks.lake.storage import is_remote
from sinks.lake.tables import columns_in_lake
from sinks.lake.topics import Topics

Depth = Literal["quick", "usual", "deep"]
"""quick: size and footer of each file; usual: every byte by digest, and every value of files without one, and rows
stored twice; deep: every value of every file, too."""

Progress = Callable[[int, int], None]
"""Bytes looked at, and bytes to look at."""


@dataclass(frozen=True)
class FileFault:
    """A file that is not as it was written.

    Attributes:
        opens: Whether its footer can be read.
    """

    file: LakeFile
    fault: str
    opens: bool


@dataclass(frozen=True)
class Orphan:
    """A file that no snapshot needs: a writer died, or is at work."""

    path: str
    size_bytes: int
    written_at: datetime.datetime | None


@dataclass
class Report:
    """What a check found.

    Attributes:
        recorded: Files that had no digest and have one now.
        faults: Of files.
        topics: Positions that do not fit their topics, in a line each.
        repeated: Keys that are stored more than once, in a line for each table.
        orphans: No fault; they take room.
    """

    files: int = 0
    size_bytes: int = 0
    rows: int = 0
    recorded: int = 0
    faults: list[FileFault] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    orphans: list[Orphan] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found that needs somebody."""
        return not (self.faults or self.topics or self.repeated)


def check(
    kafka: str,
    address: str,
    place: str,
    *,
    inputs: Sequence[Input] = INPUTS,
    tables: Sequence[Table] = TABLES,
    depth: Depth = "usual",
    by_all_snapshots: bool = False,
    progress: Progress = lambda _done, _all: None,
) -> Report:
    """Looks at everything.

    Args:
        address: Of the catalogue's database.
        place: Directory or S3 prefix of the files.
        by_all_snapshots: Also files that only older snapshots need.
    Raises:
        UnreachableError: the catalogue does not answer.
        OutsideError: it holds no lake.
    """
    report = Report()
    settle(address)
    with closing(open_reader(address, place)) as reader:
        with outside("read the lake"):
            without_cache(reader)
        with catalogue(address) as connection:
            wanted = needed(connection, by_all_snapshots=by_all_snapshots)
            known = {} if depth == "quick" else digests.known(connection)
        found = look_at(reader, wanted, known, depth, progress)
        report.files, report.size_bytes = len(wanted), sum(file.size_bytes for file in wanted)
        report.rows = sum(file.live_rows for file in wanted if file.kind == "data" and file.until is None)
        report.faults = [
            FileFault(file, seen.fault, seen.opens) for file, seen in zip(wanted, found, strict=True) if seen.fault
        ]
        # A file under repair, or one that maintenance has removed meanwhile, is not needed by now.
        report.faults = _still_needed(address, report.faults, by_all_snapshots=by_all_snapshots)
        fresh = {
            file.path: seen.sha256
            for file, seen in zip(wanted, found, strict=True)
            if seen.sha256 and not seen.fault and file.path not in known
        }
        with catalogue(address) as connection:
            if fresh:
                digests.keep(connection, fresh)
        report.recorded = len(fresh)
        report.topics = _misfits(kafka, reader, inputs)
        report.orphans = _orphans(reader, address, place)
        if depth != "quick":
            report.repeated = _repeated(reader, tables, {fault.file.table for fault in report.faults})
    return report


def look_at(
    reader: duckdb.DuckDBPyConnection,
    files: Sequence[LakeFile],
    known: Mapping[str, str],
    depth: Depth,
    progress: Progress = lambda _done, _all: None,
) -> list[Examined]:
    """What was found of each file, in their order."""
    whole, done, found = sum(file.size_bytes for file in files), 0, []
    for file in files:
        if depth == "quick":
            found.append(glance(reader, file))
        else:
            found.append(examine(reader, file, known.get(file.path), deep=depth == "deep"))
        done += file.size_bytes
        progress(done, whole)
    return found


def _still_needed(address: str, faults: list[FileFault], *, by_all_snapshots: bool) -> list[FileFault]:
    if not faults:
        return []
    with catalogue(address) as connection:
        by_now = {file.path for file in needed(connection, by_all_snapshots=by_all_snapshots)}
    return [fault for fault in faults if fault.file.path in by_now]


def _misfits(kafka: str, reader: duckdb.DuckDBPyConnection, inputs: Sequence[Input]) -> list[str]:
    """What is wrong between positions and topics, a line for each topic."""
    try:
        # Before the topics: a sink at work moves on, and what it has read by now, Kafka has by then.
        with outside("read the lake's positions"):
            kept = positions.read(reader, [entry.topic for entry in inputs])
    except OutsideError as error:
        return [str(error)]
    try:
        extents = Topics(kafka).extents([entry.topic for entry in inputs])
    except OutsideError as error:
        return [f"The positions were not compared with the topics: {error}"]
    lines = []
    for entry in inputs:
        ours = {place: position for place, position in kept.items() if place[0] == entry.topic}
        theirs = {place: extent for place, extent in extents.items() if place[0] == entry.topic}
        try:
            positions.decide(ours, theirs)
        except PositionError as error:
            lines.append(str(error))
        lines += [
            f"Topic {topic!r} partition {partition}: the lake has a position, Kafka has no such partition."
            for topic, partition in sorted(ours.keys() - theirs.keys())
        ]
    return lines


def _repeated(reader: duckdb.DuckDBPyConnection, tables: Sequence[Table], unreadable: set[str]) -> list[str]:
    lines, there = [], columns_in_lake(reader)
    for table in tables:
        if table.name not in KEYS or table.name not in there or table.name in unreadable:
            continue
        with outside(f"read table {table.name!r}"):
            row = reader.execute(repeated(table)).fetchone()
        assert row is not None, "an aggregate has a row"
        if row[0]:
            key = ", ".join(KEYS[table.name])
            lines.append(f"Table {table.name!r} holds {row[0]:,} rows more than once, by {key}: {row[1]}.")
    return lines


def _orphans(reader: duckdb.DuckDBPyConnection, address: str, place: str) -> list[Orphan]:
    """Files at the place that the catalogue does not know. It is asked last: what was committed meanwhile is known."""
    found = _listed(reader, place)
    with catalogue(address) as connection:
        paths = all_paths(connection)
    known = paths if is_remote(place) else {os.path.realpath(path) for path in paths}
    return sorted((orphan for orphan in found if orphan.path not in known), key=lambda orphan: orphan.path)


def _listed(reader: duckdb.DuckDBPyConnection, place: str) -> list[Orphan]:
    if is_remote(place):
        pattern = place.rstrip("/") + "/**"
        with outside("list the lake's files"):
            listed = [str(row[0]) for row in reader.execute("SELECT file FROM glob(?)", [pattern]).fetchall()]
        return [Orphan(path, 0, None) for path in listed if _is_ours(path)]
    found = []
    for folder, _, names in os.walk(os.path.realpath(place)):
        for path in (Path(folder) / name for name in names if _is_ours(name)):
            with suppress(FileNotFoundError):  # maintenance removed it meanwhile
                state = path.stat()
                written_at = datetime.datetime.fromtimestamp(state.st_mtime, datetime.UTC)
                found.append(Orphan(str(path), state.st_size, written_at))
    return found


def _is_ours(name: str) -> bool:
    return name.endswith((".parquet", ".puffin", ".stand-in")) or ASIDE.search(name) is not None
