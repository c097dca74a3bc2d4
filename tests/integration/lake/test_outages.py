"""A full disk, a catalogue that is away or says nothing, a clock that jumps: all of it delays, and nothing is lost."""

from __future__ import annotations

import re
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schemas.errors import UnreachableError
from sinks.lake import connection
from sinks.lake.connection import exists, open_reader, open_writer
from sinks.lake.crash_points import VARIABLE
from sinks.lake.sink import Settings
from sinks.lake.watch import Watch
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake, wait_for
from tests.integration.lake.test_faults import COUNTS, exactly, running, stopped
from tests.own_postgres import OwnPostgres, own_postgres
from tests.tiny_disk import TinyDisk, tiny_disk

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

FRAMES = 5
DISK_MEGABYTES = 8


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[TinyDisk]:
    with tiny_disk(tmp_path / "disk", DISK_MEGABYTES) as mounted:
        yield mounted


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[OwnPostgres]:
    with own_postgres(tmp_path / "catalogue") as server:
        yield server


def files_of(lake: Lake) -> set[Path]:
    return set(Path(lake.files).rglob("*.parquet"))


def orphans_of(lake: Lake) -> set[Path]:
    """Files that no snapshot knows, as maintenance finds and removes them."""
    with open_writer(lake.catalog, lake.files) as writer:
        rows = writer.execute("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)").fetchall()
    return {Path(name) for (name,) in rows}


def test_a_full_disk_delays_and_nothing_is_half_there(lake: Lake, disk: TinyDisk) -> None:
    told: list[str] = []
    lake = replace(lake, files=str(disk.folder))
    lake.produce(range(FRAMES))
    with running(lake, tell=told.append) as errors:
        wait_for(lambda: bool(errors) or lake.lag() == 0)
        disk.fill()
        lake.produce(range(FRAMES, 2 * FRAMES))
        wait_for(lambda: bool(errors or told))
        assert lake.ask(COUNTS) == exactly(FRAMES * ROWS_IN_A_FRAME)
        disk.free()
        wait_for(lambda: bool(errors) or lake.lag() == 0)
    assert not errors
    assert all("No space left on device" in line and "\n" not in line for line in told)
    assert lake.ask(COUNTS) == exactly(2 * FRAMES * ROWS_IN_A_FRAME)
    # What the attempts left behind lies about until maintenance takes it.
    assert orphans_of(lake)
    assert lake.ask(COUNTS) == exactly(2 * FRAMES * ROWS_IN_A_FRAME)


def test_a_disk_that_stays_full_ends_the_sink_when_its_patience_does(lake: Lake, disk: TinyDisk) -> None:
    told: list[str] = []
    lake = replace(lake, files=str(disk.folder))
    lake.sink(0)
    lake.produce(range(FRAMES))
    disk.fill()
    watch = Watch()
    began_s = watch.worked_s
    with pytest.raises(UnreachableError, match="No space left on device"):
        lake.sink(1, tell=told.append, watch=watch, settings=Settings(max_age_s=0.1, max_idle_s=1.0, patience_s=5.0))
    # Kafka and the catalogue answered all the time; whoever asks for its health is told of the disk.
    assert watch.worked_s == began_s
    pauses = [line.split("Trying again in ")[1] for line in told]
    assert pauses == ["0.5 s.", "1 s.", "2 s.", "4 s."][: len(pauses)]
    disk.free()
    assert lake.sink(FRAMES * ROWS_IN_A_FRAME) == FRAMES * ROWS_IN_A_FRAME


def test_a_catalogue_that_is_restarted_delays_and_loses_nothing(lake: Lake, catalogue: OwnPostgres) -> None:
    lake = replace(lake, catalog=catalogue.dsn)
    lake.produce(range(FRAMES))
    sink = lake.start()
    wait_for(lambda: exists(lake.catalog) and lake.lag() == 0)
    for turn in range(1, 3):
        catalogue.stop()
        lake.produce(range(turn * FRAMES, (turn + 1) * FRAMES))
        with pytest.raises(UnreachableError, match="does not answer"):
            open_reader(lake.catalog, lake.files)
        catalogue.start()
        wait_for(lambda: lake.lag() == 0)
    assert stopped(sink) == 0
    assert lake.ask(COUNTS) == exactly(3 * FRAMES * ROWS_IN_A_FRAME)


def test_told_to_stop_while_the_catalogue_is_away_it_says_what_it_could_not_store(
    lake: Lake, catalogue: OwnPostgres
) -> None:
    told: list[str] = []
    lake = replace(lake, catalog=catalogue.dsn)
    lake.produce(range(FRAMES))
    with running(lake, tell=told.append) as errors:
        wait_for(lambda: bool(errors) or (exists(lake.catalog) and lake.lag() == 0))
        catalogue.stop()
        lake.produce(range(FRAMES, 2 * FRAMES))
        wait_for(lambda: len(told) > 1)
    (error,) = errors
    assert isinstance(error, UnreachableError)
    assert re.match(r"Stopped with 1?,?\d+ rows read and not stored", str(error))
    catalogue.start()
    assert lake.sink(FRAMES * ROWS_IN_A_FRAME) == FRAMES * ROWS_IN_A_FRAME


