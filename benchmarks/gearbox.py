"""How fast the gearbox plans, applies and takes back, beside a sink that upserts without asking.

In:            ERP's sales figures in a PostgreSQL as it comes, durable; what shall become of them.
Out:           seconds of each step of each contender, runs by turns, each in a fresh copy of the same database.
Guarantee:     after each step the whole table is compared with what it shall be; a wrong answer has no speed.
On failure:    servers are stopped and files are removed, also on Ctrl-C.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg

from benchmarks import jdbc_sink_records
from benchmarks.gearbox_course import Course, Edits, Step
from benchmarks.gearbox_load import Change, Sales, copied, edit, edits_that_stand
from benchmarks.jdbc_sink import SINKS, Committed, Sink, Upserts, upserted
from deploy import stack

SHAPES = {"one": 1, "three": 3}
"""How many fields of a row are changed."""
EDITS = 100


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        rows: Of the table.
        changes: Fields that are written.
        runs: Of each contender.
    """

    rows: int
    changes: int
    runs: int

    @property
    def edits(self) -> int:
        """Figures that people set by hand; a third of the changed rows at most."""
        return min(EDITS, self.changes // 6)

    def change(self, shape: str) -> Change:
        fields = SHAPES[shape]
        return Change(-(-self.changes // fields), fields, 1 + fields)


@dataclass(frozen=True)
class GearboxRun:
    """One run of the gearbox."""

    steps: list[Step]
    edits: Edits


@dataclass(frozen=True)
class SinkRun:
    """One run of the sink.

    Attributes:
        shape: `one` or `three` fields a row.
        wrong: What is wrong with the table; empty: nothing.
    """

    sink: str
    shape: str
    rows: int
    changes: int
    committed: Committed
    edits: Edits
    wrong: str


@dataclass(frozen=True)
class Measured:
    """All runs, and which PostgreSQL it was."""

    size: Size
    postgres: str
    gearbox: list[GearboxRun]
    sinks: list[SinkRun]

    @property
    def is_right(self) -> bool:
        steps = (step.wrong for run in self.gearbox for step in run.steps)
        return not any([*steps, *(run.wrong for run in self.sinks)]) and all(
            run.edits.standing == run.edits.made for run in self.gearbox
        )


def measure(size: Size, say: Callable[[str], None]) -> Measured:
    """All contenders, by turns.

    Raises:
        OutsideError: no servers could be started, or a contender failed.
    """
    sales = Sales(size.rows)
    with tempfile.TemporaryDirectory(prefix="vaxel-bench-") as name, _servers(Path(name), say) as servers:
        say(f"making a table of {size.rows:,} rows")
        sales.make(servers.records)
        topics = {shape: _topic(servers.kafka, shape, size, sales, say) for shape in SHAPES}
        gearbox: list[GearboxRun] = []
        sinks: list[SinkRun] = []
        for number in range(1, size.runs + 1):
            told = _numbered(say, number, size.runs)
            with copied(servers.records, f"gearbox_{number}") as dsn:
                gearbox.append(GearboxRun(*Course(dsn, sales, told).run(size.changes, size.edits)))
            for sink in SINKS:
                for shape, last_key in topics.items():
                    told(f"{sink.name}: fields changed in a row: {SHAPES[shape]}")
                    with copied(servers.records, f"sink_{number}") as dsn:
                        upserts = Upserts(servers.kafka, _name(shape), last_key, size.change(shape).rows, dsn)
                        sinks.append(_sink_run(sink, shape, upserts, size, sales, told))
        return Measured(size, _version(servers.records), gearbox, sinks)


def _name(shape: str) -> str:
    return f"sales-{shape}"


def _topic(kafka: str, shape: str, size: Size, sales: Sales, say: Callable[[str], None]) -> tuple[str, date]:
    """The last key of a topic with a record for each row that is to be changed: a whole row, as an upsert needs it."""
    rows = sales.chosen(size.change(shape))
    say(f"writing {len(rows):,} records into Kafka")
    return jdbc_sink_records.write(kafka, _name(shape), rows)


def _sink_run(
    sink: Sink, shape: str, upserts: Upserts, size: Size, sales: Sales, say: Callable[[str], None]
) -> SinkRun:
    change = size.change(shape)
    edit(upserts.dsn, sales, change, size.edits)
    with tempfile.TemporaryDirectory(prefix="vaxel-bench-sink-") as folder:
        committed = upserted(sink, upserts, Path(folder), say)
    stand = edits_that_stand(upserts.dsn)
    wrong = sales.wrong(upserts.dsn, change, edited=stand)
    return SinkRun(sink.name, shape, change.rows, change.changes, committed, Edits(size.edits, stand), wrong)


def _version(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        return str(connection.info.parameter_status("server_version"))


def _numbered(say: Callable[[str], None], number: int, runs: int) -> Callable[[str], None]:
    return lambda line: say(f"run {number} of {runs}: {line}")


@contextmanager
def _servers(folder: Path, say: Callable[[str], None]) -> Iterator[stack.Stack]:
    """A PostgreSQL and a Kafka; PostgreSQL keeps the instants of commits, for all contenders alike."""
    try:
        servers = stack.up(folder / "stack", partitions=1, bound=True, say=say)
        with psycopg.connect(servers.records, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
        stack.down(folder / "stack")
        yield stack.up(folder / "stack", partitions=1, bound=True, say=say)
    finally:
        stack.down(folder / "stack")
