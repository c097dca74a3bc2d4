"""A lake whose tables are not as declared, made so: what is missing comes, and nothing else changes."""

from __future__ import annotations

import pytest

from schemas.errors import OutsideError
from schemas.lake import SINK_POSITION
from sinks.lake import tables
from sinks.lake.connection import open_writer
from sinks.lake.doubt import Way
from tests.integration.lake.conftest import Lake

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


def test_preparing_again_changes_nothing_and_a_new_field_becomes_a_column(lake: Lake) -> None:
    lake.sink(0)
    declared = [*(entry.table for entry in lake.inputs), SINK_POSITION]
    with open_writer(lake.catalog, lake.files) as connection:
        snapshots = "SELECT count(*) FROM ducklake_snapshots('lake')"
        before = connection.execute(snapshots).fetchall()
        columns = tables.columns_in_lake(connection)
        tables.prepare(connection, declared, Way())
        assert connection.execute(snapshots).fetchall() == before
        connection.execute("ALTER TABLE readings_shoe DROP COLUMN ground_contact_ms")
        tables.prepare(connection, declared, Way())
        assert tables.columns_in_lake(connection) == columns
        connection.execute("ALTER TABLE readings_shoe DROP COLUMN distance_m")
        connection.execute("ALTER TABLE readings_shoe ADD COLUMN distance_m VARCHAR")
        with pytest.raises(OutsideError, match="'distance_m' is VARCHAR there and DOUBLE in the contract"):
            tables.prepare(connection, declared, Way())
