"""A table's lake, topic and snapshots, open together for making rows of it anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date

import duckdb

from schemas.errors import DecisionError, OutsideError
from schemas.lake import SINK_POSITION, Input
from sinks.lake import crash_points, digests
from sinks.lake.check import FileFault, look_at
from sinks.lake.connection import LAKE, open_reader, open_writer, outside
from sinks.lake.damage import without_cache
from sinks.lake.doubt import Way
from sinks.lake.files import catalogue, needed
from sinks.lake.positions import Extent, Place, Position
from sinks.lake.reread import lay_down
from sinks.lake.spans import BEGINNING, Moment, spans
from sinks.lake.topics import Topics
from sinks.lake.transactions import closed

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Made:
    """What was done to one table, or would be.

    Attributes:
        since: From where on it was read anew, in words.
        offsets: Read anew from Kafka.
        removed, added: Rows; None when nothing has been done.
        files: Paths of damaged files that were replaced.
        rolled_up: Days that stay as they are, hours and late readings.
    """

    table: str
    since: str
    offsets: int
    removed: int | None = None
    added: int | None = None
    files: list[str] = field(default_factory=list)
    rolled_up: list[date] = field(default_factory=list)


@dataclass
class Lake:
    """The lake, open for work on one table.

    Attributes:
        writer: Commits through `way`; in its `filename` is `way.path` of what the catalogue says.
    """

    kafka: str
    address: str
    place: str
    writer: duckdb.DuckDBPyConnection
    way: Way
    entry: Input
    extents: dict[Place, Extent]
    snapshots: list[int]

    def moment(self, snapshot: int | None) -> Moment:
        """How far it had come in the table's topic at a kept snapshot."""
        if snapshot is None:
            return BEGINNING
        try:
            rows = self.writer.execute(
                f'SELECT topic, partition, topic_id, next_offset FROM "{SINK_POSITION.name}" '
                f"AT (VERSION => {snapshot:d}) WHERE topic = ?",
                [self.entry.topic],
            ).fetchall()
        except duckdb.CatalogException:  # there were no positions yet
            rows = []
        return Moment(snapshot, {(topic, number): Position(id_, offset) for topic, number, id_, offset in rows})

    def read_anew(self, since: Moment, until: Moment, progress: Progress) -> int:
        """Lays down in `READ_ANEW` what the topic held between the two; returns the number of rows."""
        wanted = spans(since, until.positions, self.extents)
        topic_ids = {place: extent.topic_id for place, extent in self.extents.items()}
        rows = lay_down(self.writer, self.kafka, self.entry, wanted, topic_ids, progress)
        crash_points.reached("rebuild.read-anew")
        return rows


@contextmanager
def opened(kafka: str, address: str, place: str, table: str, inputs: Sequence[Input]) -> Iterator[Lake]:
    """Everything that belongs to one table.

    Raises:
        DecisionError: no topic feeds it.
        UnreachableError: Kafka or the catalogue does not answer.
    """
    entry = next((known for known in inputs if known.table.name == table), None)
    if entry is None:
        raise DecisionError(
            f"Table {table!r} is not fed by a topic, so Kafka cannot give it back: put its files back from a backup."
        )
    # A deletion that goes into the catalogue leaves its file, broken as it is, for readers to open.
    with closing(Way()) as way, closed(open_writer(address, place, inlined_rows=0, way=way)) as writer:
        with outside("read the lake's snapshots"):
            without_cache(writer)
            rows = writer.execute(f"SELECT snapshot_id FROM ducklake_snapshots('{LAKE}')").fetchall()
        # After the snapshots: a sink at work moves on, and what it has read by now, Kafka has by then.
        extents = Topics(kafka).extents([entry.topic])
        yield Lake(kafka, address, place, writer, way, entry, extents, sorted(number for (number,) in rows))


def require_needed(address: str, faults: Sequence[FileFault]) -> None:
    """Nothing, where the newest snapshot needs the files of these faults. Call it where nobody else takes files away.

    Raises:
        OutsideError: it does not: somebody has rewritten or deleted what is in them.
    """
    with catalogue(address) as connection:
        by_now = {file.path for file in needed(connection)}
    for fault in faults:
        if fault.file.path not in by_now:
            raise OutsideError(f"Table {fault.file.table!r} was under maintenance meanwhile: try again.")


def require_the_beginning(lake: Lake, paths: Sequence[str]) -> None:
    """Nothing, where Kafka has all that it ever had: what was in files that cannot be read, nobody can compare.

    Raises:
        DecisionError: it has not.
    """
    for (topic, partition), extent in lake.extents.items():
        if extent.start_offset > 0:
            raise DecisionError(
                f"Table {lake.entry.table.name!r}: nobody can tell whether Kafka has the rows of {', '.join(paths)}: "
                f"partition {partition} of topic {topic!r} begins at offset {extent.start_offset}. Put back what is "
                "damaged from a backup, or make the whole table anew: from a snapshot, `vaxel lake rebuild "
                f"--from-snapshot N --table {lake.entry.table.name}`, or from what Kafka has, with --from-kafka and "
                "--accept-fewer."
            )


def keep_digests(address: str, place: str, table: str) -> None:
    """Takes the digest of each file of the table that has none, if it reads as the catalogue says."""
    with closing(open_reader(address, place)) as reader, catalogue(address) as connection:
        without_cache(reader)
        known = digests.known(connection)
        files = [file for file in needed(connection) if file.table == table and file.path not in known]
        found = look_at(reader, files, known, "usual")
        digests.keep(
            connection,
            {file.path: seen.sha256 for file, seen in zip(files, found, strict=True) if seen.sha256 and not seen.fault},
        )