@dataclass
class Wire:
    """Between the lake and its catalogue, to be cut at the commit of the next transaction that writes.

    Attributes:
        cut: Where to cut, once: `within` the transaction, `before` the catalogue hears of the commit, or `behind` it,
            its answer unheard; `freeze` holds the commit back until `thaw` is set.
        cuts: Transactions that were cut.
    """

    to_port: int
    server: socket.socket
    cut: str = ""
    cuts: int = 0
    is_over: bool = False
    thaw: Event = field(default_factory=Event)
    carriers: list[Thread] = field(default_factory=list)

    def serve(self) -> None:
        while not self.is_over:
            if select.select([self.server], [], [], LOOK_EVERY_S)[0]:
                self.carriers.append(Thread(target=self._carry, args=(self.server.accept()[0],)))
                self.carriers[-1].start()

    def _carry(self, client: socket.socket) -> None:
        """One connection, until either side ends it or it is cut."""
        writes = False
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self.to_port)) as catalogue:
            while not self.is_over:
                for spoke in select.select([client, catalogue], [], [], LOOK_EVERY_S)[0]:
                    said = spoke.recv(65_536)
                    if not said:
                        return
                    writes = writes or (b"INSERT INTO" in said and b"ducklake_snapshot VALUES" in said)
                    is_place = b"ducklake_inlined_data_" in said if self.cut == "within" else writes and said == COMMIT
                    if spoke is client and self.cut and is_place:
                        if self.cut == "freeze":
                            self.cut = ""
                            self.cuts += 1
                            self.thaw.wait(60)
                            return
                        if self.cut == "behind":
                            catalogue.sendall(said)
                            catalogue.recv(65_536)
                        self.cut = ""
                        self.cuts += 1
                        return
                    (catalogue if spoke is client else client).sendall(said)


COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""As PostgreSQL's protocol has it."""
LOOK_EVERY_S = 0.2


@contextmanager
def wire_to(catalog: str) -> Iterator[tuple[Wire, str]]:
    """A wire, and the catalogue's address through it."""
    parts = conninfo_to_dict(catalog)
    with socket.create_server(("127.0.0.1", 0)) as server:
        wire = Wire(int(parts["port"] or 5432), server)
        serving = Thread(target=wire.serve)
        serving.start()
        try:
            yield wire, make_conninfo("", **{**parts, "port": server.getsockname()[1]})
        finally:
            wire.is_over = True
            for thread in (serving, *wire.carriers):
                thread.join()


@pytest.mark.parametrize("cut", ["within", "before", "behind"])
def test_a_commit_whose_answer_never_comes_is_found_out_by_the_positions(lake: Lake, cut: str) -> None:
    lake.produce(range(FRAMES))
    with wire_to(lake.catalog) as (wire, catalog):
        # A process of its own: DuckDB may ask the catalogue while it holds Python's lock, and the wire is Python too.
        sink = replace(lake, catalog=catalog).start()
        wait_for(lambda: exists(lake.catalog) and lake.lag() == 0)
        wire.cut = cut
        lake.produce(range(FRAMES, FRAMES + 1))
        wait_for(lambda: bool(wire.cuts) and lake.lag() == 0)
        assert lake.ask(COUNTS) == exactly((FRAMES + 1) * ROWS_IN_A_FRAME)
        # It reads on from where the catalogue is, not from where it thought.
        lake.produce(range(FRAMES + 1, FRAMES + 2))
        wait_for(lambda: lake.lag() == 0)
        assert stopped(sink) == 0
    assert wire.cuts == 1
    assert lake.ask(COUNTS) == exactly((FRAMES + 2) * ROWS_IN_A_FRAME)


def test_a_sink_frozen_in_its_commit_holds_up_the_others_until_the_catalogue_ends_it(lake: Lake) -> None:
    lake.produce(range(1))
    lake.sink(1)
    with wire_to(lake.catalog) as (wire, catalog):
        # The operator's own limit, instead of a minute.
        hasty = make_conninfo(catalog, options="-c idle_in_transaction_session_timeout=15s")
        frozen = replace(lake, catalog=hasty).start_with({"max_rows": 1_000, "max_age_s": 0.2, "share": "1/2"})
        lake.produce(range(1, 2))
        wait_for(lambda: lake.lag() == 0)
        wire.cut = "freeze"
        lake.produce(range(2, 3))
        wait_for(lambda: bool(wire.cuts))
        waiting = lake.start_with({"max_rows": 1_000, "max_age_s": 0.2, "share": "2/2"})
        lake.produce(range(3, 4), partition=1)
        asked = "SELECT count(*) FROM readings_washer WHERE device_id = 'w-3'"
        wait_for(lambda: waiting.poll() is not None or lake.ask(asked) == [(ROWS_IN_A_FRAME,)])
        assert stopped(waiting) == 0
        wire.thaw.set()
        wait_for(lambda: lake.lag() == 0)
        assert stopped(frozen) == 0
    assert lake.ask(COUNTS) == exactly(4 * ROWS_IN_A_FRAME)


