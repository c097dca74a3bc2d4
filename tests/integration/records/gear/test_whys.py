"""The ledger keeps a row's evidence once, and whoever reads a part of a set gets it with each change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from sinks.records.database import Connection, session
from sinks.records.gear import audit_links, explain, reading, sets
from sinks.records.gear.changes import Change, ChangeSet, Verdict
from sinks.records.gear.faults import Faults
from tests.conftest import FreshDatabase
from tests.integration.records.gear.engine import MATERIALS, MONTH, make_engine

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 5, 6, 12, tzinfo=UTC)
FIELDS = ("a", "b", "c")
LONG, OTHER = '{"sessions":["s-1","s-2"]}', '{"sessions":["s-3"]}'


@pytest.fixture
def connection(records_dsn: str) -> Iterator[Connection]:
    with session(records_dsn) as found:
        yield found


def a_set() -> ChangeSet:
    """Rows A and B of three fields each, and C whose fields have not the same evidence."""
    whys = {"A": (LONG,) * 3, "B": (LONG,) * 3, "C": (OTHER, OTHER, LONG)}
    changes = tuple(
        Change("insert", f'{{"id":"{row}"}}', name, "null", "1", None, "{}", why, Verdict("go", "as you like"))
        for row, own in whys.items()
        for name, why in zip(FIELDS, own, strict=True)
    )
    return ChangeSet("plan", "t", "1-a", 7, "erp", "erp.material", 0, changes)


def keep(connection: Connection) -> int:
    kept = sets.keep(connection, a_set(), "gearbox", NOW, expires_after=timedelta(days=1))
    assert kept is not None
    return kept.change_set_id


def test_it_is_kept_once_a_row_and_read_as_it_was(connection: Connection) -> None:
    number = keep(connection)
    rows = connection.execute("SELECT why FROM gearbox.change ORDER BY change_no").fetchall()
    assert [row["why"] for row in rows] == [LONG, "", "", LONG, "", "", OTHER, "", LONG]
    stored = sets.load(connection, number)
    assert stored.change_set == a_set()
    assert stored.change_set.content_hash() == stored.content_hash == a_set().content_hash()
    shown = reading.one_set(connection, number).changes
    assert [change.why for change in shown] == [change.why for change in a_set().changes]


@pytest.mark.parametrize("numbers", [[3], [2, 3], [1, 3], [5, 9], [2, 5, 8], [1, 2, 4, 6, 7, 8], []])
def test_a_part_has_the_evidence_of_its_rows_without_their_first_changes(
    connection: Connection, numbers: list[int]
) -> None:
    stored = sets.load(connection, keep(connection), numbers)
    assert stored.numbers == tuple(numbers)
    assert [change.why for change in stored.change_set.changes] == [a_set().changes[n - 1].why for n in numbers]


def test_a_set_kept_with_the_whole_text_in_each_change_reads_the_same(connection: Connection, records_dsn: str) -> None:
    number = keep(connection)
    with psycopg.connect(records_dsn) as owner:
        owner.execute("ALTER TABLE gearbox.change DISABLE TRIGGER append_only")
        owner.execute("UPDATE gearbox.change SET why = %s WHERE why = '' AND change_no < 7", [LONG])
        owner.execute("UPDATE gearbox.change SET why = %s WHERE why = ''", [OTHER])
    assert sets.load(connection, number).change_set == a_set()
    assert [change.why for change in sets.load(connection, number, [6, 8]).change_set.changes] == [LONG, OTHER]
    assert _faults(connection) == 0


def test_the_audit_finds_an_evidence_that_was_exchanged_and_none_where_none_was(
    connection: Connection, records_dsn: str
) -> None:
    keep(connection)
    assert _faults(connection) == 0
    with psycopg.connect(records_dsn) as owner:
        owner.execute("ALTER TABLE gearbox.change DISABLE TRIGGER append_only")
        owner.execute("UPDATE gearbox.change SET why = '' WHERE change_no = 9")
    assert _faults(connection) == 1


def test_a_written_field_is_explained_by_the_evidence_of_its_row(fresh_database: FreshDatabase) -> None:
    engine = make_engine(fresh_database())
    assert engine.shift({MATERIALS[0]: (5, 6)}).changes == 2
    table = engine.flow.table
    with reading.looking(engine.dsn) as looking:
        found = explain.why(looking, table, (MATERIALS[0], MONTH), tuple(engine.flow.fields), None)
    whys = [one.written.why for one in found if one.written is not None]
    assert len(whys) == 2
    assert whys[0] == whys[1] != {}


def _faults(connection: Connection) -> int:
    faults = Faults()
    with connection.transaction():
        audit_links.check(connection, faults)
    return len(faults.sentences())