def test_a_sink_that_waits_for_a_frozen_one_ends_when_told_to(lake: Lake) -> None:
    lake.produce(range(1), partition=1)
    lake.sink(1)
    sink = lake.start_with({"max_rows": 1_000, "max_age_s": 0.2, "share": "2/2"})
    lake.produce(range(1, 2), partition=1)
    wait_for(lambda: lake.lag() == 0)
    with psycopg.connect(lake.catalog) as frozen:
        # As a commit of DuckLake begins: with the number of the next snapshot.
        frozen.execute("INSERT INTO ducklake_snapshot SELECT max(snapshot_id) + 1 FROM ducklake_snapshot")
        lake.produce(range(2, 3), partition=1)
        wait_for(lambda: waits(lake.catalog))
        assert stopped(sink) != 0
        frozen.rollback()
    assert lake.ask(COUNTS) == exactly(2 * ROWS_IN_A_FRAME)


def waits(catalog: str) -> bool:
    """Whether somebody waits for a lock of somebody else's transaction."""
    with psycopg.connect(catalog) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return found.fetchone() is not None


@pytest.mark.parametrize("days", [1, -3650])
def test_a_clock_that_jumps_neither_stops_the_sink_nor_takes_what_is_newest(lake: Lake, days: int) -> None:
    """Snapshots have the catalogue's time: those of before the jump lie in the future, or long ago."""
    lake.produce(range(FRAMES))
    lake.sink(FRAMES * ROWS_IN_A_FRAME)
    with psycopg.connect(lake.catalog) as catalogue:
        moved = catalogue.execute(
            "UPDATE ducklake_snapshot SET snapshot_time = snapshot_time + make_interval(days => %s)", [days]
        )
        assert moved.rowcount > 1
    lake.produce(range(FRAMES, 2 * FRAMES))
    lake.sink(FRAMES * ROWS_IN_A_FRAME)
    assert lake.ask(COUNTS) == exactly(2 * FRAMES * ROWS_IN_A_FRAME)
    with open_writer(lake.catalog, lake.files) as writer:
        writer.execute("CALL ducklake_merge_adjacent_files('lake')")
        writer.execute("CALL ducklake_expire_snapshots('lake', older_than => now() + INTERVAL 1 HOUR)")
        writer.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
    assert lake.ask(COUNTS) == exactly(2 * FRAMES * ROWS_IN_A_FRAME)
    lake.produce(range(2 * FRAMES, 3 * FRAMES))
    lake.sink(FRAMES * ROWS_IN_A_FRAME)
    assert lake.ask(COUNTS) == exactly(3 * FRAMES * ROWS_IN_A_FRAME)


def test_what_a_killed_sink_leaves_behind_is_found_later_and_nothing_else_is(lake: Lake) -> None:
    lake.produce(range(FRAMES))
    lake.start(**{VARIABLE: "lake.after-insert"}).wait(60)
    left = files_of(lake)
    assert left
    lake.sink(FRAMES * ROWS_IN_A_FRAME)
    assert orphans_of(lake) == left
    assert not orphans_of(lake)
    assert lake.ask(COUNTS) == exactly(FRAMES * ROWS_IN_A_FRAME)


def test_a_catalogue_is_found_by_each_form_of_its_address(lake: Lake) -> None:
    lake.produce(range(1))
    lake.sink(1)
    words = make_conninfo("", **conninfo_to_dict(lake.catalog))
    for form in (words, f"{lake.catalog}?sslmode=prefer&application_name=asks&connect_timeout=5"):
        assert replace(lake, catalog=form).ask(COUNTS) == exactly(ROWS_IN_A_FRAME)


def test_tls_that_is_asked_for_and_not_had_is_an_error_not_a_plain_connection(lake: Lake) -> None:
    lake.sink(0)
    address = f"{lake.catalog}?sslmode=require"
    with pytest.raises(UnreachableError, match="server does not support SSL, but SSL was required"):
        open_reader(address, lake.files)
    # DuckDB brings a libpq of its own, which speaks TLS too.
    with pytest.raises(UnreachableError, match="server does not support SSL, but SSL was required"):
        connection._open(address, lake.files, "1GB", "READ_ONLY")
